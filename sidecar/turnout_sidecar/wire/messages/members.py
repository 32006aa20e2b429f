"""Members of a body of the Messages API, taken out with their type checked.

Rules: null is as good as absent; a boolean is no number; whatever has another type is a 400 that names the field by its path,
`messages[3].content[0].type`; `where` is the path of the holder, "" for the body itself.
"""

from typing import Any

from turnout_sidecar.exchange.errors import CallError, bad_request
from turnout_sidecar.wire.json_body import kind_of

_NUMBER = (int, float)


def path(where: str, name: str) -> str:
    """The path of a member."""
    return f"{where}.{name}" if where else name


def wrong(field: str, wanted: str, value: Any) -> CallError:
    """400: another type, or nothing where there must be something."""
    if value is None:
        return bad_request(f"{field} is missing; it must be {wanted}.", param=field, code="missing_field")
    return bad_request(f"{field} must be {wanted}, not {kind_of(value)}.", param=field, code="invalid_type")


def untranslatable(field: str, value: str) -> CallError:
    """400: of the Messages API, perhaps, but nothing that another protocol could say."""
    message = f"{field}: {value[:64]!r} cannot be translated for a backend of another protocol."
    return bad_request(message, param=field, code="not_translatable")


def text(holder: dict[str, Any], name: str, where: str = "") -> str | None:
    """A string, or None."""
    value = holder.get(name)
    if value is None or value.__class__ is str:
        return value
    raise wrong(path(where, name), "a string", value)


def needed_text(holder: dict[str, Any], name: str, where: str = "") -> str:
    """A string that must be there."""
    value = text(holder, name, where)
    if value is None:
        raise wrong(path(where, name), "a string", None)
    return value


def whole(holder: dict[str, Any], name: str, where: str = "") -> int | None:
    """A whole number, or None."""
    value = holder.get(name)
    if value is None or value.__class__ is int:
        return value
    raise wrong(path(where, name), "a whole number", value)


def number(holder: dict[str, Any], name: str, where: str = "") -> float | int | None:
    """A number, or None."""
    value = holder.get(name)
    if value is None or value.__class__ in _NUMBER:
        return value
    raise wrong(path(where, name), "a number", value)


def flag(holder: dict[str, Any], name: str, where: str = "") -> bool | None:
    """A boolean, or None."""
    value = holder.get(name)
    if value is None or value.__class__ is bool:
        return value
    raise wrong(path(where, name), "a boolean", value)


def an_object(holder: dict[str, Any], name: str, where: str = "") -> dict[str, Any] | None:
    """An object, or None."""
    value = holder.get(name)
    if value is None or value.__class__ is dict:
        return value
    raise wrong(path(where, name), "an object", value)


def objects(holder: dict[str, Any], name: str, where: str = "") -> list[dict[str, Any]]:
    """An array of objects; none given is an empty one."""
    value = holder.get(name)
    if value is None:
        return []
    field = path(where, name)
    if value.__class__ is not list:
        raise wrong(field, "an array", value)
    for index, item in enumerate(value):
        if item.__class__ is not dict:
            raise wrong(f"{field}[{index}]", "an object", item)
    found: list[dict[str, Any]] = value
    return found


def strings(holder: dict[str, Any], name: str, where: str = "") -> tuple[str, ...]:
    """An array of strings; none given is an empty one."""
    value = holder.get(name)
    if value is None:
        return ()
    field = path(where, name)
    if value.__class__ is not list:
        raise wrong(field, "an array", value)
    for index, item in enumerate(value):
        if item.__class__ is not str:
            raise wrong(f"{field}[{index}]", "a string", item)
    return tuple(value)
