"""Values made for JSON Schemas are valid, or the schema is refused."""

from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from turnout_sidecar.simulator.drawing import Draw, digest
from turnout_sidecar.simulator.instances import UnsatisfiedSchema, instance_of

LEAVES = st.one_of(
    st.builds(
        lambda least, more: {"type": "string", "minLength": least, "maxLength": least + more},
        st.integers(0, 200),
        st.integers(0, 50),
    ),
    st.builds(
        lambda low, more, kind: {"type": kind, "minimum": low, "maximum": low + more},
        st.integers(-1000, 1000),
        st.integers(0, 50),
        st.sampled_from(["integer", "number"]),
    ),
    st.sampled_from(
        [
            {"type": "boolean"},
            {"type": "null"},
            {"enum": ["a", 1, None]},
            {"const": {"x": [1]}},
            {"type": ["string", "null"]},
            {"type": "string", "format": "date-time"},
            {"type": "integer", "multipleOf": 7, "exclusiveMinimum": 0},
            {"type": "number", "exclusiveMaximum": 0},
            {},
        ]
    ),
)
SCHEMAS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(
            lambda properties: {
                "type": "object",
                "properties": properties,
                "required": sorted(properties),
                "additionalProperties": False,
            },
            st.dictionaries(st.sampled_from(["a", "b", "größe", "x y"]), inner, max_size=3),
        ),
        st.builds(lambda items, least: {"type": "array", "items": items, "minItems": least}, inner, st.integers(0, 3)),
        st.builds(lambda options: {"anyOf": options}, st.lists(inner, min_size=1, max_size=3)),
    ),
    max_leaves=8,
)


@given(SCHEMAS, st.integers(0, 5))
@settings(max_examples=300, deadline=None)
def test_what_is_made_for_a_simple_schema_is_valid_and_always_the_same(schema: dict[str, Any], seed: int) -> None:
    made = instance_of(schema, Draw(digest(seed)))
    assert jsonschema_rs.is_valid(schema, made)
    assert instance_of(schema, Draw(digest(seed))) == made


def test_references_unions_and_recursion_within_a_schema_are_followed() -> None:
    schema = {
        "$defs": {
            "node": {
                "type": "object",
                "properties": {
                    "name": {"type": "string"},
                    "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
                    "children": {"type": "array", "items": {"$ref": "#/$defs/node"}},
                },
                "required": ["name", "next", "children"],
                "additionalProperties": False,
            }
        },
        "allOf": [{"$ref": "#/$defs/node"}, {"type": "object", "required": ["name"]}],
    }
    assert jsonschema_rs.is_valid(schema, instance_of(schema, Draw(digest(1))))


@pytest.mark.parametrize(
    "schema",
    [
        None,
        5,
        False,
        {"type": "cat"},
        {"type": 5},
        {"enum": []},
        {"anyOf": "x"},
        {"type": "string", "pattern": "^a+$"},
        {"type": "string", "minLength": 5, "maxLength": 2},
        {"type": "string", "minLength": 10**9},
        {"type": "string", "format": "uuid", "maxLength": 3},
        {"type": "integer", "minimum": 3, "maximum": 2},
        {"type": "integer", "minimum": "x"},
        {"type": "number", "minimum": 10**400},
        {"type": "array", "minItems": 3, "maxItems": 1},
        {"type": "array", "minItems": 3, "items": {"const": 1}, "uniqueItems": True},
        {"type": "array", "prefixItems": 3},
        {"type": "object", "minProperties": 3},
        {"type": "object", "properties": []},
        {"type": "string", "not": {"type": "string"}},
        {"$ref": "#/nowhere"},
        {"$ref": "http://127.0.0.1:1/schema"},
        {"type": "object", "properties": {"a": {"type": "string"}}, "if": {"$ref": "http://127.0.0.1:1/schema"}},
        {"$ref": "#"},
        {"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]},
    ],
)
def test_a_schema_that_cannot_be_satisfied_is_refused(schema: Any) -> None:
    with pytest.raises(UnsatisfiedSchema):
        instance_of(schema, Draw(digest(1)))
