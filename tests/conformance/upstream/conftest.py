"""Both event loops and both clients for the one suite of the upstream port."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping

import pytest
import uvloop

from conformance.upstream.raw_server import Authority
from turnout_sidecar.adapters.aiohttp_upstream import AiohttpUpstream
from turnout_sidecar.adapters.http_client import HttpUpstream
from turnout_sidecar.ports.upstream import Upstream


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture(params=["own", "aiohttp"])
async def upstream(request: pytest.FixtureRequest) -> AsyncIterator[Upstream]:
    client: Upstream = HttpUpstream() if request.param == "own" else AiohttpUpstream()
    yield client
    await client.close()


@pytest.fixture(scope="session")
def authority() -> Authority:
    """A certificate authority of the tests' own."""
    return Authority("The tests' authority")
