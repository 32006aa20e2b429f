"""Members of a request's JSON, taken out with their type checked; what has another type is a 400 that names the field.

Rules: null is as good as absent; a boolean is no number; `where` is the path of what holds the member, "" for the body.
"""

from typing import Any

from turnout_sidecar.exchange.errors import CallError, bad_request
from turnout_sidecar.wire.json_body import kind_of

_NUMBER = (int, float)


def path(where: str, name: str) -> str:
    """The path of a member."""
    return f"{where}.{name}" if where else name


def wrong(field: str, wanted: str, value: Any) -> CallError:
    """400: a value of the wrong type, or none where one must be."""
    if value is None:
        return bad_request(f"{field} is missing; it must be {wanted}.", param=field, code="missing_field")
    return bad_request(f"{field} must be {wanted}, not {kind_of(value)}.", param=field, code="invalid_type")


def unknown_value(field: str, value: str) -> CallError:
    """400: a value that the gateway cannot translate."""
    return bad_request(f"{field}: {value[:64]!r} is not known.", param=field, code="invalid_value")


def text(holder: dict[str, Any], name: str, where: str = "") -> str | None:
    """A string, or None."""
    value = holder.get(name)
    if value is not None and value.__class__ is not str:
        raise wrong(path(where, name), "a string", value)
    found: str | None = value
    return found


def needed_text(holder: dict[str, Any], name: str, where: str = "") -> str:
    """A string that must be there."""
    value = text(holder, name, where)
    if value is None:
        raise wrong(path(where, name), "a string", None)
    return value


def whole(holder: dict[str, Any], name: str, where: str = "") -> int | None:
    """A whole number, or None."""
    value = holder.get(name)
    if value is not None and value.__class__ is not int:
        raise wrong(path(where, name), "a whole number", value)
    found: int | None = value
    return found


def number(holder: dict[str, Any], name: str, where: str = "") -> int | float | None:
    """A number, or None."""
    value = holder.get(name)
    if value is not None and value.__class__ not in _NUMBER:
        raise wrong(path(where, name), "a number", value)
    found: int | float | None = value
    return found


def flag(holder: dict[str, Any], name: str, where: str = "") -> bool | None:
    """A boolean, or None."""
    value = holder.get(name)
    if value is not None and value.__class__ is not bool:
        raise wrong(path(where, name), "a boolean", value)
    found: bool | None = value
    return found


def record(holder: dict[str, Any], name: str, where: str = "") -> dict[str, Any] | None:
    """An object, or None."""
    value = holder.get(name)
    if value is not None and value.__class__ is not dict:
        raise wrong(path(where, name), "an object", value)
    found: dict[str, Any] | None = value
    return found


def needed_record(holder: dict[str, Any], name: str, where: str = "") -> dict[str, Any]:
    """An object that must be there."""
    value = record(holder, name, where)
    if value is None:
        raise wrong(path(where, name), "an object", None)
    return value


def records(holder: dict[str, Any], name: str, where: str = "") -> list[tuple[str, dict[str, Any]]]:
    """The objects of an array, each with its path; none where it is absent."""
    value = holder.get(name)
    field = path(where, name)
    if value is None:
        return []
    if value.__class__ is not list:
        raise wrong(field, "an array", value)
    for index, item in enumerate(value):
        if item.__class__ is not dict:
            raise wrong(f"{field}[{index}]", "an object", item)
    return [(f"{field}[{index}]", item) for index, item in enumerate(value)]
