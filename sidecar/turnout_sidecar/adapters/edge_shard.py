"""The embedded Qdrant engine, opened on one folder. Runs in its own process only (see `edge_process`).

The engine holds the interpreter while it works, and a damaged state may make it raise, panic or crash. Rules: the filter of a
query is built here, in `_within`; no graph index is ever built (a flat search of 100,000 vectors takes 7 ms, building a graph
for 10,000 takes 14 s); a state that cannot be opened is moved aside, never deleted and never a reason not to start.
"""

import array
import contextlib
import fcntl
import itertools
import shutil
import time
from pathlib import Path
from typing import Any

import qdrant_edge as engine

from turnout_contract.vector_collection import INDEXES, SPACE_FIELD, TENANT_FIELD, VECTOR, space
from turnout_sidecar.adapters.edge_known import MOST, packed
from turnout_sidecar.adapters.edge_protocol import Point

TIDY_LEAST = 2000
TIDY_SHARE = 0.3
PATIENCE = 20_000
"""So many writes or removals, and tidying no longer waits until nobody looks anything up."""
CRASHES = 2
_LOCK = "lock"
_OPENING = "opening"
_STATE = "shard"


class StateInUse(Exception):  # noqa: N818  says what happened
    """Another process has this folder open."""


class EdgeShard:
    """One collection on disk. `path` is its folder; made where it is not there."""

    def __init__(self, path: Path, dimension: int) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self._lock = (path / _LOCK).open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._lock.close()
            raise StateInUse(f"{path} is in use by another process") from error
        self._removed = 0
        self._written = 0
        self.moved_aside: str | None = None
        self.reason = ""
        self._shard = self._open(path, dimension)

    def _open(self, path: Path, dimension: int) -> Any:
        """Open the state; after a failure, or crashes while opening, put it aside and begin anew."""
        state, marker = path / _STATE, path / _OPENING
        crashes = _read_count(marker)
        if state.exists() and crashes < CRASHES:
            marker.write_text(str(crashes + 1))
            try:
                shard = engine.EdgeShard.load(str(state))
                _check(shard, dimension)
            except (KeyboardInterrupt, SystemExit):
                raise
            except BaseException as error:  # noqa: BLE001  boundary: the engine's panics are no Exceptions
                self.reason = f"{type(error).__name__}: {error}"[:300]
            else:
                marker.unlink()
                return shard
        elif state.exists():
            self.reason = f"the engine ended {crashes} times while it opened the state"
        if state.exists():
            aside = path / f"{_STATE}.unreadable-{time.time_ns()}"
            state.rename(aside)
            _keep_last(path)
            self.moved_aside = str(aside)
        state.mkdir()
        shard = engine.EdgeShard.create(str(state), _config(dimension))
        for field, kind in INDEXES.items():
            shard.update(engine.UpdateOperation.create_field_index(field, _index(field, kind)))
        shard.flush()
        marker.unlink(missing_ok=True)
        return shard

    def get(self, point: str) -> dict[str, Any] | None:
        """The payload of a point."""
        found = self._shard.retrieve([point], with_payload=True, with_vector=False)
        return found[0].payload if found else None

    def search(
        self, partition: str, context_key: str, now: float, vector: bytes, limit: int
    ) -> list[tuple[str, float, Any]]:
        """(id, cosine, payload) of the nearest live points.

        A condition on the time would double the cost of a flat search; so twice as many are fetched, and expired ones left out.
        """
        query = engine.Query.Nearest(_floats(vector), using=VECTOR)
        found = self._shard.query(
            engine.QueryRequest(limit=2 * limit, query=query, filter=_within(partition, context_key), with_payload=True)
        )
        live = (point for point in found if point.payload.get("expires_at", 0) > now)
        return [(str(point.id), point.score, point.payload) for point in itertools.islice(live, limit)]

    def ids(self) -> bytes | None:
        """All ids (`edge_known.packed`), or None where there are more than anybody remembers."""
        if self._shard.info().points_count > MOST:
            return None
        found, _ = self._shard.scroll(engine.ScrollRequest(limit=MOST + 1, with_payload=False))
        return packed(record.id for record in found)

    def put(self, points: list[Point]) -> int:
        """Keep points, in place of what has their ids; how many."""
        kept = [
            engine.Point(point.id, {VECTOR: _floats(point.vector)} if point.vector else {}, point.payload)
            for point in points
        ]
        self._shard.update(engine.UpdateOperation.upsert_points(kept))
        self._written += len(kept)
        return len(kept)

    def counts(self, limit: int) -> list[tuple[str, int]]:
        """Partitions and their sizes, the largest ones."""
        hits = self._shard.facet(engine.FacetRequest(TENANT_FIELD, limit=limit, exact=True))
        return [(str(hit.value), hit.count) for hit in hits]

    def pick(self, partition: str | None, expired_at: float | None, limit: int) -> list[str]:
        """Ids, as a `sweeping.Selection` says."""
        must: list[Any] = []
        if partition is not None:
            must.append(engine.FieldCondition(TENANT_FIELD, match=engine.MatchValue(partition)))
        if expired_at is not None:
            must.append(engine.FieldCondition("expires_at", range=engine.RangeFloat(lte=expired_at)))
        order = engine.OrderBy("created_at", engine.Direction.Asc) if partition is not None else None
        found, _ = self._shard.scroll(
            engine.ScrollRequest(limit=limit, filter=engine.Filter(must=must), with_payload=False, order_by=order)
        )
        return [str(record.id) for record in found]

    def remove(self, points: list[str]) -> int:
        """Remove points; how many were named."""
        self._shard.update(engine.UpdateOperation.delete_points([*points]))
        self._removed += len(points)
        self._written += len(points)
        return len(points)

    def tidy(self, *, idle: bool) -> bool:
        """Rewrite the segments where many points were removed, then flush; whether anything was rewritten.

        Both hold the engine for up to seconds, and look-ups are bypassed meanwhile; so it waits until it is `idle`, for long.
        Rewriting takes as long as much is held: while it is asked for things, that waits until as much was removed.
        """
        rewritten = False
        if not idle and max(self._removed, self._written) < PATIENCE:
            return rewritten
        held = self._shard.info().points_count
        least = max(TIDY_LEAST, TIDY_SHARE * held) if idle else max(PATIENCE, held)
        if self._removed >= least:
            rewritten = self._shard.optimize()
            self._removed = 0
        if self._written or rewritten:
            self._shard.flush()
            self._written = 0
        return rewritten

    def close(self) -> None:
        """Write everything and let go of the folder."""
        self._shard.flush()
        self._shard.close()
        self._lock.close()


