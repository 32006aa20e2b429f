"""Partition keys, entry ids, payloads, and the second look."""

import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout_contract.vector_collection import collection_name
from turnout_sidecar.adapters.stored_entry import Reader, as_row, from_payload, to_payload
from turnout_sidecar.ports.store import (
    Entry,
    Partition,
    StoreUnavailable,
    entry_id,
    namespace_scope,
    team_scope,
    user_scope,
)

PARTS = st.text(st.characters(), max_size=12)


def entry(**changes: object) -> Entry:
    values: dict[str, object] = {
        "id": entry_id("p", "e"),
        "partition": "p",
        "exact_key": "e",
        "context_key": "c",
        "question": "why?",
        "answer": b"\x00because",
        "expires_at": 20.0,
        "created_at": 10.0,
    }
    return Entry(**(values | changes))  # type: ignore[arg-type]


@given(first=st.tuples(PARTS, PARTS, PARTS), second=st.tuples(PARTS, PARTS, PARTS))
def test_different_partitions_have_different_keys(first: tuple[str, str, str], second: tuple[str, str, str]) -> None:
    keys = Partition(*first).key, Partition(*second).key
    assert (keys[0] == keys[1]) == (first == second)
    assert keys[0].isascii()


@given(parts=st.tuples(PARTS, PARTS, PARTS))
def test_a_key_can_be_read_back(parts: tuple[str, str, str]) -> None:
    assert Partition.parse(Partition(*parts).key) == Partition(*parts)


@pytest.mark.parametrize("key", ["", "a/b", "a/b/c/d", "a/b/%zz", "a/b/ü"])
def test_what_is_no_key_is_not_read(key: str) -> None:
    assert Partition.parse(key) is None


@given(first=st.tuples(PARTS, PARTS), second=st.tuples(PARTS, PARTS))
def test_users_of_different_teams_are_apart(first: tuple[str, str], second: tuple[str, str]) -> None:
    assert (user_scope(*first) == user_scope(*second)) == (first == second)
    assert user_scope(*first) not in {team_scope(first[0]), namespace_scope()}


def test_an_id_is_a_uuid_and_stands_for_partition_and_key_together() -> None:
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", entry_id("p", "e"))
    assert entry_id("p", "e") == entry_id("p", "e")
    assert len({entry_id("p", "e"), entry_id("pe", ""), entry_id("", "pe"), entry_id("p", "f")}) == 4


def test_a_collection_is_named_after_namespace_embedder_and_dimension() -> None:
    assert collection_name("shop", "minilm-int8", 384) == "turnout_shop_minilm-int8_384"
    strange = collection_name("shop", "openai/text embedding", 1536)
    assert re.fullmatch(r"turnout_shop_openai-text-embedding-[0-9a-f]{12}_1536", strange)
    assert strange != collection_name("shop", "openai-text/embedding", 1536)
    assert len(collection_name("n" * 63, "e" * 5000, 4096)) < 255


def test_a_payload_is_read_back_as_the_entry_it_was() -> None:
    assert from_payload(entry().id, to_payload(entry()) | {"added": "by a newer version"}) == entry()


@pytest.mark.parametrize(
    "change",
    [
        {"answer": "no base64!"},
        {"answer": 3},
        {"partition": None},
        {"expires_at": "soon"},
        {"question": ["a"]},
        {"created_at": True},
    ],
)
def test_a_payload_that_is_not_ours_is_no_entry(change: dict[str, object]) -> None:
    assert from_payload("x", to_payload(entry()) | change) is None


def test_a_payload_without_a_field_is_no_entry() -> None:
    payload = to_payload(entry())
    del payload["context_key"]
    assert from_payload("x", payload) is None


@pytest.mark.parametrize(
    ("found", "counter"),
    [
        (entry(partition="q"), "foreign"),
        (entry(exact_key="other"), "other_key"),
        (entry(expires_at=15.0), "expired"),
        (entry(expires_at=math.nan), "expired"),
        (None, "malformed"),
    ],
)
def test_what_was_not_asked_for_is_dropped_and_counted(found: Entry | None, counter: str) -> None:
    reader = Reader()
    assert reader.exact(found, partition="p", exact_key="e", now=15.0) is None
    assert getattr(reader.drops, counter) == 1
    assert reader.exact(entry(), partition="p", exact_key="e", now=15.0) == entry()


def test_candidates_are_looked_at_one_by_one_and_sorted() -> None:
    reader = Reader()
    near, nearer = entry(question="near"), entry(question="nearer")
    mixture = [
        (near, 0.8),
        (entry(partition="q"), 1.0),
        (entry(context_key="d"), 1.0),
        (entry(expires_at=15.0), 1.0),
        (None, 1.0),
        (entry(), math.nan),
        (nearer, 0.9),
    ]
    found = reader.near(mixture, partition="p", context_key="c", now=15.0)
    assert [(candidate.entry.question, candidate.score) for candidate in found] == [("nearer", 0.9), ("near", 0.8)]
    drops = reader.drops
    assert (drops.foreign, drops.other_key, drops.expired, drops.malformed) == (1, 1, 1, 2)


@pytest.mark.parametrize("vector", [[1.0], np.zeros((1, 2)), [math.inf, 0.0], [math.nan, 0.0]])
def test_a_vector_must_have_the_right_length_and_be_finite(vector: list[float]) -> None:
    with pytest.raises(StoreUnavailable):
        as_row(vector, 2)
