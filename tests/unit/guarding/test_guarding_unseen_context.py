"""What the words around a value decide: whose number it is, that a word is spent, that a key is the key of a table."""

import pytest

from unit.guarding.unseen_kit import iban, luhn, made, named

ABROAD = [
    "0049 30 5550123",
    "0033612352414",
    "0044-20-7946-0018",
    "(+44) 7400 121910",
    "(+34) 612 34 56 78",
    "+46-8-45-37-87",
]


@pytest.mark.parametrize("value", ABROAD)
def test_a_number_with_its_country_is_found_before_a_unit_and_in_brackets(value: str) -> None:
    for sentence in ("is {} still yours?", "call_log: from {} 35s", "[{}] missed", "{} has not answered"):
        assert named(sentence.format(value)) == [("Phone", value)], sentence


@pytest.mark.parametrize(
    "other",
    ["362322331", "41.204984, -82.787377", "10.2720/186334", "978-5-1521-0415-6", made("{H40}", 1), made("{B40}", 1)],
)
def test_a_word_that_has_its_number_speaks_of_no_second_one(other: str) -> None:
    value = "+49 711 5550123"
    assert named(f"phone {value}, about {other}.") == [("Phone", value)]


@pytest.mark.parametrize(
    "sentence", ["my landline {} is dead", "please call {}", "tél. {}", "Handy {}", "text me: {}", "mobile {}"]
)
def test_a_word_for_a_phone_is_worth_more_than_the_check_digit_of_an_id(sentence: str) -> None:
    for value in ("692 218 373", "360 248 962", "050 127 1988", "058 902 9401"):
        assert named(sentence.format(value)) == [("Phone", value)], value


def test_an_account_is_found_in_small_letters_and_with_dots() -> None:
    solid = iban("DE", "370400440532013000")
    blocks = [solid[place : place + 4] for place in range(0, len(solid), 4)]
    for value in (" ".join(blocks).lower(), ".".join(blocks)):
        assert named(f"pay to {value} please") == [("IBAN", value)]


def test_a_card_is_found_with_two_spaces_and_with_thirteen_digits() -> None:
    long, short = luhn("411198273645019"), luhn("402862127642")
    spaced = "  ".join(long[place : place + 4] for place in range(0, 16, 4))
    assert named(f"paid with {spaced}.") == [("CreditCard", spaced)]
    blocks = f"{short[:4]} {short[4:8]} {short[8:12]} {short[12:]}"
    assert named(f"Visa {blocks}") == [("CreditCard", blocks)]


@pytest.mark.parametrize(
    ("sentence", "value"),
    [("{} (PPSN)", "6583023T"), ("<b>PPSN</b> {}", "6583023T"), ("{} (AMKA)", "21034006862")],
)
def test_the_name_of_an_id_may_stand_behind_it_or_in_a_tag(sentence: str, value: str) -> None:
    assert named(sentence.format(value)) == [("NationalId", value)]


@pytest.mark.parametrize("value", ["134.246.113.130", "5.109.165.195"])
def test_an_internet_address_is_found_alone_in_brackets(value: str) -> None:
    assert named(f"({value})") == [("IPAddress", value)]


GIVEN = [
    '- name: DB_PASSWORD\n  value: "{}"',
    "<password>{}</password>",
    '<property name="password" value="{}"/>',
    "ENV DB_PASS {}",
    "pw: {}",
    "the password for the staging box is {}",
    "mot de passe du wifi: {}",
    "Clave WiFi: {}",
    "비밀번호: {}",
]


@pytest.mark.parametrize("sentence", GIVEN)
def test_a_password_is_found_where_its_name_and_its_value_stand_apart(sentence: str) -> None:
    value = made("{A5}7k{A6}Q2", 9)
    assert named(sentence.format(value)) == [("Secret", value)]


@pytest.mark.parametrize("sentence", ["전화: {}", "llámame al {}", "ruf mich an: {}"])
def test_a_number_is_found_behind_a_request_to_call(sentence: str) -> None:
    for value in ("912 345 678", "0711 555123", "010-1234-5678"):
        assert named(sentence.format(value)) == [("Phone", value)], value


@pytest.mark.parametrize(
    "sentence",
    ["cache key {}", "primary key {}", "Idempotency-Key: {}", "key {} not found in map", "span_id={}", "digest={}"],
)
def test_the_key_of_a_table_is_no_secret(sentence: str) -> None:
    for shape in ("{H32}", "{H40}", "{H64}", "{B40}", "{U22}"):
        assert named(sentence.format(made(shape, 5))) == [], shape


@pytest.mark.parametrize(
    "text",
    [
        "numéro de dossier 307576295",
        "they called from 41.204984, -82.787377",
        "case number 48213377, reference 4821-7733",
        "see section 4.1.18.7 of the manual",
        "THE_VERY_LONG_CONSTANT_NAME_42",
        "AWS_ACCESS_KEY_ID=AKIAXXXXXXXXXXXXXXXX",
        "follow @ann_w and @acme.co",
        "part 069-4057-47 rev B",
        "CEP 03039-759",
        "arn:aws:lambda:eu-west-1:610907413823:function:resize",
        "gpg: key 18E8B94E78C4932B: public key imported",
        "Authorization: AWS4-HMAC-SHA256",
        made("https://github.com/acme/app/commit/{H40}#diff-{H64}", 6),
    ],
)
def test_numbers_of_files_places_and_programs_are_left_alone(text: str) -> None:
    assert named(text) == []
