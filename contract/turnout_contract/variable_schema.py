"""Which JSON Schemas may describe a prompt's variables: a list of keywords, and bounds on what checking a value costs.

A schema is checked here before any validator is built from it. A keyword that is not of JSON Schema 2020-12 is refused, since a
misspelt one would be ignored, and so is what would make checking expensive or reach outside the document.

Rules: `$ref` is `#/...` within the document and never leads back to itself; written out, the schema has at most MAX_PARTS parts
(references to references multiply); `default` stands only where it is applied: below properties, items, allOf and $ref;
members that begin with `x-` are the author's own.
"""

from typing import Any

from turnout_contract.json_bounds import TooMuch, measure

MAX_BYTES = 65_536
MAX_DEPTH = 32
MAX_PARTS = 5_000
DIALECT = "https://json-schema.org/draft/2020-12/schema"
FORMATS = frozenset(
    {"date", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "time", "uri", "uri-reference", "uuid"}
)

_ONE_APPLIED = frozenset({"items"})
_ONE = frozenset(
    {
        "additionalProperties",
        "contains",
        "else",
        "if",
        "not",
        "propertyNames",
        "then",
        "unevaluatedItems",
        "unevaluatedProperties",
    }
)
_MANY_APPLIED = frozenset({"allOf"})
_MANY = frozenset({"anyOf", "oneOf", "prefixItems"})
_NAMED_APPLIED = frozenset({"properties", "$defs"})
_NAMED = frozenset({"dependentSchemas", "patternProperties"})
_PLAIN = frozenset(
    {
        "$comment", "$ref", "$schema", "const", "default", "dependentRequired", "deprecated", "description", "enum", "examples",
        "exclusiveMaximum", "exclusiveMinimum", "format", "maxContains", "maxItems", "maxLength", "maxProperties", "maximum",
        "minContains", "minItems", "minLength", "minProperties", "minimum", "multipleOf", "pattern", "readOnly", "required",
        "title", "type", "uniqueItems", "writeOnly",
    }
)  # fmt: skip


class SchemaError(ValueError):
    """A schema that may not be used. `path` are keys and indices from its top."""

    def __init__(self, path: tuple[str | int, ...], message: str) -> None:
        super().__init__(f"{'.'.join(map(str, path))}: {message}" if path else message)
        self.path = path
        self.message = message


def resolve(root: dict[str, Any], reference: str) -> Any:
    """What `#/a/b` points to. Raises KeyError where there is nothing."""
    found: Any = root
    for part in reference.removeprefix("#").split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        found = found[int(key)] if isinstance(found, list) and key.isdigit() and int(key) < len(found) else found[key]
    return found


def check_schema(schema: dict[str, Any]) -> bool:
    """Whether it has patterns. Raises SchemaError where it may not be used."""
    try:
        measure(schema, max_bytes=MAX_BYTES, max_depth=MAX_DEPTH)
    except TooMuch as error:
        raise SchemaError(error.path, error.message) from None
    if schema and schema.get("type", "object") != "object":
        raise SchemaError(("type",), "the variables are an object, so the schema's type is object")
    walk = _Walk(schema)
    walk.schema(schema, (), applied=True)
    _Expansion(schema).parts(schema, ())
    return walk.patterns


