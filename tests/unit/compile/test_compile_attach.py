"""Age, claims, selectors and memory: the small parts of the compiler on their own."""

import functools

import pytest

from turnout_contract.api.guardrail import LabelExpression, LabelSelector
from turnout_operator.compile import read
from turnout_operator.compile.attach import Claimant, Claims, Routes, selects, settle, targets_of_broken
from turnout_operator.compile.inputs import Broken
from turnout_operator.compile.memory import Memory
from turnout_operator.compile.result import MOST_CHARACTERS, told


def test_the_oldest_wins_then_the_first_name() -> None:
    claims = settle(
        [
            Claimant("2026-01-02T00:00:00Z", "a", ("one", "two")),
            Claimant("2026-01-01T00:00:00Z", "c", ("one",)),
            Claimant("2026-01-01T00:00:00Z", "b", ("one", "three")),
        ]
    )
    assert claims["b"] == Claims(("one", "three"), ())
    assert claims["c"] == Claims((), (("one", "b"),))
    assert claims["a"] == Claims(("two",), (("one", "b"),))


@pytest.mark.parametrize(
    ("operator", "values", "labels", "selected"),
    [
        ("In", ("a", "b"), {"k": "a"}, True),
        ("In", ("a",), {"k": "c"}, False),
        ("In", ("a",), {}, False),
        ("NotIn", ("a",), {"k": "a"}, False),
        ("NotIn", ("a",), {"k": "b"}, True),
        ("NotIn", ("a",), {}, True),
        ("Exists", (), {"k": ""}, True),
        ("Exists", (), {}, False),
        ("DoesNotExist", (), {}, True),
        ("DoesNotExist", (), {"k": "a"}, False),
    ],
)
def test_a_selector_means_what_it_means_to_kubernetes(
    operator: str, values: tuple[str, ...], labels: dict[str, str], selected: bool
) -> None:
    expression = LabelExpression(key="k", operator=operator, values=values)  # type: ignore[arg-type]
    assert selects(LabelSelector(match_expressions=(expression,)), labels) is selected


def test_labels_and_expressions_must_all_hold() -> None:
    selector = LabelSelector(match_labels={"a": "1"}, match_expressions=(LabelExpression(key="b", operator="Exists"),))
    assert selects(selector, {"a": "1", "b": "2"})
    assert not selects(selector, {"a": "2", "b": "2"})
    assert not selects(selector, {"a": "1"})


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (None, (None,)),
        ({}, (None,)),
        ({"targetRefs": []}, (None,)),
        ({"targetRefs": "search"}, (None,)),
        ({"targetRefs": [7]}, (None,)),
        ({"targetRefs": [{"name": "a"}, {"name": 7}]}, (None,)),
        ({"targetRefs": [{"name": "a"}, {"name": "b", "sectionName": "c"}]}, (("a", None), ("b", "c"))),
    ],
)
def test_a_policy_that_cannot_be_read_attaches_to_what_it_names_else_to_everything(
    spec: object, expected: object
) -> None:
    assert targets_of_broken(spec) == expected


def test_a_rule_of_a_route_that_cannot_be_read_is_not_called_missing() -> None:
    routes = Routes({"read": frozenset({"all"}), "unread": None})
    assert routes.missing(("read", "all")) is None
    assert routes.missing(("read", "none")) == "rule none of ModelRoute read"
    assert routes.missing(("unread", "none")) is None
    assert routes.missing(("nobody", None)) == "ModelRoute nobody"


def test_what_is_no_object_at_all_is_read_as_broken() -> None:
    for data in ({}, {"metadata": 7}, {"kind": "ModelRoute", "metadata": {"name": 7, "generation": "x"}}):
        found = read(data)
        assert isinstance(found, Broken)
        assert found.message


def test_memory_finds_out_once_and_forgets_when_full() -> None:
    asked: list[bytes] = []

    def find_out(content: bytes) -> int:
        asked.append(content)
        return len(content)

    memory: Memory[int] = Memory(2)
    for content in (b"a", b"a", b"b", b"a", b"c", b"a"):
        assert memory.recall(content, functools.partial(find_out, content)) == 1
    assert asked == [b"a", b"b", b"c", b"a"]


def test_what_is_told_is_bounded_and_says_each_thing_once() -> None:
    assert told(["a", "b", "a"]) == "a; b"
    assert told(str(number) for number in range(20)).endswith("; and 12 more")
    assert len(told(["x" * 100_000])) == MOST_CHARACTERS
