"""Objects that are nested deeper than Python reads: an API server takes them, so the operator must outlive them."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout_operator import deep_json
from turnout_operator.compile import Broken, Defaults, compile_namespace, read
from turnout_operator.store import Store


def nested(depth: int) -> str:
    return '{"a":' * depth + '"\\"}{"' + "}" * depth


def template(variables: str) -> str:
    return (
        '{"apiVersion":"turnout.dev/v1alpha1","kind":"PromptTemplate",'
        '"metadata":{"name":"deep","namespace":"team","uid":"u1","generation":1},'
        '"spec":{"active":"v1","versions":[{"name":"v1","messages":[{"role":"system","content":"x"}]}],'
        f'"variables":{variables}}}}}'
    )


@pytest.fixture
def tolerant() -> Iterator[None]:
    before = json.JSONDecoder.decode
    deep_json.install()
    yield
    json.JSONDecoder.decode = before  # type: ignore[method-assign]


def depth_of(value: Any) -> int:
    depth = 0
    while isinstance(value, dict):
        value, depth = value.get("a"), depth + 1
    return depth


def levels(value: Any) -> int:
    if not isinstance(value, dict | list):
        return 0
    return 1 + max(map(levels, value.values() if isinstance(value, dict) else value), default=0)


@pytest.mark.parametrize("depth", [1, 5, 6, 100])
def test_what_is_not_too_deep_stays_as_it_is(depth: int) -> None:
    assert deep_json.cut(nested(depth), 100) == nested(depth)


@given(st.recursive(st.text('[]{}"\\a'), lambda inner: st.lists(inner) | st.dictionaries(st.text('[]{}"\\a'), inner)))
def test_no_depth_goes_unnoticed_and_cutting_keeps_the_rest(value: Any) -> None:
    text = json.dumps(value)
    depth = levels(value)
    assert json.loads(deep_json.cut(text, max(depth, 1))) == value
    assert deep_json.may_be_deeper(text, depth - 1) or depth <= 1
    assert levels(json.loads(deep_json.cut(text, 2))) <= 2


def test_brackets_side_by_side_or_in_texts_are_no_depth() -> None:
    text = json.dumps([{"a": "[" * 500 + '"{\\'}, *({"b": [[]]} for _ in range(500))])
    assert not deep_json.may_be_deeper(text, 8)
    assert deep_json.may_be_deeper(text, 2)
    assert json.loads(deep_json.cut(text, 4)) == json.loads(text)


def test_what_is_too_deep_is_cut_and_what_follows_is_not() -> None:
    text = f'[{nested(9000)},{{"b":["]","\\\\"],"c":{nested(9000)}}},7]'
    first, second, third = json.loads(deep_json.cut(text, 20))
    assert (depth_of(first), depth_of(second["c"]), third) == (19, 18, 7)
    assert second["b"] == ["]", "\\"]


@pytest.mark.usefixtures("tolerant")
@pytest.mark.parametrize("depth", [80, 300, 900, 5000, 9900])
def test_an_object_of_any_depth_becomes_a_verdict_on_itself(depth: int) -> None:
    known = read(json.loads(template(nested(depth))))
    assert isinstance(known, Broken)
    assert known.message == "spec.variables: is nested more than 64 levels deep"
    assert known.spec["active"] == "v1"


@pytest.mark.usefixtures("tolerant")
def test_an_object_that_is_too_deep_leaves_its_namespace_compilable() -> None:
    store = Store("turnout-system", on_dirty=lambda _namespaces: None)
    for _ in range(2):  # the second is compared with the first
        store.put(json.loads(template(nested(5000))))
    result = compile_namespace(store.inputs("team", Defaults()))
    (verdict,) = result.verdicts
    assert (verdict.accepted.status, verdict.accepted.reason) == ("False", "Invalid")
    assert "spec.variables" in verdict.accepted.message


@pytest.mark.usefixtures("tolerant")
def test_an_organisation_wide_policy_that_is_too_deep_still_counts_as_one() -> None:
    store = Store("turnout-system", on_dirty=lambda _namespaces: None)
    raw = json.loads(
        template(nested(5000)).replace("PromptTemplate", "GuardrailPolicy").replace('"team"', '"turnout-system"')
    )
    raw["spec"] = {
        "namespaceSelector": {"matchLabels": {"a": "b"}},
        "output": {"jsonSchema": {"schema": raw["spec"]["variables"]}},
    }
    store.put(raw)
    assert [item.name for item in store.inputs("team", Defaults()).organisation_broken] == ["deep"]
