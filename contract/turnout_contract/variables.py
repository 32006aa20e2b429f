"""What a call must give for a prompt: variables checked against the template's JSON Schema, with its defaults filled in.

The operator builds a `Variables` to see whether a schema can be used, the gateway to check calls.

Rules: JSON Schema 2020-12, formats asserted; nothing is fetched, and `$ref` stays in the document; patterns run in linear time
(no look-around, no back-references); size and depth are bounded before anything is checked; messages name the variable and
the rule, and never hold the value.
"""

from collections.abc import Mapping
from typing import Any

import jsonschema_rs

from turnout_contract.json_bounds import TooMuch, measure
from turnout_contract.variable_schema import SchemaError, check_schema, resolve

__all__ = ["SchemaError", "VariableError", "Variables"]

MAX_BYTES = 1_048_576
MAX_BYTES_WITH_PATTERNS = 262_144
MAX_DEPTH = 24
MAX_DEFAULTS = 10_000
_PATTERN_BYTES = 65_536
_MASK = "the value"


class VariableError(ValueError):
    """A variable is missing or wrong. `path` are names and indices below `variables`."""

    def __init__(self, path: tuple[str | int, ...], message: str) -> None:
        super().__init__(f"{'.'.join(map(str, path)) or 'variables'}: {message}")
        self.path = path
        self.message = message

    @property
    def name(self) -> str:
        """The dotted path, "" for the variables as a whole."""
        return ".".join(map(str, self.path))


class Variables:
    """A compiled schema. Building costs a millisecond or so, checking microseconds."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        """Raises SchemaError where the schema may not be used."""
        self._schema = dict(schema)
        patterns = check_schema(self._schema)
        self._max_bytes = MAX_BYTES_WITH_PATTERNS if patterns else MAX_BYTES
        try:
            self._validator = jsonschema_rs.Draft202012Validator(
                self._schema,
                validate_formats=True,
                offline=True,
                mask=_MASK,
                pattern_options=jsonschema_rs.RegexOptions(size_limit=_PATTERN_BYTES),
            )
        except jsonschema_rs.ValidationError as error:
            raise _refused(error) from None
        except (ValueError, jsonschema_rs.ReferencingError) as error:
            raise SchemaError((), _one_line(str(error))) from None
        self._fills = _has_defaults(self._schema)

    def check(self, values: Any) -> dict[str, Any]:
        """The values with defaults filled in (a new object where any were). Raises VariableError."""
        if not isinstance(values, dict):
            raise VariableError((), "the variables are an object")
        self._measure(values)
        filled: dict[str, Any] = values
        if self._fills:
            filled = _Filling(self._schema).filled(self._schema, values)
            self._measure(filled)
        error = next(self._validator.iter_errors(filled), None)
        if error is not None:
            raise _described(error, filled)
        return filled

    def _measure(self, values: dict[str, Any]) -> None:
        try:
            measure(values, max_bytes=self._max_bytes, max_depth=MAX_DEPTH)
        except TooMuch as error:
            raise VariableError(error.path, error.message) from None


class _Filling:
    """Defaults put into one value. Counts what it adds: an array of a thousand objects has a thousand times their defaults."""

    def __init__(self, root: dict[str, Any]) -> None:
        self._root = root
        self._left = MAX_DEFAULTS

    def filled(self, schema: Any, value: Any) -> Any:
        """The value with the defaults of the schema, never changed in place."""
        if not isinstance(schema, dict):
            return value
        if "$ref" in schema:
            value = self.filled(resolve(self._root, schema["$ref"]), value)
        for one in schema.get("allOf", ()):
            value = self.filled(one, value)
        if isinstance(value, dict) and "properties" in schema:
            return self._members(schema["properties"], value)
        if isinstance(value, list) and "items" in schema:
            return [self.filled(schema["items"], item) for item in value]
        return value

    def _members(self, properties: dict[str, Any], value: dict[str, Any]) -> dict[str, Any]:
        filled = dict(value)
        for name, schema in properties.items():
            if name not in filled:
                found, default = self._default(schema)
                if not found:
                    continue
                filled[name] = default
                self._left -= 1
                if self._left < 0:
                    raise VariableError((), f"needs more than {MAX_DEFAULTS} defaults")
            filled[name] = self.filled(schema, filled[name])
        return filled

    def _default(self, schema: Any) -> tuple[bool, Any]:
        """The default of a schema, its own before those it refers to."""
        if not isinstance(schema, dict):
            return False, None
        if "default" in schema:
            return True, schema["default"]
        if "$ref" in schema:
            return self._default(resolve(self._root, schema["$ref"]))
        return False, None


def _has_defaults(schema: Any) -> bool:
    if isinstance(schema, dict):
        return "default" in schema or any(_has_defaults(inner) for inner in schema.values())
    return isinstance(schema, list) and any(_has_defaults(inner) for inner in schema)


def _described(error: jsonschema_rs.ValidationError, filled: dict[str, Any]) -> VariableError:
    """The first thing that is wrong, at the variable that it is about."""
    path = tuple(error.instance_path)
    kind = error.kind
    if isinstance(kind, jsonschema_rs.ValidationErrorKind.Required):
        return VariableError((*path, kind.property), "is required")
    if isinstance(kind, jsonschema_rs.ValidationErrorKind.AdditionalProperties):
        return VariableError((*path, kind.unexpected[0][:256]), "is not a variable of this prompt")
    if isinstance(kind, jsonschema_rs.ValidationErrorKind.FalseSchema):
        if error.schema_path[-1:] == ["additionalProperties"]:  # the first one is what was looked at
            return VariableError((*path, _first_member(filled, path)[:256]), "is not a variable of this prompt")
        return VariableError(path, "may not be given")
    if isinstance(kind, jsonschema_rs.ValidationErrorKind.PropertyNames):
        return VariableError(path, "has a member whose name is not allowed")
    message = _one_line(error.message)
    return VariableError(path, message if _MASK in message else f"does not fit the schema ({kind.name})")


def _first_member(values: Any, path: tuple[str | int, ...]) -> str:
    for part in path:
        values = values[part]
    return str(next(iter(values)))


def _refused(error: jsonschema_rs.ValidationError) -> SchemaError:
    """What is wrong with the schema itself."""
    path = tuple(error.instance_path)
    if path[-1:] == ("pattern",) or "patternProperties" in path:
        return SchemaError(
            path, "is not a pattern that runs in linear time (no look-around or back-references), or is too large"
        )
    return SchemaError(path, _one_line(error.message))


def _one_line(message: str) -> str:
    return " ".join(message.split("\n\n", 1)[0].split())[:400]
