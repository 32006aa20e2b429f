"""Typed looks into a request's JSON: a value of the right kind, None where nothing is said, or a 400 that names the field.

Why here: the reader of Responses requests looks into some forty members, and each must refuse the wrong kind in the same words.
Rules: `null` is the same as absent; a boolean is no number; what is found is given back as it is.
"""

from typing import Any

from turnout_sidecar.exchange.errors import CallError, bad_request
from turnout_sidecar.wire.json_body import kind_of


def wrong(field: str, wanted: str, value: Any, *, given: bool = True) -> CallError:
    """The 400 for a value of the wrong kind, or for none at all."""
    if not given:
        return bad_request(f"{field} is missing; it must be {wanted}.", param=field, code="missing_field")
    return bad_request(f"{field} must be {wanted}, not {kind_of(value)}.", param=field, code="invalid_type")


def not_understood(field: str, value: str) -> CallError:
    """The 400 for a word that means nothing here."""
    return bad_request(f"{field} is not understood: {value[:64]!r}.", param=field)


def text(holder: dict[str, Any], name: str, field: str) -> str | None:
    """A string."""
    value = holder.get(name)
    if value is not None and not isinstance(value, str):
        raise wrong(field, "a string", value)
    return value


def needed(holder: dict[str, Any], name: str, field: str) -> str:
    """A string that must be there."""
    found = text(holder, name, field)
    if found is None:
        raise wrong(field, "a string", None, given=name in holder)
    return found


def flag(holder: dict[str, Any], name: str, field: str) -> bool | None:
    """A boolean."""
    value = holder.get(name)
    if value is not None and not isinstance(value, bool):
        raise wrong(field, "a boolean", value)
    return value


def number(holder: dict[str, Any], name: str, field: str) -> float | int | None:
    """A number."""
    value = holder.get(name)
    if value is not None and value.__class__ not in (int, float):
        raise wrong(field, "a number", value)
    found: float | int | None = value
    return found


def whole(holder: dict[str, Any], name: str, field: str) -> int | None:
    """A whole number."""
    value = holder.get(name)
    if value is not None and value.__class__ is not int:
        raise wrong(field, "a whole number", value)
    found: int | None = value
    return found


def mapping(holder: dict[str, Any], name: str, field: str) -> dict[str, Any] | None:
    """An object."""
    value = holder.get(name)
    if value is not None and not isinstance(value, dict):
        raise wrong(field, "an object", value)
    return value


def array(holder: dict[str, Any], name: str, field: str) -> list[Any]:
    """An array; an empty one where nothing is said."""
    value = holder.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise wrong(field, "an array", value)
    return value


def an_object(value: Any, field: str) -> dict[str, Any]:
    """A value that must be an object."""
    if not isinstance(value, dict):
        raise wrong(field, "an object", value)
    return value
