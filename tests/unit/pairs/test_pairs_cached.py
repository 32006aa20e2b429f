"""Answers from the cache are answers to the clients: kept whole and given as a stream and the other way, thoughts and all."""

import pytest

from pair_clients import IN, Said, Talk, Wish
from pair_rig import OUT, THINKER, World, a_world, talking

MOVES = [(False, True), (True, False), (True, True)]
IDS = ["whole-then-streamed", "streamed-then-whole", "streamed-twice"]


async def twice(world: World, talk: Talk, text: str, first: Wish, second: Wish) -> tuple[Said, Said]:
    """The same call, answered by the provider and then by the cache."""
    one = await talk.ask(text, first)
    assert world.cache_state == "miss"
    assert world.cache is not None
    await world.cache.keeper.settled()
    talk.forget()
    two = await talk.ask(text, second)
    assert world.cache_state == "exact"
    assert len(world.calls) == 1
    assert (world.last.cost_nano, world.last.attempts) == (0, [])
    return one, two


@pytest.mark.parametrize("asked", IN)
@pytest.mark.parametrize(("before", "after"), MOVES, ids=IDS)
@pytest.mark.parametrize("name", ["chat", "responses", "anthropic", "gemini", "bedrock"])
async def test_words_and_thoughts_come_back_out_of_the_cache(name: str, asked: str, before: bool, after: bool) -> None:
    def wish(stream: bool) -> Wish:
        return Wish(thinks=True, model=THINKER, stream=stream)

    async with a_world(OUT[name], cached=True) as world, talking(world, asked) as talk:
        one, two = await twice(world, talk, "Which of these claims is about water?", wish(before), wish(after))
        assert two == one
        assert (await talk.ask("And about fire?", wish(after))).text


@pytest.mark.parametrize("asked", IN)
@pytest.mark.parametrize("name", ["chat", "gemini"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_calls_of_tools_are_made_anew(name: str, asked: str, stream: bool) -> None:
    async with a_world(OUT[name], cached=True) as world, talking(world, asked) as talk:
        for _ in range(2):
            talk.forget()
            assert (await talk.ask("Please call weather.", Wish(tools=True, stream=stream))).calls
            assert world.cache is not None
            await world.cache.keeper.settled()
        assert (len(world.calls), world.cache_state) == (2, "miss")
