"""Bytes of a request's body to a dict, or a 400 that says what is wrong with them.

Rules: parsed once; no message ever holds content; nesting and the number of arrays and objects are bounded, since everything
after this walks the tree and ten megabytes of `[],` take seconds to build; text
that is no Unicode (a lone surrogate) is refused, because no provider and no digest could carry it, and the field that
holds it is named.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

import orjson

from turnout_sidecar.exchange.errors import CallError, bad_request

MAX_DEPTH = 100
MAX_CONTAINERS = 250_000
_NAME_WHOLE_BELOW = 4_194_304  # bytes: above it a bad field is not looked for, only refused
STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
"""A string of JSON, a name too, with its quotes."""
_SURROGATE = re.compile("[\ud800-\udfff]")


def parse(raw: bytes) -> dict[str, Any]:
    """The object that `raw` holds. Raises CallError (400)."""
    if not raw:
        raise bad_request("The request has no body; a JSON object is needed.", code="empty_body")
    opening = _openings(raw)
    if opening > MAX_CONTAINERS and _openings(STRING.sub(b"", raw)) > MAX_CONTAINERS:
        message = f"The body holds more than {MAX_CONTAINERS} arrays and objects."
        raise bad_request(message, code="too_complex")
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise _refusal(raw, error) from None
    if body.__class__ is not dict:
        raise bad_request(f"The body must be a JSON object, not {kind_of(body)}.")
    if opening > MAX_DEPTH and _depth(body) > MAX_DEPTH:
        raise _too_deep()
    found: dict[str, Any] = body
    return found


def quotes(raw: bytes) -> int:
    """How many quotes of a JSON text begin or end a string, names too."""
    if b"\\" not in raw:
        return raw.count(b'"')
    plain = raw.replace(b"\\\\", b"")
    return plain.count(b'"') - plain.count(b'\\"')


def _openings(raw: bytes) -> int:
    return raw.count(b"{") + raw.count(b"[")


def kind_of(value: Any) -> str:
    """What a JSON value is, for messages: "a string", "null"."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    for kind, name in _KINDS:
        if isinstance(value, kind):
            return name
    return "a value"


_KINDS: tuple[tuple[type, str], ...] = (
    (str, "a string"),
    (int, "a number"),
    (float, "a number"),
    (list, "an array"),
    (dict, "an object"),
)


def _too_deep() -> CallError:
    return bad_request(f"The body is nested more than {MAX_DEPTH} levels deep.", code="too_deep")


def _depth(value: Any) -> int:
    """How deep it is nested, counted level by level, no further than needed."""
    level = [value]
    depth = 0
    while level and depth <= MAX_DEPTH:
        depth += 1
        level = [inner for outer in level for inner in _inside(outer) if inner.__class__ in (dict, list)]
    return depth


def _inside(value: Any) -> Any:
    return value.values() if value.__class__ is dict else value


def _refusal(raw: bytes, error: orjson.JSONDecodeError) -> CallError:
    if "depth" in error.msg or "recursion" in error.msg:
        return _too_deep()
    if "surrogate" in error.msg and "UTF-8" not in error.msg:
        param = _surrogate_field(raw) if len(raw) < _NAME_WHOLE_BELOW else None
        where = f"{param} holds" if param else "The body holds"
        return bad_request(f"{where} a lone surrogate, which is no Unicode text.", param=param, code="invalid_unicode")
    if "UTF-8" in error.msg and "BOM" not in error.msg:
        return bad_request("The body is not UTF-8.", code="invalid_unicode")
    at = f"line {error.lineno}, column {error.colno}"
    return bad_request(f"The body is not JSON: {error.msg.split(':')[0]} ({at}).", code="malformed_json")


def _surrogate_field(raw: bytes) -> str | None:
    """The path of the first string that is not Unicode, as the standard parser (which takes it) shows it."""
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    for path, text in _strings(body):
        if _SURROGATE.search(text):
            return path.removeprefix(".")[:128] or None
    return None


def _strings(body: Any) -> Iterator[tuple[str, str]]:
    """Every string with its path, outer ones first; a key has the path of the object that holds it."""
    waiting: list[tuple[str, Any]] = [("", body)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, str):
            yield path, value
        elif isinstance(value, dict):
            for key in value:
                yield path, key
            waiting += [(f"{path}.{key}", inner) for key, inner in value.items()]
        elif isinstance(value, list):
            waiting += [(f"{path}[{index}]", inner) for index, inner in enumerate(value)]
