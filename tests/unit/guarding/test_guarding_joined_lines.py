"""An equals sign at a line's end: a soft line break of quoted-printable, or a line of its own; both readings are looked at."""

import base64

import pytest

from unit.guarding.unseen_kit import made, named

VALUES = [
    ("CreditCard", "4111" + "1111" * 3),
    ("IBAN", "GB82 WEST 1234 5698 7654 32"),
    ("NationalId", "536-22-8731"),
    ("IPAddress", "203.0.113.77"),
    ("IPAddress", "2001:db8:85a3::8a2e:370:7334"),
    ("MACAddress", "00:1b:44:11:3a:b7"),
    ("Phone", "+44 20 7946 0958"),
    ("Email", "ann@example.org"),
    ("Secret", made("AKIA{T16}", 1)),
]
HEADS = [
    "PAN=",
    "a = b; c=",
    "result=",
    "x=20y=",
    "PAN=\r",
    base64.b64encode(b"some words of text, her").decode(),
    "x" * 66 + "=",
]


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize(("entity", "value"), VALUES)
def test_a_value_below_an_equals_sign_is_found(entity: str, value: str, head: str) -> None:
    found = named(f"{head}\n{value}\nend")
    assert entity in [kind for kind, _ in found]
    assert any(words.endswith(value) for _, words in found)


@pytest.mark.parametrize("head", HEADS[:5])
@pytest.mark.parametrize(("entity", "value"), VALUES)
def test_a_value_below_an_equals_sign_is_all_that_is_found(entity: str, value: str, head: str) -> None:
    assert named(f"{head}\n{value}\nend") == [(entity, value)]


@pytest.mark.parametrize(
    "value",
    [
        "ann.weber@exam=\nple.org",
        "4111=\n1111=\n1111=\n1111",
        "GB82WEST1234=\r\n56987654=\r\n32",
        "203.0.=\n113.77",
        "+44 20 79=\n46 0958",
    ],
)
def test_a_value_that_a_soft_line_break_parts_is_one(value: str) -> None:
    assert [words for _, words in named(f"Caf=C3=A9 {value} end")] == [value]
    assert [words for _, words in named(f"to {value} end")] == [value]


def test_a_key_that_ends_in_an_equals_sign_does_not_reach_into_the_next_line() -> None:
    key = made("{B43}=", 3)
    assert named(f"[Interface]\nPrivateKey = {key}\nAddress = vpn") == [("Secret", key)]


@pytest.mark.parametrize(
    "text", ["a=\nb", "x =\n  1", "PASSWORD=\nUSER=", "total=\n12.50", "soft=\nbreak", "v=\n1.2.3"]
)
def test_lines_that_end_in_an_equals_sign_stay(text: str) -> None:
    assert named(text) == []


@pytest.mark.parametrize(
    "address", ["00:1b:44:11:3a:b7", "2001:db8:85a3::8a2e:370:7334", "2001:db8:85a3:0:0:8a2e:370:7334"]
)
@pytest.mark.parametrize("text", ["{}: associated", "wlan0: {}: up", "{}:\nlost", "({}:)", "{}:"])
def test_a_colon_behind_an_address_does_not_hide_it(address: str, text: str) -> None:
    assert [words for _, words in named(text.format(address))] == [address]


@pytest.mark.parametrize(
    "text", ["std::vector: x", "a::b: c", "at 10:20:30: up", "1:2:3:4:5: no", "00:1b:44:11:3a:b7:00: no"]
)
def test_what_only_looks_like_an_address_before_a_colon_stays(text: str) -> None:
    assert named(text) == []


@pytest.mark.parametrize("name", ["host", "client_ip", "src", "server"])
def test_an_address_behind_a_name_and_an_underscore_is_found(name: str) -> None:
    assert named(f"at {name}_203.0.113.9 now") == [("IPAddress", "203.0.113.9")]


@pytest.mark.parametrize("text", ["driver_4.15.0.88", "lib_1.2.3.4.so", "v_10.4.1.2", "a1_2.3.4.5", "host__10.4.1.2"])
def test_a_version_behind_a_name_and_an_underscore_stays(text: str) -> None:
    assert named(text) == []
