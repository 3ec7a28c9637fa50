"""What the published JSON Schema says of values, and of keys that go together.

As tight as a schema can be, for editors to tell faults while the map is written. It
cannot say how two values compare, what names point to, or what an expression means:
that is for ``load``. Expressions keep to what every dialect of them reads alike.
"""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

CPU_MOST = 10_000
"""CPUs of one server or cap."""
MEMORY_LEAST, MEMORY_MOST = 2**24, 2**46
"""Bytes of one server; less is a slip of the pen."""
_NUMBER = r"([0-9]+\.?[0-9]*|\.[0-9]+)"
_SUFFIX = r"([KMGTPE]i|[eE][+-]?[0-9]+|[numkMGTPE])?"
_BYTES = r"(i|iB|B)?"


def either(description: str, number: Schema, pattern: str, *examples: str | float) -> Schema:
    """A number within bounds, or text of this pattern."""
    return {
        "anyOf": [{"type": "number", **number}, {"type": "string", "pattern": pattern}],
        "description": description,
        "examples": list(examples),
    }


def text(description: str, pattern: str, **more: Any) -> Schema:
    """Text that matches all of a pattern."""
    return {"type": "string", "description": description, "pattern": pattern, **more}


def whole(pattern: str) -> str:
    """A pattern that must match from end to end."""
    return f"^(?:{pattern})$"


CPU = either(
    "CPUs",
    {"exclusiveMinimum": 0, "maximum": CPU_MOST},
    rf"^\s*\+?(?=[0-9.]*[1-9]){_NUMBER}{_SUFFIX}\s*$",
    2,
    0.5,
    "500m",
)
CPU_CAP = either(
    "CPUs", {"minimum": 0, "maximum": CPU_MOST}, rf"^\s*\+?{_NUMBER}{_SUFFIX}\s*$", 200
)
MEMORY = either(
    "Memory; G and Gi are 2^30",
    {"minimum": MEMORY_LEAST, "maximum": MEMORY_MOST},
    rf"^(?=.*[1-9])([0-9]{{8,}}(\.[0-9]+)?\s*{_BYTES}|[0-9]+(\.[0-9]+)?\s*[KMGT]{_BYTES})$",
    "4Gi",
)
MEMORY_CAP = either(
    "Memory; G and Gi are 2^30",
    {"minimum": 0, "maximum": MEMORY_MOST},
    rf"^[0-9]+(\.[0-9]+)?\s*[KMGT]?{_BYTES}$",
    "1Ti",
)
DURATION = text("A duration: 90s, 30m, 12h, 1h30m", r"^(?=.*[1-9])([0-9]+[smhd])+$")
SHARE = either(
    "A share of a node",
    {"exclusiveMinimum": 0, "maximum": 1},
    r"^(?=[0-9. ]*[1-9])[0-9 ]+(\.[0-9 ]+)?(/ *[1-9][0-9 ]*|%)? *$",
    "1/2",
    "25%",
    0.5,
)
_GLOB = r"(?=[\s\S]*\S)([^\[]|\[(![\s\S]|[^!])[^\]]*\])+"
GLOB = text("A name, or a glob with *, ? and [...]", whole(_GLOB))
GROUP = text("A name, a glob, or re: and an expression", whole(rf"re:[\s\S]+|(?!re:){_GLOB}"))


def size(word: str, scalar: Schema) -> Schema:
    """CPUs or memory of a tier: one value, or request and limit."""
    one = {key: value for key, value in scalar.items() if key == "anyOf"}
    both = {
        "type": "object",
        "additionalProperties": False,
        "properties": {"request": one, "limit": {"anyOf": [one, {"type": "null"}]}},
        "anyOf": [{"required": ["request"]}, given("limit")],
    }
    return {
        "anyOf": [*one["anyOf"], both, {"type": "null"}],
        "description": f"{word}: one value is request and limit",
        "examples": scalar["examples"][:1],
    }


def given(key: str) -> Schema:
    """A key that is there and not null."""
    return {"required": [key], "properties": {key: {"not": {"type": "null"}}}}


ONE_SIZE: Schema = {
    "oneOf": [{"anyOf": [given("cpu"), given("memory")]}, given("share"), given("per_gpu")],
    "if": given("per_gpu"),
    "then": given("gpu"),
}
"""A tier: exactly one way to give its size, and ``per_gpu`` only beside ``gpu``."""
SOME_SIZE: Schema = {"anyOf": [given("cpu"), given("memory")]}
"""``per_gpu`` says something."""
SOUND_TOLERATION: Schema = {
    "if": {"required": ["operator"], "properties": {"operator": {"const": "Exists"}}},
    "then": {"properties": {"value": {"const": ""}}},
    "else": given("key"),
}
"""``Exists`` has no value, ``Equal`` has a key."""
EACH_ONCE: Schema = {"uniqueItems": True}
"""A list of names."""


def closed(schema: Any) -> Any:
    """The same schema, where keys that match no pattern are refused."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: closed(part) for key, part in schema.items()}
    if "patternProperties" in found:
        found.setdefault("additionalProperties", False)
    return found
