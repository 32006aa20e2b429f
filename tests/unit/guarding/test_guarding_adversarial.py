"""Values hidden on purpose or by accident, and look-alikes that must stay, each by name."""

import base64
import itertools
import re
import time

import pytest

from turnout_sidecar.guarding.scanner import scan

CARD = "4111111111111111"
MAIL = "ann.lee@example.org"
KEY = "AKIA" + "QZ7RTW4N5K2MXB3D"


def found(text: str) -> list[str]:
    return [text[match.start : match.end] for match in scan(text)]


def test_zero_width_characters_in_a_card_do_not_hide_it() -> None:
    hidden = "4111\u200b1111\u200c1111\u20601111"
    assert found(f"pay {hidden} now") == [hidden]


def test_full_width_digits_are_digits() -> None:
    hidden = "".join(chr(0xFF10 + int(digit)) for digit in CARD)
    assert found(f"card {hidden}!") == [hidden]


def test_arabic_indic_digits_are_digits() -> None:
    hidden = "".join(chr(0x660 + int(digit)) for digit in CARD)
    assert found(f"card {hidden}!") == [hidden]


def test_no_break_spaces_and_dots_separate_a_card() -> None:
    assert found("4111\u00a01111.1111\u00a01111") == ["4111\u00a01111.1111\u00a01111"]


def test_a_card_over_two_lines_is_one_card() -> None:
    assert found("4111 1111\n1111 1111") == ["4111 1111\n1111 1111"]


@pytest.mark.parametrize("padding", ["", "="])
def test_a_secret_in_base64_is_masked_as_a_whole(padding: str) -> None:
    text = f"use the key {KEY} please" + ("" if padding else "!!")
    hidden = base64.b64encode(text.encode()).decode()
    assert found(f"blob {hidden} end") == [hidden]


def test_a_percent_escaped_at_sign_is_one() -> None:
    assert found("to=ann.lee%40example.org") == ["ann.lee%40example.org"]


def test_a_twice_percent_escaped_at_sign_is_one() -> None:
    assert found("to=ann.lee%2540example.org") == ["ann.lee%2540example.org"]


def test_a_unicode_escaped_at_sign_is_one() -> None:
    assert found(r'{"to": "ann.lee\u0040example.org"}') == [r"ann.lee\u0040example.org"]


def test_an_html_escaped_at_sign_is_one() -> None:
    assert found("ann.lee&#64;example.org") == ["ann.lee&#64;example.org"]


def test_a_spelled_at_sign_is_one() -> None:
    assert found("write to ann.lee (at) example (dot) org today") == ["ann.lee (at) example (dot) org"]


def test_a_lone_surrogate_stops_nothing() -> None:
    assert found(f"\ud800 {MAIL} \udfff") == [MAIL]


def test_offsets_count_code_points_behind_emoji() -> None:
    assert found(f"\U0001f600\U0001f468\u200d\U0001f469 {MAIL}") == [MAIL]


def test_a_value_twice_is_found_twice() -> None:
    assert found(f"{MAIL}, {MAIL}") == [MAIL, MAIL]


def test_signs_of_patterns_in_a_password_do_no_harm() -> None:
    assert found("password: a.*(B)[9]+$?^ ") == ["a.*(B)[9]+$?^"]


def test_credentials_of_a_url_are_found() -> None:
    assert found("https://bob:s3cr3t-Pa55@example.org/x") == ["s3cr3t-Pa55"]


def test_a_password_with_an_at_sign_in_a_url_is_found_whole() -> None:
    assert found("postgres://app:p@ss#w0rd@db.local:5432/main") == ["p@ss#w0rd"]


@pytest.mark.parametrize(
    "text",
    [
        "commit 9fceb02d0ae598e95dc970b74767f19372d61af8",
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "id 550e8400-e29b-41d4-a716-446655440000",
        "at 1754584306205 and 2026-03-04T10:22:01Z",
        "ISBN 978-3-16-148410-0",
        "pi is 3.14159265358979 and 141.4213562373",
        "version 10.4.3.1 of it",
        "build be71-500123456d7a",
    ],
)
def test_hashes_ids_times_and_decimals_stay(text: str) -> None:
    assert found(text) == []


def test_a_number_that_fails_luhn_is_no_card() -> None:
    assert found("total 4111 1111 1111 1112") == []


def test_code_stays() -> None:
    code = "import os\ndef f(x: int) -> str:\n    api_key = os.environ['API_KEY']\n    return g(x[4], key=lambda p: p.token)\n"
    assert found(code) == []


@pytest.mark.parametrize(
    "value", ["<your token>", "${TOKEN}", "changeme", "{{ token }}", "********", "your-api-key-here"]
)
def test_placeholders_of_secrets_stay(value: str) -> None:
    assert found(f"api_key: {value}") == []


PATHOLOGICAL = [
    "1", "1 ", "4444 ", "@", "a@", "-", ":", "a:", "1@-", "key=", "password: ", "-----BEGIN ", "-----BEGIN RSA PRIVATE KEY-----",
    "a", "(at)", "://", "a://b:", "%40", "\\u0040", "\u00e9", "\u200b", "GB00", "GB00 1111 ", "eyJ", "a.b-", "+1 ", "(1", "123-45-",
    "1.1.1.1.", "sk-", "a_", "ABCDE1234F ", "call 12 34 ", "0123456789abcdef", "\u0663", "12 12 12 3 ",
]  # fmt: skip


@pytest.mark.parametrize("unit", PATHOLOGICAL)
def test_time_grows_with_length_and_not_with_its_square(unit: str) -> None:
    def least(length: int) -> float:
        text = (unit * length)[:length]
        times = []
        for _ in range(2):
            before = time.process_time()
            scan(text)
            times.append(time.process_time() - before)
        return min(times)

    assert least(20_480) < 24 * max(least(2_560), 0.004)


def test_spans_are_in_order_and_apart_whatever_the_text() -> None:
    text = f"{MAIL} {CARD} password: {KEY} https://u:{KEY}@h.example/ +49 170 20418866 GB82WEST12345698765432"
    spans = [(match.start, match.end) for match in scan(text)]
    assert spans == sorted(spans)
    assert all(left[1] <= right[0] for left, right in itertools.pairwise(spans))
    assert not re.search("|".join(map(re.escape, (MAIL, CARD, KEY))), _masked(text))


def _masked(text: str) -> str:
    for match in reversed(scan(text)):
        text = f"{text[: match.start]}<{match.entity}>{text[match.end :]}"
    return text


def test_a_secret_behind_thousands_of_words_that_speak_of_keys_is_found_in_a_long_text() -> None:
    """Long contexts speak of keys and tokens all the time: how many lead to nothing before it says nothing of the next one."""
    talk = "The key to this is a token of what we have seen before, and the next key is on the following page.\n" * 3000
    secret = "xQ9" + "7Kq2Zp" * 4
    assert any(finding.entity == "Secret" for finding in scan(f"{talk}api_key={secret}\n{talk[:500]}"))
