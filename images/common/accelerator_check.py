#!/usr/bin/env python3
"""Say in the server's log whether the driver hands over the devices that the server was given.

Asks the driver's own library, in milliseconds: no nvidia-smi, no framework. It never
stops a start; a notebook without its GPU can still be saved from.
"""

import ctypes
import os
import sys
from collections.abc import Mapping

NONE_GIVEN = {"", "none", "void"}


def devices_given(environment: Mapping[str, str]) -> bool:
    """Whether the container runtime was told to hand devices over."""
    return environment.get("NVIDIA_VISIBLE_DEVICES", "") not in NONE_GIVEN


def devices_found(library: str = "libcuda.so.1") -> tuple[int, str]:
    """How many devices the driver has, and what is wrong, empty when nothing is."""
    try:
        cuda = ctypes.CDLL(library)
    except OSError as error:
        return 0, f"the driver's library is not there ({error})"
    code = cuda.cuInit(0)
    if code:
        return 0, f"the driver does not start (cuInit: {code})"
    count = ctypes.c_int(0)
    code = cuda.cuDeviceGetCount(ctypes.byref(count))
    if code:
        return 0, f"the driver does not count devices (cuDeviceGetCount: {code})"
    return count.value, ""


def report(environment: Mapping[str, str], library: str = "libcuda.so.1") -> str:
    """One line for the log."""
    if not devices_given(environment):
        return "accelerators: none was given to this server"
    count, wrong = devices_found(library)
    if wrong:
        return f"accelerators: WARNING, one was given and cannot be used: {wrong}"
    return f"accelerators: {count} ready"


if __name__ == "__main__":
    print(report(os.environ), file=sys.stderr)  # noqa: T201
