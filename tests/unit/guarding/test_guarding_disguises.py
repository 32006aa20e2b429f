"""Digits and marks written in other ways, and texts that only look like a value: networks, places, powers and notes."""

import pytest

from turnout_sidecar.guarding.normal import normalise
from unit.guarding.unseen_kit import luhn, named

CARD = luhn("4111" + "1111" * 2 + "111")
RAISED = dict(zip("0123456789", "\u2070\xb9\xb2\xb3\u2074\u2075\u2076\u2077\u2078\u2079", strict=True))


def raised(number: str) -> str:
    """The number in raised digits."""
    return "".join(RAISED.get(char, char) for char in number)


@pytest.mark.parametrize(
    "number", [CARD, "4111 1111 1111 1111", "203.112.113.177", "536-22-8731", "5105-1051-0510-5100"]
)
def test_raised_digits_are_digits_where_there_are_several(number: str) -> None:
    for written in (raised(number), number[:1] + raised(number[1:])):
        assert [words for _, words in named(f"pay {written} now")][:1] == [written], written


@pytest.mark.parametrize("value", [CARD, "203.0.113.77", "+44 20 7946 0958", "536-22-8731"])
@pytest.mark.parametrize("note", ["\xb9", "\xb2", "\xb9\xb2"])
def test_a_note_behind_a_number_does_not_hide_it(value: str, note: str) -> None:
    assert [words for _, words in named(f"see {value}{note} now")] == [value]


@pytest.mark.parametrize(
    "text", ["area 25 m\xb2 or 30 m\xb3", "x\xb2 + y\xb2 = 10\xb2\xb3", "note\xb9 and note\xb2", "5\xbd of 7\xbc"]
)
def test_powers_and_notes_stay(text: str) -> None:
    assert named(text) == []
    assert normalise(text).text == text


@pytest.mark.parametrize("cap", ["\ufe0f\u20e3", "\u20e3", "\u20e0", "\u0488"])
def test_digits_in_caps_and_rings_are_digits(cap: str) -> None:
    hidden = cap.join(CARD)
    assert [words for _, words in named(f"pay {hidden} now")] == [hidden]


@pytest.mark.parametrize(
    "sign", ["&#64;", "&#0064;", "&#0000064;", "&#x40;", "&#X40;", "&#x000040;", "&amp;#0064;", "\\@", "\\\\@"]
)
def test_an_at_sign_is_one_however_it_is_escaped(sign: str) -> None:
    assert [words for _, words in named(f"to ann.weber{sign}example.org now")] == [f"ann.weber{sign}example.org"]


@pytest.mark.parametrize(
    "value",
    [
        r"ann\.weber\@example\.org",
        r"ann\_weber@example\.org",
        r"203\.0\.113\.77",
        r"4111\-1111\-1111\-1111",
        r"536\-22\-8731",
    ],
)
def test_a_backslash_before_a_mark_hides_nothing(value: str) -> None:
    assert [words for _, words in named(f"see {value} now")] == [value]


@pytest.mark.parametrize(
    "text", [r"^\d+\.\d+\.\d+$", r"C:\_work\.git\-x", r"[\w.]+\@[\w\-]+", r"\alpha\_\beta \- \gamma", "\\\\.\\pipe"]
)
def test_patterns_and_paths_stay(text: str) -> None:
    assert named(text) == []


@pytest.mark.parametrize("text", ["{}", "card={}&cvc=1", "pan={};x"])
def test_the_blanks_of_a_form_part_the_blocks_of_a_card(text: str) -> None:
    card = "4111+1111+1111+1111"
    assert named(text.format(card)) == [("CreditCard", card)]
    assert named(text.format("4111+1111+1111+1112")) == []


def test_a_text_of_other_digits_alone_reads_as_one_with_them_here_and_there() -> None:
    for zero in ("\uff10", "\u0660", "\u0966", "\u0e50"):
        card = "".join(chr(ord(zero) + int(digit)) for digit in CARD)
        text = f"{card} " * 500
        plain = normalise(text)
        assert plain.text == f"{CARD} " * 500
        assert {words for _, words in named(text)} == {card}


@pytest.mark.parametrize(
    "network", ["10.0.0.0/8", "172.16.0.0/12", "192.168.1.0/24", "203.0.113.0/24", "203.0.113.64/26"]
)
@pytest.mark.parametrize("text", ["{}", "route {} via eth0", "allow {};", "cidr: [{}, x]"])
def test_the_address_of_a_network_is_no_one(network: str, text: str) -> None:
    assert named(text.format(network)) == []


@pytest.mark.parametrize("address", ["203.0.113.77/24", "203.0.113.77/32", "10.0.0.0", "203.0.113.0/x", "10.0.0.1/8"])
def test_the_address_of_a_machine_is_found_with_its_prefix(address: str) -> None:
    assert named(f"at {address} now") == [("IPAddress", address.partition("/")[0])]


@pytest.mark.parametrize(
    "text",
    ["meet at example dot", "look at github dot com", "it is hosted at example dot org", "see us at example dot com"],
)
def test_a_place_in_words_is_no_address(text: str) -> None:
    assert named(text) == []


@pytest.mark.parametrize("name", ["ann", "ann.weber", "info", "sales", "bob2"])
def test_an_address_in_words_is_one(name: str) -> None:
    assert named(f"mail {name} at example dot org today") == [("Email", f"{name} at example dot org")]


@pytest.mark.parametrize("word", ["rodné číslo", "kimlik", "nüfus", "căn cước", "CCCD", "CMND", "osobní"])
@pytest.mark.parametrize("around", ["", " и", " 中文"])
def test_words_of_ids_in_latin_letters_count_with_and_without_another_script(word: str, around: str) -> None:
    assert [kind for kind, _ in named(f"{word}: 536 22 8731{around}")] == [
        kind for kind, _ in named(f"{word}: 536 22 8731")
    ]
    assert [words for _, words in named(f"{word}: 100000009{around}")] == ["100000009"]
