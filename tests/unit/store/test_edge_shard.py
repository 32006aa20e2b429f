"""When the embedded engine rewrites its segments: while somebody waits for it, only for much."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from turnout_sidecar.adapters import edge_shard
from turnout_sidecar.adapters.edge_payload import pack
from turnout_sidecar.adapters.edge_protocol import Point
from turnout_sidecar.adapters.edge_shard import EdgeShard
from turnout_sidecar.ports.store import Entry, entry_id

HELD = 5000


def point(number: int) -> Point:
    key = str(number)
    entry = Entry(entry_id("p", key), "p", key, "c", "", b"a", 4e9, float(number))
    return Point(entry.id, pack(entry, searchable=False), b"")


@pytest.fixture
def shard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[EdgeShard]:
    """It holds 5,000 points, all of them written to disk."""
    monkeypatch.setattr(edge_shard, "PATIENCE", 2000)
    found = EdgeShard(tmp_path, 4)
    for start in range(0, HELD, 100):
        assert found.put([point(number) for number in range(start, start + 100)]) == 100
    assert found.tidy(idle=True) is False
    yield found
    found.close()


def remove(shard: EdgeShard, count: int) -> None:
    shard.remove(shard.pick("p", None, count))


def test_an_idle_engine_gives_back_the_space_of_a_third(shard: EdgeShard) -> None:
    remove(shard, 1500)
    assert not shard.tidy(idle=True)
    remove(shard, 700)
    assert shard.tidy(idle=True)
    assert shard.get(point(HELD - 1).id) is not None


def test_a_busy_engine_waits_until_as_much_was_removed_as_it_holds(shard: EdgeShard) -> None:
    remove(shard, 2100)
    assert not shard.tidy(idle=False)
    remove(shard, 500)
    assert shard.tidy(idle=False)
    assert shard.counts(10) == [("p", HELD - 2600)]
