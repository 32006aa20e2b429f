"""Which words open a zone: what is passed over at once is what word by word is found to be quiet."""

import random

import pytest

from turnout_sidecar.guarding.normal import normalise
from turnout_sidecar.masking.zones import PROSE, UNIT, WORD, is_quiet, may_reach_back, plain_form

SIGNS = (
    "aAtTbz  e\u00e9 \u00c9\u00df\u00ff '\u2019.,;:!?)(@-*#|+=/\u2013\u2014\n\t\r0\u6211\u3002\uff0c\u3001\u300d\u30a2"
    "\ud55c\u0416\u0430\u0421\u03b1\u0391\u0640\u00aa\u00b5\u00d7\u0131\u212a\u0301\u200b\u00ad\u00a0\u201c\u2026"
    '%&\\"`<>[]{}~_$'
)
PIECES = [
    "at", "At", "AT", "(at", "dot", "it's", "l\u2019\u00e9t\u00e9", "don\u2019t", "Don\u2019t", "L\u2019a", "point",
    "abcdefgh", "-", "\u2019", "'", ".", "\u3002", "\uff0c", "\u6211\u662f", "\u0434\u0430", "\u0410a", "a\u0410",
    "note:", "x:", "word",
]  # fmt: skip
ENDS = (" ", " ", "\n", "\u3002", "\uff0c", "")


def a_text(chance: random.Random) -> str:
    if chance.random() < 0.5:
        return "".join(chance.choices(SIGNS, k=chance.randrange(1, 24)))
    return "".join(
        chance.choice([chance.choice(PIECES), chance.choice(SIGNS)]) + chance.choice(ENDS)
        for _ in range(chance.randrange(1, 12))
    )


def test_what_is_passed_over_at_once_are_whole_words_that_are_quiet() -> None:
    chance = random.Random(34)
    taken = 0
    for _ in range(60_000):
        text = a_text(chance)
        prose = PROSE.match(text)
        assert prose is not None
        at, last = 0, -1
        while at < prose.end():
            unit = UNIT.match(text, at)
            assert unit is not None, text
            assert is_quiet(plain_form(unit[1])), text
            last = at if unit[1] else last
            at = unit.end()
        assert at == prose.end(), text
        assert prose.start(1) == last, text
        taken += last >= 0
    assert taken > 6_000


def test_a_word_with_an_end_is_the_same_word_where_it_is_read_at_once() -> None:
    chance = random.Random(35)
    for _ in range(20_000):
        text = a_text(chance)
        word, unit = WORD.match(text), UNIT.match(text)
        if word is None:
            continue
        if word[2] is None:
            assert word[1] == text
            assert unit is None
        else:
            assert unit is not None
            assert (word[1], word[2]) == (unit[1], unit[2])


def test_letters_that_are_taken_to_mean_themselves_do() -> None:
    for char in map(chr, [*range(0x80, 0x3100), *range(0x3100, 0x10000, 61)]):
        for word in (char, char * 2, f"{char}\u4f8b", f"\u00e9{char}", f"\u0436{char}", f"x{char}"):
            assert plain_form(word) == normalise(word).text, ascii(word)


@pytest.mark.parametrize(
    ("word", "quiet"),
    [
        ("word", True), ("Word", True), ("WORD", True), ("A", True), ("at", False), ("At", False), ("AT", False),
        ("well-known", True), ("camelCase", False), ("abcdefghijklmno", True), ("abcdefghijklmnop", False), ("7", False),
        ("a@b", False), ("\u00e9t\u00e9", True), ("Gr\u00f6\u00dfe", True), ("gR\u00f6\u00dfe9", False), ("\u4f8b\u5b50", True),
        ("(at)", False), ("[", False), ("f(x)", True), ("x]", True), ("]", False), ("<EMAIL_bcdfghjkmnpq>", True), ("", True),
    ],
)  # fmt: skip
def test_a_word_is_quiet_or_not(word: str, quiet: bool) -> None:
    assert is_quiet(plain_form(word)) is quiet


def test_a_word_that_begins_like_at_may_reach_back() -> None:
    reaching = [
        begun
        for begun in ("", "a", "A", "at", "aT", "att", "b", "the", "7", "(", "\u00e9", "%4")
        if may_reach_back(begun)
    ]
    assert reaching == ["", "a", "A", "at", "aT", "7", "(", "%4"]
