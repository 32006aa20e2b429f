"""Answers through every pair: whole and streamed, with tools, schemas, pictures and thoughts, by the official clients."""

from collections.abc import Sequence

import orjson
import pytest

from pair_clients import Called, ChatTalk, MessagesTalk, ResponsesTalk, Said, Talk, Wish
from pair_rig import THINKER, World
from turnout_sidecar.exchange import usage as money

QUESTION = "Which of these claims is about water?"
STREAMED = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])

TELLS = {
    ChatTalk: ("messages", "converse"),
    ResponsesTalk: ("messages", "converse", "gemini", "responses"),
    MessagesTalk: ("messages", "converse", "gemini", "responses"),
}
"""Which providers tell what they thought: chat asks for an effort and not for thoughts, and chat backends have no place for any."""


def settled(world: World, said: Said) -> None:
    """The client was told what the gateway counted, and that is what it costs."""
    call = world.last
    usage = call.usage
    assert usage is not None
    assert (usage.input, usage.output, usage.cached_input or 0) == (said.input, said.output, said.cached)
    assert not usage.estimated
    assert call.error is None
    assert call.attempts[-1].error is None
    assert call.cost_nano == money.cost(usage, call.attempts[-1].model.price)
    assert call.cost_nano
    assert said.input
    assert said.output


@STREAMED
async def test_a_question_is_answered(world: World, talk: Talk, stream: bool) -> None:
    said = await talk.ask(QUESTION, Wish(stream=stream))
    assert "claims" in said.text
    assert said.finish in ("stop", "completed", "end_turn")
    settled(world, said)
    assert talk.headers[-1]["x-turnout-backend"] == f"one/{world.out.model}"
    if not stream:
        assert float(talk.headers[-1]["x-turnout-cost-usd"]) > 0


async def test_a_stream_says_what_the_whole_answer_says(world: World, talk: Talk) -> None:
    whole = await talk.ask(QUESTION, Wish())
    talk.forget()
    streamed = await talk.ask(QUESTION, Wish(stream=True))
    assert (streamed.text, streamed.finish, streamed.output) == (whole.text, whole.finish, whole.output)


def results(calls: Sequence[Called]) -> list[tuple[Called, str]]:
    return [(call, f"{call.name} is {number}") for number, call in enumerate(calls, 41)]


@STREAMED
@pytest.mark.parametrize("count", [1, 2], ids=["one-call", "two-calls"])
async def test_a_tool_loop_of_two_turns(world: World, talk: Talk, stream: bool, count: int) -> None:
    question = "Please call weather." if count == 1 else "Please call weather and call time."
    first = await talk.ask(question, Wish(stream=stream, tools=True))
    assert [call.name for call in first.calls] == ["weather", "time"][:count]
    assert all("city" in call.arguments for call in first.calls)
    assert len({call.id for call in first.calls}) == count
    assert first.finish in ("tool_calls", "completed", "tool_use")
    settled(world, first)
    second = await talk.give(results(first.calls), Wish(stream=stream, tools=True))
    assert second.text.startswith("The result is: weather is 41")
    assert ("time is 42" in second.text) is (count == 2)
    assert not second.calls
    settled(world, second)


@STREAMED
async def test_a_tool_can_be_forced(world: World, talk: Talk, stream: bool) -> None:
    said = await talk.ask(QUESTION, Wish(stream=stream, tools=True, forced=True))
    assert [call.name for call in said.calls] == ["weather"]
    settled(world, said)


@STREAMED
async def test_an_answer_follows_a_schema(world: World, talk: Talk, stream: bool) -> None:
    said = await talk.ask("How warm is it?", Wish(stream=stream, schema=True))
    answer = orjson.loads(said.text)
    assert isinstance(answer["city"], str)
    assert isinstance(answer["degrees"], int)
    settled(world, said)


@STREAMED
async def test_a_picture_is_seen(world: World, talk: Talk, stream: bool) -> None:
    without = await talk.ask("What is on this picture?", Wish())
    talk.forget()
    said = await talk.ask("What is on this picture?", Wish(stream=stream), picture=True)
    assert said.text
    assert said.input is not None
    assert without.input is not None
    assert said.input > without.input + 50
    settled(world, said)


@STREAMED
async def test_thoughts_with_their_signatures_are_carried_over_a_tool_loop(
    world: World, talk: Talk, stream: bool
) -> None:
    wish = Wish(stream=stream, tools=True, thinks=True, model=THINKER)
    first = await talk.ask("Please call weather and call time.", wish)
    assert [call.name for call in first.calls] == ["weather", "time"]
    usage = world.last.usage
    assert usage is not None
    assert bool(usage.reasoning) is (world.out.format != "converse")  # which does not count it apart
    assert bool(first.thought) is (world.out.format in TELLS[type(talk)])
    settled(world, first)
    second = await talk.give(results(first.calls), wish)
    assert second.text.startswith("The result is: weather is 41; time is 42.")
    settled(world, second)
    third = await talk.ask("And now call weather again.", wish)
    assert [call.name for call in third.calls] == ["weather"]
    fourth = await talk.give(results(third.calls), wish)
    assert fourth.text.startswith("The result is: weather is 41.")
    if world.out.format in (
        "messages",
        "responses",
        "converse",
    ):  # Gemini signs its calls, and leaves its thoughts as they are
        assert "thinking" not in talk.headers[-1].get("x-turnout-dropped", "")
