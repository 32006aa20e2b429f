"""Each entity by examples of its own: what is found, under which name, and what looks like it and is not."""

import random

import pytest

from turnout_sidecar.guarding.identities import BY_SHAPE
from turnout_sidecar.guarding.scanner import ENTITIES, scan

_RANDOM = random.Random(7)


def named(text: str) -> list[tuple[str, str]]:
    return [(match.entity, text[match.start : match.end]) for match in scan(text)]


@pytest.mark.parametrize(
    "value",
    [
        "ann@example.org", "a.b+c@sub.example.co.uk", "O'Neil_1@exämple.de", "JOSÉ@example.com",
    ],
)  # fmt: skip
def test_mail_addresses_are_found(value: str) -> None:
    assert named(f"to <{value}>, thanks") == [("Email", value)]


@pytest.mark.parametrize("text", ["@app.route", "repo/app@sha256:abc", "types@20.1.2", "user@localhost"])
def test_what_has_no_domain_is_no_mail_address(text: str) -> None:
    assert named(text) == []


@pytest.mark.parametrize(
    "value",
    [
        "+49 170 20418866", "+1 212-555-0147", "+442079460123", "(312) 555-0182", "646.555.0119", "001-212-555-0147",
        "01.99.00.12.34", "+41 (0)44 555 01 23", "312-555-0182x204", "(31) 5550-1234", "0700 555 01 23",
    ],
)  # fmt: skip
def test_phone_numbers_speak_for_themselves(value: str) -> None:
    assert named(f"Reply: {value}, please") == [("Phone", value)]


@pytest.mark.parametrize("value", ["5550 1234", "555 0123", "55-50-12-34", "3125550182"])
def test_loose_phone_numbers_need_a_word(value: str) -> None:
    assert named(f"please call {value}.") == [("Phone", value)]
    assert named(f"we sold {value}.") == []


@pytest.mark.parametrize(
    "value",
    [
        "4111 1111 1111 1111",
        "5500-0000-0000-0004",
        "378282246310005",
        "3782 822463 10005",
        "6011000990139424",
        "30569309025904",
    ],
)
def test_cards_are_found(value: str) -> None:
    assert named(f"card {value}.") == [("CreditCard", value)]


@pytest.mark.parametrize(
    "value", ["GB82 WEST 1234 5698 7654 32", "DE89370400440532013000", "FR14 2004 1010 0505 0001 3M02 606"]
)
def test_ibans_are_found_and_a_wrong_digit_is_none(value: str) -> None:
    assert named(f"IBAN {value}.") == [("IBAN", value)]
    assert ("IBAN", value[:-1] + "9") not in named(f"IBAN {value[:-1]}9.")


IDENTITIES = {
    "us": "SSN 219-09-9999", "ca": "SIN 130-692-544", "gb": "NHS 943 476 5919", "gb-nino": "NI AB123456C", "es": "DNI 12345678Z",
    "es-nie": "NIE X1234567L", "it": "codice fiscale RSSMRA85T10A562S", "fr": "NIR 255081416802538", "de": "Steuer-ID 86095742719",
    "nl": "BSN 111222333", "pl": "PESEL 44051401359", "se": "personnummer 811218-9876", "fi": "HETU 131052-308T",
    "ch": "AHV 756.9217.0769.85", "br": "CPF 529.982.247-25", "au": "TFN 123 456 782", "tr": "kimlik 10000000146",
    "cn": "resident 11010519491231002X", "be": "rijksregister 85.07.30-033.28", "ie": "PPS 1234567T", "sg": "NRIC S1234567D",
    "cl": "RUT 12.345.678-5", "tw": "Taiwan A123456789", "za": "South Africa id 8001015009087", "pt": "NIF 123456789",
    "in-pan": "PAN ABCPE1234F",
}  # fmt: skip


@pytest.mark.parametrize("country", IDENTITIES)
def test_national_ids_are_found(country: str) -> None:
    text = IDENTITIES[country]
    value = next(word for word in text.split() if any(char.isdecimal() for char in word))
    start = text.index(value)
    assert [(entity, found) for entity, found in named(f"His {text}, ok")] == [("NationalId", text[start:])]


def test_bare_digits_without_a_word_are_no_national_id() -> None:
    assert named("why does 192 times 111222333 overflow?") == []


@pytest.mark.parametrize(
    "value", ["203.0.113.77", "10.0.0.5", "2001:db8::8a2e:370:7334", "2001:db8:b547:a1:697:99:fa69:1"]
)
def test_ip_addresses_are_found(value: str) -> None:
    assert named(f"from {value}, port 1") == [("IPAddress", value)]


@pytest.mark.parametrize("text", ["300.1.1.1", "127.0.0.1", "::1", "std::vector", "10:22:01", "1.2.3.4.5"])
def test_what_is_no_address_of_anyone_stays(text: str) -> None:
    assert named(text) == []


