"""The texts that a parsed answer, or an event of a stream, consists of, each with its kind and its place.

Why: whatever a provider adds to its format next month has to be looked at too, so the rule is "every string", and what is not
looked at is one explicit list: what names, types, signs or counts. Rules: strings are numbered as in `json_text`; in objects
whose names are the caller's (metadata, schemas) names are texts too; arguments that are objects are one text, their JSON.
"""

from typing import Any, Final, NamedTuple

import orjson

from turnout_sidecar.answers.json_text import TooDeep, anew
from turnout_sidecar.answers.kinds import Kind
from turnout_sidecar.wire.json_body import quotes

MAX_DEPTH: Final = 128
"""Objects and lists in one another: answers have some ten, and what they repeat of a call may have more."""
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
        "tool_choice",
        "truncation",
        "effort",
        "verbosity",
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


def counted(root: Any, kind: Kind = "content") -> tuple[list[Leaf], int]:
    """All texts in the order in which they stand, and how many strings there are. `kind`: where their place says nothing.

    Raises TooDeep.
    """
    found: list[Leaf] = []
    return found, _value(None, root, (), _Within(kind), 0, found)


class _Within(NamedTuple):
    """What holds for all that is inside of an object or list."""

    kind: Kind
    free: bool = False  # the names are the caller's
    once: bool = False


def _value(
    name: str | None, value: Any, path: tuple[Step, ...], within: _Within, number: int, found: list[Leaf]
) -> int:
    if len(path) > MAX_DEPTH:
        raise TooDeep
    if value.__class__ is dict:
        return _members(name, value, path, within, number, found)
    if value.__class__ is list:
        for place, inner in enumerate(value):
            number = _value(name, inner, (*path, _step(place, inner)), within, number, found)
        return number
    if value.__class__ is not str:
        return number
    if value:
        found.append(Leaf(number, path, within.kind, value, once=within.once))
    return number + 1


def _members(
    name: str | None, value: dict[str, Any], path: tuple[Step, ...], within: _Within, number: int, found: list[Leaf]
) -> int:
    if within.free:
        return _free_members(value, path, within, number, found)
    kind, _, once = within
    type_ = value.get("type")
    if type_.__class__ is str:
        kind = _TYPES.get(type_, kind)
        once = once or type_.endswith(_RESULTS)
        within = _Within(kind, once=once)
    else:
        type_ = None
    for member, inner in value.items():
        number += 1
        if inner.__class__ is str:
            if inner and not _is_machine(member, name, type_):
                own = _KINDS.get(member, kind)
                found.append(Leaf(number, (*path, member), own, inner, once=once or member in ONCE))
            number += 1
        elif inner.__class__ is dict or inner.__class__ is list:
            number = _inside(member, inner, (*path, member), within, number, found)
    return number


def _inside(name: str, value: Any, path: tuple[Step, ...], within: _Within, number: int, found: list[Leaf]) -> int:
    """A member that is an object or a list."""
    kind, _, once = within
    if name in COUNTS:
        return number + strings_in(value)
    if name in FREE:
        return _value(name, value, path, _Within(kind, free=True, once=True), number, found)
    if name in _OBJECTS and value.__class__ is dict:
        if value:
            found.append(Leaf(number - 1, path, "arguments", "", whole=True, once=once))
        return number + strings_in(value)
    own = _KINDS.get(name, kind)
    once = once or name in ONCE
    own = kind if own == "arguments" else own
    if once != within.once or own != kind:
        within = _Within(own, once=once)
    return _value(name, value, path, within, number, found)


def _free_members(
    value: dict[str, Any], path: tuple[Step, ...], within: _Within, number: int, found: list[Leaf]
) -> int:
    for name, inner in value.items():
        here = (*path, name)
        if name:
            found.append(Leaf(number, here, within.kind, name, name=True, once=True))
        number = _value(name, inner, here, within, number + 1, found)
    return number


def strings_in(value: Any) -> int:
    """How many strings there are in it, names too."""
    number = 0
    stack = [value]
    while stack:
        inner = stack.pop()
        if inner.__class__ is str:
            number += 1
        elif inner.__class__ is dict:
            number += len(inner)
            stack.extend(inner.values())
        elif inner.__class__ is list:
            stack.extend(inner)
    return number


def once(raw: bytes, said: Any) -> bytes:
    """The bytes of which `said` was read, with each member once: who reads the first of two sees nothing that was not read.

    Raises TooDeep.
    """
    try:
        if orjson.dumps(said) == raw:  # as most that come are written
            return raw
    except TypeError:  # nested deeply, or half of a surrogate pair
        pass
    return raw if quotes(raw) == 2 * strings_in(said) else anew(raw)


def _is_machine(name: str, parent: str | None, type_: Any) -> bool:
    if name in MACHINE or name.endswith("_id"):
        return True
    if name == _DATA:
        return type_ in _BINARY or parent == "audio"
    return name == "result" and type_ == "image_generation_call"


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
