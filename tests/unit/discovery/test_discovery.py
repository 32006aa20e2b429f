"""Discovery in a gateway, with the simulated providers: what it finds, when it asks, and what it never does."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from gateway_rig import a_model, a_provider, a_snapshot, until
from turnout_contract.snapshot import model as snap
from turnout_sidecar.adapters.http_client import HttpResponse, HttpUpstream
from turnout_sidecar.adapters.metrics import GatewayMetrics
from turnout_sidecar.discovery import Discovery, DiscoverySettings
from turnout_sidecar.ports.clock import system_dice
from turnout_sidecar.ports.secrets import FakeSecrets, Secret
from turnout_sidecar.ports.upstream import UpstreamRequest
from turnout_sidecar.runtime import Runtime
from turnout_sidecar.simulator.server import Simulator
from turnout_sidecar.simulator.settings import SimulatorSettings

QUICK = DiscoverySettings(settle=0.01, interval=600, again=0.05, answer=5.0, inquiry=10.0)
KEY = snap.SecretFile("key", "apiKey")
PATHS = {"openai": "/v1", "anthropic": "/v1", "gemini": "/v1beta"}
PROTOCOLS = {"openai": "OpenAI", "anthropic": "Anthropic", "gemini": "Gemini"}


class Watched:
    """A provider that remembers the method, path and credentials of every request."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.port = 0

    def __len__(self) -> int:
        return len(self.asked)


@asynccontextmanager
async def listening(app: web.Application) -> AsyncIterator[Watched]:
    """It, on a free port."""
    watched = Watched()

    @web.middleware
    async def remember(request: web.Request, handler: Callable[[web.Request], Awaitable[Any]]) -> Any:
        watched.asked.append(f"{request.method} {request.path_qs}")
        watched.headers.append({name.lower(): value for name, value in request.headers.items()})
        return await handler(request)

    app.middlewares.insert(0, remember)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    watched.port = runner.addresses[0][1]
    try:
        yield watched
    finally:
        await runner.cleanup()


def simulated(protocol: str, *models: str, key: str = "key-of-the-test") -> web.Application:
    settings = SimulatorSettings(protocol=protocol, models=models, api_key=Secret(key.encode()))
    return Simulator(settings).app()


def provider(
    watched: Watched, *models: str, name: str = "one", simulates: str = "openai", **fields: Any
) -> snap.Provider:
    return a_provider(
        name,
        *(a_model(model) for model in models),
        **{
            "protocol": PROTOCOLS[simulates],
            "endpoint": f"http://127.0.0.1:{watched.port}{PATHS[simulates]}",
            "api_key": KEY,
            **fields,
        },
    )


def runtime(*providers: snap.Provider, key: str = "key-of-the-test") -> Runtime:
    held = FakeSecrets({"key": {"apiKey": key.encode()}})
    return Runtime.build(a_snapshot(routes_none(providers), providers=providers), "v", held)


def routes_none(providers: Sequence[snap.Provider]) -> snap.Route:
    first = providers[0]
    rule = snap.Rule("all", (), "Failover", (snap.Backend(first.name, first.models[0].name),))
    return snap.Route("assistant", ("assistant",), "Public", "Internal", (rule,))


@asynccontextmanager
async def discovering(
    *providers: snap.Provider, settings: DiscoverySettings = QUICK, upstream: HttpUpstream | None = None
) -> AsyncIterator[Discovery]:
    upstream = upstream or HttpUpstream()
    discovery = Discovery(upstream, system_dice(), settings)
    discovery.configure(runtime(*providers))
    discovery.start()
    try:
        yield discovery
    finally:
        await discovery.close()
        await upstream.close()


@pytest.mark.parametrize("protocol", ["openai", "anthropic", "gemini"])
async def test_what_an_endpoint_lists_is_counted_and_a_model_that_it_does_not_have_is_named(protocol: str) -> None:
    async with (
        listening(simulated(protocol, "large", "small")) as watched,
        discovering(provider(watched, "large", "lagre", simulates=protocol)) as discovery,
    ):
        await until(lambda: bool(discovery.absent))
        assert discovery.absent == {"one": ("lagre",)}
        assert discovery.listed == {"one": 2}
    assert all(asked.startswith("GET ") and "/models" in asked for asked in watched.asked)


