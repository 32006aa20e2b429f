"""Answers against JSON Schemas: what fits, what is said where it does not, and which schemas are not used at all."""

import json
import time
from itertools import pairwise
from typing import Any

import pytest

from turnout_contract import answer_schema
from turnout_sidecar.checks import schema
from turnout_sidecar.checks.asked import asked_schema, judged
from turnout_sidecar.checks.schema import SchemaUnusable

PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 8},
        "kind": {"enum": ["staff", "guest"]},
        "age": {"type": "integer", "minimum": 18},
        "code": {"type": "string", "pattern": "^[A-Z]{2}$"},
    },
    "required": ["name"],
    "additionalProperties": False,
}


def rules(text: str, wanted: Any = PERSON) -> list[tuple[str, str]]:
    return [(error.path, error.rule) for error in schema.errors(wanted, text)]


def test_an_answer_of_the_shape_has_no_errors() -> None:
    assert schema.errors(PERSON, ' {"name": "Ann", "kind": "staff", "age": 30}\n') == ()


def test_each_error_has_its_place_and_rule() -> None:
    text = '{"name": "Annabella Longname", "kind": "boss", "age": 3}'
    assert rules(text) == [("/name", "maxLength"), ("/kind", "enum"), ("/age", "minimum")]


def test_errors_tell_what_the_schema_asks_for() -> None:
    told = [error.message for error in schema.errors(PERSON, '{"kind": "boss", "age": 3, "code": "x"}')]
    assert 'must be one of ["staff","guest"]' in told
    assert "must be at least 18" in told
    assert 'lacks the member "name"' in told
    assert 'must match the pattern "^[A-Z]{2}$"' in told


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "canary-7731-value", "kind": "canary-7731-kind"}',
        '{"name": {"canary-7731": 1}}',
        '{"name": "Ann", "canary-7731": "x"}',
        '"canary-7731"',
        "canary-7731 {}",
        '{"name": canary-7731}',
        '{"name": "Ann", "code": "canary-7731"}',
    ],
)
def test_no_error_holds_a_value_of_the_answer(text: str) -> None:
    errors = schema.errors(PERSON, text)
    assert errors
    assert "canary" not in str(errors)


def test_a_member_that_the_schema_does_not_name_is_told_as_a_star() -> None:
    wanted = {"additionalProperties": {"properties": {"n": {"type": "integer"}}}}
    assert rules('{"ann@example.org": {"n": "x"}}', wanted) == [("/*/n", "type")]


def test_a_place_is_a_json_pointer() -> None:
    wanted = {"properties": {"a/b~c": {"items": {"type": "string"}}}}
    assert rules('{"a/b~c": ["x", 1]}', wanted) == [("/a~1b~0c/1", "type")]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('```json\n{"name": "Ann"}\n```', "fenced block"),
        ('Here it is: {"name": "Ann"}', "without words"),
        ('{"name": "Ann"', "not JSON"),
        ('{"name": "Ann"} thanks', "not JSON"),
        ('{"name": NaN}', "not JSON"),
        ("{'name': 'Ann'}", "not JSON"),
        (r'{"name": "\ud800"}', "not JSON"),
        ("  ", "empty"),
        ("", "empty"),
        ('{"name": "\ud800"}', "not JSON"),
    ],
)
def test_what_is_not_json_is_told_as_that(text: str, says: str) -> None:
    (error,) = schema.errors(PERSON, text)
    assert (error.path, error.rule) == ("", "json")
    assert says in error.message


def test_the_number_of_errors_is_bounded() -> None:
    assert len(schema.errors({"items": {"type": "string"}}, json.dumps([1] * 1000))) == schema.MOST_ERRORS


def test_a_long_answer_is_judged_without_detail() -> None:
    assert rules(json.dumps([1] * 40_000), {"items": {"type": "string"}}) == [("", "schema")]


def test_a_schema_that_describes_itself_twice_over_is_judged_in_time() -> None:
    part = [{"properties": {"x": {"$ref": "#/$defs/e"}, "k": {"const": index}}} for index in range(4)]
    wanted = {"$defs": {"e": {"oneOf": part}}, "$ref": "#/$defs/e"}
    begun = time.thread_time()
    assert rules('{"x":' * 60 + '{"k": 9}' + "}" * 60, wanted) == [("", "schema")]
    assert time.thread_time() - begun < 5


def test_a_schema_that_describes_itself_once_tells_its_errors() -> None:
    wanted = {"properties": {"next": {"$ref": "#"}, "n": {"type": "integer"}}}
    assert rules('{"next": {"next": {"n": "x"}}}', wanted) == [("/next/next/n", "type")]


