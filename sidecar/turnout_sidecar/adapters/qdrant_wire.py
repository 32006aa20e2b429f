"""The three calls to a Qdrant server that stand in a caller's way, by gRPC and by HTTP.

By gRPC they use the generated stub itself: qdrant-client's models would take as long again as the server does. What a server
answers is read as it is; whether it may be used is decided by `stored_entry.Reader`.
"""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from qdrant_client import AsyncQdrantClient, grpc, models

from turnout_contract.vector_collection import VECTOR
from turnout_sidecar.adapters.qdrant_filter import as_model

Found = tuple[str, float, dict[str, Any]]
"""Id, cosine, payload."""
Point = tuple[str, dict[str, str | float], np.ndarray | None]
"""Id, payload, vector."""


class Wire(Protocol):
    """One transport. Raises whatever the transport raises."""

    async def fetch(self, point: str) -> dict[str, Any] | None:
        """The payload of a point, or None."""
        ...

    async def nearest(self, where: grpc.Filter, vector: np.ndarray, limit: int) -> list[Found]:
        """The nearest points within the filter."""
        ...

    async def upsert(self, points: Sequence[Point]) -> None:
        """Write points; they are visible when this returns."""
        ...


class GrpcWire:
    """By the generated stub. `limit_s` is the deadline of each call."""

    def __init__(self, client: AsyncQdrantClient, collection: str, limit_s: float) -> None:
        self._client = client
        self._collection = collection
        self._limit = limit_s
        self._with_payload = grpc.WithPayloadSelector(enable=True)

    async def fetch(self, point: str) -> dict[str, Any] | None:
        """See Wire."""
        request = grpc.GetPoints(
            collection_name=self._collection, ids=[grpc.PointId(uuid=point)], with_payload=self._with_payload
        )
        reply = await self._client.grpc_points.Get(request, timeout=self._limit)
        return _plain(reply.result[0].payload) if reply.result else None

    async def nearest(self, where: grpc.Filter, vector: np.ndarray, limit: int) -> list[Found]:
        """See Wire."""
        nearest = grpc.VectorInput(dense=grpc.DenseVector(data=vector.tolist()))
        request = grpc.QueryPoints(
            collection_name=self._collection,
            query=grpc.Query(nearest=nearest),
            using=VECTOR,
            filter=where,
            limit=limit,
            with_payload=self._with_payload,
        )
        reply = await self._client.grpc_points.Query(request, timeout=self._limit)
        return [(point.id.uuid, point.score, _plain(point.payload)) for point in reply.result]

    async def upsert(self, points: Sequence[Point]) -> None:
        """See Wire."""
        structs = [_struct(*point) for point in points]
        request = grpc.UpsertPoints(collection_name=self._collection, wait=True, points=structs)
        await self._client.grpc_points.Upsert(request, timeout=self._limit)


class HttpWire:
    """By qdrant-client's methods, over HTTP."""

    def __init__(self, client: AsyncQdrantClient, collection: str) -> None:
        self._client = client
        self._collection = collection

    async def fetch(self, point: str) -> dict[str, Any] | None:
        """See Wire."""
        found = await self._client.retrieve(self._collection, [point], with_payload=True, with_vectors=False)
        return (found[0].payload or {}) if found else None

    async def nearest(self, where: grpc.Filter, vector: np.ndarray, limit: int) -> list[Found]:
        """See Wire."""
        reply = await self._client.query_points(
            self._collection,
            query=vector.tolist(),
            using=VECTOR,
            query_filter=as_model(where),
            limit=limit,
            with_payload=True,
        )
        return [(str(point.id), point.score, point.payload or {}) for point in reply.points]

    async def upsert(self, points: Sequence[Point]) -> None:
        """See Wire."""
        structs = [
            models.PointStruct(id=point, payload=payload, vector={} if vector is None else {VECTOR: vector.tolist()})
            for point, payload, vector in points
        ]
        await self._client.upsert(self._collection, structs, wait=True)


def _struct(point: str, payload: dict[str, str | float], vector: np.ndarray | None) -> grpc.PointStruct:
    named = {} if vector is None else {VECTOR: grpc.Vector(dense=grpc.DenseVector(data=vector.tolist()))}
    return grpc.PointStruct(
        id=grpc.PointId(uuid=point),
        payload={field: _value(value) for field, value in payload.items()},
        vectors=grpc.Vectors(vectors=grpc.NamedVectors(vectors=named)),
    )


def _value(value: str | float) -> grpc.Value:
    return grpc.Value(string_value=value) if isinstance(value, str) else grpc.Value(double_value=value)


def _plain(payload: Any) -> dict[str, Any]:
    """A payload of the wire as JSON values; what has no place in an entry is left out."""
    plain: dict[str, Any] = {}
    for field, value in payload.items():
        kind = value.WhichOneof("kind")
        if kind in {"string_value", "double_value", "integer_value", "bool_value"}:
            plain[field] = getattr(value, kind)
    return plain
