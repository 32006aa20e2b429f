"""An entry as the embedded engine keeps it, and back."""

import base64

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout_contract.vector_collection import INDEXES, SPACE_FIELD
from turnout_sidecar.adapters.edge_payload import pack, unpack
from turnout_sidecar.adapters.stored_entry import to_payload
from turnout_sidecar.ports.store import Entry

ENTRY = Entry("an-id", "p", "e", "c", "question?", b"answer", 20.5, 10.25)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(texts=st.tuples(TEXT, TEXT, TEXT, TEXT), answer=st.binary(max_size=50), at=st.floats(0, 4e9))
def test_an_entry_comes_back_as_it_was(texts: tuple[str, str, str, str], answer: bytes, at: float) -> None:
    partition, exact, context, question = texts
    entry = Entry("an-id", partition, exact, context, question, answer, at + 1, at)
    for searchable in (True, False):
        assert unpack("an-id", pack(entry, searchable=searchable)) == entry


def test_what_is_filtered_by_is_a_field_and_only_what_is_searched_has_the_search_field() -> None:
    assert set(pack(ENTRY, searchable=True)) == {*INDEXES, "entry"}
    assert set(pack(ENTRY, searchable=False)) == {*INDEXES, "entry"} - {SPACE_FIELD}


def test_a_payload_with_a_field_for_each_part_is_read_too() -> None:
    assert unpack("an-id", to_payload(ENTRY)) == ENTRY


@pytest.mark.parametrize(
    "change",
    [
        {"entry": "no base64!"},
        {"entry": 3},
        {"entry": base64.b64encode(b"no entry").decode()},
        {"entry": base64.b64encode(msgspec.msgpack.encode(["e", "c"])).decode()},
        {"partition": None},
        {"expires_at": "soon"},
        {"created_at": True},
    ],
)
def test_a_payload_that_is_not_ours_is_no_entry(change: dict[str, object]) -> None:
    assert unpack("an-id", pack(ENTRY, searchable=True) | change) is None


@pytest.mark.parametrize("field", ["partition", "expires_at", "created_at", "entry"])
def test_a_payload_without_a_field_is_no_entry(field: str) -> None:
    payload = pack(ENTRY, searchable=True)
    del payload[field]
    assert unpack("an-id", payload) is None
