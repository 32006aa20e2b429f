"""A whole answer with each of its texts edited, and the texts that it consists of.

Rules: an answer in which nothing changed is the very same bytes; what is no JSON object is edited as one text, so that
nothing passes unseen; probabilities of tokens do not survive where a text beside them changed, since they spell it out;
arguments stay JSON: where an edit of the whole breaks it they are edited string by string, and numbers become strings.
"""

import json
from collections.abc import Callable
from typing import Any

from turnout_sidecar.answers import json_text, leaves
from turnout_sidecar.answers.kinds import Edit, Kind
from turnout_sidecar.answers.leaves import Leaf, Step, counted

Echo = Callable[[tuple[Step, ...]], bool] | None
"""Whether what stands at a path is no part of the answer, but repeats the call; None: nothing does."""
_LOGPROBS = "logprobs"
_ENCODING = ("utf-8", "surrogateescape")


def edited(body: bytes, edit: Edit, kind: Kind = "content", echo: Echo = None) -> bytes:
    """The body after the edit. `kind`: of the texts of which their place says nothing. What is an `echo` stays as it is."""
    try:
        root = json_text.loads(body)
        found, count = counted(root, kind)
        strings = json_text.strings_of(body, count)
    except ValueError:
        return _plain(body, edit)
    new: dict[int, bytes] = {}
    values: dict[int, bytes] = {}
    for leaf in found:
        if echo is not None and echo(leaf.path):
            continue
        if leaf.whole:
            edit_object(strings, leaf, edit, values)
            continue
        text = edit_one(edit, leaf.kind, leaf.text)
        if text != leaf.text:
            new[leaf.number] = json_text.string(text)
    if not new and not values:
        return strings.raw
    if new:
        values.update(spelled(root))
    return strings.written(new, values)


def texts(body: bytes, echo: Echo = None) -> tuple[tuple[Kind, str], ...]:
    """All texts of the answer but for echoes, in their order."""
    try:
        found, count = counted(json_text.loads(body))
        strings = json_text.strings_of(body, count)
    except ValueError:
        return (("content", body.decode("utf-8", "replace")),)
    return tuple(
        (leaf.kind, _text_of(strings, leaf.number) if leaf.whole else json_text.sound(leaf.text))
        for leaf in found
        if echo is None or not echo(leaf.path)
    )


def once(body: bytes) -> bytes:
    """The body with each member once; as it is where it is no JSON, which is looked at as one text."""
    try:
        return leaves.once(body, json_text.loads(body))
    except ValueError:
        return body


def _plain(body: bytes, edit: Edit) -> bytes:
    text = body.decode("utf-8", "replace")
    new = edit("content", text)
    return body if new == text else new.encode("utf-8", "replace")


def edit_one(edit: Edit, kind: Kind, text: str) -> str:
    """One text after the edit; arguments that were JSON are JSON again."""
    given = json_text.sound(text)
    new = edit(kind, given)
    if new == given:
        return text
    if kind != "arguments" or not _is_json(text) or _is_json(new):
        return new
    return string_by_string(edit, text)


def string_by_string(edit: Edit, text: str) -> str:
    """JSON arguments, each string and number of them edited by itself."""

    def walk(value: Any) -> Any:
        if isinstance(value, str):
            return _inner(edit, value)
        if isinstance(value, dict):
            return {_inner(edit, name): walk(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [walk(inner) for inner in value]
        if isinstance(value, int | float) and not isinstance(value, bool):
            said = json.dumps(value)
            new = edit("arguments", said)
            return value if new == said else new
        return value

    try:
        return json.dumps(walk(json.loads(text)), ensure_ascii=False)
    except RecursionError:
        return edit("arguments", text)


def _inner(edit: Edit, value: str) -> str:
    """A string inside of JSON: the edit sees it escaped, and gives it back so; if it does not, it is taken as it is."""
    escaped = json.dumps(json_text.sound(value), ensure_ascii=False)[1:-1]
    new = edit("arguments", escaped)
    if new == escaped:
        return value
    try:
        back = json.loads(f'"{new}"')
    except ValueError:
        return new
    return back if isinstance(back, str) else new


def spelled(root: Any) -> dict[int, bytes]:
    """The numbers of the names under which probabilities of tokens stand, and what is to stand there instead."""
    found: dict[int, bytes] = {}
    number = 0
    stack: list[tuple[str | None, Any]] = [(None, root)]
    while stack:
        name, value = stack.pop()
        if name is not None:
            if name == _LOGPROBS and isinstance(value, dict | list) and value:
                found[number] = b"null" if isinstance(value, dict) else b"[]"
            number += 1
        if isinstance(value, str):
            number += 1
        elif isinstance(value, dict):
            stack.extend(reversed(value.items()))
        elif isinstance(value, list):
            stack.extend((None, inner) for inner in reversed(value))
    return found


def edit_object(strings: json_text.Strings, leaf: Leaf, edit: Edit, values: dict[int, bytes]) -> None:
    """Edit arguments that are an object; `values` gets what they have become, if they changed."""
    text = _text_of(strings, leaf.number)
    new = edit_one(edit, "arguments", text)
    if new != text:
        values[leaf.number] = new.encode(*_ENCODING)


def _text_of(strings: json_text.Strings, number: int) -> str:
    start, end = strings.value_after(number)
    return strings.raw[start:end].decode(*_ENCODING)


def _is_json(text: str) -> bool:
    try:
        json_text.loads(text.encode("utf-8", "surrogatepass"))
    except ValueError:
        return False
    return True
