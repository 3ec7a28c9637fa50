"""Globs of the map over models of accelerators, compared without case."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase


def is_any_of(models: Iterable[str], globs: Iterable[str]) -> bool:
    """Whether a glob means one of the models: the values of a node's label, as it spells them."""
    folded = [glob.casefold() for glob in globs]
    return any(fnmatchcase(model.casefold(), glob) for model in models for glob in folded)
