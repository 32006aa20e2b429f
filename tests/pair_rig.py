"""A world for each protocol that can be spoken to: its simulated provider, strict as the real one, and a gateway before it.

What calls come in is in `pair_clients.py`. Everything is in this process and really listens; `World.last` is what telemetry was
told of the last call, `World.calls` what reached the provider.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import msgspec
import orjson
from aiohttp import web

from gateway_rig import a_client, a_gateway, a_model, a_provider, a_route, a_rule, a_snapshot, until
from pair_clients import IN, Talk
from turnout_contract.snapshot import model as snap
from turnout_sidecar.adapters.fake_upstream import FakeReply, FakeUpstream
from turnout_sidecar.adapters.memory_store import MemoryStore
from turnout_sidecar.exchange.call import Exchange
from turnout_sidecar.ports.clock import SystemClock
from turnout_sidecar.ports.embedder import FakeEmbedder
from turnout_sidecar.ports.secrets import FakeSecrets, Secret
from turnout_sidecar.ports.telemetry import FakeTelemetry
from turnout_sidecar.server import Gateway
from turnout_sidecar.simulator.server import Simulator
from turnout_sidecar.simulator.settings import SimulatorSettings
from turnout_sidecar.stages.look_up_cache import LookUpCache
from turnout_sidecar.wire.registry import outbound

MODEL = "assistant"
THINKER = "thinker"
KEY = "key-of-app"
KNOWN_NAMES = ("gpt-4o-mini", "claude-sonnet-4-5")
"""Further names of `assistant`: some frameworks take only names that they know."""
PRICE = snap.Price(input=1_000_000_000, output=3_000_000_000, cached_input=100_000_000)
ABLE: tuple[Any, ...] = ("Chat", "Tools", "JSONSchema", "Vision", "Audio")
RESPONDS: tuple[Any, ...] = ("Responses", "Tools", "JSONSchema", "Vision", "Audio")
CLAUDE_THERE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
AWS: dict[str, Any] = {
    "api_key": None,
    "region": "us-east-1",
    "aws_keys": snap.AwsKeys(snap.SecretFile("one", "id"), snap.SecretFile("one", "secret")),
}


class Spoken(msgspec.Struct, frozen=True):
    """How a provider is spoken to. `format` as the wire has it; `path` of its endpoint; `model` at the provider."""

    name: str
    format: str
    protocol: str
    simulated: str
    path: str
    model: str
    capabilities: tuple[Any, ...] = ABLE
    fields: Mapping[str, Any] = {}


OUT: dict[str, Spoken] = {
    each.name: each
    for each in (
        Spoken("chat", "chat", "OpenAI", "openai", "/v1", "gpt-large"),
        Spoken("responses", "responses", "OpenAI", "openai", "/v1", "gpt-large", RESPONDS),
        Spoken("anthropic", "messages", "Anthropic", "anthropic", "/v1", "claude-sonnet-4-5"),
        Spoken("gemini", "gemini", "Gemini", "gemini", "/v1beta", "gemini-3-pro"),
        Spoken("bedrock", "converse", "BedrockConverse", "bedrock", "", CLAUDE_THERE, fields=AWS),
        Spoken("azure", "chat", "AzureOpenAI", "azure", "", "gpt-large", fields={"api_version": "2025-04-01-preview"}),
    )
}
DISTINCT = tuple(name for name in OUT if name != "azure")
"""Without Azure, whose words are OpenAI's: for what does not depend on its paths and its filter."""


class World:
    """A gateway with two routes to one simulated provider: `assistant`, and `thinker` for a model that reasons."""

    def __init__(
        self,
        out: Spoken,
        gateway: Gateway,
        provider: Simulator,
        port: int,
        telemetry: FakeTelemetry,
        cache: LookUpCache | None,
    ) -> None:
        self.out = out
        self.gateway = gateway
        self.telemetry = telemetry
        self.url = f"http://127.0.0.1:{gateway.port}"
        self.provider_url = f"http://127.0.0.1:{port}"
        self.cache = cache
        self._provider = provider

    async def faults(self, *lines: str) -> None:
        """What goes wrong with the next calls of the provider."""
        url = f"{self.provider_url}/_faults"
        async with aiohttp.ClientSession() as session, session.put(url, data="\n".join(lines)) as reply:
            assert reply.status == 204, await reply.text()

    @property
    def calls(self) -> list[dict[str, Any]]:
        """What reached the provider, as `GET /_calls` shows it."""
        shown: list[dict[str, Any]] = self._provider.calls.shown()["calls"]
        return shown

    @property
    def sent(self) -> dict[str, Any]:
        """The last body that reached the provider."""
        body: dict[str, Any] = orjson.loads(self.calls[-1]["body"])
        return body

    @property
    def last(self) -> Exchange:
        """The last call that has ended."""
        return self.telemetry.ended[-1]

    @property
    def cache_state(self) -> str:
        """Whether the last call was answered by the cache."""
        return self.last.cache_state

    async def ended(self, count: int = 1) -> Exchange:
        """The call that was to be the last of so many, as soon as it has ended."""
        await until(lambda: len(self.telemetry.ended) >= count)
        return self.last