class _Walk:
    """Every schema of the document once, as it is written."""

    def __init__(self, root: dict[str, Any]) -> None:
        self._root = root
        self.patterns = False

    def schema(self, value: Any, path: tuple[str | int, ...], *, applied: bool) -> None:
        if isinstance(value, bool):
            return
        if not isinstance(value, dict):
            raise SchemaError(path, "a schema is an object, true or false")
        for keyword, inner in value.items():
            self._keyword(keyword, inner, (*path, keyword), applied=applied)

    def _keyword(self, keyword: str, inner: Any, path: tuple[str | int, ...], *, applied: bool) -> None:
        if keyword in _ONE_APPLIED or keyword in _ONE:
            self.schema(inner, path, applied=applied and keyword in _ONE_APPLIED)
        elif keyword in _MANY_APPLIED or keyword in _MANY:
            for index, one in enumerate(_expect(inner, list, path)):
                self.schema(one, (*path, index), applied=applied and keyword in _MANY_APPLIED)
        elif keyword in _NAMED_APPLIED or keyword in _NAMED:
            self.patterns = self.patterns or keyword == "patternProperties"
            for name, one in _expect(inner, dict, path).items():
                self.schema(one, (*path, name), applied=applied and keyword in _NAMED_APPLIED)
        elif keyword in _PLAIN:
            self._plain(keyword, inner, path, applied=applied)
        elif not keyword.startswith("x-"):
            raise SchemaError(path, "is not a keyword of JSON Schema 2020-12 that is supported")

    def _plain(self, keyword: str, inner: Any, path: tuple[str | int, ...], *, applied: bool) -> None:
        self.patterns = self.patterns or keyword == "pattern"
        if keyword == "$schema" and inner not in (DIALECT, DIALECT + "#"):
            raise SchemaError(path, f"only {DIALECT} is supported")
        if keyword == "format" and (not isinstance(inner, str) or inner not in FORMATS):
            raise SchemaError(path, f"the formats are {', '.join(sorted(FORMATS))}")
        if keyword == "default" and not applied:
            raise SchemaError(
                path, "would not be applied here; a default belongs below properties, items, allOf or $defs"
            )
        if keyword == "$ref":
            self._reference(inner, path)

    def _reference(self, inner: Any, path: tuple[str | int, ...]) -> None:
        if not isinstance(inner, str) or not inner.startswith("#/"):
            raise SchemaError(path, "a $ref points into the document, as #/$defs/NAME does")
        try:
            found = resolve(self._root, inner)
        except (KeyError, TypeError, IndexError):
            raise SchemaError(path, "points to nothing") from None
        if not isinstance(found, dict | bool) or not inner.startswith("#/$defs/"):
            raise SchemaError(path, "points to what is not below $defs")


class _Expansion:
    """The schema as a validator walks it: references written out. Bounds how often, and finds circles."""

    def __init__(self, root: dict[str, Any]) -> None:
        self._root = root
        self._known: dict[str, int] = {}
        self._open: set[str] = set()

    def parts(self, value: Any, path: tuple[str | int, ...]) -> int:
        if not isinstance(value, dict):
            return 1
        total = 1
        for keyword, inner in value.items():
            total += self._below(keyword, inner, (*path, keyword))
            if total > MAX_PARTS:
                raise SchemaError(path, f"written out, the schema has more than {MAX_PARTS} parts")
        return total

    def _below(self, keyword: str, inner: Any, path: tuple[str | int, ...]) -> int:
        if keyword in _ONE_APPLIED or keyword in _ONE:
            return self.parts(inner, path)
        if keyword in _MANY_APPLIED or keyword in _MANY:
            return sum(self.parts(one, (*path, index)) for index, one in enumerate(inner))
        if keyword in _NAMED or keyword in _NAMED_APPLIED:
            return sum(self.parts(one, (*path, name)) for name, one in inner.items())
        return self._referred(inner, path) if keyword == "$ref" else 1

    def _referred(self, reference: str, path: tuple[str | int, ...]) -> int:
        if reference in self._open:
            raise SchemaError(path, "leads back to itself; the schema of variables may not be recursive")
        if reference not in self._known:
            self._open.add(reference)
            self._known[reference] = self.parts(resolve(self._root, reference), path)
            self._open.discard(reference)
        return self._known[reference]


def _expect(value: Any, kind: type, path: tuple[str | int, ...]) -> Any:
    if not isinstance(value, kind):
        raise SchemaError(path, f"must be {'an array' if kind is list else 'an object'}")
    return value
