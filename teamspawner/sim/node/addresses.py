"""A loopback address for every pod: on Linux all of 127.0.0.0/8 is this machine."""

from __future__ import annotations

import random
import socket

__all__ = ["Addresses"]

_PORT = 8888


class Addresses:
    """Hands out addresses on which nobody listens, also not another demo."""

    def __init__(self) -> None:
        dice = random.SystemRandom()
        self._base = (dice.randint(64, 250), dice.randint(0, 250))
        self._taken: set[str] = set()

    def take(self) -> str:
        """Return a free address."""
        for number in range(2, 250 * 250):
            high, low = divmod(number, 250)
            address = f"127.{self._base[0]}.{(self._base[1] + high) % 256}.{low + 1}"
            if address not in self._taken and _is_free(address):
                self._taken.add(address)
                return address
        raise RuntimeError("no loopback address is left")

    def give_back(self, address: str) -> None:
        """Return an address whose pod is gone."""
        self._taken.discard(address)


def _is_free(address: str) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((address, _PORT))
        except OSError:
            return False
    return True
