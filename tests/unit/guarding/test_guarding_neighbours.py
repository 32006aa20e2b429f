"""Numbers beside other numbers: what has a shape of its own is found whatever stands next to it, tables stay as they are."""

import random

import pytest

from turnout_sidecar.guarding.scanner import scan
from unit.guarding.unseen_kit import named

VALUES = {
    "CreditCard": (
        "4111 1111 1111 1111",
        "4111-1111-1111-1111",
        "4111111111111111",
        "378282246310005",
        "3782 822463 10005",
    ),
    "NationalId": ("536-22-8731", "44051401359", "529.982.247-25", "756.9217.0769.85"),
    "IPAddress": ("203.0.113.77",),
    "Phone": (
        "+44 20 7946 0958",
        "+49 151 33879217",
        "06 12 34 56 78",
        "(212) 555-0187",
        "212-555-0187",
    ),
}
EACH = [(entity, value) for entity, values in VALUES.items() for value in values]
BEFORE = [
    "0",
    "1",
    "9",
    "10",
    "123",
    "1234",
    "1.0",
    "0.5",
    "12.50",
    "-5",
    "+5",
    "$5",
    "#1",
    "5%",
    "1)",
    "1.",
    "1,",
    "2:",
    "x1",
    "v1",
    "3-4",
    "1/2",
    "16:30",
    "12:30:00",
    "2024-01-02",
    "01/02/2024",
    "2024-01-02T12:30:00Z",
    "==2.4.0",
    "1,000",
    "203.0.113.9",
    "536-22-8731",
    "4111111111111111",
]
BEHIND = [
    "1",
    "12",
    "16:30",
    "250_000",
    "03:04:05",
    "12.50",
    "1.0",
    "12/25",
    "12/2025",
    "2024-01-02",
    "(5)",
    "-5",
    "5.5%",
    "203.0.113.9",
    "536-22-8731",
    "4111111111111111",
]


def covered(text: str, value: str, at: int) -> bool:
    """Whether no letter or digit of the value, which stands there, is left."""
    hidden = list(text)
    start = 0
    for _, words in named(text):
        start = text.index(words, start)
        hidden[start : start + len(words)] = "\0" * len(words)
        start += len(words)
    return not any(char.isalnum() for char in hidden[at : at + len(value)])


@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize(("entity", "value"), EACH)
def test_a_number_before_another_does_not_hide_it(entity: str, value: str, before: str) -> None:
    for space in (" ", "\n", "\t"):
        text = f"see {before}{space}{value} Lee"
        assert covered(text, value, 5 + len(before)), text


@pytest.mark.parametrize("behind", BEHIND)
@pytest.mark.parametrize(("entity", "value"), EACH)
def test_a_number_behind_another_does_not_hide_it(entity: str, value: str, behind: str) -> None:
    for lead in ("see", "see 7", "call"):
        text = f"{lead} {value} {behind} Lee"
        assert covered(text, value, len(lead) + 1), text


@pytest.mark.parametrize(("entity", "value"), EACH)
def test_what_stands_behind_one_figure_is_still_called_what_it_is(entity: str, value: str) -> None:
    assert named(f"see 7 {value} Lee") == [(entity, value)]


@pytest.mark.parametrize("one", ["203.0.113.9", "4111 1111 1111 1111", "536-22-8731"])
@pytest.mark.parametrize("other", ["203.0.113.77", "5555 5555 5555 4444", "529.982.247-25"])
def test_two_numbers_side_by_side_are_two(one: str, other: str) -> None:
    assert [value for _, value in named(f"see {one} {other} Lee")] == [one, other]


@pytest.mark.parametrize(
    ("phone", "behind"),
    [
        ("+44 20 7946 0958", "16:30"),
        ("+44 20 7946 0958", "203.0.113.9"),
        ("+1 212 555 0187", "4111 1111 1111 1111"),
        ("+1 212 555 0187", "536-22-8731"),
        ("+44 20 7946 0958", "06 12 34 56 78"),
        ("+44 20 7946 0958", "12/25"),
    ],
)
def test_a_phone_ends_where_another_number_begins(phone: str, behind: str) -> None:
    assert named(f"see {phone} {behind} Lee")[0] == ("Phone", phone)


def test_signs_and_digits_of_any_kind_break_nothing() -> None:
    draw = random.Random(11)
    parts = [
        "0",
        "1 ",
        "4111 ",
        "+",
        "(",
        ")",
        ".",
        "-",
        "/",
        "\n",
        "\t",
        "12:30 ",
        "2024-01-02 ",
        "06 12 ",
        "203.0.",
        "a",
        "_",
        "$",
        "=",
    ]
    for _ in range(3000):
        text = "".join(draw.choices(parts, k=draw.randrange(3, 90)))
        ends = [0, *(place for found in scan(text) for place in found[:2])]
        assert ends == sorted(ends), text


@pytest.mark.parametrize(("entity", "value"), EACH)
def test_a_number_is_found_behind_a_table_of_any_length(entity: str, value: str) -> None:
    for length in range(100):
        table = ("12.50 3.75 120\n" * 8)[: length + 1].rstrip() + "\n"
        assert (entity, value) in named(f"{table}{value} 16:30")[-1:], table


def test_a_numbered_list_loses_all_of_its_values() -> None:
    values = [value for _, value in EACH if not value.startswith("06")]
    lines = [f"{line} {value}" for line, value in enumerate(values * 12)]
    assert [value for _, value in named("\n".join(lines))] == values * 12


def test_a_call_log_loses_its_phones_and_keeps_its_times() -> None:
    lines = [f"{day:02d}.03. {9 + day}:15 +49 30 9018{day}20 16:3{day} 0.{day}5" for day in range(1, 8)]
    assert [value for _, value in named("\n".join(lines))] == [f"+49 30 9018{day}20" for day in range(1, 8)]


@pytest.mark.parametrize(
    "text",
    [
        "1 000 000 000 in all",
        "1 012 345 678 in all",
        "03:04:05 200 1532",
        "5 123 456 rows",
        "0 12.50 13.75 15.00 16.25",
        "1 2024-01-02 03:04:05 200 1532",
        "7 1.2.3 4.5.6 7.8.9 10.11.12",
        "2 4 6 8 10 12 14 16",
        "3 120 240 360 480 600 720",
        "1 100.25 2 200.50 3 300.75",
        "9 10 2024 11 2024 12 2024",
        "4111 1111 1111 1112 5 4111 1111 1111 1113",
        "1 12345 6 78901 2 34567",
        "==2.4.0 ==1.10.3 ==0.9.1",
        "0 536-22-87 1 536-23-87",
        "+8 2019-03-24 20:16:29 -60",
        "+19 2024-11-06 22:30:06\n+8 2021-12-02 17:46:35",
        "0003 2029-06-03 16:30",
        "see 1 +5 -3 +2 16:30",
    ],
)
def test_a_table_of_numbers_stays(text: str) -> None:
    assert named(text) == []
