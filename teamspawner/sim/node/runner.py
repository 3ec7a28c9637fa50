"""The life of one pod: pull, start, watch over, end."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from teamspawner.sim.node import process
from teamspawner.sim.node.host import Host
from teamspawner.sim.node.status import ContainerState, now, pod_status

__all__ = ["Runner"]

_PULL_S = 0.8
_RETRY_PULL_S = 10.0
_FIRST_BACK_OFF_S = 10.0
_LONGEST_BACK_OFF_S = 300.0
_MISSING = ".invalid"
"""Images of a registry below this name, which no registry can have (RFC 2606), are not found."""


class Runner:
    """Runs one pod until it ends or is deleted."""

    def __init__(self, host: Host, pod: Mapping[str, Any]) -> None:
        self._host = host
        self._pod = pod
        self._spec: Mapping[str, Any] = pod["spec"]
        self._end = asyncio.Event()
        self._grace_s = 30.0
        self._processes: dict[str, asyncio.subprocess.Process] = {}
        self._began = now()
        self._address = ""
        self._states = [
            ContainerState(one["name"], one["image"]) for one in self._spec["containers"]
        ]
        self._initial = [
            ContainerState(one["name"], one["image"], "PodInitializing")
            for one in self._spec.get("initContainers") or ()
        ]

    def end(self, grace_s: float) -> None:
        """Begin the end; called again it may only come sooner."""
        self._grace_s = min(self._grace_s, grace_s) if self._end.is_set() else grace_s
        self._end.set()

    async def run(self) -> None:
        """Live; returns when the pod is over and the API server knows."""
        life, end = asyncio.ensure_future(self._live()), asyncio.ensure_future(self._end.wait())
        await asyncio.wait({life, end}, return_when=asyncio.FIRST_COMPLETED)
        failure = life.exception() if life.done() and not life.cancelled() else None
        if not self._end.is_set() and failure is None:
            await self._end.wait()  # finished by itself; its object stays until it is deleted
        end.cancel()
        await self._finish(life)
        if failure:
            raise failure

    async def _finish(self, life: asyncio.Future[None]) -> None:
        if self._processes:
            await self._tell("Killing", f"Stopping container {self._states[0].name}")
        life.cancel()
        await asyncio.gather(
            *(process.stop(one, self._grace_s) for one in self._processes.values()),
            return_exceptions=True,
        )
        for one in self._processes.values():
            self._host.reaper.discard(one.pid)
        if self._address:
            self._host.addresses.give_back(self._address)
        await self._host.confirm(self._pod)

    async def _live(self) -> None:
        await self._host.nodes.synced.wait()
        self._home = await self._find_home()
        self._address = self._host.addresses.take()
        node = self._host.nodes.things.get(("", self._spec["nodeName"]), {"metadata": {"name": ""}})
        self._devices = self._host.devices.take(self._pod, node)
        await self._say("Pending")
        for container, state in zip(
            self._spec.get("initContainers") or (), self._initial, strict=True
        ):
            if not await self._initialize(container, state):
                return
        pairs = list(zip(self._spec["containers"], self._states, strict=True))
        for container, state in pairs:
            await self._pull(container, state)
        await asyncio.gather(*(self._watch_over(container, state) for container, state in pairs))
        failed = any(state.code for state in self._states)
        await self._say("Failed" if failed else "Succeeded")

    async def _initialize(self, container: Mapping[str, Any], state: ContainerState) -> bool:
        """Run one init container; a sidecar is left running. Says whether to go on."""
        await self._pull(container, state)
        await self._start(container, state)
        if container.get("restartPolicy") == "Always" or container["name"] not in self._processes:
            state.code = None if container.get("restartPolicy") == "Always" else 0
            return True
        state.code = await self._processes.pop(container["name"]).wait()
        if state.code:
            await self._say("Failed")
        return state.code == 0

    async def _pull(self, container: Mapping[str, Any], state: ContainerState) -> None:
        image = container["image"]
        key = (self._spec["nodeName"], image)
        if key in self._host.pulled and container.get("imagePullPolicy") != "Always":
            told = f'Container image "{image}" already present on machine'
            await self._tell("Pulled", told)
            return
        await self._tell("Pulling", f'Pulling image "{image}"')
        await asyncio.sleep(_PULL_S)
        while image.split("/")[0].split(":")[0].endswith(_MISSING):
            await self._fail_pull(image, state)
        self._host.pulled.add(key)
        await self._tell("Pulled", f'Successfully pulled image "{image}" in {_PULL_S:g}s')

    async def _fail_pull(self, image: str, state: ContainerState) -> None:
        told = f'Failed to pull image "{image}": not found'
        state.waiting, state.message = "ErrImagePull", told
        await self._tell("Failed", told, "Warning")
        await self._tell("Failed", "Error: ErrImagePull", "Warning")
        await self._say("Pending")
        await asyncio.sleep(1)
        state.waiting, state.message = "ImagePullBackOff", f'Back-off pulling image "{image}"'
        await self._tell("BackOff", state.message)
        await self._tell("Failed", "Error: ImagePullBackOff", "Warning")
        await self._say("Pending")
        await asyncio.sleep(_RETRY_PULL_S)

    async def _watch_over(self, container: Mapping[str, Any], state: ContainerState) -> None:
        """Keep one container running as the restart policy wants it."""
        back_off_s = 0.0
        while True:
            await self._start(container, state)
            await self._say("Running")
            if state.code is None:
                running = self._processes.get(container["name"])
                if running is None:
                    await asyncio.Event().wait()  # an image without a command just stays
                    continue
                state.code = await running.wait()
                self._host.reaper.discard(running.pid)
                del self._processes[container["name"]]
            policy = self._spec.get("restartPolicy", "Always")
            if policy == "Never" or (policy == "OnFailure" and state.code == 0):
                await self._say("Running")
                return
            await self._back_off(state, back_off_s)
            back_off_s = min(max(2 * back_off_s, _FIRST_BACK_OFF_S), _LONGEST_BACK_OFF_S)

    async def _back_off(self, state: ContainerState, seconds: float) -> None:
        await self._say("Running")
        if seconds:
            state.waiting = "CrashLoopBackOff"
            state.message = f"back-off {seconds:g}s restarting failed container={state.name}"
            await self._tell("BackOff", state.message, "Warning")
            await self._say("Running")
            await asyncio.sleep(seconds)
        state.restarts += 1

    async def _start(self, container: Mapping[str, Any], state: ContainerState) -> None:
        if container.get("command") or container.get("args"):
            await self._tell("Created", f"Container created: {state.name}")
            try:
                running = await process.start(
                    _command(container), self._env(container), self._home, self._log(state.name)
                )
            except (OSError, ValueError) as error:  # no such program, or a null byte in it
                state.waiting, state.code, state.started = "", 127, now()
                await self._tell("Failed", f"Error: {error}", "Warning")
                return
            self._processes[state.name] = running
            self._host.reaper.add(running.pid)
        state.waiting, state.message, state.code, state.started = "", "", None, now()
        await self._tell("Started", f"Container started: {state.name}")

    def _env(self, container: Mapping[str, Any]) -> dict[str, str]:
        """Return the container's environment: the pod's, and nothing of this process's."""
        own = {
            one["name"]: one.get("value") or self._from_field(one)
            for one in container.get("env") or ()
        }
        folder = str(Path(sys.executable).parent)
        env = {
            "PATH": os.pathsep.join([folder, os.environ.get("PATH", os.defpath)]),
            "LANG": "C.UTF-8",
            "HOME": str(self._home),
            "HOSTNAME": self._pod["metadata"]["name"],
            **self._devices.get(container["name"], {}),
            **own,
        }
        if "PYTHONPATH" in os.environ:
            env.setdefault("PYTHONPATH", os.environ["PYTHONPATH"])
        if "JUPYTERHUB_SERVICE_URL" in env:
            env["JUPYTERHUB_SERVICE_URL"] = _at_address(
                env["JUPYTERHUB_SERVICE_URL"], self._address
            )
        return env

    def _from_field(self, variable: Mapping[str, Any]) -> str:
        path = ((variable.get("valueFrom") or {}).get("fieldRef") or {}).get("fieldPath", "")
        values = {
            "metadata.name": self._pod["metadata"]["name"],
            "metadata.namespace": self._pod["metadata"]["namespace"],
            "metadata.uid": self._pod["metadata"]["uid"],
            "spec.nodeName": self._spec["nodeName"],
            "status.podIP": self._address,
        }
        return str(values.get(path, ""))

    async def _find_home(self) -> Path:
        """Return the folder of the first claim, made when needed; else one of the pod's own."""
        space = self._pod["metadata"]["namespace"]
        for volume in self._spec.get("volumes") or ():
            claim = (volume.get("persistentVolumeClaim") or {}).get("claimName")
            if claim:
                folder: Path = self._host.folder / "claims" / space / claim
                break
        else:
            folder = self._host.folder / "pods" / self._pod["metadata"]["uid"]
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _log(self, container: str) -> Path:
        data = self._pod["metadata"]
        name = f"{data['namespace']}_{data['name']}_{data['uid']}"
        return self._host.folder / "logs" / name / f"{container}.log"

    async def _say(self, phase: str) -> None:
        status = pod_status(phase, self._states, self._initial, self._address)
        await self._host.set_status(self._pod, status | {"startTime": self._began})

    async def _tell(self, reason: str, message: str, kind: str = "Normal") -> None:
        await self._host.event(self._pod, reason, message, kind)


def _command(container: Mapping[str, Any]) -> list[str]:
    """Return what to run; an image's own command is not known, so without one nothing runs."""
    command = [*(container.get("command") or ()), *(container.get("args") or ())]
    server = bool(command) and Path(command[0]).name == "jupyterhub-singleuser"
    if server and os.geteuid() == 0:
        command.append("--allow-root")
    if command and not shutil.which(command[0]):
        beside = Path(sys.executable).parent / command[0]
        command[0] = str(beside) if beside.exists() else command[0]
    return command


def _at_address(url: str, address: str) -> str:
    """Put the pod's own address in the place of ``0.0.0.0``: there is no network of its own."""
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port else ""
    return urlunsplit(parts._replace(netloc=f"{address}{port}"))