async def test_a_model_that_was_missed_and_is_there_again_is_named_no_more_and_each_change_is_told_once() -> None:
    there: list[str] = ["large"]
    app = web.Application()

    async def models(_: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": name} for name in there]})

    async def single(request: web.Request) -> web.Response:
        return web.Response(status=200 if request.match_info["name"] in there else 404)

    app.router.add_get("/v1/models", models)
    app.router.add_get("/v1/models/{name}", single)
    told: list[dict[str, tuple[str, ...]]] = []
    quick = DiscoverySettings(settle=0.0, interval=0.02)
    async with listening(app) as watched, discovering(provider(watched, "large", "new"), settings=quick) as discovery:
        discovery.subscribe(lambda: told.append(dict(discovery.absent)))
        await until(lambda: discovery.absent == {"one": ("new",)})
        seen = len(watched)
        await until(lambda: len(watched) > seen + 5)
        there.append("new")
        await until(lambda: not discovery.absent)
    assert told == [{"one": ("new",)}, {}]


async def test_an_edit_that_does_not_touch_a_provider_asks_it_nothing() -> None:
    async with listening(simulated("openai", "large")) as watched:
        one = provider(watched, "large")
        async with discovering(one) as discovery:
            await until(lambda: discovery.listed == {"one": 1})
            for clearance in ("Public", "Internal", "Confidential"):
                discovery.configure(runtime(provider(watched, "large", clearance=clearance)))
                await asyncio.sleep(0.03)
            assert discovery.listed == {"one": 1}
    assert watched.asked == ["GET /v1/models"]


async def test_providers_of_one_endpoint_are_asked_for_together() -> None:
    async with listening(simulated("openai", "large")) as watched:
        both = (provider(watched, "large"), provider(watched, "lagre", name="two"))
        async with discovering(*both) as discovery:
            await until(lambda: bool(discovery.absent))
            assert discovery.absent == {"two": ("lagre",)}
            assert discovery.listed == {"one": 1, "two": 1}
    assert watched.asked == ["GET /v1/models", "GET /v1/models/large", "GET /v1/models/lagre"]


async def test_what_is_configured_no_more_is_named_no_more_at_once_and_what_is_new_is_asked_for() -> None:
    async with (
        listening(simulated("openai", "large", "small")) as watched,
        discovering(provider(watched, "large", "lagre")) as discovery,
    ):
        await until(lambda: discovery.absent == {"one": ("lagre",)})
        asked = len(watched)
        discovery.configure(runtime(provider(watched, "large")))
        assert (discovery.absent, discovery.listed) == ({}, {"one": 2})
        discovery.configure(runtime(provider(watched, "large", "smal")))
        await until(lambda: discovery.absent == {"one": ("smal",)})
        assert len(watched) > asked


async def test_new_credentials_ask_anew_and_refused_ones_say_nothing_of_the_models() -> None:
    async with listening(simulated("openai", "large")) as watched:
        one = provider(watched, "large", "lagre")
        async with discovering(one) as discovery:
            await until(lambda: bool(discovery.absent))
            discovery.configure(runtime(one, key="a-wrong-key"))
            assert discovery.absent == {"one": ("lagre",)}  # until there is another answer
            await until(lambda: not discovery.absent)
            assert discovery.listed == {}
            assert watched.headers[-1]["authorization"] == "Bearer a-wrong-key"


async def test_a_provider_that_fails_for_a_moment_is_asked_again_soon_and_what_was_known_holds() -> None:
    fails = False
    app = simulated("openai", "large")

    @web.middleware
    async def failing(request: web.Request, handler: Callable[[web.Request], Awaitable[Any]]) -> Any:
        return web.Response(status=503) if fails else await handler(request)

    app.middlewares.append(failing)
    quick = DiscoverySettings(settle=0.0, interval=0.02, again=0.02)
    async with listening(app) as watched, discovering(provider(watched, "lagre"), settings=quick) as discovery:
        await until(lambda: discovery.absent == {"one": ("lagre",)})
        fails = True
        before = len(watched)
        await until(lambda: len(watched) > before + 3)
        assert (discovery.absent, discovery.listed) == ({"one": ("lagre",)}, {"one": 1})


@pytest.mark.parametrize("protocol", ["AzureOpenAI", "BedrockConverse"])
async def test_endpoints_that_list_nothing_useful_are_not_asked(protocol: str) -> None:
    async with listening(web.Application()) as watched:
        one = provider(watched, "large", protocol=protocol, region="us-east-1")
        async with discovering(one) as discovery:
            await asyncio.sleep(0.05)
            assert (discovery.absent, discovery.listed) == ({}, {})
    assert watched.asked == []


async def test_a_provider_without_its_secret_is_not_asked() -> None:
    async with listening(simulated("openai", "large")) as watched:
        upstream = HttpUpstream()
        discovery = Discovery(upstream, system_dice(), QUICK)
        discovery.configure(runtime(provider(watched, "lagre"), key=""))
        discovery.start()
        await asyncio.sleep(0.05)
        await discovery.close()
        await upstream.close()
    assert watched.asked == []


class Counting(HttpUpstream):
    """How many requests wait for their answer at once."""

    waiting = 0
    most = 0

    async def send(self, request: UpstreamRequest, *, connect_timeout: float, headers_timeout: float) -> HttpResponse:
        self.waiting += 1
        self.most = max(self.most, self.waiting)
        try:
            return await super().send(request, connect_timeout=connect_timeout, headers_timeout=headers_timeout)
        finally:
            self.waiting -= 1


async def test_two_endpoints_at_most_are_asked_at_once_and_a_hanging_one_holds_up_nobody_for_ever() -> None:
    app = web.Application()

    async def hang(_: web.Request) -> web.Response:
        await asyncio.sleep(60)
        return web.Response()

    app.router.add_get("/v1/models", hang)
    quick = DiscoverySettings(settle=0.0, interval=600, again=600, answer=0.1)
    upstream = Counting()
    async with listening(app) as watched, listening(simulated("openai", "large")) as good:
        hanging = [provider(watched, "large", name=f"p{n}", region=str(n)) for n in range(5)]
        last = provider(good, "large", name="z")
        async with discovering(*hanging, last, settings=quick, upstream=upstream) as discovery:
            await until(lambda: discovery.listed == {"z": 1})
            await until(lambda: len(watched) == 5)
    assert upstream.most == 2


async def test_an_answer_without_end_is_not_read_to_its_end() -> None:
    app = web.Application()
    sent: list[int] = [0]

    async def flood(request: web.Request) -> web.StreamResponse:
        reply = web.StreamResponse()
        await reply.prepare(request)
        for _ in range(1024):
            await reply.write(b" " * 65536)
            sent[0] += 65536
        return reply

    app.router.add_get("/v1/models", flood)
    async with listening(app) as watched, discovering(provider(watched, "large")) as discovery:
        await until(lambda: sent[0] > 4 * 1024 * 1024)
        await asyncio.sleep(0.05)
        assert (discovery.absent, discovery.listed) == ({}, {})
    assert sent[0] < 64 * 1024 * 1024


async def test_the_metrics_and_the_log_name_providers_and_no_credentials(caplog: pytest.LogCaptureFixture) -> None:
    metrics = GatewayMetrics()
    with caplog.at_level(logging.DEBUG):
        async with (
            listening(simulated("openai", "large")) as watched,
            discovering(provider(watched, "lagre")) as discovery,
        ):
            discovery.expose(metrics)
            await until(lambda: bool(discovery.absent))
            page = metrics.render("")[0].decode()
    assert 'turnout_provider_models_listed{provider="one"} 1.0' in page
    assert 'turnout_provider_models_absent{provider="one"} 1.0' in page
    assert "the provider one has no model lagre" in caplog.text
    assert "key-of-the-test" not in caplog.text
