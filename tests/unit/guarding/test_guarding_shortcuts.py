"""What is done in a shorter way where a text has little of something says the same as the long way."""

import itertools
import random
import unicodedata

import pytest

from turnout_sidecar.guarding.findings import Claim, Finding, reported, settle
from turnout_sidecar.guarding.normal import look, normalise
from turnout_sidecar.guarding.page import Page
from turnout_sidecar.guarding.words import Words

# a text of mostly such characters is searched whole
MANY = "\n" + "\u6f22" * 900
PROSE = "some plain words " * 30
PIECES = (
    "card",
    " 4111 1111 ",
    "\uff14\uff11\uff11",
    "a\u200bb",
    "e\u0301",
    "\u2022",
    "\u3002\u3002",
    "%34%31",
    "%2534",
    "\\u0034",
    "&#52;",
    "&amp;#x34;",
    "name=40example.com",
    "soft=\nbreak",
    "a=b",
    "\u2020",
    "\u2026",
    "p\u0430yp\u0430l",
    "\u043f\u0430\u0440\u043e\u043b\u044c",
    "\u03b12345",
    "\xa0",
    "\xad",
    "\x07",
    "\ud800",
    "\u00e9",
    "?",
    "%F0%9F%98%80",
    "%D0%B0bc",
)


@pytest.mark.parametrize("seed", range(40))
def test_a_text_with_few_strange_characters_has_the_plain_form_that_it_has_within_one_of_many(seed: int) -> None:
    chance = random.Random(seed)
    text = PROSE + "".join(
        chance.choice(PIECES) + chance.choice(("", " ", "and some words ")) for _ in range(chance.randrange(1, 14))
    )
    alone, among = normalise(text + "\n"), normalise(text + MANY)
    size = len(alone.text)
    assert look(text + MANY)[2] == text + MANY
    assert len(look(text + "\n")[2]) < 100
    assert among.text[:size] == alone.text
    assert [among.original(at, at + 1) for at in range(size)] == [alone.original(at, at + 1) for at in range(size)]


SEEN = ("", "plain", "caf\u00e9", "\u201cquoted\u201d", "\u043f\u0430\u0440\u043e\u043b\u044c: abc", "\uff14 a")


@pytest.mark.parametrize("text", SEEN)
def test_what_was_seen_of_a_plain_form_is_what_a_page_sees_itself(text: str) -> None:
    plain = normalise(text)
    known, own = Page(plain.text, plain.seen), Page(plain.text)
    assert (known.raw, known.shape, known.foreign) == (own.raw, own.shape, own.foreign)


def test_every_character_that_stands_for_another_is_a_sign() -> None:
    signs = 0
    for code in itertools.chain(range(0x3000), range(0xF900, 0x10000)):
        char = chr(code)
        text = f"{PROSE}{char} here"
        if unicodedata.normalize("NFKC", char) != char or unicodedata.category(char) in {"Cf", "Mn", "Nd", "Zs"}:
            shown = normalise(text + MANY).text[: -len(MANY)]
            if shown != text:
                signs += 1
                assert look(text)[2] == char
                assert normalise(text).text == shown
    assert signs > 1000


@pytest.mark.parametrize("seed", range(20))
def test_of_claims_that_overlap_the_most_specific_stay(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(50):
        begins = [chance.randrange(chance.choice((10, 60))) for _ in range(chance.randrange(8))]
        claims = [
            Claim(chance.randrange(3), at, at + chance.randrange(1, 9), "E", chance.choice("abc")) for at in begins
        ]
        kept: list[Claim] = []
        for claim in sorted(claims, key=lambda it: (it.rank, it.start - it.end, it.start, it.rule)):
            if all(claim.end <= other.start or other.end <= claim.start for other in kept):
                kept.append(claim)
        assert settle(claims) == sorted(kept, key=lambda it: it.start)


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("my phone 12 x 345", 5),
        ("telephones", 0),
        ("homePhone", 0),
        ("homephone", -1),
        ("tax id", 0),
        ("tax idea", -1),
        ("tax", -1),
        ("2fa", -1),
        ("no", 0),
        ("not", -1),
    ],
)
def test_lists_are_asked_by_how_their_entries_begin(text: str, digits: int) -> None:
    words = Words(r"phone|telepho|tax id\b|\bno\b|2fa\b")
    assert Page(text).last(words, len(text)) == digits


def test_entries_in_ascii_are_found_among_those_of_other_scripts() -> None:
    words = Words("", "\u043f\u0430\u0441\u043f\u043e\u0440\u0442|kimlik")
    assert words.ends("KIMLIK \u041f\u0430\u0441\u043f\u043e\u0440\u0442 kimlik") == [6, 14, 21]
    assert words.ends("a Kimlik b") == [8]
    assert words.ends("nothing") == []


def test_what_is_reported_speaks_of_the_original() -> None:
    text = "a\u200bb \uff14\uff11 c"
    plain = normalise(text)
    claims = [Claim(1, 3, 5, "CreditCard", "card"), Claim(2, 6, 7, "Person", "name")]
    assert plain.moved
    assert not normalise("a b").moved
    assert reported(claims, frozenset({"CreditCard"}), plain.original) == (Finding(4, 6, "CreditCard", "card"),)
    same = reported(claims, frozenset({"CreditCard", "Person"}))
    assert same == (Finding(3, 5, "CreditCard", "card"), Finding(6, 7, "Person", "name"))
    assert [type(finding) for finding in same] == [Finding, Finding]


SAID = ("the cardNumber of Ann 4111", "card of Ann\tno. 4111", "\u00c9t\u00e9 12 homePhone 4111", "x 4111", "4111", "")


@pytest.mark.parametrize("text", SAID)
def test_what_is_said_in_fewer_characters_is_the_same_however_it_was_asked_before(text: str) -> None:
    place = text.find("4111") if "4111" in text else len(text)
    for wide, few in itertools.product((56, 20, 12), range(12)):
        page = Page(text)
        page.said(place, wide)
        assert page.said(place, few) == Page(text).said(place, few)
        assert page.said(place, wide) == Page(text).said(place, wide)
