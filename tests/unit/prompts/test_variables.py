"""Variables: schemas that can be used, values that fit them, and what happens to all others."""

import time
from typing import Any

import pytest

from turnout_contract.variables import SchemaError, VariableError, Variables

CLAIM = {
    "type": "object",
    "required": ["claim"],
    "properties": {
        "claim": {"type": "string", "maxLength": 20},
        "language": {"type": "string", "enum": ["en", "de"], "default": "en"},
    },
}


def check(schema: dict[str, Any], values: Any) -> dict[str, Any]:
    return Variables(schema).check(values)


def test_defaults_are_filled_in_and_the_callers_value_is_left_alone() -> None:
    given = {"claim": "x"}
    assert check(CLAIM, given) == {"claim": "x", "language": "en"}
    assert given == {"claim": "x"}
    assert check(CLAIM, {"claim": "x", "language": "de"}) == {"claim": "x", "language": "de"}


def test_defaults_are_filled_in_within_objects_lists_and_references() -> None:
    schema = {
        "properties": {
            "a": {"type": "object", "default": {}, "properties": {"b": {"default": 1}}},
            "c": {"$ref": "#/$defs/c"},
            "items": {"type": "array", "items": {"$ref": "#/$defs/c"}},
            "all": {"allOf": [{"properties": {"x": {"default": "y"}}}]},
        },
        "$defs": {"c": {"type": "object", "properties": {"d": {"default": [1]}}, "default": {"e": 2}}},
    }
    found = check(schema, {"items": [{}, {"d": 3}], "all": {}})
    assert found == {"a": {"b": 1}, "c": {"e": 2, "d": [1]}, "items": [{"d": [1]}, {"d": 3}], "all": {"x": "y"}}


def test_a_required_variable_with_a_default_need_not_be_given() -> None:
    assert check({"required": ["a"], "properties": {"a": {"default": None}}}, {}) == {"a": None}


def test_no_schema_takes_everything_that_is_an_object() -> None:
    assert check({}, {"x": [1, {"y": None}]}) == {"x": [1, {"y": None}]}


@pytest.mark.parametrize(
    ("schema", "values", "name", "message"),
    [
        (CLAIM, {}, "claim", "is required"),
        (CLAIM, {"claim": 3}, "claim", "not of type"),
        (CLAIM, {"claim": "canary " * 5}, "claim", "longer than 20"),
        (CLAIM, {"claim": "x", "language": "canary"}, "language", "not one of"),
        ({"additionalProperties": False}, {"x": "canary"}, "x", "is not a variable"),
        ({"properties": {"o": {"required": ["k"]}}}, {"o": {}}, "o.k", "is required"),
        ({"properties": {"o": {"additionalProperties": False}}}, {"o": {"z": "canary"}}, "o.z", "is not a variable"),
        ({"properties": {"l": {"items": {"type": "string"}}}}, {"l": ["a", 4]}, "l.1", "not of type"),
        ({"properties": {"d": {"format": "date"}}}, {"d": "canary"}, "d", "date"),
        ({"properties": {"d": {"format": "email"}}}, {"d": "canary"}, "d", "email"),
        ({"properties": {"p": {"pattern": "^a+$"}}}, {"p": "canary"}, "p", "does not match"),
        ({"properties": {"p": False}}, {"p": "canary"}, "p", "may not be given"),
        ({"propertyNames": {"maxLength": 2}}, {"canary": 1}, "", "name is not allowed"),
        ({"properties": {"p": {"const": 4}}}, {"p": "canary"}, "p", "does not fit|was expected"),
        ({"properties": {"p": {"anyOf": [{"type": "null"}, {"type": "integer"}]}}}, {"p": "canary"}, "p", "anyOf"),
        ({"properties": {"p": {"not": {"type": "string"}}}}, {"p": "canary"}, "p", "not"),
        ({"properties": {"p": {"uniqueItems": True}}}, {"p": ["canary", "canary"]}, "p", "non-unique"),
        ({"minProperties": 1}, {}, "", "less than 1 property"),
        ({"properties": {"n": {"minimum": 3}}}, {"n": 2}, "n", "minimum"),
        ({}, [], "", "object"),
        ({}, None, "", "object"),
        ({}, "canary", "", "object"),
    ],
)
def test_a_wrong_value_is_named_by_its_path_and_never_shown(
    schema: dict[str, Any], values: Any, name: str, message: str
) -> None:
    with pytest.raises(VariableError, match=message) as raised:
        check(schema, values)
    assert raised.value.name == name
    if name != "canary":
        assert "canary" not in str(raised.value)