def _within(partition: str, context_key: str) -> Any:
    """The filter of every search: the partition and the context, in the one value that stands for both."""
    return engine.Filter(
        must=[engine.FieldCondition(SPACE_FIELD, match=engine.MatchValue(space(partition, context_key)))]
    )


def _config(dimension: int) -> Any:
    return engine.EdgeConfig(
        vectors={VECTOR: engine.EdgeVectorParams(size=dimension, distance=engine.Distance.Cosine)},
        optimizers=engine.EdgeOptimizersConfig(
            indexing_threshold=2**40,
            deleted_threshold=TIDY_SHARE / 2,
            vacuum_min_vector_number=TIDY_LEAST // 2,
            default_segment_number=1,
        ),
        max_search_threads=1,
    )


def _index(field: str, kind: str) -> Any:
    if field == TENANT_FIELD:
        return engine.KeywordIndexParams(is_tenant=True)
    return engine.PayloadSchemaType.Keyword if kind == "keyword" else engine.PayloadSchemaType.Float


def _check(shard: Any, dimension: int) -> None:
    """Read something of everything, so that damage shows now and not in the middle of a call."""
    missing = set(INDEXES) - set(shard.info().payload_schema)
    if missing:
        raise ValueError(f"the state lacks the indexes {sorted(missing)}")
    shard.query(
        engine.QueryRequest(limit=1, query=engine.Query.Nearest([1.0] * dimension, using=VECTOR), with_payload=True)
    )
    shard.facet(engine.FacetRequest(TENANT_FIELD, limit=1))


def _floats(vector: bytes) -> list[float]:
    return array.array("f", vector).tolist()


def _read_count(marker: Path) -> int:
    try:
        return int(marker.read_text())
    except (FileNotFoundError, ValueError):
        return 0


def _keep_last(path: Path) -> None:
    """One unreadable state is enough to look into; older ones go."""
    for old in sorted(path.glob(f"{_STATE}.unreadable-*"))[:-1]:
        with contextlib.suppress(OSError):
            shutil.rmtree(old)
