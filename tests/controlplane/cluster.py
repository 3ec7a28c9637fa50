"""Start and stop a real control plane: etcd, kube-apiserver, kube-scheduler and, on request, more.

Processes, files and ports only; what is asked of the API is in ``client``.
"""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.controlplane.certificates import write_certificates
from tests.controlplane.client import Client

HERE = Path(__file__).parent
NEEDED = ("etcd", "kube-apiserver", "kube-scheduler")
READY_TIMEOUT_S = 90.0
STOP_TIMEOUT_S = 10.0

_WITHOUT_MANAGER = ("TaintNodesByCondition", "StorageObjectInUseProtection", "ServiceAccount")
"""Admission that waits for controllers nobody runs: taints, finalizers, missing accounts."""

SCHEDULER_CONFIG = {
    "apiVersion": "kubescheduler.config.k8s.io/v1",
    "kind": "KubeSchedulerConfiguration",
    "leaderElection": {"leaderElect": False},
    "podInitialBackoffSeconds": 1,
    "podMaxBackoffSeconds": 1,
}


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who may call the API with a bearer token."""

    name: str
    token: str
    groups: tuple[str, ...] = ()


ADMIN = User("admin", "token-admin", ("system:masters",))
SCHEDULER = User("system:kube-scheduler", "token-scheduler")
MANAGER = User("system:kube-controller-manager", "token-manager", ("system:masters",))
HUB = User(
    "system:serviceaccount:jupyterhub:hub",
    "token-hub",
    ("system:serviceaccounts", "system:serviceaccounts:jupyterhub"),
)
"""The hub's account: it has no rights until a test binds the roles under test to it."""

USERS = (ADMIN, SCHEDULER, MANAGER, HUB)


def version() -> str:
    """The Kubernetes version that ``build`` builds, such as ``v1.35.4``."""
    found = re.search(
        r"^\tk8s\.io/kubernetes (v[\d.]+)", (HERE / "go.mod").read_text(), re.MULTILINE
    )
    assert found
    return found[1]


def binaries() -> Path | None:
    """The folder that holds etcd, kube-apiserver and kube-scheduler, or None.

    ``KUBEBUILDER_ASSETS`` wins over the folder that ``tests/controlplane/build`` fills.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    named = os.environ.get("KUBEBUILDER_ASSETS")
    folder = Path(named) if named else cache / "teamspawner" / "controlplane" / version()
    return folder if all(os.access(folder / name, os.X_OK) for name in NEEDED) else None


def free_port() -> int:
    """A port of the loopback that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class StartError(RuntimeError):
    """A component ended, or was not ready in time; the message ends with its last words."""