def test_the_size_and_depth_of_values_are_bounded() -> None:
    deep: Any = 1
    for _ in range(40):
        deep = {"a": deep}
    many_defaults = {"properties": {"l": {"items": {"properties": {f"p{n}": {"default": 0} for n in range(200)}}}}}
    for schema, values in (
        ({}, {"x": "a" * 2_000_000}),
        ({}, {"x": [0] * 1_000_000}),
        ({}, deep),
        ({}, {"x": "\ud800"}),
        ({}, {"x": float("nan")}),
        ({"properties": {"x": {"pattern": "a"}}}, {"x": "a" * 300_000}),
        (many_defaults, {"l": [{}] * 1000}),
        ({"properties": {f"p{n}": {"default": "x" * 10_000} for n in range(6)}}, {"x": "a" * 1_000_000}),
    ):
        with pytest.raises(VariableError):
            check(schema, values)


@pytest.mark.parametrize(
    ("schema", "path"),
    [
        ({"$ref": "http://127.0.0.1/x"}, ("$ref",)),
        ({"properties": {"a": {"$ref": "file:///etc/passwd"}}}, ("properties", "a", "$ref")),
        ({"properties": {"a": {"$ref": "#/$defs/none"}}}, ("properties", "a", "$ref")),
        ({"properties": {"a": {"$ref": "#"}}}, ("properties", "a", "$ref")),
        ({"properties": {"a": {"$ref": "#/properties/a"}}}, ("properties", "a", "$ref")),
        ({"properties": {"a": {"$ref": 3}}}, ("properties", "a", "$ref")),
        ({"$id": "http://a/b"}, ("$id",)),
        ({"$dynamicRef": "#x"}, ("$dynamicRef",)),
        ({"$anchor": "x"}, ("$anchor",)),
        ({"$schema": "http://json-schema.org/draft-07/schema#"}, ("$schema",)),
        ({"type": "string"}, ("type",)),
        ({"type": "object", "requird": ["a"]}, ("requird",)),
        ({"properties": {"a": {"type": "text"}}}, ("properties", "a", "type")),
        ({"properties": {"a": 3}}, ("properties", "a")),
        ({"properties": []}, ("properties",)),
        ({"anyOf": {}}, ("anyOf",)),
        ({"required": "a"}, ("required",)),
        ({"properties": {"a": {"minLength": -1}}}, ("properties", "a", "minLength")),
        ({"properties": {"a": {"format": "regex"}}}, ("properties", "a", "format")),
        ({"properties": {"a": {"format": ["date"]}}}, ("properties", "a", "format")),
        ({"properties": {"a": {"pattern": "(?=a)b"}}}, ("properties", "a", "pattern")),
        ({"properties": {"a": {"pattern": "(a)\\1"}}}, ("properties", "a", "pattern")),
        ({"properties": {"a": {"pattern": "("}}}, ("properties", "a", "pattern")),
        ({"properties": {"a": {"pattern": "a{1000}{1000}"}}}, ("properties", "a", "pattern")),
        ({"anyOf": [{"properties": {"a": {"default": 1}}}]}, ("anyOf", 0, "properties", "a", "default")),
        (
            {"$defs": {"a": {"properties": {"b": {"$ref": "#/$defs/a"}}}}, "properties": {"a": {"$ref": "#/$defs/a"}}},
            None,
        ),
        (
            {"$defs": {f"a{n}": {"allOf": [{"$ref": f"#/$defs/a{n + 1}"}] * 2} for n in range(30)} | {"a30": {}}}
            | {"properties": {"a": {"$ref": "#/$defs/a0"}}},
            None,
        ),
        ({"description": "x" * 100_000}, None),
        ({"properties": {"a": {"enum": [[[[[[[[0]]]]]]] * 5000]}}}, None),
    ],
)
def test_a_schema_that_cannot_be_honoured_is_refused_at_its_path(
    schema: dict[str, Any], path: tuple[str | int, ...] | None
) -> None:
    with pytest.raises(SchemaError) as raised:
        Variables(schema)
    assert raised.value.message
    if path is not None:
        assert raised.value.path == path


def test_a_schema_nested_too_deep_is_refused() -> None:
    schema: dict[str, Any] = {}
    for _ in range(60):
        schema = {"properties": {"a": schema}}
    with pytest.raises(SchemaError, match="deep"):
        Variables(schema)


def test_a_pattern_that_would_backtrack_for_ever_runs_in_linear_time() -> None:
    variables = Variables({"properties": {"a": {"pattern": "^(a+)+$"}}})
    began = time.monotonic()
    with pytest.raises(VariableError):
        variables.check({"a": "a" * 100_000 + "b"})
    assert time.monotonic() - began < 10


def test_what_is_merely_said_about_a_schema_passes() -> None:
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "t",
        "description": "d",
        "$comment": "c",
        "x-mine": {"anything": 1},
        "properties": {"a": {"examples": [1], "deprecated": True}},
    }
    assert check(schema, {"a": 1}) == {"a": 1}
