"""The pairs: every client by every protocol that a provider can be spoken to in."""

from collections.abc import AsyncIterator

import pytest

from pair_clients import IN, Talk
from pair_rig import OUT, World, a_world, talking


@pytest.fixture(params=OUT)
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    """A provider of each protocol, and the gateway before it."""
    async with a_world(OUT[request.param]) as made:
        yield made


@pytest.fixture(params=IN)
async def talk(request: pytest.FixtureRequest, world: World) -> AsyncIterator[Talk]:
    """Each client."""
    async with talking(world, request.param) as made:
        yield made
