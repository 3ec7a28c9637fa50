"""A hub's configuration, loaded in the order that the chart documents.

The chart's own file is not copied here. What counts is the order and the namespace: the
values become ``c.KubeSpawner`` and others, then ``hub.config``, then the files of
``jupyterhub_config.d`` by name and ``hub.extraConfig`` by key, all in one namespace in
which ``get_config`` is the chart's, not traitlets'. ``test_render`` runs the real one.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

MODULE = """
import json, pathlib

_VALUES = json.loads((pathlib.Path(__file__).parent / "values.json").read_text())


def get_config(key, default=None):
    value = _VALUES
    for part in key.split("."):
        if not isinstance(value, dict) or part not in value:
            return default
        value = value[part]
    return value


def get_name(name):
    named = {"priority": "default-priority", "user-scheduler": "user-scheduler"}
    return f"jupyterhub-{named[name]}"
"""

MAIN = """
c = get_config()  # noqa
import os, sys
from pathlib import Path
sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from z2jh import get_config, get_name

c.JupyterHub.spawner_class = "kubespawner.KubeSpawner"
c.JupyterHub.tornado_settings = {"slow_spawn_timeout": 0}
single = get_config("singleuser")
for trait, value in (
    ("start_timeout", single["startTimeout"]),
    ("mem_limit", single["memory"]["limit"]),
    ("mem_guarantee", single["memory"]["guarantee"]),
    ("cpu_limit", single["cpu"]["limit"]),
    ("cpu_guarantee", single["cpu"]["guarantee"]),
    ("profile_list", single["profileList"]),
    ("extra_labels", single["extraLabels"]),
    ("uid", single["uid"]),
    ("fs_gid", single["fsGid"]),
):
    if value is not None:
        c.KubeSpawner[trait] = value
c.KubeSpawner.namespace = "jupyterhub"
c.KubeSpawner.image = single["image"]["name"] + ":" + single["image"]["tag"]
c.KubeSpawner.tolerations = get_config("scheduling.userPods.tolerations")
if get_config("scheduling.userScheduler.enabled"):
    c.KubeSpawner.scheduler_name = get_name("user-scheduler")
if get_config("scheduling.podPriority.enabled"):
    c.KubeSpawner.priority_class_name = get_name("priority")
home = {"name": "home", "persistentVolumeClaim": {"claimName": "{pvc_name}"}}
c.KubeSpawner.storage_pvc_ensure = True
c.KubeSpawner.volumes = {"home": home}
c.KubeSpawner.volume_mounts = {"home": {"name": "home", "mountPath": "/home/jovyan"}}
tools = single["networkTools"]
blocker = {"name": "block-cloud-metadata", "image": "iptables", "resources": tools["resources"]}
c.KubeSpawner.init_containers.append(blocker)
c.JupyterHub.services = []
c.JupyterHub.load_roles = []
cull = get_config("cull")
if cull["enabled"]:
    command = ["python3", "-m", "jupyterhub_idle_culler", "--url=http://localhost:8081/hub/api"]
    for flag, key in (("timeout", "timeout"), ("cull-every", "every"), ("max-age", "maxAge")):
        if cull[key]:
            command.append(f"--{flag}={cull[key]}")
    command += ["--cull-users"] if cull["users"] else []
    c.JupyterHub.services.append({"name": "jupyterhub-idle-culler", "command": command})
for name, service in get_config("hub.services").items():
    c.JupyterHub.services.append({"name": name, "api_token": "t" * 64, **service})
for name, role in get_config("hub.loadRoles").items():
    c.JupyterHub.load_roles.append({"name": name, **role})
for section, settings in get_config("hub.config").items():
    c[section].update(settings)
for path in sorted((Path(__file__).parent / "jupyterhub_config.d").glob("*.py")):
    exec(compile(path.read_text(), path.name, "exec"))
for key, text in sorted(get_config("hub.extraConfig").items()):
    exec(text)
"""


def lay_out(folder: Path, values: dict[str, Any], fragments: list[Path]) -> Path:
    """Write everything into ``folder`` and return the main configuration file."""
    (folder / "values.json").write_text(json.dumps(values))
    (folder / "z2jh.py").write_text(MODULE)
    (folder / "jupyterhub_config.d").mkdir()
    for path in fragments:
        (folder / "jupyterhub_config.d" / path.name).write_text(path.read_text())
    main = folder / "jupyterhub_config.py"
    main.write_text(MAIN)
    return main


@contextlib.contextmanager
def of_the_chart() -> Iterator[None]:
    """Forget the ``z2jh`` of one hub before the next, and everything the hub put on paths."""
    path, environment = list(sys.path), dict(os.environ)
    try:
        yield
    finally:
        sys.path[:] = path
        os.environ.clear()
        os.environ.update(environment)
        sys.modules.pop("z2jh", None)


def load(main: Path) -> Any:
    """A real JupyterHub application with this configuration, not started."""
    from jupyterhub.app import JupyterHub

    sys.modules.pop("z2jh", None)
    app = JupyterHub(config_file=str(main), log_level="ERROR")
    app.load_config_file(str(main))
    return app


def unknown(app: Any) -> list[str]:
    """Settings that nobody would ever read: a section or trait that does not exist.

    traitlets warns of such a trait only when its class is made, and never of a section.
    """
    classes = {cls.__name__: cls for each in _classes(app) for cls in each.__mro__}
    found = []
    for section, settings in app.config.items():
        cls = classes.get(section)
        if cls is None or not hasattr(cls, "class_trait_names"):
            found.append(section)
            continue
        known = set(cls.class_trait_names(config=True))
        found += [f"{section}.{name}" for name in settings if name not in known]
    return sorted(found)


def _classes(app: Any) -> list[type]:
    return [type(app), *app.classes, app.authenticator_class, app.spawner_class]


def copy_of(config: Any) -> Any:
    """Everything configured, to compare before and after; the order of handlers is no matter."""
    found = deepcopy({section: dict(settings) for section, settings in config.items()})
    handlers = found["JupyterHub"].get("extra_handlers")
    if isinstance(handlers, list):
        handlers.sort(key=lambda entry: entry[0])
    return found
