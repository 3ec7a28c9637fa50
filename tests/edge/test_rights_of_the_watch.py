"""What the watch asks for is what the roles give, in the same place."""

from teamspawner.cli.rights import FEATURES, USUAL
from teamspawner.cluster.watch import KINDS, POLICIES


def given(place):
    return {
        resource
        for feature in USUAL
        for _, resources in getattr(FEATURES[feature], place)
        for resource in resources
    }


def test_every_kind_that_is_watched_may_be_read_where_it_is_watched():
    assert given("cluster") == set(KINDS) - set(POLICIES)
    assert given("namespaced") == set(POLICIES)
