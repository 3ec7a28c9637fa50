"""What the installed package promises: its version, and manners on the command line."""

import subprocess
import sys

import teamspawner


def test_the_version_is_the_one_in_the_metadata():
    from importlib.metadata import version

    assert version("jupyterhub-teamspawner") == teamspawner.__version__


def test_a_reader_that_has_seen_enough_is_no_fault():
    command = [sys.executable, "-c", "import teamspawner.cli as c; raise SystemExit(c.main())"]
    with subprocess.Popen(
        [*command, "check", "--schema"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as told:
        told.stdout.close()
        assert (told.stderr.read(), told.wait()) == (b"", 0)


def test_a_spawner_that_is_only_registered_loads_neither_map_nor_judge():
    code = (
        "import sys; from teamspawner import TeamSpawner;"
        "print(*(name for name in sys.modules if name.startswith('teamspawner.')))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    rooms = {name.split(".")[1] for name in told.stdout.split()}
    assert rooms == {"hub", "errors"}
