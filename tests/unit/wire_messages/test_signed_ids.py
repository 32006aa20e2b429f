import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout_sidecar.wire.signed_ids import LONGEST, MARKER, join, legal, split

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
LEGAL = re.compile(r"[A-Za-z0-9_-]+")


def test_an_id_without_a_signature_is_not_touched() -> None:
    assert join("toolu_01", None) == "toolu_01"
    assert join("call.1/x", None) == "call.1/x"
    assert split("toolu_01") == ("toolu_01", None)


def test_a_signature_travels_in_the_id() -> None:
    signed = join("call_1", "CiQB+/3aB==")
    assert signed.startswith(f"call_1{MARKER}")
    assert LEGAL.fullmatch(signed)
    assert split(signed) == ("call_1", "CiQB+/3aB==")


@given(TEXT, TEXT)
def test_pitfall_12_a_signature_is_never_lost(id: str, signature: str) -> None:  # noqa: A002
    signed = join(id, signature)
    assert LEGAL.fullmatch(signed)
    assert split(signed) == (id, signature)


@given(TEXT)
def test_ids_of_a_gateway_behind_the_gateway_come_back_whole(signature: str) -> None:
    inner = join("call_1", signature)
    assert split(join(inner, None)) == (inner, None)
    assert split(join(inner, "outer")) == (inner, "outer")


@pytest.mark.parametrize(
    "id", ["a__sig_", "a__sig_%", "a__sig_A", "a__sig_gICA", "a__sig_AA", "a__sig_AFtd", "__sig_!"]
)
def test_what_only_looks_like_a_marker_is_part_of_the_id(id: str) -> None:  # noqa: A002
    assert split(id) == (id, None)


@given(st.text())
def test_splitting_never_raises(id: str) -> None:  # noqa: A002
    own, _ = split(id)
    assert isinstance(own, str)


@given(st.text(), st.sampled_from([40, 64]))
def test_a_legal_id_is_legal_and_always_the_same(id: str, longest: int) -> None:  # noqa: A002
    made = legal(id, longest)
    assert LEGAL.fullmatch(made)
    assert len(made) <= longest
    assert legal(id, longest) == made
    assert legal(made, longest) == made


def test_ids_that_differ_stay_different() -> None:
    made = {legal(each) for each in ("a.b", "a/b", "a b", "", "x" * LONGEST, "x" * (LONGEST + 1), "x" * (LONGEST + 2))}
    assert len(made) == 7
