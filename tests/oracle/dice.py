"""Seeded choices, and the many spellings of one amount."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, TypeVar

T = TypeVar("T")
Json = dict[str, Any]


class Dice(random.Random):
    """The same seed throws the same cluster.

    Attributes:
        crowded: Whether most pods are alike, so that rules about other pods meet many.
    """

    crowded = False

    def chance(self, probability: float) -> bool:
        """True that often."""
        return self.random() < probability

    def some(self, things: Sequence[T], least: int = 0, most: int = 2) -> list[T]:
        """Between ``least`` and ``most`` different things."""
        return self.sample(things, min(len(things), self.randint(least, most)))


def spell_cpu(dice: Dice, millicores: int) -> Any:
    """Millicores in one of the spellings that mean just that many, rounding up included."""
    plain = f"{millicores}m"
    if millicores <= 0:
        return dice.choice([plain, str(millicores // 1000)]) if millicores % 1000 == 0 else plain
    odd: list[Any] = [
        f"{millicores / 1000:g}" if millicores < 10**6 else plain,
        f"{millicores}e-3",
        f"{millicores * 1000}u",
        f"{millicores - 1}.5m",
        f"{(millicores - 1) * 1000 + 1}u",
        f"+{millicores}m",
    ]
    if millicores % 1000 == 0:
        odd += [millicores // 1000, f"{millicores // 1000}.", f"{millicores // 1000}"]
    return dice.choice(odd) if dice.chance(0.4) else plain


def spell_units(dice: Dice, amount: int) -> Any:
    """Bytes or the like in one of the spellings that mean just that many."""
    plain = str(amount)
    if amount <= 0:
        return plain
    odd = [f"{amount}e0", f"{amount}000m", f"{amount - 1}.5", f"{amount}."]
    odd += [f"{amount >> 10}Ki"] * 2 if amount % 1024 == 0 else []
    odd += [f"{amount >> 20}Mi"] * 3 if amount % 2**20 == 0 else []
    gibibytes = f"{amount / 2**30:.2f}".rstrip("0").rstrip(".")
    odd += [f"{gibibytes}Gi"] * 3 if amount % 2**28 == 0 else []
    odd += [f"{amount // 10**6}M"] if amount % 10**6 == 0 else []
    return dice.choice(odd) if dice.chance(0.4) else plain


def spell_devices(dice: Dice, count: int) -> Any:
    """Whole devices; the API takes no fractions of them."""
    odd = [f"{count}e0", f"{count}000m", count, f"{count}.0"]
    return dice.choice(odd) if dice.chance(0.2) else str(count)


def spell(dice: Dice, resource: str, amount: int) -> Any:
    """An amount in the scheduler's unit of ``resource``, spelled somehow."""
    if resource == "cpu":
        return spell_cpu(dice, amount)
    if resource in {"memory", "ephemeral-storage"}:
        return spell_units(dice, amount)
    return spell_devices(dice, amount)
