"""Fixtures for every room that wants a real control plane; a plugin of ``tests/conftest.py``."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.controlplane.client import Client
from tests.controlplane.cluster import ControlPlane, binaries, running

REQUIRE = "TEAMSPAWNER_REQUIRE_CONTROLPLANE"
MISSING = (
    "no etcd, kube-apiserver and kube-scheduler in KUBEBUILDER_ASSETS"
    " or where tests/controlplane/build puts them"
)


def pytest_report_header() -> str:
    """Say at the top of every run whether the real control plane is tested against."""
    found = binaries()
    return f"control plane: {found}" if found else f"control plane: SKIPPED, {MISSING}"


@pytest.fixture(scope="session")
def control_plane_assets() -> Path:
    """The folder of binaries; skips without, or fails when the run says that they must be there."""
    found = binaries()
    if found is None and os.environ.get(REQUIRE) == "1":
        pytest.fail(f"{REQUIRE}=1, but {MISSING}")
    if found is None:
        pytest.skip(MISSING)
    return found


@pytest.fixture(scope="session")
def control_plane(control_plane_assets: Path) -> Iterator[ControlPlane]:
    """One etcd, API server and default scheduler for all tests of the run that do not mind."""
    with running(control_plane_assets) as plane:
        yield plane


@pytest.fixture
def admin(control_plane: ControlPlane) -> Client:
    """May do everything on the shared control plane."""
    return control_plane.admin


@pytest.fixture
def namespace(admin: Client) -> str:
    """A fresh namespace of the shared control plane; it is left behind."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    admin.create_namespace(name)
    return name
