"""Configuration of the demo's hub: everything comes from the supervisor's settings file."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import jupyterhub

import teamspawner
from teamspawner.sim.demo.signin import DemoAuthenticator
from teamspawner.sim.proxy import LocalProxy

c: Any = get_config()  # type: ignore[name-defined] # noqa: F821 - given by traitlets
demo = json.loads(Path(os.environ["TEAMSPAWNER_DEMO_SETTINGS"]).read_text())
folder = Path(demo["folder"])

c.JupyterHub.bind_url = demo["url"]
c.JupyterHub.hub_bind_url = demo["hub_url"]
c.JupyterHub.proxy_class = LocalProxy
c.JupyterHub.db_url = f"sqlite:///{folder}/hub.sqlite"
c.JupyterHub.cookie_secret_file = str(folder / "cookie_secret")
c.JupyterHub.allow_named_servers = True
c.JupyterHub.concurrent_spawn_limit = 0
c.JupyterHub.cleanup_servers = demo["cleanup"]
c.JupyterHub.last_activity_interval = 60

c.JupyterHub.authenticator_class = DemoAuthenticator
c.DemoAuthenticator.password = demo["password"]
c.Authenticator.manage_groups = False
c.Authenticator.allowed_users = set(demo["users"])
c.Authenticator.admin_users = set(demo["admins"])
groups = sorted({group for own in demo["users"].values() for group in own})
c.JupyterHub.load_groups = {
    group: {"users": [name for name, own in demo["users"].items() if group in own]}
    for group in groups
}

c.KubeSpawner.namespace = demo["namespace"]
c.KubeSpawner.storage_class = demo["storage_class"]
c.KubeSpawner.storage_pvc_ensure = True
c.KubeSpawner.storage_capacity = "1Gi"
c.KubeSpawner.storage_access_modes = ["ReadWriteOnce"]
c.KubeSpawner.volumes = [
    {"name": "home", "persistentVolumeClaim": {"claimName": "{pvc_name}"}},
]
c.KubeSpawner.volume_mounts = [{"name": "home", "mountPath": "/home/jovyan"}]
c.KubeSpawner.tolerations = [  # as the chart has it, and `teamspawner explain`
    {"key": key, "operator": "Equal", "value": "user", "effect": "NoSchedule"}
    for key in ("hub.jupyter.org/dedicated", "hub.jupyter.org_dedicated")
]
c.KubeSpawner.start_timeout = 120
c.KubeSpawner.http_timeout = 60
c.KubeSpawner.delete_grace_period = 2
c.KubeSpawner.default_url = "/lab"
c.KubeSpawner.cmd = ["jupyterhub-singleuser"]
c.KubeSpawner.args = [  # a demo asks nothing of the world outside
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    "--LabApp.news_url=",
    f"--LabApp.app_settings_dir={folder / 'lab'}",
]
(folder / "lab").mkdir(exist_ok=True)
(folder / "lab" / "overrides.json").write_text(  # nor the newcomer about news
    json.dumps({"@jupyterlab/apputils-extension:notification": {"fetchNews": "false"}})
)
if demo["stub"]:
    c.KubeSpawner.cmd = [sys.executable, "-S", "-E", demo["stub"]]
    c.KubeSpawner.args = []
    c.KubeSpawner.environment = {"TEAMSPAWNER_STUB_VERSION": jupyterhub.__version__}

c.JupyterHub.spawner_class = "teamspawner.TeamSpawner"
if demo["map"]:
    c.TeamSpawner.map_file = demo["map"]
teamspawner.setup(c)
if os.environ.get("TEAMSPAWNER_DEMO_CONFIG"):
    load_subconfig(os.environ["TEAMSPAWNER_DEMO_CONFIG"])  # type: ignore[name-defined] # noqa: F821 - as c
