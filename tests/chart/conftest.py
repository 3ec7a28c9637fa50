"""Import KubeSpawner once with its warnings off; every one after that is an error.

And ``doctor``, for the tests of that command.
"""

import json
import warnings

import pytest
import yaml

from teamspawner.cli import main

with warnings.catch_warnings():
    # KubeSpawner 7.0.0 declares a trait in a way that newer traitlets deprecate
    warnings.simplefilter("ignore")
    import jupyterhub.app  # noqa: F401
    import kubespawner  # noqa: F401


@pytest.fixture
def doctor(tmp_path, capsys):
    """Runs the command on a dump of these objects, and reads its JSON."""

    def run(*objects, flags=(), code=None, the_map=None):
        dump = tmp_path / "dump.json"
        dump.write_text(json.dumps({"kind": "List", "apiVersion": "v1", "items": objects}))
        more = []
        if the_map is not None:
            path = tmp_path / "map.yaml"
            path.write_text(the_map if isinstance(the_map, str) else yaml.safe_dump(the_map))
            more = ["--map", str(path)]
        ran = main(["doctor", "--dump", str(dump), "--format", "json", *more, *flags])
        found = json.loads(capsys.readouterr().out)
        assert found["ok"] is (ran == 0)
        if code is not None:
            assert ran == code
        return found["findings"]

    return run
