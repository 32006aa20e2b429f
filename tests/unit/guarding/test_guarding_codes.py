"""Short secrets behind a word that announces them, and the numbers behind the same words that are none."""

import re

import pytest

from turnout_sidecar.guarding.codes import CODES, codes
from turnout_sidecar.guarding.page import Page
from unit.guarding.unseen_kit import made

_CUES = re.compile(CODES, re.IGNORECASE)


def found(text: str) -> list[str]:
    page = Page(text)
    return [text[claim.start : claim.end] for cue in _CUES.finditer(text) for claim in codes(page, *cue.span())]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("Recovery codes:\n05d6e-e3d2e\n1. 057d0-e3e61\n- 9d03b-17539\nKeep them.", ["05d6e-e3d2e", "057d0-e3e61", "9d03b-17539"]),
        ("Backup codes: 4745 2225, 1825 1503, 2076 0797", ["4745 2225", "1825 1503", "2076 0797"]),
        ("my recovery code is YDUWO-YZUDK-1VS4Q", ["YDUWO-YZUDK-1VS4Q"]),
        ("BitLocker recovery key: 505046-763610-802267-896014", ["505046-763610-802267-896014"]),
        ("codes de secours : a1b2c3d4 e5f6g7h8", ["a1b2c3d4", "e5f6g7h8"]),
        ("Wiederherstellungsschlüssel: 1a2b-3c4d-5e6f", ["1a2b-3c4d-5e6f"]),
        ("Your verification code is 482913.", ["482913"]),
        ("OTP: 018963", ["018963"]),
        ("Ihr Bestätigungscode lautet 482 913", ["482 913"]),
        ("votre code de vérification est 482913", ["482913"]),
        ("Tu código de verificación es 4829", ["4829"]),
        ("CVV2: 741", ["741"]),
        ("exp 12/29 cvc 974", ["974"]),
        ("PIN: 4821", ["4821"]),
        ("Meine PIN ist 6012, bitte", ["6012"]),
        ("mon code PIN est 6012", ["6012"]),
        ("PUK 48213377", ["48213377"]),
        ("TOTP secret: zm6b gpbv hpal mqou", ["zm6b gpbv hpal mqou"]),
        ("2FA setup key: JBSWY3DPEHPK3PXP", ["JBSWY3DPEHPK3PXP"]),
        ("license key: HTGF-COA1-TELJ-2631", ["HTGF-COA1-TELJ-2631"]),
        ("Lizenzschlüssel: AB12C-DE34F-GH56I", ["AB12C-DE34F-GH56I"]),
    ],
)  # fmt: skip
def test_a_code_is_found_behind_the_word_for_it(text: str, values: list[str]) -> None:
    assert found(text) == values


@pytest.mark.parametrize("words", ["seed phrase: {}", "my recovery phrase is {}", 'mnemonic = "{}"', "wallet seed: {}"])
def test_a_seed_phrase_is_found_whole(words: str) -> None:
    phrase = "wood orange actor lamp river stone cloud maple tiger candle bridge pencil"
    assert found(words.format(phrase)) == [phrase]


@pytest.mark.parametrize(
    "table",
    [
        "user,password,role\nann,{},admin\nbob,{},dev\n",
        "user;Passwort;role\nann;{};admin\nbob;{};dev",
        "| service | user | password |\n|---|---|---|\n| ci | ann | {} |\n| db | bob | {} |",
        "name\tapi_key\tnote\nann\t{}\tx\nbob\t{}\ty\n",
    ],
)
def test_the_column_of_a_table_that_is_headed_password_is_found(table: str) -> None:
    values = [made("{A5}7k{A6}Q2", seed) for seed in (1, 2)]
    assert found(table.format(*values)) == values


@pytest.mark.parametrize(
    "text",
    [
        "GPIO pin 17, pin: 12, pinned to 3.11",
        "PIN code: 560001",
        "PIN: 110001 Delhi",
        "The key was found in 1922 at pin 1400.",
        "The PIN has 4 digits.",
        "verification code expired; security code required",
        "verification code v2.1 of the parser",
        "cvv is 50% of it",
        "license: MIT",
        "SPDX license: BSD-3-CLAUSE",
        "recovery codes are shown once",
        "backup codes: see the manual",
        "seed phrase: write it down and keep it in a safe place",
        "2FA key: ask the admin",
        "| field | type |\n|---|---|\n| password | string |\n| max_tokens | integer |\n| top_p | number-0.1 |",
        "user,password,role\nann,<password>,admin\nbob,changeme1,dev\n",
        "mail,password,login\nare three fields of the form, all required-2",
        "| user | password |\n| x1-y2z | a1-b2c3 |",
        "one, secret, two\nthree, fo9-ur, five6x, six",
    ],
)  # fmt: skip
def test_what_stands_behind_the_same_words_without_being_a_code_is_left_alone(text: str) -> None:
    assert found(text) == []


def test_nothing_is_looked_for_in_the_next_leaf_nor_far_away() -> None:
    assert found("PIN:\n\x00\n4821") == []
    assert found("recovery codes: " + " " * 300 + "05d6e-e3d2e") == []


def test_many_cues_cost_no_more_than_their_length() -> None:
    for cue in ("user,password,x\n", "recovery codes 1234-5678 ", "PIN: ", "seed phrase ", "| password |\n|---|\n"):
        assert len(found(cue * 2000)) <= 40_000
