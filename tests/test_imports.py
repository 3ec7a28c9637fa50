"""What importing the package costs and promises."""

import teamspawner


def test_the_version_is_the_one_in_the_metadata():
    from importlib.metadata import version

    assert version("jupyterhub-teamspawner") == teamspawner.__version__
