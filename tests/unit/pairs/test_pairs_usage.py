"""What was used, through every pair: the client, the gateway and the bill say the same, and nothing is counted twice."""

from typing import Any

import pytest

from pair_clients import IN, MessagesTalk, Said, Talk, Wish
from pair_rig import KNOWN_NAMES, MODEL, OUT, PRICE, THINKER, World, a_world, talking

QUESTION = "Which of these claims is about water?"
LONG = "These are the claims, all of them. " * 400
NAMES = sorted((MODEL, THINKER, *KNOWN_NAMES))
STREAMED = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])


def billed(world: World, said: Said) -> None:
    """Each token once, at its own price."""
    assert said.input is not None
    assert said.output is not None
    assert PRICE.cached_input is not None
    plain = (said.input - said.cached) * PRICE.input + said.output * PRICE.output
    assert world.last.cost_nano == (plain + said.cached * PRICE.cached_input) // 1_000_000


@STREAMED
@pytest.mark.parametrize("name", ["chat", "responses", "gemini", "azure"])
@pytest.mark.parametrize("asked", IN)
async def test_pitfall_15_what_the_provider_had_cached_is_billed_once_and_as_such(
    name: str, asked: str, stream: bool
) -> None:
    async with a_world(OUT[name]) as world, talking(world, asked) as talk:
        first = await talk.ask(LONG, Wish(stream=stream))
        assert first.cached == 0
        billed(world, first)
        talk.forget()
        second = await talk.ask(LONG, Wish(stream=stream))
        assert second.input == first.input
        assert second.input is not None
        assert second.input > second.cached > 1000
        billed(world, second)
        usage = world.last.usage
        assert usage is not None
        assert (usage.input, usage.cached_input) == (second.input, second.cached)


@STREAMED
@pytest.mark.parametrize("name", ["anthropic", "bedrock"])
async def test_pitfall_17_marks_of_the_cache_reach_the_provider_and_its_figures_come_back(
    name: str, stream: bool
) -> None:
    mark: Any = {"type": "text", "text": LONG, "cache_control": {"type": "ephemeral", "ttl": "1h"}}
    wish = Wish(stream=stream, extra={"system": [mark]})
    async with a_world(OUT[name]) as world, talking(world, "messages") as talk:
        first = await talk.ask(QUESTION, wish)
        written = world.last.usage
        assert written is not None
        assert first.cached == 0
        assert written.cache_write
        assert written.cache_write > 1000
        assert written.input == first.input
        talk.forget()
        second = await talk.ask(QUESTION, wish)
        read = world.last.usage
        assert read is not None
        assert second.input == first.input
        assert second.cached == read.cached_input == written.cache_write
        assert not read.cache_write
        billed(world, second)


@pytest.mark.parametrize("name", OUT)
async def test_every_client_is_told_the_same_figures(name: str) -> None:
    """A provider counts the same question the same, whoever asks it in whatever API."""
    found = []
    async with a_world(OUT[name]) as world:
        for asked in IN:
            for stream in (False, True):
                async with talking(world, asked) as talk:
                    found.append((await talk.ask(QUESTION, Wish(stream=stream))).input)
        assert len(world.telemetry.ended) == len(found) == len(world.calls)
    assert len(set(found)) == 1


@STREAMED
async def test_what_nobody_reported_is_estimated_and_said_to_be(world: World, talk: Talk, stream: bool) -> None:
    if isinstance(talk, MessagesTalk) and world.out.format == "messages":
        pytest.skip("the bytes pass, and Anthropic's client fails at an answer without usage")
    await world.faults("usage=none")
    said = await talk.ask(QUESTION, Wish(stream=stream))
    assert said.text
    usage = world.last.usage
    assert usage is not None
    assert usage.estimated
    assert usage.input
    assert usage.output
    assert world.last.cost_nano


@STREAMED
async def test_pitfall_25_a_zero_that_was_reported_stays_a_zero(world: World, talk: Talk, stream: bool) -> None:
    await world.faults("usage=zero")
    said = await talk.ask(QUESTION, Wish(stream=stream))
    usage = world.last.usage
    assert usage is not None
    assert (usage.input, usage.output, usage.estimated) == (0, 0, False)
    assert (said.input, said.output) == (0, 0)
    assert world.last.cost_nano == 0


@STREAMED
async def test_figures_that_cannot_be_break_nothing(world: World, talk: Talk, stream: bool) -> None:
    await world.faults("usage=wrong")
    said = await talk.ask(QUESTION, Wish(stream=stream))
    assert said.text
    usage = world.last.usage
    assert usage is not None
    assert usage.output == said.output
    assert world.last.error is None


@pytest.mark.parametrize("name", OUT)
async def test_tokens_are_counted_by_the_provider_where_it_can_and_else_here(name: str) -> None:
    async with a_world(OUT[name]) as world, talking(world, "messages") as talk:
        assert isinstance(talk, MessagesTalk)
        few = await talk.client.messages.count_tokens(
            model="assistant", messages=[{"role": "user", "content": QUESTION}]
        )
        many = await talk.client.messages.count_tokens(model="assistant", messages=[{"role": "user", "content": LONG}])
        assert 5 < few.input_tokens < many.input_tokens
        native = world.out.format == "messages"
        assert ("x-turnout-estimated" in talk.headers[-1]) is not native
        assert [call["path"] for call in world.calls] == (["/v1/messages/count_tokens"] * 2 if native else [])
        assert world.last.cost_nano == 0
        if native:
            said = await talk.ask(QUESTION, Wish())
            assert said.input == few.input_tokens


async def test_the_models_are_listed_for_each_client_in_its_own_shape() -> None:
    async with a_world(OUT["anthropic"]) as world:
        async with talking(world, "messages") as talk:
            assert isinstance(talk, MessagesTalk)
            assert [model.id async for model in talk.client.models.list()] == NAMES
        async with talking(world, "chat") as talk:
            assert [model.id async for model in talk.client.models.list()] == NAMES
        assert world.calls == []
