"""What goes wrong at a provider, through every pair: told in the asked API's shape, counted as failed, never kept as an answer."""

from typing import Any

import anthropic
import openai
import pytest

from pair_clients import MessagesTalk, Talk, Wish
from pair_rig import DISTINCT, OUT, World, a_world

QUESTION = "Which of these claims is about water?"
STREAMED = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
ANY_ERROR = (openai.APIError, anthropic.APIError)


@pytest.fixture(params=DISTINCT)
async def world(request: pytest.FixtureRequest) -> Any:
    """With a cache: what failed must not be in it."""
    async with a_world(OUT[request.param], cached=True) as made:
        yield made


async def refused(world: World, talk: Talk, stream: bool, *faults: str) -> Any:
    """The error that the client raises."""
    await world.faults(*faults)
    with pytest.raises(ANY_ERROR) as caught:
        await talk.ask(QUESTION, Wish(stream=stream))
    error: Any = caught.value
    talk.forget()
    return error


def error_of(talk: Talk, body: Any) -> dict[str, Any]:
    """The error within the body of one, in the shape of the asked API."""
    if isinstance(talk, MessagesTalk):
        assert body["type"] == "error"
        inner: dict[str, Any] = body["error"]
        assert {"type", "message"} <= inner.keys()
        return inner
    assert {"message", "type", "param", "code"} <= body.keys()
    shown: dict[str, Any] = body
    return shown


async def heals(world: World, talk: Talk, stream: bool) -> None:
    """The same call, now that nothing is wrong, is asked of the provider; and once it is answered, of the cache."""
    said = await talk.ask(QUESTION, Wish(stream=stream))
    assert said.text
    assert world.cache_state == "miss"
    assert world.cache is not None
    await world.cache.keeper.settled()
    talk.forget()
    again = await talk.ask(QUESTION, Wish(stream=stream))
    assert world.cache_state == "exact"
    assert again.text == said.text
    talk.forget()


@STREAMED
async def test_a_limit_of_calls_is_told_with_when_to_come_again(world: World, talk: Talk, stream: bool) -> None:
    error = await refused(world, talk, stream, "status=429,retry_after=7")
    assert isinstance(error, openai.RateLimitError | anthropic.RateLimitError)
    assert error.response.headers["retry-after"] == "7"
    shown = error_of(talk, error.body)
    assert "Rate limit reached" in shown["message"]
    if isinstance(talk, MessagesTalk):
        assert shown["type"] == "rate_limit_error"
    assert [attempt.error for attempt in world.last.attempts] == ["429"]
    assert world.last.cost_nano == 0
    await heals(world, talk, stream)


@STREAMED
async def test_a_mistake_of_the_callers_is_told_in_the_providers_words(world: World, talk: Talk, stream: bool) -> None:
    error = await refused(world, talk, stream, "status=400")
    assert isinstance(error, openai.BadRequestError | anthropic.BadRequestError)
    shown = error_of(talk, error.body)
    assert "Simulated error 400" in shown["message"]
    assert shown["type"] == "invalid_request_error" or world.out.format in ("gemini", "converse")
    assert [attempt.error for attempt in world.last.attempts] == ["400"]
    await heals(world, talk, stream)


@STREAMED
async def test_a_failure_of_the_provider_is_a_bad_gateway(world: World, talk: Talk, stream: bool) -> None:
    error = await refused(world, talk, stream, "status=500")
    assert isinstance(error, openai.InternalServerError | anthropic.InternalServerError)
    assert error.status_code == 502
    assert f"one/{world.out.model} answered 500" in error_of(talk, error.body)["message"]
    assert [attempt.error for attempt in world.last.attempts] == ["500"]
    assert "sk-provider" not in str(error.body)


async def test_an_answer_that_is_none_is_a_bad_gateway(world: World, talk: Talk) -> None:
    error = await refused(world, talk, False, "no-end")
    assert error.status_code == 502
    error_of(talk, error.body)
    assert [attempt.error for attempt in world.last.attempts] == ["invalid_answer"]
    await heals(world, talk, False)


async def test_an_error_where_an_answer_should_be_is_an_error(world: World, talk: Talk) -> None:
    """A 200 that holds an error."""
    error = await refused(world, talk, False, "error-event")
    assert error.status_code >= 500
    error_of(talk, error.body)
    assert world.last.attempts[0].error in ("error_answer", "invalid_answer")
    await heals(world, talk, False)


async def broken(talk: Talk) -> tuple[list[Any], BaseException | None]:
    """What comes of a raw stream, and what is raised at its end."""
    events: list[Any] = []
    try:
        async with talk.open(QUESTION, Wish()) as stream:
            async for event in stream:
                events.append(event)  # noqa: PERF401  what came before the error counts
    except ANY_ERROR as error:
        return events, error
    return events, None


def told(talk: Talk, events: list[Any], error: BaseException | None) -> str:
    """The message of the error that the stream ended with, in the asked API's own way."""
    assert events, "it had begun"
    kinds = [getattr(event, "type", "") for event in events]
    assert "message_stop" not in kinds
    assert "response.completed" not in kinds
    if error is not None:
        if isinstance(error, anthropic.APIStatusError):
            error_of(talk, error.body)
        return str(error)
    last = events[-1]  # openai's client hands on the events of the responses API that tell of errors
    assert last.type in ("error", "response.failed")
    message: str = last.message if last.type == "error" else last.response.error.message
    assert message
    return message


FAULTS = {
    "an-error-event": ("error-event", "stream_error"),
    "a-cut-stream": ("cut=6", "stream_broken"),
    "no-end": ("no-end", "stream_broken"),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_stream_that_does_not_end_well_ends_with_an_error(world: World, talk: Talk, fault: str) -> None:
    prescribed, label = FAULTS[fault]
    await world.faults(prescribed)
    message = told(talk, *await broken(talk))
    assert message
    call = await world.ended()
    assert [attempt.error for attempt in call.attempts] == [label]
    assert call.error == label
    assert call.attempts[0].usage is not None
    assert call.cost_nano
    assert world.cache is not None
    await world.cache.keeper.settled()
    events, error = await broken(talk)
    assert error is None
    assert events
    assert (await world.ended(2)).cache_state == "miss"
    assert world.last.error is None


@pytest.mark.parametrize("fault", FAULTS)
async def test_the_clients_own_accumulators_raise_for_it(world: World, talk: Talk, fault: str) -> None:
    await world.faults(FAULTS[fault][0])
    with pytest.raises((*ANY_ERROR, RuntimeError)):
        await talk.ask(QUESTION, Wish(stream=True))
    assert (await world.ended()).attempts[0].error == FAULTS[fault][1]


async def test_an_event_that_means_nothing_takes_nothing_else_with_it(world: World, talk: Talk) -> None:
    """What cannot be read is an error, or is passed over: never half an answer that looks whole."""
    whole = await talk.ask(QUESTION, Wish(stream=True))
    assert world.cache is not None
    await world.faults("malformed")
    talk.forget()
    try:
        said = await talk.ask(QUESTION + " ", Wish(stream=True))
    except (*ANY_ERROR, RuntimeError, ValueError):
        return
    assert said.finish == whole.finish
    assert said.text
