"""The texts that a parsed answer, or an event of a stream, consists of, each with its kind and its place.

Why: whatever a provider adds to its format next month has to be looked at too, so the rule is "every string", and what is not
looked at is one explicit list: what names, types, signs or counts. Rules: strings are numbered as in `json_text`; in objects
whose names are the caller's (metadata, schemas) names are texts too; arguments that are objects are one text, their JSON.
"""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from turnout_sidecar.answers.kinds import Kind

Step = str | int | tuple[tuple[str, Any], ...]
"""The name of a member; the place in a list; or what identifies an element of a list: its index, type and id."""

MACHINE: Final = frozenset(
    {
        "id",
        "object",
        "type",
        "role",
        "model",
        "status",
        "signature",
        "thought_signature",
        "encrypted_content",
        "encrypted_index",
        "system_fingerprint",
        "service_tier",
        "finish_reason",
        "native_finish_reason",
        "stop_reason",
        "obfuscation",
        "partial_image_b64",
        "b64_json",
        "image_url",
    }
)
"""Strings that are no text of anybody; and all names that end in `_id`."""
COUNTS: Final = frozenset({"usage", "logprobs", "prompt_filter_results", "content_filter_results"})
"""Objects in which there is no text."""
FREE: Final = frozenset({"metadata", "parameters", "schema", "input_schema", "variables"})
"""Objects whose names are the caller's."""
ONCE: Final = frozenset(
    {"name", "annotations", "annotation", "citations", "citation", "url", "title", "server_label", "results"}
)
"""What comes whole also in a stream, and is no part of the answer's text."""
_RESULTS: Final = ("_tool_result", "_call_output")
"""Types of what tools said, and not the model."""
_KINDS: Final[dict[str, Kind]] = {
    "reasoning_content": "reasoning",
    "reasoning": "reasoning",
    "reasoning_details": "reasoning",
    "thinking": "reasoning",
    "refusal": "refusal",
    "arguments": "arguments",
    "partial_json": "arguments",
}
_TYPES: Final[dict[str, Kind]] = {
    "reasoning": "reasoning",
    "reasoning_text": "reasoning",
    "summary_text": "reasoning",
    "reasoning.text": "reasoning",
    "reasoning.summary": "reasoning",
    "thinking": "reasoning",
}
_OBJECTS: Final = frozenset({"arguments", "input"})
_BINARY: Final = frozenset({"redacted_thinking", "base64", "reasoning.encrypted", "input_audio", "image"})
_DATA: Final = "data"


class Leaf(NamedTuple):
    """One text. `number`: of its string, or of the name before it where it is an object."""

    number: int
    path: tuple[Step, ...]
    kind: Kind
    text: str
    name: bool = False  # it is the name of a member
    whole: bool = False  # an object of arguments: `text` is empty, its JSON is to be taken from the bytes
    once: bool = False  # no part of the text that grows


class _Node(NamedTuple):
    name: str | None
    value: Any
    path: tuple[Step, ...]
    kind: Kind
    free: bool
    once: bool
    skip: bool
    named: bool = False  # by the caller


def counted(root: Any, kind: Kind = "content") -> tuple[list[Leaf], int]:
    """All texts in the order in which they stand, and how many strings there are. `kind`: where their place says nothing."""
    found: list[Leaf] = []
    for leaf in _leaves(root, kind):
        if isinstance(leaf, int):
            return found, leaf
        found.append(leaf)
    return found, 0


def _leaves(root: Any, kind: Kind) -> Iterator[Leaf | int]:
    """The texts, and at last the count."""
    number = 0
    stack = [_Node(None, root, (), kind, free=False, once=False, skip=False)]
    while stack:
        node = stack.pop()
        name, value = node.name, node.value
        if name is not None:
            if node.named and not node.skip:
                yield Leaf(number, node.path, node.kind, name, name=True, once=True)
            number += 1
        if value.__class__ is str:
            if value and not node.skip:
                yield Leaf(number, node.path, node.kind, value, once=node.once)
            number += 1
        elif value.__class__ is dict:
            if name in _OBJECTS and not node.free and not node.skip:
                if value:
                    yield Leaf(number - 1, node.path, "arguments", "", whole=True, once=node.once)
                stack.extend(_counted(node))
            else:
                stack.extend(_members(node))
        elif value.__class__ is list:
            stack.extend(_elements(node))
    yield number


def _members(node: _Node) -> list[_Node]:
    value: dict[str, Any] = node.value
    kind, once = node.kind, node.once
    type_ = value.get("type")
    if type_.__class__ is str and not node.free:
        kind = _TYPES.get(type_, kind)
        once = once or type_.endswith(_RESULTS)
    found = []
    for name, inner in value.items():
        path = (*node.path, name)
        if node.skip or node.free:
            found.append(_Node(name, inner, path, kind, node.free, node.once, node.skip, named=node.free))
            continue
        skip = _is_skipped(name, inner, type_, node)
        own = _KINDS.get(name, kind)
        if name in FREE and inner.__class__ is not str:
            found.append(_Node(name, inner, path, kind, free=True, once=True, skip=skip))
        elif own == "arguments" and inner.__class__ is not str:
            found.append(_Node(name, inner, path, kind, free=False, once=once, skip=skip))
        else:
            found.append(_Node(name, inner, path, own, free=False, once=once or name in ONCE, skip=skip))
    found.reverse()
    return found


def _counted(node: _Node) -> list[_Node]:
    """Members that are only counted."""
    members = reversed(node.value.items())
    return [_Node(name, inner, (), node.kind, free=False, once=False, skip=True) for name, inner in members]


def _is_skipped(name: str, value: Any, type_: Any, node: _Node) -> bool:
    if name in COUNTS:
        return value.__class__ is not str
    if value.__class__ is not str:
        return False
    if name in MACHINE or name.endswith("_id"):
        return True
    if name == _DATA:
        return type_ in _BINARY or (bool(node.path) and node.path[-1] == "audio")
    return name == "result" and type_ == "image_generation_call"


def _elements(node: _Node) -> list[_Node]:
    found = []
    for place, inner in enumerate(node.value):
        path = (*node.path, _step(place, inner))
        found.append(_Node(None, inner, path, node.kind, node.free, node.once, node.skip))
    found.reverse()
    return found


def _step(place: int, element: Any) -> Step:
    if element.__class__ is not dict:
        return place
    index, type_, own = element.get("index"), element.get("type"), element.get("id")
    known: list[tuple[str, Any]] = []
    if index.__class__ is int and index >= 0:
        known.append(("index", index))
    if type_.__class__ is str:
        known.append(("type", type_))
    if own.__class__ is str and own:
        known.append(("id", own))
    return tuple(known) or place