@pytest.mark.parametrize(
    ("draft", "valid"),
    [
        ("http://json-schema.org/draft-07/schema#", True),
        ("https://json-schema.org/draft/2020-12/schema", False),
        (None, False),
    ],
)
def test_the_draft_is_the_one_that_the_schema_names(draft: str | None, *, valid: bool) -> None:
    wanted: dict[str, Any] = {"$ref": "#/definitions/any", "maxLength": 2, "definitions": {"any": True}}
    if draft:
        wanted["$schema"] = draft
    assert (schema.errors(wanted, '"long"') == ()) is valid


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ({"$ref": "http://127.0.0.1:9/x.json"}, "outside"),
        ({"$ref": "file:///etc/hostname"}, "outside"),
        ({"properties": {"a": {"$ref": "other.json"}}}, "outside"),
        ({"$ref": "#/$defs/none"}, "to nothing"),
        ({"$ref": "#"}, "leads back"),
        (
            {"$defs": {"a": {"not": {"$ref": "#/$defs/b"}}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"},
            "leads back",
        ),
        ({"pattern": "(?=x)"}, "linear time"),
        ({"pattern": r"(a)\1"}, "linear time"),
        ({"pattern": "(?:a{1000}){1000}"}, "too large"),
        ({"patternProperties": {"(": {}}}, "linear time"),
        ({"$schema": "http://example.org/mine"}, "$schema"),
        ({"$schema": 5}, "$schema"),
        ({"type": "strin"}, "type"),
        ({"required": "name"}, "required"),
        ({"minLength": -1}, "minLength"),
        ({"description": "x" * 300_000}, "too large"),
        ("text", "an object, true or false"),
        ([{}], "an object, true or false"),
    ],
)
def test_a_schema_that_cannot_be_used_is_told_in_words(wanted: Any, says: str) -> None:
    assert says in (answer_schema.problem(wanted) or "")
    for _ in range(2):  # the second time from what is kept
        with pytest.raises(SchemaUnusable, match=r".+"):
            schema.errors(wanted, "{}")


def test_a_schema_nested_too_deep_is_not_used() -> None:
    wanted: dict[str, Any] = {}
    for _ in range(200):
        wanted = {"not": wanted}
    assert "deep" in (answer_schema.problem(wanted) or "")


def test_a_small_schema_that_multiplies_is_not_used() -> None:
    names = "abcdefghijklmnop"
    parts: dict[str, Any] = {name: {"allOf": [{"$ref": f"#/$defs/{after}"}] * 8} for name, after in pairwise(names)}
    parts["p"] = {"type": "string"}
    assert "written out" in (answer_schema.problem({"$defs": parts, "$ref": "#/$defs/a"}) or "")


@pytest.mark.parametrize(
    "wanted",
    [
        True,
        False,
        {},
        PERSON,
        {"$defs": {"n": {"$anchor": "node", "items": {"$ref": "#node"}}}, "$ref": "#/$defs/n"},
        {"$id": "https://example.org/a", "$defs": {"b": {"$id": "b", "type": "string"}}, "$ref": "b"},
        {"$id": "urn:example:a", "$defs": {"b": {"type": "string"}}, "$ref": "#/$defs/b"},
        {"$dynamicAnchor": "n", "properties": {"c": {"$dynamicRef": "#n"}}},
        {"$schema": "http://json-schema.org/draft-07/schema#", "definitions": {"a": {}}, "$ref": "#/definitions/a"},
        {"$schema": "http://json-schema.org/draft-04/schema#", "minimum": 1, "exclusiveMinimum": True},
    ],
)
def test_ordinary_schemas_can_be_used(wanted: Any) -> None:
    assert answer_schema.problem(wanted) is None


def test_patterns_that_blow_up_elsewhere_are_linear_here() -> None:
    begun = time.thread_time()
    schema.errors({"pattern": "^(a+)+$"}, json.dumps("a" * 30_000 + "!"))
    assert time.thread_time() - begun < 2


def test_validators_are_kept_and_bounded() -> None:
    first = schema.checker({"const": "kept"})
    assert schema.checker({"const": "kept"}) is first
    for number in range(schema.MOST_VALIDATORS + 1):
        schema.errors({"const": number}, "0")
    assert schema.checker({"const": "kept"}) is not first


def test_large_validators_are_fewer() -> None:
    first = schema.checker({"const": "small"})
    for number in range(25):
        schema.checker({"description": "x" * 200_000, "const": number})
    assert schema.checker({"const": "small"}) is not first


def test_a_large_schema_without_references_can_be_used() -> None:
    wanted = {"properties": {f"member_{index}": {"type": "string"} for index in range(4_000)}}
    assert answer_schema.problem(wanted) is None


