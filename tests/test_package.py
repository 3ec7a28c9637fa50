"""What the installed package promises: its version, and what loading it loads."""

import subprocess
import sys

import teamspawner


def test_the_version_is_the_one_in_the_metadata():
    from importlib.metadata import version

    assert version("jupyterhub-teamspawner") == teamspawner.__version__


def test_a_spawner_that_is_only_registered_loads_neither_map_nor_judge():
    code = (
        "import sys; from teamspawner import TeamSpawner;"
        "print(*(name for name in sys.modules if name.startswith('teamspawner.')))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    rooms = {name.split(".")[1] for name in told.stdout.split()}
    assert rooms == {"hub", "errors"}
