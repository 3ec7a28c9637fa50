"""A command that finds no cluster to ask ends with 3 and says why, watching or not."""

from __future__ import annotations

import asyncio

import pytest

from tests.edge.commands import ended, write_kubeconfig
from tests.edge.fake_api import FakeApi

ONCE, WATCH = ("capacity",), ("capacity", "--watch")


@pytest.fixture(scope="module")
def endings(tmp_path_factory):
    """How each command ended; all at once, for each gives up only after seconds."""

    async def every():
        folder = tmp_path_factory.mktemp("configs")
        async with FakeApi() as api:
            gone = write_kubeconfig(folder / "gone", api.url)
        async with FakeApi() as api:
            api.strict = True
            stranger = write_kubeconfig(folder / "stranger", api.url)
            cases = [(what, where) for where in (gone, stranger) for what in (ONCE, WATCH)]
            found = await asyncio.gather(
                *(ended(*what, "--kubeconfig", where) for what, where in cases)
            )
        keys = [(what, where.rpartition("/")[2]) for what, where in cases]
        return dict(zip(keys, found, strict=True))

    return asyncio.run(every())


@pytest.mark.parametrize("command", [ONCE, WATCH], ids=["once", "watch"])
@pytest.mark.parametrize(
    ("cluster", "words"), [("gone", "cannot reach the cluster"), ("stranger", "HTTP 401")]
)
def test_without_a_cluster_that_answers_a_command_ends_with_3(endings, command, cluster, words):
    code, out, err = endings[command, cluster]
    assert (code, out) == (3, "")
    assert words in err
