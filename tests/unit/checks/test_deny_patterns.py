"""Patterns that must not occur: which may be used, what they find, and where in the text as it was written."""

import base64
import random
import time

import pytest

from turnout_contract import patterns
from turnout_sidecar.checks.deny import MOST_HITS, Deny


def deny(*expressions: str) -> Deny:
    return Deny({f"p{index}": one for index, one in enumerate(expressions)})


def found(text: str, *expressions: str) -> list[str]:
    return [text[hit.start : hit.end] for hit in deny(*expressions).find(text)]


def test_a_hit_names_the_pattern_and_where_it_is() -> None:
    (hit,) = deny("nothing here", r"\bACME-\d{4}\b").find("see ACME-1234 today")
    assert hit == ("p1", 4, 13)


@pytest.mark.parametrize(
    "text",
    [
        "Project Falcon",
        "project falcon",
        "Proj\u200bect Fal\u200dcon",
        "\uff30roject \uff26alcon",
        "Project%20Falcon",
        "Project\u00a0Falcon",
        "Pr\\u006fject Falcon",
    ],
)
def test_a_codename_is_found_however_it_is_spelt(text: str) -> None:
    assert found(f"about {text}, you know", "(?i)project falcon") == [text]


SECRET = b"all that is known about Project Falcon, so far"
ENCODED = {
    "base64": base64.b64encode(SECRET).decode(),
    "for addresses": base64.urlsafe_b64encode(SECRET + b"?>").decode().rstrip("="),
    "hexadecimal": SECRET.hex(),
    "twice": base64.b64encode(base64.b64encode(SECRET)).decode(),
    "in escapes": base64.b64encode(SECRET.replace(b" ", b"%20")).decode(),
    "over lines": base64.encodebytes(SECRET * 2).decode().strip(),
}


@pytest.mark.parametrize("how", ENCODED)
def test_what_a_long_word_says_is_looked_at_and_the_word_is_the_hit(how: str) -> None:
    text = f"Zo\u00eb\u200b says {ENCODED[how]} today"
    assert ENCODED[how] in found(text, "(?i)project falcon")
    assert found(text, "(?i)project osprey") == []


def test_many_long_words_are_looked_at_in_one_go() -> None:
    words = [base64.b64encode(f"note number {index}".encode()).decode().rstrip("=") for index in range(500)]
    assert found(" ".join(words), "^note number 499$") == words[-1:]


def test_offsets_are_characters_of_the_original_whatever_stands_before() -> None:
    assert found("\U0001f600 \u00e9\u00e8 \u4f60\u597d falcon \ud800 falcon", "falcon") == ["falcon", "falcon"]


def test_offsets_survive_zero_width_characters_before_and_inside() -> None:
    text = "a\u200b\u200bb fal\u200bcon and falcon"
    assert found(text, "falcon") == ["fal\u200bcon", "falcon"]


def test_a_match_of_nothing_is_no_hit() -> None:
    assert found("aab", "a*") == ["aa"]
    assert found("bbb", "a*") == []
    assert found("\u00e9\u00e9a\u00e9", "a*") == ["a"]


def test_what_one_pattern_matches_in_both_forms_is_one_hit() -> None:
    assert found("x \uff41bc", "[a-z\uff41]+c") == ["\uff41bc"]


def test_two_patterns_on_one_place_are_two_hits() -> None:
    hits = deny("falcon", "(?i)FALCON plan").find("the falcon plan")
    assert [(hit.name, hit.start, hit.end) for hit in hits] == [("p0", 4, 10), ("p1", 4, 15)]


def test_no_patterns_find_nothing() -> None:
    assert deny().find("anything") == []
    assert deny("x").find("") == []


def test_many_patterns_find_what_each_finds_alone() -> None:
    source = random.Random(7)
    words = ["".join(source.choices("abcde", k=4)) for _ in range(64)]
    text = " ".join(source.choices(words, k=200))
    expressions = [rf"(?i)\b{word}\b" for word in words]
    alone = sorted((hit.start, hit.end) for one in expressions for hit in deny(one).find(text))
    together = sorted((hit.start, hit.end) for hit in deny(*expressions).find(text))
    assert together == alone
    assert len(alone) >= 200