def test_numbers_of_any_size_are_judged() -> None:
    assert schema.errors({"type": "integer"}, "1" * 40) == ()
    assert rules("1e999", {"type": "number"}) == [("", "json")]


@pytest.mark.parametrize("draft", [None, *answer_schema.DRAFTS])
def test_formats_are_annotations_in_every_draft(draft: str | None) -> None:
    said = {} if draft is None else {"$schema": f"https://{draft}"}
    assert schema.errors({**said, "format": "email"}, '"nobody"') == ()


@pytest.mark.parametrize(
    "text",
    [
        '{"a":"x","a":1}',
        '{"a":1,"a":1}',
        '{"a":1,"\\u0061":2}',
        '{"b":[{"c":{"d":1,"d":2}}],"a":1}',
        '{"a":1,"b":"\\"","b":"\\\\"}',
    ],
)
def test_an_answer_that_gives_a_member_twice_is_no_json_of_any_shape(text: str) -> None:
    assert [error[1:] for error in schema.errors({"type": "object"}, text)] == [("gives a member twice", "json")]


def test_a_value_that_stands_twice_and_quotes_in_strings_are_no_member_twice() -> None:
    for text in ('["a","a",{"a":"a"},{"a":"a"}]', '{"a":"\\"","b":"\\\\\\"","\\"":"\\\\"}', '"a:\\"b\\""'):
        assert schema.errors(True, text) == ()


WANTED = {"type": "object", "required": ["a"]}


@pytest.mark.parametrize(
    ("endpoint", "body", "wanted"),
    [
        ("chat", {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": WANTED}}}, WANTED),
        ("chat", {"response_format": {"type": "json_object"}}, {"type": "object"}),
        ("chat", {"response_format": {"type": "text"}}, None),
        ("chat", {"response_format": {"type": "json_schema", "json_schema": {"name": "x"}}}, None),
        ("chat", {"response_format": "json"}, None),
        ("chat", {}, None),
        ("responses", {"text": {"format": {"type": "json_schema", "name": "x", "schema": WANTED}}}, WANTED),
        ("responses", {"text": {"format": {"type": "json_object"}}}, {"type": "object"}),
        ("responses", {"text": {"verbosity": "low"}}, None),
        ("messages", {"output_config": {"format": {"type": "json_schema", "schema": WANTED}}}, WANTED),
        ("messages", {"output_format": {"type": "json_schema", "schema": WANTED}}, WANTED),
        ("messages", {"output_config": {"effort": "low"}}, None),
        ("embeddings", {"response_format": {"type": "json_object"}}, None),
    ],
)
def test_the_shape_that_a_call_asks_for(endpoint: str, body: dict[str, Any], wanted: Any) -> None:
    assert asked_schema(endpoint, body) == wanted


CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}


@pytest.mark.parametrize(
    ("endpoint", "answer", "texts"),
    [
        ("chat", {"choices": [{"message": {"content": "{}"}}, {"message": {"content": "[]"}}]}, ((0, "{}"), (1, "[]"))),
        ("chat", {"choices": [{"message": {"content": None, "tool_calls": [CALL]}}]}, ()),
        ("chat", {"choices": [{"message": {"content": None, "refusal": "No."}}]}, ()),
        ("chat", {"choices": [{"message": {"content": None}}]}, ((0, ""),)),
        ("messages", {"content": [{"type": "text", "text": "{"}, {"type": "text", "text": "}"}]}, ((0, "{}"),)),
        ("messages", {"content": [{"type": "thinking", "thinking": "x"}, {"type": "text", "text": "1"}]}, ((0, "1"),)),
        ("messages", {"content": [{"type": "tool_use", "id": "t", "name": "f", "input": {}}]}, ()),
        ("messages", {"content": [], "stop_reason": "refusal"}, ()),
        (
            "responses",
            {"output": [{"type": "reasoning"}, {"type": "message", "content": [{"type": "output_text", "text": "1"}]}]},
            ((0, "1"),),
        ),
        ("responses", {"output": [{"type": "function_call", "name": "f"}]}, ()),
        ("responses", {"output": [{"type": "message", "content": [{"type": "refusal", "refusal": "No."}]}]}, ()),
        ("embeddings", {"data": []}, ()),
    ],
)
def test_which_texts_of_an_answer_must_have_the_shape(endpoint: str, answer: dict[str, Any], texts: Any) -> None:
    assert judged(endpoint, answer) == texts
    assert judged(endpoint, json.dumps(answer).encode()) == texts


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"choices": 3}', b'{"choices": [[]]}'])
def test_what_is_no_answer_has_no_text_to_judge(body: bytes) -> None:
    assert judged("chat", body) == ()
