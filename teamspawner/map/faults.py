"""What the schema says of a wrong value, as faults with place, found, allowed and nearest fix."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from teamspawner.errors import Fault
from teamspawner.map.schema import Map
from teamspawner.map.text import Document, Path, spell

_LONGEST = 80
_MOST_LISTED = 30
_MOST_COMPARED = 60
_NOTHING = object()
_ALLOWED = {
    "string_type": "text",
    "int_type": "a whole number",
    "tuple_type": "a list",
    "dict_type": "keys and values",
    "model_type": "keys and values",
    "bool_type": "true or false",
    "string_too_short": "text of at least one sign",
}


def place_of(document: Document, path: Path) -> str:
    """Spell a path, with the line of its nearest known part."""
    for length in range(len(path), 0, -1):
        line = document.lines.get(path[:length])
        if line is not None:
            return f"{spell(path)} (line {line})"
    return spell(path)


def shown(value: Any) -> str:
    """Print a found value, cut short."""
    if value is None:
        return "nothing"
    text = repr(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def listed(words: Iterable[str]) -> str:
    """Print what may be chosen from, cut short; ``none`` when there is nothing."""
    every = list(words)
    shown_words = every[:_MOST_LISTED]
    more = len(every) - len(shown_words)
    return ", ".join([*shown_words, f"… ({more} more)"] if more else shown_words) or "none"


def nearest(found: Any, words: Iterable[str]) -> str:
    """Guess which word was meant, as an instruction; empty when none is near."""
    text = str(found).lower()[:100]
    folded = {word.lower(): word for word in reversed(list(words))}
    if len(folded) > _MOST_COMPARED:  # a slip of the pen seldom changes length and start
        likely = [word for word in folded if word[:1] == text[:1] and _about(word, text)]
        folded = {word: folded[word] for word in likely[:_MOST_COMPARED]}
    close = get_close_matches(text, folded, n=1, cutoff=0.6)
    return f"did you mean {folded[close[0]]}?" if close else ""


def _about(word: str, text: str) -> bool:
    return abs(len(word) - len(text)) <= 1


def schema_faults(document: Document, error: ValidationError) -> Iterator[tuple[Path, Fault]]:
    """One fault for each place that the schema refuses."""
    told: set[Path] = set()
    for detail in error.errors(include_url=False):
        path = _real_path(document.value, detail)
        if path in told or _is_echo(document.value, path, detail):
            continue
        told.add(path)
        yield path, _fault(document, path, detail)


def _real_path(value: Any, detail: ErrorDetails) -> Path:
    """The path within the file: names that only the schema knows are left out."""
    path: list[str | int] = []
    for part in detail["loc"]:
        inner = _step(value, part)
        if inner is not _NOTHING:
            path.append(part)
            value = inner
    if detail["type"] == "missing":
        path.append(detail["loc"][-1])
    return tuple(path)


def _step(value: Any, part: str | int) -> Any:
    if isinstance(value, dict):
        return value.get(part, _NOTHING)
    if isinstance(value, list | tuple) and isinstance(part, int) and part < len(value):
        return value[part]
    return _NOTHING


def value_at(value: Any, path: Path) -> Any:
    """What stands at a path; None when nothing does."""
    for part in path:
        value = _step(value, part)
    return None if value is _NOTHING else value


def _is_echo(value: Any, path: Path, detail: ErrorDetails) -> bool:
    """A list whose every entry is at fault is also called too short."""
    return detail["type"] == "too_short" and bool(value_at(value, path))


def _fault(document: Document, path: Path, detail: ErrorDetails) -> Fault:
    found = value_at(document.value, path)
    kind = detail["type"]
    place = place_of(document, path)
    if kind == "extra_forbidden":
        known = _known_keys(path[:-1])
        return Fault(place, f"the key {path[-1]}", listed(known), nearest(path[-1], known))
    if detail["loc"] and detail["loc"][-1] == "[key]":
        fix = detail.get("ctx", {}).get("fix") or _key_fix(str(path[-1]))
        return Fault(place, f"the key {path[-1]}", _allowed(detail), fix)
    if kind == "missing":
        return Fault(place, "nothing", f"the key {path[-1]}", f"add {path[-1]}")
    return Fault(place, shown(found), _allowed(detail), _fix(kind, detail, found))


def _allowed(detail: ErrorDetails) -> str:
    context = detail.get("ctx", {})
    if "allowed" in context:
        return str(context["allowed"])
    if detail["type"] == "literal_error":
        return str(context["expected"]).replace("'", "")
    if detail["type"] == "too_short":
        return "at least one entry"
    return _ALLOWED.get(detail["type"], detail["msg"].replace("Input should be ", ""))


def _fix(kind: str, detail: ErrorDetails, found: Any) -> str:
    context = detail.get("ctx", {})
    if context.get("fix"):
        return str(context["fix"])
    if kind == "literal_error":
        expected = str(context["expected"]).replace("'", "").replace(" or ", ", ").split(", ")
        return nearest(found, expected) or (f"write {expected[0]}" if len(expected) == 1 else "")
    if kind == "string_type" and isinstance(found, bool | int | float):
        return "write it in quotes" + ("" if isinstance(found, bool) else f': "{found}"')
    if kind == "int_type":
        return f"write {found} without quotes" if _digits(found) else ""
    return _other_shape(kind, detail, found)


def _other_shape(kind: str, detail: ErrorDetails, found: Any) -> str:
    """How to give a value the shape that it must have there."""
    if kind == "tuple_type" and isinstance(found, str | int) and str(found).strip():
        return f"write [{found}]"
    if kind == "tuple_type" and isinstance(found, dict):
        return "make it an entry of a list, with - before it"
    if kind == "model_type" and isinstance(found, str) and detail["loc"][:1] == ("images",):
        return f"write {{image: {found}}}"
    return ""


def _digits(found: Any) -> bool:
    return isinstance(found, str) and found.isdecimal()


def _key_fix(key: str) -> str:
    plain = "-".join(
        "".join(sign if sign.isascii() and sign.isalnum() else " " for sign in key.lower()).split()
    )
    return f"write {plain}" if plain and plain != key else ""


def _known_keys(path: Path) -> list[str]:
    """The keys that the schema knows at a path."""
    model: type[BaseModel] = Map
    for part in path:
        name = str(part)
        if name in model.model_fields:
            model = _model_in(model.model_fields[name].annotation) or model
    return list(model.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_model_in, get_args(annotation))), None)
