"""Durations, money, canonical bytes and the snapshot's codec."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout_contract import canonical, durations, money
from turnout_contract.snapshot import codec
from turnout_contract.snapshot.model import SCHEMA, Gateway, Prompt, Snapshot


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("0s", 0),
        ("500ms", 500),
        ("60s", 60_000),
        ("1m30s", 90_000),
        ("1h2m3s4ms", 3_723_004),
        ("99999h", 359_996_400_000),
    ],
)
def test_a_duration_is_read_as_milliseconds(text: str, milliseconds: int) -> None:
    assert durations.parse_ms(text) == milliseconds


@pytest.mark.parametrize("text", ["", "1", "1.5s", "-1s", "1d", "1 s", "s", "1s\n", "123456s", "1s1s1s1s1s", "\uff11s"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        durations.parse_ms(text)


@pytest.mark.parametrize(
    ("text", "nano"),
    [
        ("0", 0),
        ("0.25", 250_000_000),
        ("10.00", 10_000_000_000),
        ("0.000000001", 1),
        ("999999999.999999999", 10**18 - 1),
    ],
)
def test_dollars_are_read_as_nano_dollars(text: str, nano: int) -> None:
    assert money.parse_usd(text) == nano


@pytest.mark.parametrize("text", ["", "a", "-1", "0.0000000001", "NaN", "Infinity"])
def test_what_is_no_amount_of_dollars_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"dollars|places"):
        money.parse_usd(text)


@given(st.integers(min_value=0, max_value=10**24))
def test_money_written_and_read_again_is_the_same(nano: int) -> None:
    text = money.format_usd(nano)
    assert Decimal(text) * money.NANO == nano
    assert "E" not in text


def test_money_is_written_plainly() -> None:
    assert [money.format_usd(nano) for nano in (0, 1_500_000, 1, -2_000_000_000, 10**18)] == [
        "0",
        "0.0015",
        "0.000000001",
        "-2",
        "1000000000",
    ]


@given(st.integers(min_value=0, max_value=10**20))
def test_a_cost_is_rounded_half_up_once(total: int) -> None:
    assert money.per_million(total) == int((Decimal(total) / 1_000_000).quantize(Decimal(1), rounding="ROUND_HALF_UP"))


def test_equal_values_have_equal_bytes_whatever_the_order_of_their_keys() -> None:
    assert canonical.encode({"b": 1, "a": {"d": 2, "c": 3}}) == canonical.encode({"a": {"c": 3, "d": 2}, "b": 1})
    assert canonical.encode({"b": 1, "a": "é"}) == '{"a":"é","b":1}'.encode()


def test_half_of_a_surrogate_pair_has_no_bytes() -> None:
    with pytest.raises(UnicodeEncodeError):
        canonical.encode({"a": "\ud800"})


def test_a_snapshot_is_the_same_after_encoding_and_decoding() -> None:
    prompt = Prompt(
        name="a", variables={"type": "object", "x": [1, None, {"y": 2.5}]}, shares=(("v1", 1),), versions=()
    )
    snapshot = Snapshot(namespace="shop", gateway=Gateway(closed="why"), prompts=(prompt,), secrets=("a", "b"))
    assert codec.decode(codec.encode(snapshot)) == snapshot
    assert len(codec.version(codec.encode(snapshot))) == 64


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[]", b'{"namespace": 7}', b"\xff", b'{"namespace":"a","gateway":{"limits":7}}']
)
def test_what_is_no_snapshot_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="not a snapshot"):
        codec.decode(data)


def test_a_snapshot_of_a_newer_schema_is_refused_and_unknown_fields_are_not() -> None:
    text = '{"namespace":"a","gateway":{"later":1},"later":2,"schema":%d}'
    assert codec.decode((text % SCHEMA).encode()).namespace == "a"
    with pytest.raises(ValueError, match="schema"):
        codec.decode((text % (SCHEMA + 1)).encode())
