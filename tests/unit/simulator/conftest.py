"""Simulated providers for the tests, each on a free port."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from openai import AsyncOpenAI

from turnout_sidecar.simulator.server import make_runner
from turnout_sidecar.simulator.settings import SimulatorSettings

Start = Callable[..., Awaitable["Provider"]]


class Provider:
    """A running one: `url`, the real client for it, and a plain session for what that client would not say."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self.session = session
        self.openai = AsyncOpenAI(base_url=f"{url}/v1", api_key="key-of-the-test", max_retries=0, timeout=20)

    async def calls(self) -> dict[str, Any]:
        async with self.session.get(f"{self.url}/_calls") as response:
            shown: dict[str, Any] = await response.json()
            return shown

    async def post(self, path: str, body: bytes, **headers: str) -> tuple[int, bytes]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.session.post(f"{self.url}{path}", data=body, headers=named) as response:
            return response.status, await response.read()


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Starts a provider with these settings."""
    runners: list[web.AppRunner] = []
    providers: list[Provider] = []

    async def begin(**settings: Any) -> Provider:
        runner = make_runner(SimulatorSettings(**settings))
        runners.append(runner)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        provider = Provider(f"http://127.0.0.1:{runner.addresses[0][1]}", aiohttp.ClientSession())
        providers.append(provider)
        return provider

    yield begin
    for provider in providers:
        await provider.session.close()
        await provider.openai.close()
    for runner in runners:
        await runner.cleanup()
