"""The demo as a whole: a cluster, a hub as a child, an end that leaves nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import teamspawner
from teamspawner.errors import ClusterError, TeamSpawnerError
from teamspawner.sim.client import Client
from teamspawner.sim.cluster import Cluster, embedded_cluster, run_nodes
from teamspawner.sim.demo import stub
from teamspawner.sim.demo.ports import answers, choose_port, free_port
from teamspawner.sim.demo.scenario import Scenario
from teamspawner.sim.demo.seed import ACCOUNT, CLASS, NAMESPACE, Seed, groundwork, occupants
from teamspawner.sim.demo.terminal import announce, forget, open_page, write_ready_file
from teamspawner.sim.kubeconfig import Access, read_kubeconfig, write_kubeconfig
from teamspawner.sim.node.process import Reaper, dies_with_parent

__all__ = ["DemoError", "Plan", "run"]

_READY_S = 90.0
_HUB_GRACE_S = 6.0
_VOLUMES_LOOKS = 25
_TOKEN_S = 30 * 86400
_LAST_LINES = 30
_CONFIG = Path(__file__).parent / "hub_config.py"


class DemoError(TeamSpawnerError):
    """The demo cannot go on; the message says why and what to do.

    Attributes:
        code: Exit code: 1 the hub ended, 2 used wrongly, 3 the cluster cannot be reached.
    """

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Plan:
    """What to start.

    Attributes:
        scenario: The cluster and its people.
        rights: Roles and bindings of the hub beyond the chart's own.
        port: Of the hub; None takes 8000, or the next free one.
        kubeconfig: Of an API server to use instead of the embedded one.
        stub_servers: Start stand-ins instead of JupyterLab.
        ready_file: Where to tell that the hub answers.
        browser: Whether to open the page.
    """

    scenario: Scenario
    rights: Sequence[Mapping[str, Any]] = ()
    port: int | None = None
    kubeconfig: Path | None = None
    stub_servers: bool = False
    ready_file: Path | None = None
    browser: bool = False


async def run(plan: Plan) -> None:
    """Run the demo until a signal ends it.

    Raises:
        DemoError: When the port is taken, the API server cannot be used, or the hub ended.
    """
    try:
        port = choose_port(plan.port)
    except ValueError as error:
        raise DemoError(str(error), 2) from error
    if plan.ready_file and not _can_hold(plan.ready_file):
        told = f"--ready-file {plan.ready_file}: cannot be written there"
        raise DemoError(f"{told}; give the path of a file in a folder that exists", 2)
    folder = Path(tempfile.mkdtemp(prefix="teamspawner-demo-"))
    over = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, over.set)
    reaper = Reaper(folder)
    await reaper.start()
    try:
        async with _cluster(plan, folder, reaper) as kubeconfig:
            await _Demo(plan, folder, port, reaper).serve(kubeconfig, over)
    finally:
        await reaper.close()
        forget(plan.ready_file)
        shutil.rmtree(folder, ignore_errors=True)


def _can_hold(ready_file: Path) -> bool:
    """Whether a file of this name can be written; it is known only later what goes into it."""
    return not ready_file.is_dir() and os.access(ready_file.absolute().parent, os.W_OK)


@asynccontextmanager
async def _cluster(plan: Plan, folder: Path, reaper: Reaper) -> AsyncIterator[Path]:
    """Run, or reach, a cluster with the scenario in it; yields the admin's kubeconfig."""
    if plan.kubeconfig is None:
        async with embedded_cluster(folder, reaper=reaper) as cluster:
            await _plant(plan, cluster, folder)
            yield cluster.kubeconfig
        return
    access = _reach(plan.kubeconfig)
    async with Client(access) as client:
        seed = Seed(client)
        try:
            await _sow(plan, seed, client, folder)
            async with run_nodes(client, folder, reaper=reaper, heartbeat=True):
                yield plan.kubeconfig
                await _clear(client)
        finally:
            await seed.reap()


async def _plant(plan: Plan, cluster: Cluster, folder: Path) -> None:
    """Put the scenario into the embedded cluster, past admission."""
    objects = [*groundwork(plan.rights), *occupants(plan.scenario.objects)]
    spaces = {one["metadata"].get("namespace") for one in objects} - {None}
    known = {name for _, name in cluster.server.api.store.all("namespaces.")}
    cluster.put(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        for name in sorted(spaces - known)
    )
    for number, thing in enumerate(objects):
        cluster.put([_running(thing)])
        if number % 200 == 0:
            await asyncio.sleep(0)
    async with Client(cluster.access) as client:
        await _hub_access(client, cluster.access, folder)


def _running(thing: dict[str, Any]) -> dict[str, Any]:
    """A bound pod whose status is not told is running."""
    if thing["kind"] == "Pod" and thing["spec"].get("nodeName") and not thing.get("status"):
        from teamspawner.sim.node.status import initial_status

        return {**thing, "status": initial_status(thing)}
    return thing


def _reach(kubeconfig: Path) -> Access:
    try:
        return read_kubeconfig(kubeconfig)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise DemoError(
            f"--kubeconfig {kubeconfig}: {why}; give the path of a kubeconfig", 2
        ) from error


async def _sow(plan: Plan, seed: Seed, client: Client, folder: Path) -> None:
    """Create the scenario over the API of a cluster that is there already."""
    objects = occupants(plan.scenario.objects)
    try:
        await client.get("/version")
        await seed.sow(groundwork(plan.rights))
        await seed.namespaces(objects)
        await seed.sow(objects)
        await _hub_access(client, client.access, folder)
    except ClusterError as error:
        raise DemoError(f"the API server at {client.access.server}: {error}", 3) from error
    for line in seed.skipped[:20]:
        print(f"not created: {line}", file=sys.stderr)  # noqa: T201 - told to a person