@dataclass
class ControlPlane:
    """A running control plane.

    Attributes:
        assets: Folder of the binaries.
        folder: Own temporary folder with keys, kubeconfigs and one log per component.
        url: Of the API server, such as ``https://127.0.0.1:41234``.
        processes: Component name to process.
        clients: User name to the client handed out for it.
    """

    assets: Path
    folder: Path
    url: str = ""
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    clients: dict[str, Client] = field(default_factory=dict)

    @property
    def ca_file(self) -> Path:
        """The certificate authority that the API server's certificate is signed by."""
        return self.folder / "ca.crt"

    def ssl_context(self) -> ssl.SSLContext:
        """For aiohttp and others: trusts this API server only."""
        return ssl.create_default_context(cafile=str(self.ca_file))

    def client(self, user: User = ADMIN) -> Client:
        """A small blocking client that acts as ``user``; the same one each time."""
        if user.name not in self.clients:
            self.clients[user.name] = Client(self.url, user.token, self.ssl_context())
        return self.clients[user.name]

    @property
    def admin(self) -> Client:
        """A client that may do everything."""
        return self.client(ADMIN)

    def kubeconfig(self, user: User = ADMIN, namespace: str = "default") -> Path:
        """Write (or overwrite) a kubeconfig for ``user`` and return its path."""
        path = self.folder / f"{re.sub('[^a-z]+', '-', user.name)}.{namespace}.kubeconfig"
        context = {"cluster": "real", "user": user.name, "namespace": namespace}
        cluster = {"server": self.url, "certificate-authority": str(self.ca_file)}
        path.write_text(
            json.dumps(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "current-context": "real",
                    "clusters": [{"name": "real", "cluster": cluster}],
                    "contexts": [{"name": "real", "context": context}],
                    "users": [{"name": user.name, "user": {"token": user.token}}],
                }
            )
        )
        return path

    def log(self, component: str) -> str:
        """Everything the component has said so far."""
        return (self.folder / f"{component}.log").read_text(errors="replace")

    def run(self, component: str, binary: str, *flags: str) -> None:
        """Start one binary under the name ``component``; it logs into the folder."""
        with (self.folder / f"{component}.log").open("wb") as log:
            self.processes[component] = subprocess.Popen(
                [str(self.assets / binary), *flags],
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                start_new_session=True,
            )

    def wait_ready(self, component: str, url: str, timeout_s: float = READY_TIMEOUT_S) -> None:
        """Wait until ``url`` answers 200.

        Raises:
            StartError: When the component ended or the time is over.
        """
        deadline = time.monotonic() + timeout_s
        while not _answers(url):
            ended = self.processes[component].poll() is not None
            if ended or time.monotonic() > deadline:
                why = "ended" if ended else f"is not ready after {timeout_s:g} s"
                raise StartError(f"{component} {why}:\n{self.log(component)[-2000:]}")
            time.sleep(0.1)

    def start_etcd(self) -> str:
        """Start etcd and return its client URL."""
        client, peer = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
        self.run(
            "etcd",
            "etcd",
            f"--data-dir={self.folder}/etcd",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            "--unsafe-no-fsync=true",
            "--log-level=error",
        )
        self.wait_ready("etcd", f"{client}/health")
        return client

    def start_apiserver(
        self, etcd: str, *, manager: bool = False, extra: tuple[str, ...] = ()
    ) -> None:
        """Start the API server; ``manager`` says that a controller manager will run beside it."""
        write_certificates(self.folder)
        rows = [(u.token, u.name, u.name, ",".join(u.groups)) for u in USERS]
        with (self.folder / "tokens.csv").open("w", newline="") as tokens:
            csv.writer(tokens, lineterminator="\n").writerows(rows)
        port = free_port()
        self.url = f"https://127.0.0.1:{port}"
        admission = _WITHOUT_MANAGER[:2] if manager else _WITHOUT_MANAGER
        self.run(
            "kube-apiserver",
            "kube-apiserver",
            f"--etcd-servers={etcd}",
            "--bind-address=127.0.0.1",
            f"--secure-port={port}",
            f"--tls-cert-file={self.folder}/apiserver.crt",
            f"--tls-private-key-file={self.folder}/apiserver.key",
            "--service-cluster-ip-range=10.0.0.0/24",
            "--allow-privileged=true",
            f"--service-account-issuer={self.url}/",
            f"--service-account-key-file={self.folder}/sa.pub",
            f"--service-account-signing-key-file={self.folder}/sa.key",
            "--authorization-mode=RBAC",
            f"--token-auth-file={self.folder}/tokens.csv",
            f"--disable-admission-plugins={','.join(admission)}",
            "--advertise-address=127.0.0.1",
            "--endpoint-reconciler-type=none",
            "--max-requests-inflight=0",
            "--max-mutating-requests-inflight=0",
            "--enable-priority-and-fairness=false",
        )
        self.wait_ready("kube-apiserver", f"{self.url}/readyz")

    def start_scheduler(
        self, name: str = "default-scheduler", config: dict[str, Any] | None = None
    ) -> None:
        """Start a kube-scheduler that answers to ``spec.schedulerName: name``."""
        kubeconfig = self.kubeconfig(SCHEDULER)
        settings = {
            **SCHEDULER_CONFIG,
            "clientConnection": {"kubeconfig": str(kubeconfig), "qps": 5000, "burst": 5000},
            "profiles": [{"schedulerName": name}],
            **(config or {}),
        }
        path = self.folder / f"{name}.config"
        path.write_text(json.dumps(settings))
        port = free_port()
        self.run(
            name,
            "kube-scheduler",
            f"--config={path}",
            "--authentication-skip-lookup=true",
            "--authorization-always-allow-paths=/healthz,/readyz,/livez,/metrics",
            "--bind-address=127.0.0.1",
            f"--secure-port={port}",
        )
        self.wait_ready(name, f"https://127.0.0.1:{port}/readyz")

    def start_controller_manager(self) -> None:
        """Start every controller but the one that taints nodes which send no heartbeat."""
        port = free_port()
        self.run(
            "kube-controller-manager",
            "kube-controller-manager",
            f"--kubeconfig={self.kubeconfig(MANAGER)}",
            "--authentication-skip-lookup=true",
            "--authorization-always-allow-paths=/healthz,/readyz,/livez",
            "--leader-elect=false",
            f"--service-account-private-key-file={self.folder}/sa.key",
            f"--root-ca-file={self.ca_file}",
            "--controllers=*,-node-lifecycle-controller,-taint-eviction-controller",
            "--kube-api-qps=500",
            "--kube-api-burst=500",
            "--bind-address=127.0.0.1",
            f"--secure-port={port}",
        )
        self.wait_ready("kube-controller-manager", f"https://127.0.0.1:{port}/healthz")

    def stop(self, component: str) -> None:
        """SIGTERM, and SIGKILL after ten seconds; nothing happens when it is not running."""
        process = self.processes.pop(component, None)
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()

    def stop_all(self) -> None:
        """Close the clients and stop what runs, the youngest first."""
        for client in self.clients.values():
            client.close()
        for component in reversed(list(self.processes)):
            self.stop(component)


def _answers(url: str) -> bool:
    """Whether a GET answers 200; certificates are not looked at, every component has its own."""
    anyone = ssl.create_default_context()
    anyone.check_hostname = False
    anyone.verify_mode = ssl.CERT_NONE
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {ADMIN.token}"})
    try:
        with urllib.request.urlopen(request, timeout=5, context=anyone) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


@contextmanager
def running(
    assets: Path, *, schedulers: tuple[str, ...] = ("default-scheduler",), manager: bool = False
) -> Iterator[ControlPlane]:
    """A control plane for the length of a ``with`` block; everything is gone afterwards."""
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="teamspawner-controlplane-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        plane = ControlPlane(assets, folder)
        stack.callback(plane.stop_all)
        plane.start_apiserver(plane.start_etcd(), manager=manager)
        for name in schedulers:
            plane.start_scheduler(name)
        if manager:
            plane.start_controller_manager()
        yield plane
