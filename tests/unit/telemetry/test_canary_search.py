"""The canaries of the tests and the search for them: each is found by the detectors, and in every form that it could leave in."""

import base64
import gzip
import hashlib
import html
import urllib.parse
from collections.abc import Callable

import orjson
import pytest

from canaries import Canary, people, secrets
from canary_search import Search
from turnout_sidecar.guarding.scanner import scan

ALL = (*(canary for person in people() for canary in person), *secrets())
SEARCH = Search(ALL)
NOISE = "".join(hashlib.sha256(str(number).encode()).hexdigest() for number in range(2000))


def test_there_are_a_hundred_people_and_a_hundred_secrets_and_no_value_twice() -> None:
    assert (len(people()), len(secrets())) == (100, 100)
    assert len({canary.value for canary in ALL}) == len(ALL)
    assert people() == people()


def test_every_canary_is_found_by_the_detectors() -> None:
    def hidden(canary: Canary) -> bool:
        found = [canary.text[match.start : match.end] for match in scan(canary.text)]
        return any(canary.value in each or all(part in each for part in canary.parts or ("\0",)) for each in found)

    assert [canary.owner for canary in ALL if not hidden(canary)] == []


FORMS: dict[str, Callable[[str], bytes]] = {
    "as it is": str.encode,
    "in capitals": lambda value: value.upper().encode(),
    "URL-encoded": lambda value: urllib.parse.quote(value, safe="").encode(),
    "as a form field": lambda value: urllib.parse.quote_plus(value).lower().encode(),
    "URL-encoded twice": lambda value: urllib.parse.quote(urllib.parse.quote(value, safe=""), safe="").encode(),
    "in JSON": lambda value: orjson.dumps({"a": value}),
    "in JSON of ASCII": lambda value: "".join(f"\\u{ord(char):04x}" for char in value).encode(),
    "in JSON in JSON": lambda value: orjson.dumps({"a": orjson.dumps({"b": value}).decode()}),
    "in HTML": lambda value: html.escape(value).encode(),
    "base64": lambda value: base64.b64encode(value.encode()),
    "base64 after a byte": lambda value: base64.b64encode(b"x" + value.encode() + b"yz"),
    "base64 after two bytes": lambda value: base64.b64encode(b"xx" + value.encode() + b"y"),
    "base64 for URLs": lambda value: base64.urlsafe_b64encode(b"xyz" + value.encode()),
    "base64 in lines": lambda value: base64.encodebytes(b"x" * 50 + value.encode()),
    "hexadecimal": lambda value: value.encode().hex().upper().encode(),
    "compressed": lambda value: gzip.compress(value.encode()),
    "SHA-256": lambda value: hashlib.sha256(value.encode()).hexdigest().encode(),
    "SHA-256 in small letters": lambda value: hashlib.sha256(value.lower().encode()).hexdigest().encode(),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_canary_is_found_in_every_form(form: str) -> None:
    for canary in (*people(2)[0], *people(2)[1], *secrets(20)):
        data = FORMS[form](canary.value)
        placed = (
            data if form == "compressed" else NOISE[:1000].encode() + b" " + data + b" " + NOISE[1000:2000].encode()
        )
        found = SEARCH.found({"log": placed})
        assert any(line.startswith(f"log: {canary.owner} {canary.entity} as ") for line in found), canary


def test_a_number_is_found_without_its_separators() -> None:
    card = next(
        canary for person in people() for canary in person if canary.entity == "CreditCard" and " " in canary.value
    )

    assert SEARCH.found({"span": f"card={card.value.replace(' ', '')};"}) == [
        f"span: {card.owner} CreditCard as itself without separators"
    ]


def test_nothing_is_found_where_nothing_is() -> None:
    assert SEARCH.found({"noise": NOISE, "empty": b"", "short": "ab"}) == []