@pytest.mark.parametrize("value", ["00:1b:44:11:3a:b7", "00-1B-44-11-3A-B7", "001b.4411.3ab7"])
def test_mac_addresses_are_found(value: str) -> None:
    assert named(f"device {value} is up") == [("MACAddress", value)]


@pytest.mark.parametrize(
    "value",
    [
        "1BoatSLRHtKNngkdXEeobR76b53LETtpyT", "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq",
        "0x52908400098527886E0F7030069857D2E4169EE7", "rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh",
    ],
)  # fmt: skip
def test_wallets_are_found_by_their_checksums(value: str) -> None:
    assert named(f"send to {value} please") == [("CryptoWallet", value)]


def test_a_wallet_with_a_wrong_character_is_none() -> None:
    assert named("send to 1BoatSLRHtKNngkdXEeobR76b53LETtpyU please") == []


def _random(length: int, alphabet: str = "abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789") -> str:
    return "a1" + "".join(_RANDOM.choice(alphabet) for _ in range(length - 2))


HEX = "0123456789abcdef"
SECRETS = [
    "sk-ant-api03-" + _random(90), "sk-proj-" + _random(60), "ghp_" + _random(36), "github_pat_" + _random(60),
    "glpat-" + _random(20),
    "xoxb-111122223333-444455556666-" + _random(24), "sk_" + "live_" + _random(24), "SG." + _random(22) + "." + _random(43),
    "AIza" + _random(35), "npm_" + _random(36), "hf_" + _random(34), "dop_v1_" + _random(64, HEX), "shpat_" + _random(32, HEX),
    "hvs." + _random(90), "lin_api_" + _random(40), "dapi" + _random(32, HEX), "gsk_" + _random(52), "pplx-" + _random(48),
    "GOCSPX-" + _random(28), "PMAK-" + _random(24, HEX) + "-" + _random(34, HEX), "dckr_pat_" + _random(27), "glsa_" + _random(41),
    "NRAK-" + _random(27), "nvapi-" + _random(60), "AKIA" + "QZ7RTW4N5K2MXB3D", "zy_prod_" + _random(30),
]  # fmt: skip


@pytest.mark.parametrize("value", SECRETS, ids=lambda value: value[:8])
def test_keys_of_vendors_are_found(value: str) -> None:
    assert named(f"please use {value}, thanks") == [("Secret", value)]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("password: qT$rook7Lamp#9\nuser: x", "qT$rook7Lamp#9"),
        ('{"api_key": "9fK2mQ7xLw4Rt8Zb1Nc6"}', "9fK2mQ7xLw4Rt8Zb1Nc6"),
        ("Authorization: Bearer abcdef1234567890ABCDEF", "abcdef1234567890ABCDEF"),
        ("Server=x;Pwd=Tr0ub4dor3;", "Tr0ub4dor3"),
        ("export DB_PASSWORD='s3cr3t-Pa55'", "s3cr3t-Pa55"),
        ("postgres://app:4kRuMm8TapZq@db.prod.local:5432/main", "4kRuMm8TapZq"),
    ],
)
def test_values_given_to_names_of_secrets_are_found(text: str, value: str) -> None:
    assert named(text) == [("Secret", value)]


def test_a_private_key_is_found_whole_and_to_the_end_where_it_is_cut_off() -> None:
    block = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nIBAAKC\n-----END RSA PRIVATE KEY-----"
    assert named(f"key:\n{block}\nbye") == [("Secret", block)]
    assert named(block[:50]) == [("Secret", block[:50])]


def test_only_what_was_asked_for_is_reported() -> None:
    text = "ann@example.org 4111 1111 1111 1111"
    assert [match.entity for match in scan(text, frozenset({"Email"}))] == ["Email"]
    assert scan(text, frozenset()) == ()


def test_the_password_of_a_database_is_a_credential_where_secrets_do_not_matter() -> None:
    found = scan("postgres://app:4kRuMm8TapZq@db.local/main", ENTITIES - {"Secret"})
    assert [match.entity for match in found] == ["URLCredentials"]


def test_a_scan_says_the_same_each_time_and_never_fails() -> None:
    words = [
        "card ",
        "call ",
        "id ",
        "dni ",
        "password: ",
        "://",
        "@",
        "%40",
        "=",
        "\u200b",
        "\ud800",
        "\u0661",
        "X",
        "k",
        ".",
        "-",
    ]
    letters = {"0": "0123456789", "a": "ABKXYZahm\u00e9"}
    for shape in BY_SHAPE:
        for _ in range(8):
            value = "".join(_RANDOM.choice(letters.get(char, char)) for char in shape)
            text = "".join(_RANDOM.choices(words, k=3)) + value + "".join(_RANDOM.choices(words, k=2))
            for match in scan(text) + scan(f"passport no {value}"):
                assert match.start < match.end
            assert scan(text) == scan(text)
