"""Editing members of a JSON object without touching the rest."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout_sidecar.wire.json_edit import replace_members

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | _TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4),
    max_leaves=12,
)
_SPACE = st.text(" \t\n\r", max_size=2)


@st.composite
def objects(draw: st.DrawFn) -> str:
    """JSON text of an object with odd spacing, escapes and members given twice."""
    parts = []
    for name, value in draw(
        st.lists(st.tuples(st.sampled_from(["model", "a", "é", '"', ""]) | _TEXT, _VALUES), max_size=6)
    ):
        key = json.dumps(name, ensure_ascii=draw(st.booleans()))
        if draw(st.booleans()) and key == '"model"':
            key = '"mod\\u0065l"'
        text = json.dumps(value, ensure_ascii=draw(st.booleans()))
        parts.append(draw(_SPACE) + key + draw(_SPACE) + ":" + draw(_SPACE) + text + draw(_SPACE))
    inside = ",".join(parts) or draw(_SPACE)
    return draw(_SPACE) + "{" + inside + "}" + draw(_SPACE)


def _pairs(text: str | bytes) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = json.loads(text, object_pairs_hook=list)
    return found


@given(objects(), st.dictionaries(st.sampled_from(["model", "a", "new", "é"]), st.none() | _VALUES, max_size=3))
def test_an_edit_is_what_a_parser_would_make_of_it(text: str, wanted: dict[str, Any]) -> None:
    changes = {name: None if value is None else json.dumps(value).encode() for name, value in wanted.items()}
    edited = replace_members(text.encode(), changes)
    before = _pairs(text)
    expected = [
        (name, _deep(wanted[name]) if name in wanted else value)
        for name, value in before
        if not (name in wanted and wanted[name] is None)
    ]
    there = {name for name, _ in before}
    expected += [(name, _deep(value)) for name, value in wanted.items() if name not in there and value is not None]
    assert _pairs(edited) == expected


def _deep(value: Any) -> Any:
    return json.loads(json.dumps(value), object_pairs_hook=list)


@given(objects())
def test_no_change_leaves_every_byte(text: str) -> None:
    assert replace_members(text.encode(), {}) == text.encode()
    assert replace_members(text.encode(), {"absent": None}) == text.encode()


def test_only_the_value_changes_and_all_other_bytes_stay() -> None:
    raw = b' { "seed" : 123456789012345678901234567890,\n\t"model" :  "x" , "messages":[{"role": "user" }]  }\n'
    assert replace_members(raw, {"model": b'"gpt"'}) == raw.replace(b'"x"', b'"gpt"')


def test_a_member_given_twice_is_replaced_twice() -> None:
    raw = b'{"model":"a","x":1,"mod\\u0065l":{"b":[","]}}'
    assert replace_members(raw, {"model": b'"m"'}) == b'{"model":"m","x":1,"mod\\u0065l":"m"}'


def test_a_value_that_hides_a_member_in_a_string_is_not_taken_for_one() -> None:
    raw = b'{"a":0,"model":"evil","a":"xx,\\"model\\":1}","model":"good"}'
    assert orjson.loads(replace_members(raw, {"model": b'"m"'})) == {"a": 'xx,"model":1}', "model": "m"}
    assert b"evil" not in replace_members(raw, {"model": b'"m"'})


def test_a_number_that_begins_like_another_is_not_cut() -> None:
    assert replace_members(b'{"a":12,"b":0,"a":1}', {"b": b"7"}) == b'{"a":12,"b":7,"a":1}'


def test_removing_takes_one_comma_along() -> None:
    assert replace_members(b'{"a":1,"b":2,"c":3}', {"a": None}) == b'{"b":2,"c":3}'
    assert replace_members(b'{"a":1,"b":2,"c":3}', {"c": None}) == b'{"a":1,"b":2}'
    assert replace_members(b'{"a":1}', {"a": None, "d": b"4"}) == b'{"d":4}'


@pytest.mark.parametrize("raw", [b"", b"[]", b'{"a"', b'{"a":1', b'{"a":1,}', b'"a"'])
def test_what_is_no_object_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match="not a JSON object"):
        replace_members(raw, {"a": b"1"})
