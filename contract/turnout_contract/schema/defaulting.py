"""Nulls, unknown fields, whole numbers and defaults of an object, as an API server treats them before it validates.

A null where the schema has no null is as good as absent; what is absent gets its default, and the parts of a default get theirs;
what no schema knows is named (strict validation refuses it) and left out. `1.0` is the integer 1: so kubectl sends it, and so it
is stored.

Rules: the value given is never changed, a new one is returned; below a field that preserves unknown fields nothing but such
numbers is touched.
"""

from typing import Any

from turnout_contract.schema.structural import Schema

PRESERVE = "x-kubernetes-preserve-unknown-fields"
_EXACT = 2**53
"""From here on a float does not stand for one integer alone."""
_DEEPEST = 100


def defaulted(value: Any, schema: Schema, path: str, unknown: list[str]) -> Any:
    """The value without nulls and unknown fields (whose paths go into `unknown`), and with defaults."""
    if schema.get(PRESERVE):
        return _preserved(value)
    if isinstance(value, dict) and "additionalProperties" in schema:
        inner = schema["additionalProperties"]
        return {
            key: defaulted(item, inner, f"{path}.{key}", unknown) for key, item in value.items() if item is not None
        }
    if isinstance(value, dict) and schema.get("type") == "object":
        return _object(value, schema, path, unknown)
    if isinstance(value, list) and "items" in schema:
        return [defaulted(item, schema["items"], f"{path}[{at}]", unknown) for at, item in enumerate(value)]
    return _whole(value) if schema.get("type") == "integer" else value


def _whole(value: Any) -> Any:
    """An integer for a float that is one."""
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT else value


def _preserved(value: Any, depth: int = 0) -> Any:
    """Free JSON with its whole numbers as integers; deeper than anybody writes it, it is left as it is."""
    if depth < _DEEPEST and isinstance(value, dict):
        return {key: _preserved(item, depth + 1) for key, item in value.items()}
    if depth < _DEEPEST and isinstance(value, list):
        return [_preserved(item, depth + 1) for item in value]
    return _whole(value)


def _object(value: dict[str, Any], schema: Schema, path: str, unknown: list[str]) -> dict[str, Any]:
    properties = schema.get("properties", {})
    found: dict[str, Any] = {}
    for name, item in value.items():
        if name not in properties:
            unknown.append(f"{path}.{name}")
        elif item is not None:
            found[name] = item
    for name, field in properties.items():
        if name not in found and "default" in field:
            found[name] = field["default"]
    return {name: defaulted(item, properties[name], f"{path}.{name}", unknown) for name, item in found.items()}
