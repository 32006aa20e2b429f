"""The HTTP side of `qdrant_server`: what qdrant-client asks for, and answers that its models accept."""

import asyncio
from collections.abc import Callable
from typing import Any

from aiohttp import web

from doubles.qdrant_engine import Condition, Engine, Point, RefusedError

ENGINE: web.AppKey[Engine] = web.AppKey("engine", Engine)
_STATUS = {"NOT_FOUND": 404, "INVALID_ARGUMENT": 400, "ALREADY_EXISTS": 409}
_DONE = {"operation_id": 1, "status": "completed"}


def _where(spoken: dict[str, Any] | None) -> list[Condition]:
    return [
        Condition(
            each["key"],
            equals=(each.get("match") or {}).get("value"),
            gt=(each.get("range") or {}).get("gt"),
            lte=(each.get("range") or {}).get("lte"),
        )
        for each in (spoken or {}).get("must") or []
    ]


async def handle(request: web.Request) -> web.Response:
    engine: Engine = request.app[ENGINE]
    shown = request.headers.get("authorization")
    engine.tokens_seen.append(shown)
    if engine.token is not None and shown != f"Bearer {engine.token}":
        return web.json_response({"status": {"error": f"Invalid API key or JWT: {shown}"}}, status=401)
    if engine.delay:
        await asyncio.sleep(engine.delay)
    body = await request.json() if request.can_read_body else {}
    try:
        route = _ROUTES.get((request.method, request.match_info.get("rest", "")))
        if route is None:
            return web.json_response({"status": {"error": "no such route"}}, status=404)
        result = route(engine, request.match_info["name"], body)
    except RefusedError as error:
        return web.json_response({"status": {"error": str(error)}}, status=_STATUS[error.kind])
    return web.json_response({"result": result, "status": "ok", "time": 0.001})


def _upsert(engine: Engine, name: str, body: dict[str, Any]) -> Any:
    engine.upsert(name, [Point(each["id"], each["payload"], each["vector"]) for each in body["points"]])
    return _DONE


def _get(engine: Engine, name: str, body: dict[str, Any]) -> Any:
    return [{"id": point.id, "payload": point.payload} for point in engine.get(name, body["ids"])]


def _query(engine: Engine, name: str, body: dict[str, Any]) -> Any:
    found = engine.query(name, body["using"], _dense(body["query"]), _where(body.get("filter")), body["limit"])
    return {"points": [{"id": p.id, "payload": p.payload, "score": p.score, "version": 1} for p in found]}


def _facet(engine: Engine, name: str, body: dict[str, Any]) -> Any:
    return {"hits": [{"value": v, "count": c} for v, c in engine.facet(name, body["key"], body["limit"])]}


def _scroll(engine: Engine, name: str, body: dict[str, Any]) -> Any:
    order = (body.get("order_by") or {}).get("key")
    found = engine.scroll(name, _where(body.get("filter")), body["limit"], order)
    return {"points": [{"id": point.id} for point in found], "next_page_offset": None}


def _delete(engine: Engine, name: str, body: dict[str, Any]) -> Any:
    engine.delete(name, body["points"])
    return _DONE


def _exists(engine: Engine, name: str, body: dict[str, Any]) -> Any:
    return {"exists": name in engine.collections}


def _create(engine: Engine, name: str, body: dict[str, Any]) -> Any:
    sizes = {key: params["size"] for key, params in body["vectors"].items()}
    hnsw = body.get("hnsw_config") or {}
    kept = {key: body.get(key) for key in ("shard_number", "replication_factor")}
    engine.create(name, sizes, {"m": hnsw.get("m"), "payload_m": hnsw.get("payload_m"), **kept})
    return True


def _index(engine: Engine, name: str, body: dict[str, Any]) -> Any:
    engine.index(name, body["field_name"], body["field_schema"])
    return _DONE


def _dense(query: Any) -> list[float]:
    return list(query["nearest"]) if isinstance(query, dict) else list(query)


def _info(engine: Engine, name: str, body: dict[str, Any]) -> dict[str, Any]:
    held = engine.collection(name)
    return {
        "status": "green",
        "optimizer_status": "ok",
        "segments_count": 1,
        "config": {
            "params": {"vectors": {key: {"size": size, "distance": "Cosine"} for key, size in held.sizes.items()}},
            "hnsw_config": {"m": 0, "ef_construct": 100, "full_scan_threshold": 10000},
            "optimizer_config": {"default_segment_number": 0, "flush_interval_sec": 5, "deleted_threshold": 0.2,
                                 "vacuum_min_vector_number": 1000},
            "wal_config": {"wal_capacity_mb": 32, "wal_segments_ahead": 0},
        },
        "payload_schema": {key: {"data_type": "keyword", "points": 0} for key in held.indexes},
    }  # fmt: skip


_ROUTES: dict[tuple[str, str], Callable[[Engine, str, dict[str, Any]], Any]] = {
    ("GET", "exists"): _exists,
    ("GET", ""): _info,
    ("PUT", ""): _create,
    ("PUT", "index"): _index,
    ("PUT", "points"): _upsert,
    ("POST", "points"): _get,
    ("POST", "points/query"): _query,
    ("POST", "facet"): _facet,
    ("POST", "points/scroll"): _scroll,
    ("POST", "points/delete"): _delete,
}
