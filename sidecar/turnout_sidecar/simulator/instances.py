"""A value that a JSON Schema allows, drawn: what a model with structured output would send.

It covers what applications use for structured output: objects, arrays, strings (with lengths, the common formats), numbers
with bounds, enums, constants, unions and references within the schema. Rules:
- every property of an object is given, optional ones too, since strict structured output asks for that;
- a schema that it cannot satisfy (a pattern, bounds that exclude each other, recursion without an end) is refused, never
  answered wrongly.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

import jsonschema_rs

from turnout_sidecar.simulator.answers import write_text
from turnout_sidecar.simulator.drawing import Draw

Schema: TypeAlias = Mapping[str, Any]

_DEEPEST: Final = 12
_SMALL_FROM: Final = 3
"""From this depth on no more is made than must be, so that recursive schemas end."""
_MOST_VALUES: Final = 5000
_MOST_ITEMS: Final = 64
_LONGEST: Final = 100_000
_FORMATS: Final = {
    "date": "2026-03-14",
    "date-time": "2026-03-14T09:26:53Z",
    "time": "09:26:53Z",
    "duration": "PT1H",
    "email": "someone@example.com",
    "hostname": "www.example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://www.example.com/",
    "uuid": "7f1c2b34-5d6e-4a7b-8c9d-0e1f2a3b4c5d",
}


class UnsatisfiedSchema(ValueError):  # noqa: N818  says what happened
    """No value is made for this schema; the message names the place in it."""


def instance_of(schema: Any, draw: Draw) -> Any:
    """A JSON value that `schema` allows. Raises UnsatisfiedSchema."""
    try:
        made = _Maker(schema, draw).make(schema, "$", 0)
        validator = jsonschema_rs.validator_for(schema, retriever=_fetch_nothing)
    except (OverflowError, RecursionError):
        raise UnsatisfiedSchema("$: out of bounds") from None
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError) as error:
        raise UnsatisfiedSchema(f"$: not a schema ({str(error)[:200]})") from None
    if not validator.is_valid(made):
        raise UnsatisfiedSchema("$: it asks for more than is simulated")
    return made


def _fetch_nothing(uri: str) -> Any:
    raise ValueError(f"{uri[:200]} is outside of the schema")


class _Maker:
    def __init__(self, root: Any, draw: Draw) -> None:
        self._root = root
        self._draw = draw
        self._values_left = _MOST_VALUES
        self._by_type: dict[str, Callable[[Schema, str, int], Any]] = {
            "object": self._object,
            "array": self._array,
            "string": self._string,
            "integer": self._integer,
            "number": self._number,
            "boolean": lambda *_: bool(self._draw.below(2)),
            "null": lambda *_: None,
        }

    def make(self, schema: Any, place: str, depth: int) -> Any:
        self._values_left -= 1
        if depth > _DEEPEST or self._values_left < 0:
            raise UnsatisfiedSchema(f"{place[:200]}: nested too deeply, or too large")
        if schema is True:
            schema = {"type": "string"}
        if not isinstance(schema, Mapping):
            raise UnsatisfiedSchema(f"{place}: not a schema")
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return self._draw.pick(_filled(schema["enum"], f"{place}.enum"))
        if "$ref" in schema:
            return self.make(self._resolve(schema["$ref"], place), place, depth)
        for union in ("anyOf", "oneOf"):
            if union in schema:
                return self._first_of(_filled(schema[union], f"{place}.{union}"), place, depth)
        if "allOf" in schema:
            return self.make(self._merged(schema, place), place, depth)
        return self._typed(schema, place, depth)

    def _typed(self, schema: Schema, place: str, depth: int) -> Any:
        kind = schema.get("type", "object" if "properties" in schema else "array" if "items" in schema else "string")
        if isinstance(kind, list):
            kind = next((each for each in kind if each != "null"), "null")
        make = self._by_type.get(kind) if isinstance(kind, str) else None
        if make is None:
            raise UnsatisfiedSchema(f"{place}.type: {kind!r} is not a type")
        return make(schema, place, depth)

    def _first_of(self, schemas: list[Any], place: str, depth: int) -> Any:
        if depth >= _SMALL_FROM:
            schemas = sorted(schemas, key=lambda each: each != {"type": "null"})
        for schema in schemas[:-1]:
            try:
                return self.make(schema, place, depth)
            except UnsatisfiedSchema:
                continue
        return self.make(schemas[-1], place, depth)

    def _merged(self, schema: Schema, place: str) -> Schema:
        merged: dict[str, Any] = {key: value for key, value in schema.items() if key != "allOf"}
        for part in _filled(schema["allOf"], f"{place}.allOf"):
            if isinstance(part, Mapping) and "$ref" in part:
                part = self._resolve(part["$ref"], place)  # noqa: PLW2901
            if not isinstance(part, Mapping):
                raise UnsatisfiedSchema(f"{place}.allOf: not a schema")
            before, needed = _properties_of(merged, place)
            more, also_needed = _properties_of(part, f"{place}.allOf")
            merged |= {**part, "properties": {**before, **more}, "required": [*needed, *also_needed]}
        return merged

    def _resolve(self, reference: Any, place: str) -> Any:
        if not isinstance(reference, str) or not reference.startswith("#"):
            raise UnsatisfiedSchema(f"{place}.$ref: only references within the schema are followed")
        found: Any = self._root
        for step in reference.removeprefix("#").split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            if not isinstance(found, Mapping) or name not in found:
                raise UnsatisfiedSchema(f"{place}.$ref: nothing at {reference[:200]!r}")
            found = found[name]
        return found

    def _object(self, schema: Schema, place: str, depth: int) -> dict[str, Any]:
        properties, required = _properties_of(schema, place)
        made: dict[str, Any] = {}
        for name, inner in properties.items():
            try:
                made[name] = self.make(inner, f"{place}.{name}", depth + 1)
            except UnsatisfiedSchema:
                if name in required:
                    raise
        for name in required:
            if name not in made:
                made[name] = self.make(schema.get("additionalProperties", True), f"{place}.{name}", depth + 1)
        return made

    def _array(self, schema: Schema, place: str, depth: int) -> list[Any]:
        least = _bound(schema, "minItems", place, 0)
        most = min(_bound(schema, "maxItems", place, least + 2), _MOST_ITEMS)
        if least > most:
            raise UnsatisfiedSchema(f"{place}: no number of items from {least} to {most}")
        first = schema.get("prefixItems", [])
        if not isinstance(first, list):
            raise UnsatisfiedSchema(f"{place}.prefixItems: a list")
        made = [self.make(inner, f"{place}[{index}]", depth + 1) for index, inner in enumerate(first)]
        likely = least if depth >= _SMALL_FROM else max(least, 1) + self._draw.below(2)
        wanted = min(most, max(likely, len(made)))
        if schema.get("items", True) is False:
            return made
        unique = schema.get("uniqueItems") is True
        for _ in range(wanted - len(made)):
            try:
                item = self.make(schema.get("items", True), f"{place}[{len(made)}]", depth + 1)
            except UnsatisfiedSchema:
                if len(made) < least:
                    raise
                break
            if not unique or item not in made:
                made.append(item)
        if len(made) < least:
            raise UnsatisfiedSchema(f"{place}: {least} items that all differ")
        return made

    def _string(self, schema: Schema, place: str, _: int) -> str:
        if "pattern" in schema:
            raise UnsatisfiedSchema(f"{place}.pattern: patterns are not simulated")
        least = _bound(schema, "minLength", place, 0)
        most = _bound(schema, "maxLength", place, max(least, 80))
        if least > min(most, _LONGEST):
            raise UnsatisfiedSchema(f"{place}: no text of {least} to {most} characters")
        text = _FORMATS.get(str(schema.get("format", "")))
        if text is None:
            text = write_text(self._draw, "")
            while len(text) < least:
                text += " " + write_text(self._draw, "")
            return text[: max(least, min(most, 80))]
        if not least <= len(text) <= most:
            raise UnsatisfiedSchema(f"{place}: no {schema['format']} of {least} to {most} characters")
        return text

    def _integer(self, schema: Schema, place: str, _: int) -> int:
        low, high = self._range(schema, place, 1.0)
        step = schema.get("multipleOf", 1)
        if not isinstance(step, int) or step < 1:
            raise UnsatisfiedSchema(f"{place}.multipleOf: a whole number above 0")
        first, last = math.ceil(low / step), math.floor(high / step)
        if first > last:
            raise UnsatisfiedSchema(f"{place}: no whole number from {low} to {high}")
        return (first + self._draw.below(last - first + 1)) * step

    def _number(self, schema: Schema, place: str, depth: int) -> float | int:
        if "multipleOf" in schema:
            return self._integer(schema, place, depth)
        low, high = self._range(schema, place, 0.001)
        if low > high:
            raise UnsatisfiedSchema(f"{place}: no number from {low} to {high}")
        return min(high, max(low, round(low + (high - low) * self._draw.fraction(), 2)))

    def _range(self, schema: Schema, place: str, gap: float) -> tuple[float, float]:
        low = _number_of(schema, "minimum", place)
        above = _number_of(schema, "exclusiveMinimum", place)
        high = _number_of(schema, "maximum", place)
        below = _number_of(schema, "exclusiveMaximum", place)
        lows = [each for each in (low, None if above is None else above + gap) if each is not None]
        highs = [each for each in (high, None if below is None else below - gap) if each is not None]
        lower = max(lows) if lows else (min(highs) - 100 if highs else 0)
        return lower, min(highs) if highs else lower + 100


def _filled(value: Any, place: str) -> list[Any]:
    if not isinstance(value, list) or not value:
        raise UnsatisfiedSchema(f"{place}: a list that is not empty")
    return value


def _properties_of(schema: Schema, place: str) -> tuple[Mapping[str, Any], list[str]]:
    properties, required = schema.get("properties", {}), schema.get("required", [])
    names = required if isinstance(required, list) else [None]
    if not isinstance(properties, Mapping) or not all(isinstance(name, str) for name in names):
        raise UnsatisfiedSchema(f"{place}: properties must be an object, required a list of names")
    return properties, required


def _bound(schema: Schema, name: str, place: str, default: int) -> int:
    value = schema.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise UnsatisfiedSchema(f"{place}.{name}: a whole number, 0 or above")
    return value


def _number_of(schema: Schema, name: str, place: str) -> float | int | None:
    value = schema.get(name)
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise UnsatisfiedSchema(f"{place}.{name}: a number")
    return value
