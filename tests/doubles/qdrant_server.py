"""A Qdrant server of the tests' own: its gRPC and HTTP wire over `qdrant_engine`, on ports of 127.0.0.1.

The gRPC side serves the services that qdrant-client generates, so requests and replies have the real shapes; the HTTP side
answers what the client's models accept.
"""

# ruff: noqa: N802  the methods have the names of the service

import asyncio
import ssl
from pathlib import Path
from types import TracebackType
from typing import Any

import grpc
from aiohttp import web
from qdrant_client import grpc as wire

from doubles.qdrant_engine import Condition, Engine, Point, RefusedError
from doubles.qdrant_http import ENGINE, handle


class QdrantDouble:
    """Both transports over one engine. `start` and `stop` may be called again: the ports stay.

    `certificate` is a key and a chain (PEM files): then both speak TLS.
    """

    def __init__(self, certificate: tuple[Path, Path] | None = None) -> None:
        self.engine = Engine()
        self.certificate = certificate
        self.grpc_port = 0
        self.http_port = 0
        self._grpc: grpc.aio.Server | None = None
        self._http: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"{'https' if self.certificate else 'http'}://127.0.0.1:{self.http_port}"

    async def __aenter__(self) -> "QdrantDouble":
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        self._grpc = grpc.aio.server(options=[("grpc.max_receive_message_length", -1), ("grpc.so_reuseport", 0)])
        wire.add_PointsServicer_to_server(_Points(self.engine), self._grpc)  # type: ignore[no-untyped-call]
        wire.add_CollectionsServicer_to_server(_Collections(self.engine), self._grpc)  # type: ignore[no-untyped-call]
        address = f"127.0.0.1:{self.grpc_port}"
        trust: ssl.SSLContext | None = None
        if self.certificate is None:
            self.grpc_port = self._grpc.add_insecure_port(address)
        else:
            key, chain = self.certificate
            credentials = grpc.ssl_server_credentials([(key.read_bytes(), chain.read_bytes())])
            self.grpc_port = self._grpc.add_secure_port(address, credentials)
            trust = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            trust.load_cert_chain(chain, key)
        await self._grpc.start()
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app[ENGINE] = self.engine
        app.router.add_route("*", "/collections/{name}", handle)
        app.router.add_route("*", "/collections/{name}/{rest:.*}", handle)
        self._http = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
        await self._http.setup()
        site = web.TCPSite(self._http, "127.0.0.1", self.http_port, ssl_context=trust)
        await site.start()
        self.http_port = self._http.addresses[0][1]

    async def stop(self) -> None:
        if self._grpc is not None:
            await self._grpc.stop(grace=0)
            self._grpc = None
        if self._http is not None:
            await self._http.cleanup()
            self._http = None


class _Servicer:
    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    async def admit(self, context: Any) -> None:
        headers = dict(context.invocation_metadata())
        shown = headers.get("authorization")
        self.engine.tokens_seen.append(shown)
        if self.engine.token is not None and shown != f"Bearer {self.engine.token}":
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, f"Invalid API key or JWT: {shown}")
        if self.engine.delay:
            await asyncio.sleep(self.engine.delay)

    async def refuse(self, context: Any, error: RefusedError) -> None:
        await context.abort(grpc.StatusCode[error.kind], str(error))


def _conditions(where: Any) -> list[Condition]:
    found = []
    for each in where.must:
        spoken = each.field
        if spoken.HasField("match"):
            found.append(Condition(spoken.key, equals=spoken.match.keyword))
        else:
            span = spoken.range
            gt = span.gt if span.HasField("gt") else None
            found.append(Condition(spoken.key, gt=gt, lte=span.lte if span.HasField("lte") else None))
    return found


def _to_value(value: Any) -> Any:
    if isinstance(value, str):
        return wire.Value(string_value=value)
    if isinstance(value, bool):
        return wire.Value(bool_value=value)
    if isinstance(value, int | float):
        return wire.Value(double_value=value)
    return wire.Value(struct_value=wire.Struct(fields={}))


def _payload(point: Point) -> dict[str, Any]:
    return {key: _to_value(value) for key, value in point.payload.items()}


