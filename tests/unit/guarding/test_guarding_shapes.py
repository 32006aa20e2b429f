"""The short ways to numbers find what the long ones do: shapes met for the first time, accounts passed over, words of documents."""

import random
import re

import pytest

from turnout_sidecar.guarding.findings import Claim
from turnout_sidecar.guarding.ibans import iban_at
from turnout_sidecar.guarding.lettered import lettered
from turnout_sidecar.guarding.number_shapes import usual
from turnout_sidecar.guarding.numbers import Start, numbers
from turnout_sidecar.guarding.page import Page

_RUN = re.compile(r"[\d+(](?<![a-z\d]\d)[\d .()\-/\n+\t_]{4,}\d")
_GERMAN = "DE89 3704 0044 0532 0130 00"
_DOCUMENT_WORDS = (
    "паспорт|护照|護照|パスポート|여권|διαβατήριο|ταυτότητας|جواز|דרכון|在留カード|運転免許|驾驶证"
    "|Паспорт|ПАСПОРТ|Διαβατήριο|ΔΙΑΒΑΤΗΡΙΟ|ΤΑΥΤΌΤΗΤΑΣ"
)


def test_phones_are_found_wherever_they_stand_among_other_signs() -> None:
    draw = random.Random(11)
    for _ in range(300):
        before = "".join(draw.choices(" \n-.(+x/:_ab", k=draw.randrange(60))) + "\nCall "
        text = before + "+44 20 7946 0958" + draw.choice(["", ".", ", or later", "\n\n      x", "?"])
        assert any(text[claim.start : claim.end] == "+44 20 7946 0958" for claim in numbers(Page(text))), text


def test_usual_shapes_are_runs() -> None:
    shapes = list(usual())
    assert len(shapes) > 250
    assert len(set(shapes)) == len(shapes)
    for shape in shapes:
        assert _RUN.match(shape.decode()), shape


def test_what_begins_at_a_place_is_told_once() -> None:
    start = Start(b"0000 0000 0000 0000", 0, whole=True)
    assert start.candidates is None
    told = start.told()
    assert told
    assert start.candidates is told


@pytest.mark.parametrize("sign", ["(", "+ ", "-", "\n" + " " * 24, "(+", "a1111111 "])
def test_a_card_is_found_behind_any_number_of_signs_without_one(sign: str) -> None:
    text = f"{sign * 20_000} card: 4111 1111 1111 1111"
    assert list(numbers(Page(text))) == [Claim(4, len(text) - 19, len(text), "CreditCard", "card")]


def test_what_blocks_of_an_account_look_like_does_not_matter() -> None:
    page = Page(f"Pay to {_GERMAN}, or call +44 20 7946 0958.")
    accounts = list(lettered(page))
    assert [claim.entity for claim in accounts] == ["IBAN"]
    assert [claim.entity for claim in numbers(page, accounts)] == ["Phone"]


def test_a_run_that_goes_on_behind_an_account_is_looked_at() -> None:
    page = Page(f"Pay to {_GERMAN} 4111 1111 1111 1111")
    assert list(numbers(page, list(lettered(page)))) == list(numbers(page))


@pytest.mark.parametrize(
    "written",
    [
        "DE89370400440532013000",
        "DE89 3704 0044 0532 0130 00",
        "DE89-3704-0044-0532-0130-00",
        "DE89.3704.0044.0532.0130.00",
        "DE89 3704 0044 0532\n0130 00",
        "DE893704 0044 0532 0130 00",
        "de89370400440532013000",
        "GB29 NWBK 6016 1331 9268 19",
        "GB29NWBK60161331926819",
        "NO93 8601 1117 947",
    ],
)
def test_accounts_end_where_their_country_says(written: str) -> None:
    for after in ("", " ", ".", ", and more", " 12 or so"):
        assert iban_at(f"to {written}{after}", 3) == Claim(3, 3, 3 + len(written), "IBAN", "iban")


@pytest.mark.parametrize(
    "written", ["DE88370400440532013000", "XX89370400440532013000", "DE8937040044053201300", "DE89"]
)
def test_what_has_other_check_digits_or_another_length_is_no_account(written: str) -> None:
    assert iban_at(f"to {written}", 3) is None


@pytest.mark.parametrize("word", _DOCUMENT_WORDS.split("|"))
def test_documents_are_found_behind_their_words_in_every_script(word: str) -> None:
    if word.lower().startswith("διαβατ"):
        word = word[:6]  # the rest of the word would stand between
    page = Page(f"{word}: AB1234567")
    assert [claim.rule for claim in lettered(page)] == ["id-document"]
