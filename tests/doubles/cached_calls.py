"""Calls through the cache stage: a runtime with one cached route or more, callers, and a provider that counts."""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import numpy as np
import orjson
from multidict import CIMultiDict, CIMultiDictProxy

from gateway_rig import a_provider, a_route, a_rule, a_snapshot, answer
from turnout_contract.snapshot import model as snap
from turnout_contract.snapshot.guards import Guard
from turnout_sidecar.adapters.fake_upstream import FakeUpstream
from turnout_sidecar.adapters.memory_store import MemoryStore
from turnout_sidecar.exchange.call import Attempt, Caller, Endpoint, Exchange, Response
from turnout_sidecar.exchange.usage import Usage
from turnout_sidecar.inspection.guards import Guarding
from turnout_sidecar.ports.clock import FakeClock
from turnout_sidecar.ports.secrets import FakeSecrets
from turnout_sidecar.runtime import Runtime
from turnout_sidecar.stages.look_up_cache import LookUpCache
from turnout_sidecar.stages.resolve_route import resolve_route

CHAT = Endpoint("chat", "/v1/chat/completions", "/chat/completions", "chat", "chat", "Chat")
EMBEDDINGS = Endpoint("embeddings", "/v1/embeddings", "/embeddings", "embeddings", "embeddings", "Embeddings")
ANN = Caller("app", "claims", user="ann")


def a_policy(**fields: Any) -> snap.Cache:
    """A policy of an hour, for the team, semantic."""
    filled = {
        "policy": "default",
        "ttl_ms": 3_600_000,
        "scope": "Team",
        "semantic": True,
        "max_temperature": 0.0,
        "max_entries": 1000,
    }
    return snap.Cache(**{**filled, **fields})


def a_runtime(
    *routes: snap.Route, namespace: str = "ns", providers: Sequence[snap.Provider] = (), **policy: Any
) -> Runtime:
    """What runs: the given routes, else `assistant` with such a policy."""
    routes = routes or (a_route("assistant", a_rule(cache=a_policy(**policy))),)
    named = sorted({rule.guard for route in routes for rule in route.rules if rule.guard is not None})
    guards = tuple(Guard(name, ("default",)) for name in named)
    snapshot = a_snapshot(*routes, providers=providers or (a_provider(),), guards=guards)
    return Runtime.build(_in_namespace(snapshot, namespace), "v1", FakeSecrets(), guarding=Guarding(FakeUpstream([])))


def _in_namespace(snapshot: snap.Snapshot, namespace: str) -> snap.Snapshot:
    """The snapshot in another namespace."""
    return snap.Snapshot(
        namespace=namespace,
        gateway=snapshot.gateway,
        providers=snapshot.providers,
        routes=snapshot.routes,
        guards=snapshot.guards,
    )


def a_call(
    runtime: Runtime,
    body: dict[str, Any] | str = "What is the capital of France?",
    *,
    caller: Caller = ANN,
    endpoint: Endpoint = CHAT,
    raw: bytes | None = None,
    number: int = 1,
    headers: dict[str, str] | None = None,
) -> Exchange:
    """A call as the stages before the cache leave it, but for its route."""
    if isinstance(body, str):
        body = {"model": "assistant", "messages": [{"role": "user", "content": body}]}
    exchange = Exchange(
        id=f"{number:032x}",
        endpoint=endpoint,
        headers=CIMultiDictProxy(CIMultiDict(headers or {})),
        raw=raw if raw is not None else orjson.dumps(body),
        body=body,
        runtime=runtime,
        received_ns=0,
        received_unix_ns=0,
    )
    exchange.caller = caller
    exchange.model = body["model"]
    exchange.stream = body.get("stream") is True
    options = body.get("stream_options")
    exchange.include_usage = isinstance(options, dict) and options.get("include_usage") is True
    return exchange


class Frames:
    """A stream of ready pieces. `broken`: it ends as the gateway ends one that broke off."""

    def __init__(self, exchange: Exchange, pieces: Sequence[bytes], *, broken: bool = False) -> None:
        self._exchange = exchange
        self._pieces = list(pieces)
        self._broken = broken
        self.closed = False

    def __aiter__(self) -> "Frames":
        return self

    async def __anext__(self) -> bytes:
        if self._pieces:
            return self._pieces.pop(0)
        self._exchange.aborted = self._broken
        raise StopAsyncIteration

    async def aclose(self) -> None:
        self.closed = True


class Provider:
    """The end of the pipeline: answers with `write(exchange)`, or a counted text, and says what it used."""

    def __init__(self, write: Callable[[Exchange], Response] | None = None, *, backend: str = "openai/gpt") -> None:
        self.calls = 0
        self._write = write
        self._backend = backend

    async def __call__(self, exchange: Exchange) -> Response:
        self.calls += 1
        runtime: Runtime = exchange.runtime
        provider = runtime.snapshot.providers[0]
        attempt = Attempt(1, provider, provider.models[0], 0)
        attempt.usage = exchange.usage = Usage(input=10, output=5)
        attempt.cost_nano = 20_000
        exchange.attempts.append(attempt)
        exchange.response_backend = self._backend
        if self._write is not None:
            return self._write(exchange)
        return Response(200, body=answer(f"answer {self.calls}"))


class Rig:
    """The cache stage behind the routing stage, over a store in memory."""

    def __init__(self, store: Any = None, embedder: Any = None, provider: Provider | None = None) -> None:
        self.clock = FakeClock()
        self.embedder = embedder or WordEmbedder()
        self.memory = MemoryStore(dimension=self.embedder.dimension, clock=self.clock)
        self.stage = LookUpCache(store or self.memory, self.embedder, self.clock, embed_s=0.05)
        self.provider = provider or Provider()

    async def ask(self, exchange: Exchange) -> Response:
        """The answer, when all that is to be kept is kept (for a whole answer)."""

        async def cached(routed: Exchange) -> Response:
            return await self.stage(routed, self.provider)

        response = await resolve_route(exchange, cached)
        await self.stage.keeper.settled()
        return response

    async def text(self, exchange: Exchange) -> str:
        """The text of the answer."""
        response = await self.ask(exchange)
        assert response.body is not None
        found: str = orjson.loads(response.body)["choices"][0]["message"]["content"]
        return found


class WordEmbedder:
    """All questions have one direction, but for those of the word `elsewhere`: near, so that only the words decide."""

    name = "one-direction"
    dimension = 4

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def embed(self, texts: Sequence[str]) -> np.ndarray:
        self.asked += texts
        rows = [[0.0, 1.0, 0.0, 0.0] if "elsewhere" in text else [1.0, 0.0, 0.0, 0.0] for text in texts]
        return np.array(rows, np.float32)


async def all_of(response: Response) -> bytes:
    """A whole stream."""
    assert response.stream is not None
    pieces: AsyncIterator[bytes] = response.stream
    return b"".join([piece async for piece in pieces])
