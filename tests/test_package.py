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
