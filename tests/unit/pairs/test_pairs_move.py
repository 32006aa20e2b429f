"""A conversation that moves: begun with one provider, gone on with at another, as a fallback does it between two turns.

What the first one signed means nothing to the second one, and each is strict about signatures and ids that are not its own.
"""

import pytest

from pair_clients import IN, Called, Wish
from pair_rig import OUT, THINKER, a_world, talking

MOVES = [(one, two) for one in OUT for two in OUT if one != two and "azure" not in (one, two)]


def results(calls: tuple[Called, ...]) -> list[tuple[Called, str]]:
    return [(call, f"{call.name} is {number}") for number, call in enumerate(calls, 41)]


@pytest.mark.parametrize("asked", IN)
@pytest.mark.parametrize(("one", "two"), MOVES, ids=["-to-".join(move) for move in MOVES])
async def test_a_conversation_goes_on_with_another_provider(one: str, two: str, asked: str) -> None:
    wish = Wish(tools=True, thinks=True, model=THINKER)
    streams = Wish(tools=True, thinks=True, model=THINKER, stream=True)
    async with a_world(OUT[one]) as here, a_world(OUT[two]) as there:
        async with talking(here, asked) as talk:
            first = await talk.ask("Please call weather and call time.", wish)
            assert len(first.calls) == 2
            said = talk.said
        async with talking(there, asked) as talk:
            talk.said = said
            second = await talk.give(results(first.calls), wish)
            assert second.text.startswith("The result is: weather is 41; time is 42.")
            third = await talk.ask("And now call weather again.", streams)
            assert [call.name for call in third.calls] == ["weather"]
            said = talk.said
        async with talking(here, asked) as talk:
            talk.said = said
            fourth = await talk.give(results(third.calls), streams)
            assert fourth.text.startswith("The result is: weather is 41.")
            fifth = await talk.ask("Thank you for the weather.", wish)
            assert fifth.text
