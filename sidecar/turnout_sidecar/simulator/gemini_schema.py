"""What Gemini calls a schema: a part of OpenAPI's, read strictly and turned into JSON Schema.

Its types are said in capitals, or not; null is a flag; and what it does not know is refused, `$ref` among it: a gateway that
hands on an application's JSON Schema as it came is told so here, as by the real one.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from turnout_sidecar.simulator.dialect import Refusal

_SAME: Final = frozenset(
    ("format", "title", "description", "enum", "maxItems", "minItems", "required", "minProperties", "maxProperties",
     "minLength", "maxLength", "pattern", "default", "minimum", "maximum", "additionalProperties")
)  # fmt: skip
_OURS: Final = frozenset(("type", "nullable", "properties", "items", "anyOf", "propertyOrdering", "example"))
_TYPES: Final = frozenset(("STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL"))
_COUNTS: Final = frozenset(("maxItems", "minItems", "minProperties", "maxProperties", "minLength", "maxLength"))
_FORMATS: Final = frozenset(("int32", "int64", "float", "double", "enum"))


def camel(name: str) -> str:
    """A member's name as it is told in JSON; both ways of writing it are taken."""
    head, *rest = name.split("_")
    return head + "".join(part[:1].upper() + part[1:] for part in rest) if head else name


def members(value: Any, allowed: frozenset[str], place: str) -> dict[str, Any]:
    """An object's members by their JSON names. Raises Refusal for one that there is none of."""
    if not isinstance(value, dict):
        raise Refusal(400, f"Invalid value at '{place}': expected an object.", param=place)
    found = {}
    for name, inner in value.items():
        told = camel(name)
        if told not in allowed:
            at = f" at '{place}'" if place else ""
            raise Refusal(
                400,
                f'Invalid JSON payload received. Unknown name "{name[:100]}"{at}: Cannot find field.',
                param=f"{place}.{name[:100]}" if place else name[:100],
            )
        if inner is not None:
            found[told] = inner
    return found


def json_schema(value: Any, place: str) -> dict[str, Any]:
    """The JSON Schema that says the same. Raises Refusal."""
    given = members(value, _SAME | _OURS, place)
    made = {name: given[name] for name in given if name in _SAME}
    for name in _COUNTS & made.keys():
        made[name] = int(made[name]) if isinstance(made[name], str) and made[name].isdecimal() else made[name]
    if made.get("format") in _FORMATS:
        del made["format"]
    if "type" in given:
        kind = given["type"].upper() if isinstance(given["type"], str) else ""
        if kind not in _TYPES:
            raise Refusal(400, f"Invalid value at '{place}.type': {str(given['type'])[:60]!r}.", param=f"{place}.type")
        made["type"] = [kind.lower(), "null"] if given.get("nullable") is True else kind.lower()
    made |= _nested(given, place)
    if made.get("type") == "array" and "items" not in made:
        raise Refusal(400, f"{place}.items: missing field.", param=f"{place}.items")
    return made


def _nested(given: Mapping[str, Any], place: str) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, read in _READERS.items():
        if name in given:
            made[name] = read(given[name], f"{place}.{name}")
    return made


def _properties(value: Any, place: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Refusal(400, f"Invalid value at '{place}': expected an object.", param=place)
    return {name: json_schema(inner, f"{place}[{name[:60]}]") for name, inner in value.items()}


def _options(value: Any, place: str) -> list[Any]:
    if not isinstance(value, list):
        raise Refusal(400, f"Invalid value at '{place}': expected a list.", param=place)
    return [json_schema(inner, f"{place}[{index}]") for index, inner in enumerate(value)]


_READERS: Final[dict[str, Callable[[Any, str], Any]]] = {
    "properties": _properties,
    "items": json_schema,
    "anyOf": _options,
}
