"""Values that names are given in less usual ways: in quotes with blanks, behind another name, below the head of a table."""

import pytest

from turnout_sidecar.guarding.scanner import scan
from unit.guarding.unseen_kit import made, named

_TWO = "p4ss " + "w0rd!x"
PHRASES = [_TWO, "blue " + "H0rse!7 sky", "n0t " + "s0 wr0ng", "Tr0ub4dor " + "& more"]
NAMES = ["DB_PASSWORD=", "password: ", "passwd = ", '"password": ', "ADMIN_PASSWORD := ", "'user_password' => "]


@pytest.mark.parametrize("quote", ['"', "'", "`"])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("phrase", PHRASES)
def test_a_password_with_blanks_in_quotes_is_found_whole(phrase: str, name: str, quote: str) -> None:
    assert named(f"{name}{quote}{phrase}{quote}\nREGION=eu") == [("Secret", phrase)]


@pytest.mark.parametrize(
    "said",
    [
        "must be at least 8 characters",
        "Please don't share it",
        "at least 8 characters, 1 digit",
        "the password of the user",
        "Changed on 12 May 2024",
        "see RFC 4013",
        "your Passw0rd! here",
        "enter 2 words",
    ],
)
@pytest.mark.parametrize("name", NAMES)
def test_what_is_said_about_a_password_in_quotes_is_left(said: str, name: str) -> None:
    assert named(f'{name}"{said}"\n') == []


@pytest.mark.parametrize("quote", ['"""', "'''"])
@pytest.mark.parametrize("name", ["password = ", "db_password=", "api_secret = ", "token: "])
@pytest.mark.parametrize("shape", ["hunter2Zq{A6}7x", "{A30}4b"])
def test_a_value_in_three_quotes_is_found(shape: str, name: str, quote: str) -> None:
    value = made(shape, 3)
    assert named(f"[db]\n{name}{quote}{value}{quote}\n") == [("Secret", value)]


@pytest.mark.parametrize(
    "name", ["pin_password", "keystore-password", "key_password", "token_pwd", "cookie_passwd", "auth_password"]
)
@pytest.mark.parametrize("value", ["12345678", "hunter2Zq"])
def test_a_name_whose_last_part_is_a_password_is_that_of_one(name: str, value: str) -> None:
    assert named(f'{{"{name}": {value}}}') == [("Secret", value)]


@pytest.mark.parametrize("first", ["pass", "password", "credentials", "the password", "auth"])
@pytest.mark.parametrize("second", ["token", "key", "secret", "api key", "access token", "Token", "SECRET"])
def test_a_name_behind_another_name_is_heard(first: str, second: str) -> None:
    value = made("{A28}7x", 5)
    assert named(f"{first} {second}: {value}") == [("Secret", value)]


@pytest.mark.parametrize("seed", range(4))
def test_a_name_behind_another_name_is_heard_with_a_blank_alone(seed: int) -> None:
    value = made("{A28}7x", seed)
    assert named(f"X-Hub-Signature-256 secret {value}") == [("Secret", value)]


@pytest.mark.parametrize("text", ["token otp: 123456", "password otp: 123456", "secret pin: 4711"])
def test_a_code_behind_another_name_is_heard(text: str) -> None:
    assert [words for _, words in named(text)] == [text.rpartition(" ")[2]]


@pytest.mark.parametrize("mark", [",", ";", "\t"])
@pytest.mark.parametrize("rows", [1, 3])
def test_only_the_cell_of_a_column_of_passwords_is_found(mark: str, rows: int) -> None:
    values = [made("hunter2{A6}x7", row) for row in range(rows)]
    table = "".join(f"bob{row}{mark}{value}\n" for row, value in enumerate(values))
    assert named(f"user{mark}password\n{table}") == [("Secret", value) for value in values]


@pytest.mark.parametrize("run", ["token", "secret", "password", "passphrase-"])
@pytest.mark.parametrize("times", [3, 30, 3000])
def test_a_secret_behind_many_names_in_one_is_found(run: str, times: int) -> None:
    value = made("{A28}7x", 6)
    text = f"{run * times}. Then token={value}"
    assert [text[found.start : found.end] for found in scan(text)] == [value]
