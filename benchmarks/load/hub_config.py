"""Configuration of a hub under load: like the chart's, with our spawner or with KubeSpawner."""

from __future__ import annotations

import json
import os
from typing import Any

from tornado.web import RequestHandler

from benchmarks.approach import Meter
from teamspawner.sim.proxy import LocalProxy

c: Any = get_config()  # type: ignore[name-defined] # noqa: F821 - given by traitlets
load = json.loads(os.environ["TEAMSPAWNER_LOAD"])
meters: list[Meter] = []


class MeterHandler(RequestHandler):
    """Tells the figures of this process since it was asked last."""

    async def get(self) -> None:
        found = meters.pop().read() if meters else {}
        meters.append(Meter())
        self.finish(found)


c.JupyterHub.bind_url = f"http://127.0.0.1:{load['public_port']}"
c.JupyterHub.hub_bind_url = f"http://127.0.0.1:{load['port']}"
c.JupyterHub.proxy_class = LocalProxy
c.JupyterHub.db_url = f"sqlite:///{load['folder']}/{load['way']}.sqlite"
c.JupyterHub.cookie_secret = bytes.fromhex(load["secret"])
c.JupyterHub.authenticator_class = "dummy"
c.JupyterHub.concurrent_spawn_limit = 0
c.JupyterHub.last_activity_interval = 3600
c.JupyterHub.cleanup_servers = False
c.JupyterHub.log_level = "WARN"
c.JupyterHub.extra_handlers = [(r"/load/meter", MeterHandler)]
c.Authenticator.allow_all = True
c.JupyterHub.load_groups = {"class": {"users": load["people"]}}

c.KubeSpawner.namespace = load["way"]
c.KubeSpawner.port = load["server_port"]
c.KubeSpawner.storage_class = load["storage_class"]
c.KubeSpawner.storage_pvc_ensure = True
c.KubeSpawner.storage_capacity = "1Gi"
c.KubeSpawner.storage_access_modes = ["ReadWriteOnce"]
c.KubeSpawner.volumes = [
    {"name": "home", "persistentVolumeClaim": {"claimName": "{pvc_name}"}},
]
c.KubeSpawner.volume_mounts = [{"name": "home", "mountPath": "/home/jovyan"}]
c.KubeSpawner.start_timeout = 120

if load["way"] == "stock":
    c.JupyterHub.spawner_class = "kubespawner.KubeSpawner"
    c.KubeSpawner.profile_list = [
        {
            "display_name": f"Size {n}",
            "slug": f"size{n}",
            "description": f"{n} CPU and {n * 2} GiB of memory",
            "kubespawner_override": {
                "cpu_limit": n,
                "cpu_guarantee": n,
                "mem_limit": f"{n * 2}G",
                "mem_guarantee": f"{n * 2}G",
                "image": "quay.io/jupyter/scipy-notebook:2026-08-24",
            },
        }
        for n in range(1, 13)
    ]
else:
    import teamspawner
    from benchmarks.page import MAP

    c.JupyterHub.spawner_class = "teamspawner.TeamSpawner"
    c.TeamSpawner.map = MAP
    teamspawner.setup(c)
