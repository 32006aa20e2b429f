"""What is wrong with a value, in words that a model can act on and that hold nothing of the value.

The validator's own messages echo what it looked at. These say the rule and what the schema asks for: limits, types, the names of
members that are missing, the values that are allowed, all of which the author of the schema wrote.

Rules: one short sentence that goes after a place; what the schema lists is cut at a bounded length.
"""

from collections.abc import Callable
from typing import Any

import jsonschema_rs
import orjson

_MOST = 200


def told(kind: jsonschema_rs.ValidationErrorKind) -> str:
    """What one error of a validator means."""
    say = _SAID.get(kind.name)
    return say(kind) if say else f"does not fit the schema's rule {kind.name}"


def _written(value: Any) -> str:
    try:
        text = orjson.dumps(value).decode()
    except TypeError:
        return "what the schema names"
    return text if len(text) <= _MOST else f"{text[:_MOST]}..."


def _type(kind: Any) -> str:
    names = kind.types if isinstance(kind.types, list) else [kind.types]
    return f"must be of type {' or '.join(str(name) for name in names)}"


_SAID: dict[str, Callable[[Any], str]] = {
    "additionalItems": lambda _: "has more items than the schema allows",
    "additionalProperties": lambda _: "has a member that the schema does not allow",
    "anyOf": lambda _: "fits none of the alternatives (anyOf)",
    "const": lambda kind: f"must be {_written(kind.expected_value)}",
    "contains": lambda _: "holds no item of the kind that is needed (contains)",
    "dependentRequired": lambda _: "lacks a member that goes with another one",
    "enum": lambda kind: f"must be one of {_written(kind.options)}",
    "exclusiveMaximum": lambda kind: f"must be less than {_written(kind.limit)}",
    "exclusiveMinimum": lambda kind: f"must be greater than {_written(kind.limit)}",
    "falseSchema": lambda _: "is not allowed here",
    "format": lambda kind: f"must be of format {kind.format}",
    "maxItems": lambda kind: f"must have at most {kind.limit} items",
    "maxLength": lambda kind: f"must have at most {kind.limit} characters",
    "maxProperties": lambda kind: f"must have at most {kind.limit} members",
    "maximum": lambda kind: f"must be at most {_written(kind.limit)}",
    "minItems": lambda kind: f"must have at least {kind.limit} items",
    "minLength": lambda kind: f"must have at least {kind.limit} characters",
    "minProperties": lambda kind: f"must have at least {kind.limit} members",
    "minimum": lambda kind: f"must be at least {_written(kind.limit)}",
    "multipleOf": lambda kind: f"must be a multiple of {_written(kind.multiple_of)}",
    "not": lambda _: "is what the schema excludes (not)",
    "oneOf": lambda _: "must fit exactly one of the alternatives (oneOf)",
    "pattern": lambda kind: f"must match the pattern {_written(kind.pattern)}",
    "propertyNames": lambda _: "has a member whose name is not allowed",
    "required": lambda kind: f"lacks the member {_written(kind.property)}",
    "type": _type,
    "unevaluatedItems": lambda _: "has more items than the schema allows",
    "unevaluatedProperties": lambda _: "has a member that the schema does not allow",
    "uniqueItems": lambda _: "has items that are equal",
}
