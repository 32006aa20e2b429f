"""Types to structural OpenAPI v3 schemas, the dialect of CustomResourceDefinitions.

The dialect knows no `$ref`, no `anyOf` for optional fields, no `propertyNames` and no `const`, so the types are walked here by
their own structure, and everything is inlined.

Rules: what has no bound is refused here, at development time (the API server prices CEL rules by the bounds, and an object
without bounds can grow to any size); a type that holds itself is refused; an empty default is left out, since absent and empty
mean the same; enum values keep the order in which they are declared.
"""

import typing
from typing import Any, Literal

import msgspec
from msgspec import NODEFAULT, inspect

from turnout_contract.api.meta import Part, Rule

Schema = dict[str, Any]

_ORDER = (
    "type", "format", "description", "default", "enum", "pattern", "minLength", "maxLength", "minimum", "maximum",
    "minItems", "maxItems", "minProperties", "maxProperties", "x-kubernetes-list-type", "x-kubernetes-list-map-keys",
    "x-kubernetes-preserve-unknown-fields", "x-kubernetes-validations", "required", "properties", "items",
    "additionalProperties",
)  # fmt: skip
"""How the keys of a schema are printed: what it is, what bounds it, what it holds."""


class SchemaError(TypeError):
    """A type that has no structural schema. The message names the field."""


def schema_of(part: type[Part], *, description: str | None = None) -> Schema:
    """The structural schema of a type. Raises SchemaError where it has none."""
    node = inspect.type_info(part)
    if not isinstance(node, inspect.StructType):
        raise SchemaError(f"{part.__name__} is not a struct")
    schema = _struct(node, part.__name__, ())
    if description is not None:
        schema["description"] = description
    return schema


def validations(rules: tuple[Rule, ...]) -> list[Schema]:
    """CEL rules as `x-kubernetes-validations`."""
    found = []
    for rule in rules:
        entry: Schema = {"rule": rule.rule, "message": rule.message}
        if rule.path:
            entry["fieldPath"] = rule.path
        found.append(entry)
    return found


def ordered(schema: Schema) -> Schema:
    """The same schema with its keys in the order of `_ORDER`. Raises SchemaError on a key that the dialect lacks."""
    unknown = schema.keys() - set(_ORDER)
    if unknown:
        raise SchemaError(f"{sorted(unknown)} is not in the structural dialect")
    return {key: schema[key] for key in _ORDER if key in schema}


def _struct(node: inspect.StructType, where: str, above: tuple[type, ...]) -> Schema:
    if node.cls in above:
        raise SchemaError(f"{where}: {node.cls.__name__} holds itself")
    properties: Schema = {}
    required: list[str] = []
    orders = _declared_orders(node.cls)
    for field in node.fields:
        path = f"{where}.{field.encode_name}"
        schema = _schema(field.type, path, (*above, node.cls), orders)
        if field.required:
            required.append(field.encode_name)
        else:
            default = _default(field)
            if default is not None:
                schema["default"] = default
        properties[field.encode_name] = ordered(schema)
    whole: Schema = {"type": "object", "description": (node.cls.__doc__ or "").strip()}
    if properties:
        whole["properties"] = properties
    if required:
        whole["required"] = required
    rules = getattr(node.cls, "RULES", ())
    if rules:
        whole["x-kubernetes-validations"] = validations(rules)
    return ordered(whole)


def _schema(node: inspect.Type, where: str, above: tuple[type, ...], orders: dict[frozenset[Any], list[Any]]) -> Schema:
    if isinstance(node, inspect.Metadata):
        inner = _schema(node.type, where, above, orders)
        return {**inner, **(node.extra_json_schema or {})}
    if isinstance(node, inspect.StructType):
        return _struct(node, where, above)
    if isinstance(node, inspect.VarTupleType):
        items = ordered(_schema(node.item_type, f"{where}[]", above, orders))
        return {"type": "array", "items": items, **_bounds(where, minItems=node.min_length, maxItems=node.max_length)}
    if isinstance(node, inspect.DictType):
        return _map(node, where, above, orders)
    return _scalar(node, where, orders)


def _map(
    node: inspect.DictType, where: str, above: tuple[type, ...], orders: dict[frozenset[Any], list[Any]]
) -> Schema:
    if isinstance(node.value_type, inspect.AnyType):  # plain JSON of any shape: its size is the compiler's to check
        return {"type": "object"}
    values = _schema(node.value_type, f"{where}[*]", above, orders)
    bounds = _bounds(where, minProperties=node.min_length, maxProperties=node.max_length)
    return {"type": "object", "additionalProperties": values, **bounds}


def _scalar(node: inspect.Type, where: str, orders: dict[frozenset[Any], list[Any]]) -> Schema:
    if isinstance(node, inspect.LiteralType) and all(isinstance(value, str) for value in node.values):
        return {"type": "string", "enum": orders.get(frozenset(node.values), list(node.values))}
    if isinstance(node, inspect.StrType):
        bounds = _bounds(where, minLength=node.min_length, maxLength=node.max_length)
        return {"type": "string", **bounds, **({"pattern": node.pattern} if node.pattern else {})}
    if isinstance(node, inspect.BoolType):
        return {"type": "boolean"}
    if isinstance(node, inspect.IntType):
        if node.ge is None or node.le is None:
            raise SchemaError(f"{where}: an integer needs ge and le")
        return {"type": "integer", "format": "int64", "minimum": node.ge, "maximum": node.le}
    raise SchemaError(f"{where}: {type(node).__name__} has no structural schema")


def _bounds(where: str, **named: int | None) -> Schema:
    """The bounds that are set. The upper one, which comes last, must be."""
    if list(named.values())[-1] is None:
        raise SchemaError(f"{where}: {list(named)[-1]} is missing")
    return {name: value for name, value in named.items() if value is not None}


def _default(field: inspect.Field) -> Any:
    """The default as plain JSON, None where there is none or it is empty."""
    if field.default is NODEFAULT or field.default is msgspec.UNSET:
        return None
    plain = msgspec.json.decode(msgspec.json.encode(field.default))
    return None if plain in ("", [], {}, None) else plain


def _declared_orders(cls: type) -> dict[frozenset[Any], list[Any]]:
    """The values of each Literal in the hints of a class, in the order of the source (msgspec sorts them)."""
    found: dict[frozenset[Any], list[Any]] = {}
    pending: list[Any] = list(typing.get_type_hints(cls, include_extras=True).values())
    while pending:
        hint = pending.pop()
        if typing.get_origin(hint) is Literal:
            values = list(typing.get_args(hint))
            found[frozenset(values)] = values
        else:
            pending.extend(typing.get_args(hint))
    return found
