"""What a Qdrant server would answer, over dictionaries: the part of it that Turnout asks for.

Stricter than the real one where that finds mistakes: a filter or an order over a field without an index is refused. `tamper`
and `delay` are for the tests of faults.
"""

import math
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


class RefusedError(Exception):
    """A request that the server refuses; `kind` is NOT_FOUND or INVALID_ARGUMENT or ALREADY_EXISTS."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass
class Condition:
    key: str
    equals: str | None = None
    gt: float | None = None
    lte: float | None = None

    def holds(self, payload: dict[str, Any]) -> bool:
        value = payload.get(self.key)
        if self.equals is not None:
            return bool(value == self.equals)
        if not isinstance(value, int | float):
            return False
        return (self.gt is None or value > self.gt) and (self.lte is None or value <= self.lte)


@dataclass
class Point:
    id: str
    payload: dict[str, Any]
    vectors: dict[str, list[float]]
    score: float = 0.0


@dataclass
class Collection:
    sizes: dict[str, int]
    settings: dict[str, Any] = field(default_factory=dict)
    indexes: dict[str, Any] = field(default_factory=dict)
    points: dict[str, Point] = field(default_factory=dict)


class Engine:
    """Collections and points."""

    def __init__(self) -> None:
        self.collections: dict[str, Collection] = {}
        self.tamper: Callable[[list[Point]], list[Point]] = lambda points: points
        self.delay = 0.0
        self.token: str | None = None
        self.tokens_seen: list[str | None] = []

    def collection(self, name: str) -> Collection:
        try:
            return self.collections[name]
        except KeyError:
            raise RefusedError("NOT_FOUND", f"Not found: Collection `{name}` doesn't exist!") from None

    def create(self, name: str, sizes: dict[str, int], settings: dict[str, Any]) -> None:
        if name in self.collections:
            raise RefusedError("ALREADY_EXISTS", f"Wrong input: Collection `{name}` already exists!")
        self.collections[name] = Collection(sizes, settings)

    def index(self, name: str, key: str, schema: Any) -> None:
        self.collection(name).indexes[key] = schema

    def upsert(self, name: str, points: list[Point]) -> None:
        held = self.collection(name)
        for point in points:
            self._check(held, point.vectors)
            held.points[str(uuid.UUID(point.id))] = point

    def get(self, name: str, ids: list[str]) -> list[Point]:
        held = self.collection(name)
        return self.tamper([held.points[each] for each in ids if each in held.points])

    def query(self, name: str, using: str, vector: list[float], where: list[Condition], limit: int) -> list[Point]:
        held = self.collection(name)
        self._check(held, {using: vector})
        found = [
            Point(point.id, point.payload, point.vectors, _cosine(vector, point.vectors[using]))
            for point in self._where(held, where)
            if using in point.vectors
        ]
        return self.tamper(sorted(found, key=lambda point: -point.score)[:limit])

    def facet(self, name: str, key: str, limit: int) -> list[tuple[str, int]]:
        held = self.collection(name)
        if key not in held.indexes:
            raise RefusedError("INVALID_ARGUMENT", f"facet needs an index on {key}")
        counts: dict[str, int] = {}
        for point in held.points.values():
            value = point.payload.get(key)
            counts[str(value)] = counts.get(str(value), 0) + 1
        return sorted(counts.items(), key=lambda item: -item[1])[:limit]

    def scroll(self, name: str, where: list[Condition], limit: int, order: str | None) -> list[Point]:
        held = self.collection(name)
        if order is not None and order not in held.indexes:
            raise RefusedError("INVALID_ARGUMENT", f"No range index for `order_by` key: `{order}`")
        found = self._where(held, where)
        return sorted(found, key=lambda point: point.payload[order] if order else point.id)[:limit]

    def delete(self, name: str, ids: list[str]) -> None:
        held = self.collection(name)
        for each in ids:
            held.points.pop(each, None)

    def _where(self, held: Collection, where: list[Condition]) -> list[Point]:
        for condition in where:
            if condition.key not in held.indexes:
                raise RefusedError("INVALID_ARGUMENT", f"Index required but not found for {condition.key}")
        return [point for point in held.points.values() if all(each.holds(point.payload) for each in where)]

    def _check(self, held: Collection, vectors: dict[str, list[float]]) -> None:
        for name, vector in vectors.items():
            size = held.sizes.get(name)
            if size is None:
                raise RefusedError("INVALID_ARGUMENT", f"Wrong input: Not existing vector name error: {name}")
            if len(vector) != size:
                raise RefusedError("INVALID_ARGUMENT", f"Wrong input: Vector dimension error: expected dim: {size}")


def _cosine(a: list[float], b: list[float]) -> float:
    lengths = math.hypot(*a) * math.hypot(*b)
    return sum(x * y for x, y in zip(a, b, strict=True)) / lengths if lengths else 0.0
