"""What holds of every body, whatever is in it."""

import json
from collections.abc import Iterator
from typing import Any

import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from turnout_sidecar.bodies.fields import KINDS, KNOWN
from turnout_sidecar.bodies.raw import rewrite_raw
from turnout_sidecar.bodies.reading import read
from turnout_sidecar.bodies.skipped import WORDS
from turnout_sidecar.guarding.findings import Finding
from turnout_sidecar.wire.json_body import quotes

ENDPOINTS = ("chat", "responses", "messages", "count_tokens", "embeddings")
NAMES = st.sampled_from(sorted(KNOWN - {"model"})) | st.text(max_size=6)
TYPES = st.sampled_from([*sorted(KINDS), "text", "message", "document", "url", "base64", "function"])
STRINGS = (
    st.text(max_size=12)
    | TYPES
    | st.sampled_from(['{"a": "b"}', '["x", {"y": "z", "n": -12345678.5e3}]', "data:text/plain,a%20b", '"q"'])
)
NUMBERS = st.integers(-(2**62), 2**62) | st.floats(allow_nan=False, allow_infinity=False)
SCALARS = STRINGS | NUMBERS | st.none() | st.booleans()


def values(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.recursive(
        leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=12
    )


BODIES = st.dictionaries(NAMES, values(SCALARS), max_size=5)
RELAXED = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))


def written(body: dict[str, Any], style: int) -> bytes:
    """As one client or another writes JSON."""
    if style == 0:
        return orjson.dumps(body)
    return json.dumps(body, indent=style if style > 1 else None, ensure_ascii=style % 2 == 1).encode()


@RELAXED
@given(BODIES, st.sampled_from(ENDPOINTS), st.integers(0, 3))
def test_rewriting_nothing_gives_the_very_same_bytes(body: dict[str, Any], endpoint: str, style: int) -> None:
    raw = written(body, style)
    parsed = orjson.loads(raw)
    leaves = read(endpoint, parsed)
    assert rewrite_raw(raw, parsed, leaves, {}) is raw
    assert leaves.rewritten({}) is parsed
    assert leaves.split(()) == {}


@RELAXED
@given(BODIES, st.sampled_from(ENDPOINTS), st.integers(0, 3), st.randoms(use_true_random=False))
def test_new_texts_are_what_is_read_again(body: dict[str, Any], endpoint: str, style: int, chance: Any) -> None:
    raw = written(body, style)
    parsed = orjson.loads(raw)
    leaves = read(endpoint, parsed)
    new = {index: f'new-{index}é"\\' for index in range(len(leaves.items)) if chance.random() < 0.7}
    edited = rewrite_raw(raw, parsed, leaves, new)
    again = orjson.loads(edited)
    assert again == leaves.rewritten(new)
    assert quotes(edited) == 2 * leaves.strings + 2 * sum(1 for index in new if _is_bare_number(leaves, index))
    texts = {leaf.text for leaf in read(endpoint, again).items}
    assert texts == {new.get(index, leaf.text) for index, leaf in enumerate(leaves.items)}
    assert _shape(again) == _shape(parsed)


def _is_bare_number(leaves: Any, index: int) -> bool:
    """A number of the body itself, which becomes a string."""
    return any(node == index and kind == 2 for _, _, node, kind in leaves.cells)


def _shape(value: Any) -> Any:
    if isinstance(value, dict):
        return [_shape(inner) for inner in value.values()]
    if isinstance(value, list):
        return [_shape(inner) for inner in value]
    return value if value is None or isinstance(value, bool) else "text"


@RELAXED
@given(BODIES, st.sampled_from(ENDPOINTS), st.data())
def test_no_string_is_missed_wherever_it_stands(body: dict[str, Any], endpoint: str, data: st.DataObject) -> None:
    marked, marks = _with_marks(body, data)
    page = read(endpoint, marked).page
    for mark in marks:
        assert mark in page


def _with_marks(body: Any, data: st.DataObject) -> tuple[Any, list[str]]:
    """The body with some of its strings and keys made ones that stand nowhere else."""
    marks: list[str] = []

    def marked(value: Any) -> Any:
        if isinstance(value, dict):
            return {_name(name): marked(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [marked(inner) for inner in value]
        return mark() if isinstance(value, str) and data.draw(st.booleans()) else value

    def _name(name: str) -> str:
        return mark() if data.draw(st.integers(0, 5)) == 0 else name

    def mark() -> str:
        marks.append(f"mark {len(marks)} of somebody@example.org")
        return marks[-1]

    return marked(body), marks


@RELAXED
@given(BODIES, st.integers(0, 3))
def test_as_many_quotes_are_counted_as_strings_have(body: dict[str, Any], style: int) -> None:
    assert quotes(written(body, style)) == 2 * sum(1 for _ in _strings(body))


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)


@RELAXED
@given(BODIES, st.sampled_from(ENDPOINTS), st.text(max_size=5))
def test_a_member_that_a_parser_drops_never_leaves(body: dict[str, Any], endpoint: str, name: str) -> None:
    inner = f'{{{json.dumps(name)}: "hidden@example.org", {json.dumps(name)}: 1}}'
    rest = json.dumps(body)[1:]
    raw = f'{{"\\u0000zz": {inner}{", " if body else ""}{rest}'.encode()
    parsed = orjson.loads(raw)
    assert b"hidden" not in rewrite_raw(raw, parsed, read(endpoint, parsed), {})


def test_types_that_say_something_are_words() -> None:
    assert set(KINDS) <= WORDS


@RELAXED
@given(BODIES, st.sampled_from(ENDPOINTS), st.data())
def test_a_stretch_of_the_page_is_told_by_leaf_without_what_stands_between(
    body: dict[str, Any], endpoint: str, data: st.DataObject
) -> None:
    leaves = read(endpoint, body)
    start = data.draw(st.integers(0, len(leaves.page)))
    end = data.draw(st.integers(start, len(leaves.page)))
    found = leaves.split([Finding(start, end, "Email", "test")])
    at = 0
    for index, (before, text) in enumerate(zip(leaves._parts[::2], leaves._parts[1::2], strict=True)):
        at += len(before)
        stretch = max(start, at) - at, min(end, at + len(text)) - at
        assert found.get(index, []) == ([Finding(*stretch, "Email", "test")] if stretch[0] < stretch[1] else [])
        at += len(text)