SECRETS = {
    "one": {"apiKey": b"sk-provider", "id": b"AKIDEXAMPLE", "secret": b"sk-provider"},
    "app": {"key": KEY.encode()},
}
NEVER = snap.Retry(attempts=0)
PATIENT = snap.Timeouts(request_ms=120_000, first_token_ms=60_000, stream_idle_ms=60_000)
CACHED = snap.Cache(
    policy="all", ttl_ms=60_000, scope="Namespace", semantic=False, max_temperature=2.0, max_entries=100
)


def a_world_snapshot(out: Spoken, port: int, *, cached: bool) -> snap.Snapshot:
    """The snapshot that a world runs on. Nothing is tried again."""
    model = a_model(out.model, capabilities=out.capabilities, price=PRICE)
    thinker = a_model(f"{out.model}-thinking", capabilities=(*out.capabilities, "Reasoning"), price=PRICE)
    named = {"api_key": snap.SecretFile("one", "apiKey"), **out.fields}
    provider = a_provider("one", model, thinker, port=port, protocol=out.protocol, **named)
    provider = msgspec.structs.replace(provider, endpoint=f"http://127.0.0.1:{port}{out.path}")
    routes = [
        a_route(
            route,
            a_rule(f"one/{at.name}", cache=CACHED if cached else None),
            models=(route, *more),
            retry=NEVER,
            timeouts=PATIENT,
        )
        for route, at, more in ((MODEL, model, KNOWN_NAMES), (THINKER, thinker, ()))
    ]
    return a_snapshot(*routes, providers=[provider], gateway=snap.Gateway(clients=(a_client(),)))


@asynccontextmanager
async def a_world(out: Spoken, *, cached: bool = False, tokens_per_second: float = 0) -> AsyncIterator[World]:
    """One. `cached`: answers are kept, and the same call is answered by them."""
    settings = SimulatorSettings(
        protocol=out.simulated,
        api_key=Secret(b"AKIDEXAMPLE:sk-provider" if "aws_keys" in out.fields else b"sk-provider"),
        tokens_per_second=tokens_per_second,
    )
    simulator = Simulator(settings)
    runner = web.AppRunner(simulator.app(), handler_cancellation=True, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    secrets = FakeSecrets(SECRETS)
    telemetry = FakeTelemetry()
    snapshot = a_world_snapshot(out, port, cached=cached)
    clock = SystemClock()
    cache = LookUpCache(MemoryStore(dimension=64, clock=clock), FakeEmbedder(), clock) if cached else None
    try:
        async with a_gateway(snapshot, secrets=secrets, telemetry=telemetry, cache=cache) as gateway:
            yield World(out, gateway, simulator, port, telemetry, cache)
    finally:
        await runner.cleanup()


@asynccontextmanager
async def talking(world: World, asked: str) -> AsyncIterator[Talk]:
    """A client of this world that speaks the API `asked`."""
    talk = IN[asked](world.url, KEY)
    try:
        yield talk
    finally:
        await talk.client.close()


@asynccontextmanager
async def a_recorded(
    out: Spoken, asked: str, *replies: FakeReply
) -> AsyncIterator[tuple[Talk, FakeTelemetry, FakeUpstream]]:
    """A client, and a gateway whose provider says what a test says."""
    upstream = FakeUpstream(replies)
    telemetry = FakeTelemetry()
    snapshot = a_world_snapshot(out, 9, cached=False)
    async with a_gateway(snapshot, secrets=FakeSecrets(SECRETS), telemetry=telemetry, upstream=upstream) as gateway:
        talk = IN[asked](f"http://127.0.0.1:{gateway.port}", KEY)
        try:
            yield talk, telemetry, upstream
        finally:
            await talk.client.close()


def streamed(out: Spoken, *pieces: bytes) -> FakeReply:
    """A provider's stream."""
    return FakeReply(headers=(("content-type", outbound(out.format).stream_type),), pieces=pieces)
