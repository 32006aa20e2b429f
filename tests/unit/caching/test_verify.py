"""When two questions are the same: a table of those that are and those that must never be taken for it."""

import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from turnout_sidecar.caching import words
from turnout_sidecar.caching.verify import MAX_LENGTH, MIN_SCORE, form, may_serve, same_question


def table(name: str) -> list[tuple[str, str]]:
    lines = (Path(__file__).parent / name).read_text(encoding="utf-8").splitlines()
    pairs = [line.split(" | ") for line in lines if line]
    assert all(len(pair) == 2 for pair in pairs)
    return [(one, other) for one, other in pairs]


SAME = table("pairs_same.txt")
DIFFERENT = table("pairs_different.txt")


@pytest.mark.parametrize(("one", "other"), SAME)
def test_the_same_question_in_other_words_is_the_same(one: str, other: str) -> None:
    assert same_question(one, other)
    assert same_question(other, one)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_another_question_in_nearly_the_same_words_is_another(one: str, other: str) -> None:
    assert one != other
    assert not same_question(one, other)
    assert not same_question(other, one)


def test_the_table_is_large_and_every_question_is_the_same_as_itself() -> None:
    assert len(SAME) + len(DIFFERENT) >= 150
    for one, other in SAME + DIFFERENT:
        assert same_question(one, one)
        assert same_question(other, other)


def test_a_score_below_the_threshold_is_no_hit_whatever_the_words() -> None:
    asked, flight = form("How do I pay?"), form("flights from Houston to Dallas")
    assert asked is not None
    assert flight is not None
    assert may_serve(MIN_SCORE, asked, "How can I pay?")
    assert not may_serve(MIN_SCORE - 0.0001, asked, "How can I pay?")
    assert not may_serve(float("nan"), asked, "How can I pay?")
    assert not may_serve(0.999, flight, "flights from Dallas to Houston")


@pytest.mark.parametrize(
    "text", ["", " ", "?", "...", "please", "thanks", "hello", "the", "a", "\n", "what is", "tell me", ","]
)
def test_a_text_without_a_question_is_the_same_as_nothing_else(text: str) -> None:
    for other in ("x", "what is x", "pay", ""):
        if other != text:
            assert not same_question(text, other)
    assert same_question(text, text) == bool(text.strip())


def test_a_very_long_question_is_compared_as_a_whole_and_quickly() -> None:
    long = "How do I pay " + "very " * 300_000 + "much?"
    began = time.monotonic()
    assert not same_question(long, long.replace("How do I", "How can I"))
    assert same_question(long, long)
    hostile = "a " * (MAX_LENGTH // 2 - 1)
    assert not same_question(hostile, hostile + "b")
    assert not same_question("?" * MAX_LENGTH, "!" * MAX_LENGTH)
    assert same_question("please " * 280, "please " * 281)
    assert time.monotonic() - began < 10


def test_a_question_and_what_follows_it_on_another_line_is_not_rephrased() -> None:
    assert form("How do I pay?\nI have a card.") is None
    assert not same_question("How do I pay?\nI have a card.", "How can I pay?\nI have a card.")


SWAPS = [
    ("show me flights from {a} to {b} on monday", ("BOSTON", "DENVER")),
    ("how far is {a} from {b}", ("Rome", "Milan")),
    ("is {a} older than {b}", ("Ann", "Bob")),
    ("convert {a} to {b}", ("celsius", "kelvin")),
    ("what happens after {a} and before {b}", ("lunch", "dinner")),
]


@pytest.mark.parametrize(("shape", "values"), SWAPS)
def test_exchanged_values_are_never_the_same(shape: str, values: tuple[str, str]) -> None:
    a, b = values
    one, other = shape.format(a=a, b=b), shape.format(a=b, b=a)
    assert not same_question(one, other)
    assert not same_question(f"Please {one}?", f"{other}?")
    assert same_question(f"Please {one}?", f"{one}?")


SOME_WORDS = [
    "from",
    "to",
    "not",
    "Rome",
    "Milan",
    "5",
    "7",
    "the",
    "a",
    "cat",
    "enable",
    "disable",
    "and",
    "or",
    "is",
    "my",
    "before",
    "after",
]


@settings(max_examples=400, deadline=None)
@given(
    st.lists(st.sampled_from(SOME_WORDS), min_size=1, max_size=8),
    st.lists(st.sampled_from(SOME_WORDS), min_size=1, max_size=8),
)
def test_two_questions_that_are_the_same_have_the_same_words_but_for_articles(one: list[str], other: list[str]) -> None:
    if same_question(" ".join(one), " ".join(other)):
        assert [w.lower() for w in one if w not in words.ARTICLES] == [
            w.lower() for w in other if w not in words.ARTICLES
        ]


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60), st.text(max_size=60))
def test_any_text_can_be_compared_and_the_order_does_not_matter(one: str, other: str) -> None:
    assert same_question(one, other) == same_question(other, one)
    if one.strip():
        assert same_question(one, one)


def test_the_lists_are_in_small_letters_and_do_not_contradict_each_other() -> None:
    for found in (
        words.BEFORE_ARTICLE,
        words.NO_ARTICLE_BEFORE,
        words.CASE_MATTERS,
        words.SHORT_FORMS,
        words.ABOUT_WORDS,
    ):
        assert all(word == word.lower() for word in found)
    assert not words.CASE_MATTERS & words.SHORT_FORMS
    assert not words.PARTICLES & words.ABOUT_WORDS
