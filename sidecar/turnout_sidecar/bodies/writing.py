"""New texts put back into the strings that hold them, and those into a copy of the body.

A string may hold JSON, and a string in that JSON again; or base64 of text. Each is a node that knows how to say itself anew. Rules:
what nothing changes in is not touched, down to spacing and escapes; the copy shares all that did not change; members keep their
order; two keys that become one get a number, so that no value is lost.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import orjson

from turnout_sidecar.bodies.json_text import spans

NOTHING: Final = -1
VALUE: Final = 0
KEY: Final = 1
NUMBER: Final = 2


class InJson(NamedTuple):
    """A text that is JSON, and what each of its tokens is made of."""

    text: str
    nodes: list["Node"]


class Coded(NamedTuple):
    """A text that encodes another."""

    inner: "Node"
    encode: Callable[[str], str]


Node = int | InJson | Coded
"""How a string is made of leaves: the index of one, or how it holds others; NOTHING: it holds none."""


class Change(NamedTuple):
    """A string of the body that becomes another."""

    path: Any
    ordinal: int
    kind: int
    text: str


def said(node: Node, new: Mapping[int, str]) -> str | None:
    """What a string says with new texts in it; None: what it said before."""
    if isinstance(node, int):
        return new.get(node)
    if isinstance(node, Coded):
        inner = said(node.inner, new)
        return None if inner is None else node.encode(inner)
    return _json_said(node, new)


def _json_said(node: InJson, new: Mapping[int, str]) -> str | None:
    changed = {index: text for index, inner in enumerate(node.nodes) if (text := said(inner, new)) is not None}
    if not changed:
        return None
    parts: list[str] = []
    at = 0
    for index, (start, end) in enumerate(spans(node.text)):
        if index in changed:
            parts += (node.text[at:start], orjson.dumps(changed[index]).decode())
            at = end
    parts.append(node.text[at:])
    return "".join(parts)


class _Changed:
    """What becomes of one value: its new text, or what changes inside of it, and its key."""

    __slots__ = ("inside", "key", "text")

    def __init__(self) -> None:
        self.text: str | None = None
        self.key: str | None = None
        self.inside: dict[Any, _Changed] = {}


def with_changes(body: dict[str, Any], changes: list[Change]) -> Any:
    """A copy with the changes, sharing all else."""
    root = _Changed()
    for change in changes:
        steps = []
        path = change.path
        while path is not None:
            path, step = path
            steps.append(step)
        place = root
        for step in reversed(steps):
            inner = place.inside.get(step)
            if inner is None:
                inner = place.inside[step] = _Changed()
            place = inner
        if change.kind == KEY:
            place.key = change.text
        else:
            place.text = change.text
    return _copied(body, root)


def _copied(value: Any, changed: _Changed) -> Any:
    if changed.text is not None:
        return changed.text
    inside = changed.inside
    if not inside:
        return value
    if value.__class__ is list:
        copied = list(value)
        for index, inner in inside.items():
            copied[index] = _copied(value[index], inner)
        return copied
    found: dict[str, Any] = {}
    for name, held in value.items():
        change = inside.get(name)
        if change is None:
            found[_free(name, found)] = held
        else:
            found[_free(change.key or name, found)] = _copied(held, change)
    return found


def _free(name: str, taken: Mapping[str, Any]) -> str:
    """The name, or with a number what is free."""
    free, number = name, 1
    while free in taken:
        number += 1
        free = f"{name}_{number}"
    return free
