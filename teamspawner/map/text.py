"""YAML text to plain values, with the line of every key; bad text gives faults, never a traceback.

Anchors, aliases and merge keys are understood; bombs made of them are not built.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import yaml

from teamspawner.errors import Fault, MapError

MOST_BYTES = 2**20
"""What one ConfigMap can hold."""

_MOST_VALUES = 200_000
_MOST_DEPTH = 40
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAG = "tag:yaml.org,2002:"
_WORDS = {"true": True, "false": False, "yes": True, "no": False, "on": True, "off": False}
_UNREADABLE = re.compile(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What no YAML may hold (YAML 1.1, ``c-printable``), half letters included."""
_PLACE_KEY = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)

Path = tuple[str | int, ...]


class Document(NamedTuple):
    """A map as plain values.

    Attributes:
        value: Dicts, lists and scalars.
        lines: Path to its line, from 1; empty when it was not read from text.
        faults: What was wrong with the text and could be read past.
    """

    value: Any
    lines: dict[Path, int]
    faults: list[Fault]


def spell(path: Path) -> str:
    """Spell a path for people: ``teams.physics.tiers[1]``; the whole map is ``map``."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif _PLACE_KEY.fullmatch(part):
            text += f".{part}" if text else part
        else:
            text += f'["{part}"]'
    return text or "map"


def read_yaml(source: str | bytes) -> Document:
    """Read one YAML document.

    Raises:
        MapError: When it cannot be read at all: not UTF-8, too large, broken
            syntax, several documents, an alias to itself.
    """
    text = _decode(source)
    reader = _Reader()
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            reader.take(event)
    except yaml.YAMLError as error:
        raise MapError((*reader.faults, _syntax_fault(error, text))) from None
    except _UnusableError as error:
        raise MapError((*reader.faults, error.fault)) from None
    return Document(reader.root, dict(reader.placed()), reader.faults)


def _decode(source: str | bytes) -> str:
    size = len(source)
    if size > MOST_BYTES:
        raise MapError((Fault("map", f"{size} bytes", f"at most {MOST_BYTES} bytes", ""),))
    if isinstance(source, str):
        return _readable(source.removeprefix("\ufeff"))
    try:
        return _readable(source.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = source.count(b"\n", 0, error.start) + 1
        found = f"a byte that is not UTF-8 (0x{source[error.start]:02x})"
        fault = Fault(f"map (line {line})", found, "text in UTF-8", "save the file as UTF-8")
        raise MapError((fault,)) from None


def _readable(text: str) -> str:
    found = _UNREADABLE.search(text)
    if found is not None:
        line = text.count("\n", 0, found.start()) + 1
        sign = f"a sign that cannot be read (U+{ord(found[0]):04X})"
        raise MapError((Fault(f"map (line {line})", sign, "text", "remove it"),))
    return text


def _syntax_fault(error: yaml.YAMLError, text: str) -> Fault:
    mark = getattr(error, "problem_mark", None)
    place = f"map (line {mark.line + 1})" if mark else "map"
    found = " ".join(
        str(part) for part in (getattr(error, "context", ""), getattr(error, "problem", "")) if part
    )
    lines = text.split("\n")  # a text that breaks off is marked behind its last line
    tab = mark is not None and mark.line < len(lines) and "\t" in lines[mark.line]
    fix = "indent with spaces, not with a tab" if tab else ""
    return Fault(place, found or "text that is no YAML", "one YAML document", fix)


class _UnusableError(Exception):
    def __init__(self, line: int, found: str, allowed: str, fix: str = "") -> None:
        super().__init__(found)
        self.fault = Fault(f"map (line {line})", found, allowed, fix)


@dataclass(slots=True)
class _Open:
    """A list or mapping being read."""

    value: Any
    line: int
    anchor: str | None
    lines: dict[str | int, int] = field(default_factory=dict)
    children: dict[str | int, _Open] = field(default_factory=dict)
    merged: set[str] = field(default_factory=set)
    key: str | None = None
    key_line: int = 0
    size: int = 1


class _Done(NamedTuple):
    value: Any
    node: _Open | None
    size: int


class _Reader:
    """Builds values from events without recursion, counting what aliases would unfold to."""

    def __init__(self) -> None:
        self.root: Any = None
        self.faults: list[Fault] = []
        self._top: _Open | None = None
        self._stack: list[_Open] = []
        self._anchors: dict[str, _Done | None] = {}
        self._documents = 0

    def take(self, event: yaml.Event) -> None:
        """Take in the next event.

        Raises:
            _UnusableError: When no map can be read from here on.
        """
        assert event.start_mark is not None
        line = event.start_mark.line + 1
        if isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise _UnusableError(line, "a second document", "one document", "remove the ---")
        elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            self._open(event, line)
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            node = self._stack.pop()
            done = _Done(node.value, node, node.size)
            self._name(node.anchor, done)
            self._put(done, node.line)
        elif isinstance(event, yaml.AliasEvent):
            self._put(self._alias(str(event.anchor), line), line)
        elif isinstance(event, yaml.ScalarEvent):
            self._scalar(event, line)

    def placed(self) -> Iterator[tuple[Path, int]]:
        """Every path with its line."""
        waiting: list[tuple[Path, _Open]] = [((), self._top)] if self._top else []
        while waiting:
            path, node = waiting.pop()
            for key, line in node.lines.items():
                yield (*path, key), line
            waiting += [((*path, key), child) for key, child in node.children.items()]

    def _open(self, event: yaml.MappingStartEvent | yaml.SequenceStartEvent, line: int) -> None:
        if len(self._stack) >= _MOST_DEPTH:
            raise _UnusableError(line, "lists in lists without end", f"{_MOST_DEPTH} levels")
        if self._stack and isinstance(self._stack[-1].value, dict) and self._stack[-1].key is None:
            raise _UnusableError(line, "a list or mapping as a key", "text as keys")
        if event.tag and event.tag not in {f"{_TAG}map", f"{_TAG}seq"}:
            raise _UnusableError(line, f"the tag {event.tag}", "plain YAML", "remove the tag")
        if event.anchor:
            self._anchors[event.anchor] = None
        value: Any = {} if isinstance(event, yaml.MappingStartEvent) else []
        self._stack.append(_Open(value, line, event.anchor))

    def _alias(self, name: str, line: int) -> _Done:
        if name not in self._anchors:
            raise _UnusableError(line, f"the alias *{name}", "an anchor that was set before")
        done = self._anchors[name]
        if done is None:
            raise _UnusableError(line, f"the alias *{name} inside itself", "no value in itself")
        return done

    def _name(self, anchor: str | None, done: _Done) -> None:
        if anchor:
            self._anchors[anchor] = done

    def _scalar(self, event: yaml.ScalarEvent, line: int) -> None:
        top = self._stack[-1] if self._stack else None
        if top is not None and isinstance(top.value, dict) and top.key is None:
            self._key(top, event, line)
            return
        done = _Done(_plain(event, line), None, 1)
        self._name(event.anchor, done)
        self._put(done, line)

    def _key(self, top: _Open, event: yaml.ScalarEvent, line: int) -> None:
        value = _plain(event, line)
        key = str(event.value)
        self._name(event.anchor, _Done(value, None, 1))
        path = (*(node.key or len(node.value) for node in self._stack[:-1]), key)
        place = f"{spell(path)} (line {line})"
        if not isinstance(value, str):
            fix = f'write it in quotes: "{key}"'
            self.faults.append(Fault(place, f"the key {key}, read as no text", "text", fix))
        if key in top.value and key not in top.merged:
            first = f"the key {key} a second time (first in line {top.lines.get(key)})"
            self.faults.append(Fault(place, first, "each key once", "remove or rename one"))
        top.key, top.key_line = key, line

    def _put(self, done: _Done, line: int) -> None:
        if not self._stack:
            self.root, self._top = done.value, done.node
            return
        top = self._stack[-1]
        top.size += done.size
        if top.size > _MOST_VALUES:
            raise _UnusableError(line, "values without end", f"at most {_MOST_VALUES} values")
        if isinstance(top.value, list):
            self._child(top, len(top.value), done, line)
            top.value.append(done.value)
            return
        if top.key is None:
            raise _UnusableError(line, "an alias as a key", "text as keys")
        key, top.key = top.key, None
        if key == "<<":
            self._merge(top, done, line)
            return
        self._child(top, key, done, top.key_line)
        top.value[key] = done.value
        top.merged.discard(key)

    @staticmethod
    def _child(top: _Open, key: str | int, done: _Done, line: int) -> None:
        top.lines[key] = line
        top.children.pop(key, None)
        if done.node is not None:
            top.children[key] = done.node

    @staticmethod
    def _merge(top: _Open, done: _Done, line: int) -> None:
        sources = done.value if isinstance(done.value, list) else [done.value]
        if not all(isinstance(source, dict) for source in sources):
            raise _UnusableError(line, "<< with no mapping", "<<: *anchor of a mapping")
        for source in sources:
            for key in source.keys() - top.value.keys():
                top.value[key] = source[key]
                top.lines[key] = line
                top.merged.add(key)


def _plain(event: yaml.ScalarEvent, line: int) -> Any:
    """The value of a scalar; dates and base-60 numbers stay the text they were."""
    text: str = event.value
    tag = event.tag
    if tag is None and event.implicit[0]:
        tag = _RESOLVER.resolve(yaml.ScalarNode, text, (True, False))
    kind = (tag or f"{_TAG}str").removeprefix(_TAG)
    if kind == "null":
        return None
    if kind == "bool" and text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if kind in {"int", "float"} and ":" not in text:
        return _number(text, kind, line)
    if kind in {"str", "timestamp", "value", "merge", "int", "float"}:
        return text
    raise _UnusableError(line, f"the tag {tag}", "plain YAML", "remove the tag")


_RESOLVER: Any = yaml.SafeLoader("")


def _number(text: str, kind: str, line: int) -> int | float:
    plain = text.replace("_", "").lower()
    try:
        if kind == "float":
            return float(plain.replace(".inf", "inf").replace(".nan", "nan"))
        octal = re.fullmatch(r"([+-]?)0([0-7]+)", plain)
        return int(f"{octal[1]}{octal[2]}", 8) if octal else int(plain, 0)
    except ValueError:
        raise _UnusableError(line, f"{text[:40]}, which is no number", "a number") from None
