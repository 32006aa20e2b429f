"""The shared Qdrant: a namespace's collection goes with the namespace, and for no lesser reason."""

import time
from pathlib import Path

import pytest

from leader_rig import LeaderRig, namespace, provider, resource, route, until
from turnout_operator.publish.collections import CollectionKeeper
from turnout_operator.publish.credentials import FakeCollections, collection_of
from turnout_operator.settings import SharedQdrant


@pytest.fixture
def keeper(tmp_path: Path) -> tuple[CollectionKeeper, FakeCollections]:
    key = tmp_path / "key"
    key.write_text("qdrant-key", encoding="utf-8")
    there = FakeCollections()
    made = CollectionKeeper(
        SharedQdrant(url="http://qdrant", key_file=str(key)),
        there,
        leading=lambda: True,
        give=lambda _namespace, _credentials: None,
        wall_ms=lambda: time.time_ns() // 1_000_000,
        tick_seconds=0.01,
    )
    return made, there


async def test_a_namespace_that_went_in_one_moment_takes_its_collection_along(
    keeper: tuple[CollectionKeeper, FakeCollections],
) -> None:
    made, there = keeper
    rig = LeaderRig(collections=made)
    rig.start()
    objects = [provider(), route(), resource("CachePolicy", "all", {"mode": "Exact"})]
    rig.store.put_namespace(namespace("team"))
    for item in objects:
        rig.store.put(item)
    await until("it has a collection", lambda: set(there.marks) == {collection_of("team")})
    for item in objects:
        rig.store.delete(item["kind"], item["metadata"]["uid"])
    rig.store.delete_namespace("team")
    await until("its collection is gone", lambda: not there.marks)
    await rig.stop()


async def test_a_namespace_that_is_not_known_loses_no_collection(
    keeper: tuple[CollectionKeeper, FakeCollections],
) -> None:
    made, there = keeper
    there.marks[collection_of("team")] = ""
    rig = LeaderRig(collections=made)
    rig.start()
    rig.leader.wanted_by("team")  # a gateway that dialled in before the Namespace was heard of
    await until("it was looked at", lambda: not len(rig.leader._queue))
    await made.tick()
    assert there.marks
    await rig.stop()