class _Points(_Servicer, wire.PointsServicer):
    async def Upsert(self, request: Any, context: Any) -> Any:
        await self.admit(context)
        points = []
        for each in request.points:
            payload = {key: getattr(value, value.WhichOneof("kind")) for key, value in each.payload.items()}
            vectors = {name: list(vector.dense.data) for name, vector in each.vectors.vectors.vectors.items()}
            points.append(Point(each.id.uuid, payload, vectors))
        try:
            self.engine.upsert(request.collection_name, points)
        except RefusedError as error:
            await self.refuse(context, error)
        return wire.PointsOperationResponse(
            result=wire.UpdateResult(operation_id=1, status=wire.UpdateStatus.Completed)
        )

    async def Get(self, request: Any, context: Any) -> Any:
        await self.admit(context)
        try:
            points = self.engine.get(request.collection_name, [each.uuid for each in request.ids])
        except RefusedError as error:
            await self.refuse(context, error)
            raise
        return wire.GetResponse(
            result=[wire.RetrievedPoint(id=wire.PointId(uuid=point.id), payload=_payload(point)) for point in points]
        )

    async def Query(self, request: Any, context: Any) -> Any:
        await self.admit(context)
        try:
            points = self.engine.query(
                request.collection_name,
                request.using,
                list(request.query.nearest.dense.data),
                _conditions(request.filter),
                request.limit,
            )
        except RefusedError as error:
            await self.refuse(context, error)
            raise
        return wire.QueryResponse(
            result=[
                wire.ScoredPoint(id=wire.PointId(uuid=point.id), payload=_payload(point), score=point.score, version=1)
                for point in points
            ]
        )

    async def Facet(self, request: Any, context: Any) -> Any:
        await self.admit(context)
        hits = self.engine.facet(request.collection_name, request.key, request.limit)
        return wire.FacetResponse(
            hits=[wire.FacetHit(value=wire.FacetValue(string_value=value), count=count) for value, count in hits]
        )

    async def Scroll(self, request: Any, context: Any) -> Any:
        await self.admit(context)
        order = request.order_by.key if request.HasField("order_by") else None
        points = self.engine.scroll(request.collection_name, _conditions(request.filter), request.limit, order)
        return wire.ScrollResponse(result=[wire.RetrievedPoint(id=wire.PointId(uuid=point.id)) for point in points])

    async def Delete(self, request: Any, context: Any) -> Any:
        await self.admit(context)
        self.engine.delete(request.collection_name, [each.uuid for each in request.points.points.ids])
        return wire.PointsOperationResponse(
            result=wire.UpdateResult(operation_id=1, status=wire.UpdateStatus.Completed)
        )

    async def CreateFieldIndex(self, request: Any, context: Any) -> Any:
        await self.admit(context)
        tenant = request.field_index_params.keyword_index_params.is_tenant
        self.engine.index(
            request.collection_name, request.field_name, {"type": request.field_type, "is_tenant": tenant}
        )
        return wire.PointsOperationResponse(
            result=wire.UpdateResult(operation_id=1, status=wire.UpdateStatus.Completed)
        )


class _Collections(_Servicer, wire.CollectionsServicer):
    async def CollectionExists(self, request: Any, context: Any) -> Any:
        await self.admit(context)
        exists = request.collection_name in self.engine.collections
        return wire.CollectionExistsResponse(result=wire.CollectionExists(exists=exists))

    async def Create(self, request: Any, context: Any) -> Any:
        await self.admit(context)
        sizes = {name: params.size for name, params in request.vectors_config.params_map.map.items()}
        settings = {
            "m": request.hnsw_config.m,
            "payload_m": request.hnsw_config.payload_m,
            "shard_number": request.shard_number,
            "replication_factor": request.replication_factor,
        }
        try:
            self.engine.create(request.collection_name, sizes, settings)
        except RefusedError as error:
            await self.refuse(context, error)
        return wire.CollectionOperationResponse(result=True)

    async def Get(self, request: Any, context: Any) -> Any:
        await self.admit(context)
        held = self.engine.collection(request.collection_name)
        vectors = wire.VectorsConfig(
            params_map=wire.VectorParamsMap(
                map={n: wire.VectorParams(size=s, distance=wire.Distance.Cosine) for n, s in held.sizes.items()}
            )
        )
        config = wire.CollectionConfig(
            params=wire.CollectionParams(vectors_config=vectors, shard_number=1, on_disk_payload=True),
            hnsw_config=wire.HnswConfigDiff(m=0, ef_construct=100, full_scan_threshold=10000),
            optimizer_config=wire.OptimizersConfigDiff(default_segment_number=0, flush_interval_sec=5),
            wal_config=wire.WalConfigDiff(wal_capacity_mb=32, wal_segments_ahead=0),
        )
        info = wire.CollectionInfo(status=wire.CollectionStatus.Green, segments_count=1, config=config)
        info.optimizer_status.ok = True
        for key in held.indexes:
            info.payload_schema[key].data_type = wire.PayloadSchemaType.Keyword
        return wire.GetCollectionInfoResponse(result=info)
