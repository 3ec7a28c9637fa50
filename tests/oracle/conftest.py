"""A running oracle for the tests that compare with it."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.controlplane.fixtures import REQUIRE
from tests.oracle.oracle import Oracle, binary, running


@pytest.fixture(scope="session")
def oracle() -> Iterator[Oracle]:
    """The scheduler's plugins; skips when tests/oracle/build was not run and need not have been."""
    required = os.environ.get(REQUIRE) == "1"
    path = binary(build=required)
    if path is None:
        pytest.skip("no oracle: tests/oracle/build was not run")
    with running(path) as started:
        yield started