def test_patterns_too_large_to_be_asked_at_once_are_asked_in_groups() -> None:
    expressions = [rf"{index}\pL{{3}}z" for index in range(10, 74)]
    assert patterns.any_of(expressions) is None
    assert found("12abcz 73xyzz 09abcz", *expressions) == ["12abcz", "73xyzz"]


def test_a_flag_of_one_pattern_does_not_reach_the_next() -> None:
    assert found("ABC abc DEF def", "(?i)abc", "def") == ["ABC", "abc", "def"]


def test_a_pattern_that_matches_everything_is_bounded_and_leaves_nothing_out() -> None:
    text = "a " * (MOST_HITS + 500)
    hits = deny("a").find(text)
    assert len(hits) == MOST_HITS + 1
    assert hits[-1].end == len(text)


def test_hostile_patterns_over_a_long_text_take_no_exponential_time() -> None:
    pattern = deny("(?:(?:a?){30}){33}b", "(?:a|aa)+$", "(x+x+)+y")
    begun = time.thread_time()
    for text in ("a" * 40_000, "x" * 40_000, "ab" * 20_000):
        pattern.find(text)
    assert time.thread_time() - begun < 5


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        ("(a", "missing"),
        ("(?=secret)", "look-around"),
        (r"(a)\1", "back-references"),
        ("x**", "repetition"),
        (r"\Qunclosed", r"\E"),
        (r"a\Cb", r"\C"),
        (r"\b", "empty text"),
        ("", "empty text"),
        ("(?:ab{1000}){100}", "repetition"),
        (r"\pL{3,40}", "too large"),
        ("x" * 1025, "longer"),
        ("a\ud800", "surrogate"),
    ],
)
def test_a_pattern_that_cannot_be_used_is_told_in_a_sentence(pattern: str, says: str) -> None:
    assert says in (patterns.problem(pattern) or "")
    with pytest.raises(patterns.PatternError, match=r"^p0: "):
        deny(pattern)


@pytest.mark.parametrize("pattern", ["a|b", "(?i)x", r"\Qa(b\E", r"\d{3,}", "[[:alpha:]]+", r"\pL+", "^begin", "x*"])
def test_a_pattern_that_can_be_used_has_no_problem(pattern: str) -> None:
    assert patterns.problem(pattern) is None


@pytest.mark.parametrize(
    ("pattern", "width"),
    [
        ("abc", 3),
        ("a|bcd|ef", 3),
        ("(ab|c){2,3}x?", 7),
        ("(?i)a.c", 3),
        ("(?i:ab)(?P<name>c)(?:d)(?<other>e)", 5),
        (r"\bab\b", 4),
        (r"[]a][^]b][[:alpha:]x\]]\pN\p{Greek}\x41\x{1F600}\d\.", 9),
        (r"\Qa.b\E", 3),
        ("a{,3}", 5),
        ("x{3", 3),
        ("(a{2}){3}", 6),
        ("a{0}", 0),
        ("a*", None),
        ("a+b", None),
        ("a{2,}", None),
        ("(b|a+)", None),
        ("^a", None),
        ("a$", None),
        (r"\Aa", None),
        (r"a\z", None),
        ("(a", None),
    ],
)
def test_how_wide_a_match_can_become(pattern: str, width: int | None) -> None:
    assert patterns.widest(pattern) == width


def test_no_match_is_wider_than_the_bound() -> None:
    source = random.Random(3)
    parts = ["a", "b?", "[ab]{2}", "(a|bb)", "(?:ab){0,2}", r"\w", "."]
    for _ in range(300):
        pattern = "".join(source.choices(parts, k=source.randint(1, 5))) + source.choice(["", "|abba"])
        width = patterns.widest(pattern)
        assert width is not None
        text = "".join(source.choices("ab", k=60))
        assert all(hit.end - hit.start <= width for hit in deny(pattern).find(text))


def test_the_bound_of_a_set_is_the_widest_of_its_patterns() -> None:
    assert deny("abc", "de").widest == 3
    assert deny("abc", "d+").widest is None
    assert deny().widest == 0
