"""A value against a structural schema: types, bounds, enums, patterns, list types, and the CEL rules on top.

Rules: patterns are RE2's, and ours are anchored at both ends, so the whole text must match (Python's `$` would let a newline
through); lengths are counted in characters; CEL runs only on what is structurally sound, as in an API server.
"""

import functools
import json
import re
from collections.abc import Iterator
from typing import Any

import cel
import msgspec

from turnout_contract.schema.defaulting import PRESERVE
from turnout_contract.schema.structural import Schema

_LONGEST = 80
_TYPES: dict[str, str] = {"object": "an object", "array": "a list", "string": "a text", "boolean": "true or false"}


class Finding(msgspec.Struct, frozen=True):
    """What is wrong: the field, as an API server names it (spec.rules[0].backendRefs), and why."""

    path: str
    message: str


def findings(value: Any, schema: Schema, path: str) -> Iterator[Finding]:
    """What types and bounds find wrong."""
    kind = schema["type"]
    if not _is(value, kind):
        yield Finding(path, f"must be {_TYPES.get(kind, 'an integer')}, not {_named(value)}")
    elif "enum" in schema and value not in schema["enum"]:
        yield Finding(path, f"{_named(value)} is not supported; supported values: {', '.join(schema['enum'])}")
    elif kind == "object":
        yield from _object(value, schema, path)
    elif kind == "array":
        yield from _list(value, schema, path)
    elif kind == "string":
        yield from _string(value, schema, path)
    elif kind == "integer":
        yield from _between(value, schema, path, "minimum", "maximum", "")


def _is(value: Any, kind: str) -> bool:
    if kind == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, {"object": dict, "array": list, "string": str, "boolean": bool}[kind])


def _object(value: dict[str, Any], schema: Schema, path: str) -> Iterator[Finding]:
    if schema.get(PRESERVE):
        return
    for name in schema.get("required", ()):
        if name not in value:
            yield Finding(f"{path}.{name}".lstrip("."), "is required")
    yield from _between(len(value), schema, path, "minProperties", "maxProperties", " entries")
    for name, item in value.items():
        inner = schema.get("properties", {}).get(name) or schema.get("additionalProperties")
        if inner is not None:
            yield from findings(item, inner, f"{path}.{name}".lstrip("."))


def _list(value: list[Any], schema: Schema, path: str) -> Iterator[Finding]:
    yield from _between(len(value), schema, path, "minItems", "maxItems", " items")
    for at, item in enumerate(value):
        yield from findings(item, schema["items"], f"{path}[{at}]")
    shape = schema.get("x-kubernetes-list-type")
    if shape in {"set", "map"}:
        yield from _doubles(value, schema.get("x-kubernetes-list-map-keys"), path)


def _doubles(value: list[Any], keys: list[str] | None, path: str) -> Iterator[Finding]:
    seen: set[str] = set()
    for at, item in enumerate(value):
        if keys is not None and not isinstance(item, dict):
            continue
        identity = item if keys is None else {key: item.get(key) for key in keys}
        text = json.dumps(identity, sort_keys=True, default=str)
        if text in seen:
            yield Finding(f"{path}[{at}]", f"{text} stands twice")
        seen.add(text)


def _string(value: str, schema: Schema, path: str) -> Iterator[Finding]:
    if not _is_text(value):
        yield Finding(path, "holds half of a surrogate pair, which is no text")
        return
    yield from _between(len(value), schema, path, "minLength", "maxLength", " characters")
    pattern = schema.get("pattern")
    if pattern is not None and len(value) <= schema["maxLength"] and not _compiled(pattern).fullmatch(value):
        yield Finding(path, f"{_named(value)} does not match {pattern}")


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _between(value: int, schema: Schema, path: str, low: str, high: str, unit: str) -> Iterator[Finding]:
    if value < schema.get(low, value):
        yield Finding(path, f"must be at least {schema[low]}{unit}")
    if value > schema.get(high, value):
        yield Finding(path, f"must be at most {schema[high]}{unit}")


def violations(value: Any, schema: Schema, path: str) -> Iterator[Finding]:
    """What the CEL rules find wrong with a value that is structurally sound."""
    for rule in schema.get("x-kubernetes-validations", ()):
        where = f"{path}{rule.get('fieldPath', '')}".lstrip(".")
        try:
            holds = _program(rule["rule"]).execute({"self": value})
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            yield Finding(where, f"{rule['message']} (the rule could not be evaluated: {error})")
            continue
        if holds is not True:
            yield Finding(where, rule["message"])
    if isinstance(value, list) and "items" in schema:
        for at, item in enumerate(value):
            yield from violations(item, schema["items"], f"{path}[{at}]")
    elif isinstance(value, dict) and not schema.get(PRESERVE):
        for name, item in value.items():
            inner = schema.get("properties", {}).get(name) or schema.get("additionalProperties")
            if inner is not None:
                yield from violations(item, inner, f"{path}.{name}".lstrip("."))


@functools.cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.ASCII)


@functools.cache
def _program(rule: str) -> cel.Program:
    return cel.compile(rule)


def _named(value: Any) -> str:
    """The value for a message: short, and never a whole object."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