async def _hub_access(client: Client, access: Access, folder: Path) -> None:
    """Give the hub a token of its own account, which may do what the account may, no more."""
    path = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/{ACCOUNT}/token"
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
               "spec": {"expirationSeconds": _TOKEN_S}}  # fmt: skip
    token = (await client.create(path, request))["status"]["token"]
    write_kubeconfig(folder / "hub.kubeconfig", Access(access.server, access.ca, token), NAMESPACE)


async def _clear(client: Client) -> None:
    """Delete the servers' pods and claims of a cluster that stays."""
    base = f"/api/v1/namespaces/{NAMESPACE}"
    with contextlib.suppress(ClusterError):
        for plural in ("pods", "persistentvolumeclaims"):
            found = await client.get(
                f"{base}/{plural}", labelSelector="app.kubernetes.io/component=singleuser-server"
            )
            for thing in found["items"]:
                await client.delete(f"{base}/{plural}/{thing['metadata']['name']}", 0)
        for _ in range(_VOLUMES_LOOKS):
            if not await _volumes(client):
                break
            await asyncio.sleep(0.2)


async def _volumes(client: Client) -> list[str]:
    """Names of the volumes made for the servers; they end a moment after their claims."""
    found = (await client.get("/api/v1/persistentvolumes"))["items"]
    return [
        thing["metadata"]["name"]
        for thing in found
        if (thing["spec"].get("claimRef") or {}).get("namespace") == NAMESPACE
        and thing["spec"].get("storageClassName") == CLASS
        and "deletionTimestamp" not in thing["metadata"]
    ]


class _Demo:
    """The hub of one demo, from its start to its end."""

    def __init__(self, plan: Plan, folder: Path, port: int, reaper: Reaper) -> None:
        self._plan, self._folder, self._reaper = plan, folder, reaper
        self._url = f"http://127.0.0.1:{port}"
        self._password = secrets.token_urlsafe(9)

    async def serve(self, kubeconfig: Path, over: asyncio.Event) -> None:
        """Run the hub until the demo is over.

        Raises:
            DemoError: When the hub ends by itself, or never answers.
        """
        hub = await self._start()
        self._reaper.add(hub.pid)
        try:
            ended, stop = asyncio.ensure_future(hub.wait()), asyncio.ensure_future(over.wait())
            ready = asyncio.ensure_future(answers(f"{self._url}/hub/health", _READY_S))
            await asyncio.wait({ended, stop, ready}, return_when=asyncio.FIRST_COMPLETED)
            if ready.done() and not ready.exception() and not ended.done():
                self._tell(kubeconfig)
                await asyncio.wait({ended, stop}, return_when=asyncio.FIRST_COMPLETED)
            ready.cancel()
            if not over.is_set():
                raise DemoError(f"{_end_of(hub)}; its last words:\n{self._last_words()}")
        finally:
            await _stop_hub(hub)
            self._reaper.discard(hub.pid)

    def _tell(self, kubeconfig: Path) -> None:
        plan = self._plan
        if plan.ready_file:
            about = {
                "url": self._url,
                "users": plan.scenario.users,
                "password": self._password,
                "kubeconfig": str(kubeconfig.absolute()),
                "pid": os.getpid(),
            }
            write_ready_file(plan.ready_file, about)
        announce(plan.scenario, self._url, self._password, kubeconfig)
        if plan.browser:
            open_page(self._url)

    async def _start(self) -> asyncio.subprocess.Process:
        path = self._folder / "settings.json"
        path.touch(mode=0o600)
        path.write_text(json.dumps(self._settings()))
        root = str(Path(teamspawner.__file__).parent.parent)
        python_path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH", "")]))
        env = {
            **os.environ,
            "KUBECONFIG": str(self._folder / "hub.kubeconfig"),
            "POD_NAMESPACE": NAMESPACE,
            "TEAMSPAWNER_DEMO_SETTINGS": str(path),
            "PYTHONPATH": python_path,
        }
        command = [sys.executable, "-m", "jupyterhub", "-f", str(_CONFIG)]
        with (self._folder / "hub.log").open("wb") as log:
            return await asyncio.create_subprocess_exec(
                *command,
                env=env,
                cwd=self._folder,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=dies_with_parent(signal.SIGKILL),
            )

    def _settings(self) -> dict[str, Any]:
        return {
            "folder": str(self._folder),
            "url": self._url,
            "hub_url": f"http://127.0.0.1:{free_port()}",
            "password": self._password,
            "users": self._plan.scenario.users,
            "admins": self._plan.scenario.admins,
            "namespace": NAMESPACE,
            "storage_class": CLASS,
            "stub": stub.__file__ if self._plan.stub_servers else "",
            "map": _write_map(self._plan.scenario, self._folder),
            "cleanup": self._plan.kubeconfig is not None,
        }

    def _last_words(self) -> str:
        lines = (self._folder / "hub.log").read_text(errors="replace").splitlines()
        return "\n".join(lines[-_LAST_LINES:])


def _end_of(hub: asyncio.subprocess.Process) -> str:
    if hub.returncode is None:
        return f"the hub did not answer within {_READY_S:g} s"
    return f"the hub ended with code {hub.returncode}"


def _write_map(scenario: Scenario, folder: Path) -> str:
    if scenario.map is None:
        return ""
    path = folder / "map.yaml"
    path.write_text(scenario.map)
    return str(path)


async def _stop_hub(hub: asyncio.subprocess.Process, grace_s: float = _HUB_GRACE_S) -> None:
    with contextlib.suppress(ProcessLookupError):
        hub.terminate()
    try:
        await asyncio.wait_for(hub.wait(), grace_s)
    except TimeoutError:
        hub.kill()
        await hub.wait()
