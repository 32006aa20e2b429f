"""Members of a request's JSON, taken out with their type checked; what has another type is a 400 that names the field.

One place for all formats of requests, so that each refuses what is wrong in the same words. Rules: null is as good as absent; a
boolean is no number; the field is named by its path, `messages[3].content[0].type`; `where` is the path of what holds the
member, "" for the body. What a provider answered is looked into by `lenient`, which refuses nothing.
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
    """400: a word that means nothing here."""
    return bad_request(f"{field}: {value[:64]!r} is not known.", param=field, code="invalid_value")


def untranslatable(field: str, value: str) -> CallError:
    """400: of the API that was asked, perhaps, but nothing that another protocol could say."""
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


def record(holder: dict[str, Any], name: str, where: str = "") -> dict[str, Any] | None:
    """An object, or None."""
    value = holder.get(name)
    return None if value is None else as_record(value, path(where, name))


def needed_record(holder: dict[str, Any], name: str, where: str = "") -> dict[str, Any]:
    """An object that must be there."""
    return as_record(holder.get(name), path(where, name))


def records(holder: dict[str, Any], name: str, where: str = "") -> list[tuple[str, dict[str, Any]]]:
    """The objects of an array, each with its path; none where it is absent."""
    field = path(where, name)
    return [(here, as_record(item, here)) for here, item in _items(holder.get(name), field)]


def strings(holder: dict[str, Any], name: str, where: str = "") -> tuple[str, ...]:
    """The strings of an array; none where it is absent."""
    items = _items(holder.get(name), path(where, name))
    for here, item in items:
        if item.__class__ is not str:
            raise wrong(here, "a string", item)
    return tuple(item for _, item in items)


def as_record(value: Any, field: str) -> dict[str, Any]:
    """A value that must be an object."""
    if value.__class__ is not dict:
        raise wrong(field, "an object", value)
    found: dict[str, Any] = value
    return found


def _items(value: Any, field: str) -> list[tuple[str, Any]]:
    if value is None:
        return []
    if value.__class__ is not list:
        raise wrong(field, "an array", value)
    return [(f"{field}[{index}]", item) for index, item in enumerate(value)]
