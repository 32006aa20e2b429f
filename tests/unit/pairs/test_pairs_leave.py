"""Clients that leave, through every pair: the provider is let go of at once, and what had come is paid for as an estimate.

The time limits of these routes are far away, so that nothing but the leaving can be why an upstream was closed.
"""

import asyncio

import pytest

from gateway_rig import until
from pair_clients import Talk, Wish
from pair_rig import World

QUESTION = "Which of these claims is about water?"


async def test_a_client_that_leaves_in_the_middle_of_a_stream(world: World, talk: Talk) -> None:
    await world.faults("hang=middle")
    async with talk.open(QUESTION, Wish()) as stream:
        seen = await anext(aiter(stream))
    assert seen is not None
    await until(lambda: world.calls[-1]["ending"] == "client-left")
    call = await world.ended()
    assert call.client_gone
    assert [attempt.error for attempt in call.attempts] == ["client_gone"]
    usage = call.usage
    assert usage is not None
    assert usage.estimated
    assert usage.input
    assert usage.output
    assert call.cost_nano
    assert len(world.telemetry.ended) == 1
    await until(lambda: world.gateway.in_flight == 0)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_a_client_that_leaves_before_there_is_an_answer(world: World, talk: Talk, stream: bool) -> None:
    await world.faults("hang=headers")
    asking = asyncio.create_task(talk.ask(QUESTION, Wish(stream=stream)))
    await until(lambda: bool(world.calls))
    asking.cancel()
    await asyncio.wait([asking])
    await until(lambda: world.calls[-1]["ending"] == "client-left")
    call = await world.ended()
    assert call.client_gone
    assert [attempt.error for attempt in call.attempts] == ["client_gone"]
    assert call.usage is not None
    assert (call.usage.estimated, call.usage.output) == (True, 0)
    assert call.usage.input
