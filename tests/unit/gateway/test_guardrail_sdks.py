"""The real openai and anthropic clients through a guarded gateway: tools over two turns, their streaming helpers, answers of a
shape, and errors as the exceptions that they have for them.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anthropic
import openai
import pydantic
import pytest
from anthropic import AsyncAnthropic
from openai import AsyncOpenAI

from gateway_rig import a_gateway
from guard_answers import Made
from guard_rig import CARD, EMAIL, Echo, a_guard, last_text, treated
from guard_ways import Way, through
from turnout_contract.snapshot import guards
from turnout_contract.snapshot import model as snap
from turnout_sidecar.guarding import scanner
from unit.gateway.test_guardrail_reported_masking import holders

SPOKEN = pytest.mark.parametrize("spoken", ["chat", "messages", "responses"])
PARAMETERS: dict[str, Any] = {"type": "object", "properties": {"to": {"type": "string"}}, "required": ["to"]}


class Clients:
    """Both clients of one gateway."""

    def __init__(self, port: int) -> None:
        url = f"http://127.0.0.1:{port}"
        self.openai = AsyncOpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0, timeout=60)
        self.anthropic = AsyncAnthropic(base_url=url, api_key="any", max_retries=0, timeout=60)


@asynccontextmanager
async def clients(snapshot: snap.Snapshot, echo: Echo) -> AsyncIterator[Clients]:
    async with a_gateway(snapshot, upstream=echo) as gateway:
        made = Clients(gateway.port)
        try:
            yield made
        finally:
            await made.openai.close()
            await made.anthropic.close()


def sends(body: dict[str, Any]) -> Made:
    """The tool is called with the first placeholder; when it has answered, its words are repeated."""
    text = last_text(body)
    if "SENT" in text:
        return Made(text=f"Done: {text}")
    return Made(thought="So be it.", calls=(("send", json.dumps({"to": holders(json.dumps(body))[0]})),))


@SPOKEN
@pytest.mark.parametrize("stream", [False, True])
async def test_chat_with_a_tool_over_two_turns(spoken: str, stream: bool) -> None:
    echo = Echo(sends)
    tool: Any = {"type": "function", "function": {"name": "send", "parameters": PARAMETERS}}
    turns: list[Any] = [{"role": "user", "content": f"Write to {EMAIL}."}]
    async with clients(through(Way("chat", spoken)), echo) as made:
        create = made.openai.chat.completions
        if stream:
            async with create.stream(model="assistant", messages=turns, tools=[tool]) as events:
                message: Any = (await events.get_final_completion()).choices[0].message
        else:
            message = (await create.create(model="assistant", messages=turns, tools=[tool])).choices[0].message
        (asked,) = message.tool_calls or []
        assert asked.type == "function"
        assert json.loads(asked.function.arguments) == {"to": EMAIL}
        turns += [
            message.model_dump(exclude_none=True, exclude={"parsed"}),
            {"role": "tool", "tool_call_id": asked.id, "content": f"SENT to {EMAIL} with {CARD}"},
        ]
        for one in turns[1].get("tool_calls", ()):
            one["function"].pop("parsed_arguments", None)
        end = await create.create(model="assistant", messages=turns, tools=[tool])
    assert end.choices[0].message.content == f"Done: SENT to {EMAIL} with {CARD}"
    assert EMAIL.encode() not in echo.raw
    assert CARD.encode() not in echo.raw


@SPOKEN
@pytest.mark.parametrize("stream", [False, True])
async def test_responses_with_a_tool_over_two_turns(spoken: str, stream: bool) -> None:
    echo = Echo(sends)
    tools: Any = [{"type": "function", "name": "send", "parameters": PARAMETERS, "strict": False}]
    turns: list[Any] = [{"role": "user", "content": f"Write to {EMAIL}."}]
    async with clients(through(Way("responses", spoken)), echo) as made:
        if stream:
            async with made.openai.responses.stream(model="assistant", input=turns, tools=tools) as events:
                first: Any = await events.get_final_response()
        else:
            first = await made.openai.responses.create(model="assistant", input=turns, tools=tools)
        (asked,) = [item for item in first.output if item.type == "function_call"]
        assert json.loads(asked.arguments) == {"to": EMAIL}
        kept: list[Any] = [item.model_dump(exclude_none=True, exclude={"parsed_arguments"}) for item in first.output]
        result: Any = {"type": "function_call_output", "call_id": asked.call_id, "output": f"SENT to {EMAIL}"}
        end = await made.openai.responses.create(model="assistant", input=[*turns, *kept, result], tools=tools)
    assert end.output_text == f"Done: SENT to {EMAIL}"
    assert EMAIL.encode() not in echo.raw


@SPOKEN
@pytest.mark.parametrize("stream", [False, True])
async def test_messages_with_a_tool_over_two_turns(spoken: str, stream: bool) -> None:
    echo = Echo(sends)
    ask: Any = {"model": "assistant", "max_tokens": 500, "tools": [{"name": "send", "input_schema": PARAMETERS}]}
    turns: list[Any] = [{"role": "user", "content": f"Write to {EMAIL}."}]
    async with clients(through(Way("messages", spoken)), echo) as made:
        if stream:
            async with made.anthropic.messages.stream(messages=turns, **ask) as events:
                first = await events.get_final_message()
        else:
            first = await made.anthropic.messages.create(messages=turns, **ask)
        (used,) = [block for block in first.content if block.type == "tool_use"]
        assert used.input == {"to": EMAIL}
        result = {"type": "tool_result", "tool_use_id": used.id, "content": f"SENT to {EMAIL}"}
        turns += [{"role": "assistant", "content": first.content}, {"role": "user", "content": [result]}]
        end = await made.anthropic.messages.create(messages=turns, **ask)
    (block,) = end.content
    assert block.type == "text"
    assert block.text == f"Done: SENT to {EMAIL}"
    assert EMAIL.encode() not in echo.raw


@SPOKEN
async def test_the_text_that_the_streaming_helpers_give_is_the_restored_one(spoken: str) -> None:
    text = f"Dear {EMAIL}, it is {CARD}, {EMAIL}!"
    asked: Any = [{"role": "user", "content": text}]
    async with clients(through(spoken), Echo()) as made:
        async with made.openai.chat.completions.stream(model="assistant", messages=asked) as chat:
            deltas = "".join([event.delta async for event in chat if event.type == "content.delta"])
            assert deltas == (await chat.get_final_completion()).choices[0].message.content == text
        async with made.openai.responses.stream(model="assistant", input=asked) as responses:
            pieces = [event async for event in responses]
            deltas = "".join(one.delta for one in pieces if one.type == "response.output_text.delta")
            assert [one.text for one in pieces if one.type == "response.output_text.done"] == [text]
            assert deltas == (await responses.get_final_response()).output_text == text
        async with made.anthropic.messages.stream(model="assistant", max_tokens=99, messages=asked) as messages:
            deltas = "".join([piece async for piece in messages.text_stream])
            assert deltas == await messages.get_final_text() == text


class Claim(pydantic.BaseModel):
    """What is asked for."""

    model_config = pydantic.ConfigDict(extra="forbid")
    who: str
    amount: int


def shaped(wish: Any = "Retry") -> guards.Guard:
    """The call's own shape must hold."""
    return a_guard(schemas=(guards.AnswerSchema("default", wish, strict=True),))


def claims(*answers: str) -> Echo:
    """These answers, about the person who was named."""
    left = iter(answers)
    return Echo(lambda body: next(left).replace("WHO", holders(json.dumps(body))[0]))


WRONG, RIGHT = '{"who": "WHO", "amount": "much"}', '{"who": "WHO", "amount": 7}'


@SPOKEN
async def test_an_answer_that_is_parsed_has_its_shape_at_the_second_attempt_and_its_values(spoken: str) -> None:
    messages: Any = [{"role": "user", "content": f"{EMAIL} wants 7."}]
    echo = claims(*(WRONG, RIGHT) * 3)
    async with clients(through(spoken, shaped()), echo) as made:
        chat = await made.openai.chat.completions.parse(model="assistant", messages=messages, response_format=Claim)
        answer = await made.openai.responses.parse(model="assistant", input=messages, text_format=Claim)
        message = await made.anthropic.messages.parse(
            model="assistant", max_tokens=99, messages=messages, output_format=Claim
        )
    wanted = Claim(who=EMAIL, amount=7)
    assert chat.choices[0].message.parsed == answer.output_parsed == message.parsed_output == wanted
    assert len(echo.requests) == 6
    assert EMAIL.encode() not in echo.raw


@SPOKEN
async def test_streams_of_a_shape_are_parsed_by_the_helpers(spoken: str) -> None:
    messages: Any = [{"role": "user", "content": f"{EMAIL} wants 7."}]
    async with clients(through(spoken, shaped()), claims(*(WRONG, RIGHT) * 2)) as made:
        async with made.openai.chat.completions.stream(
            model="assistant", messages=messages, response_format=Claim
        ) as chat:
            parsed: Any = (await chat.get_final_completion()).choices[0].message.parsed
            assert parsed == Claim(who=EMAIL, amount=7)
        async with made.openai.responses.stream(model="assistant", input=messages, text_format=Claim) as answer:
            assert (await answer.get_final_response()).output_parsed == Claim(who=EMAIL, amount=7)


@SPOKEN
async def test_a_verdict_at_the_end_of_a_stream_disturbs_no_client(spoken: str) -> None:
    wanted = guards.AnswerSchema("default", "Block", schema={"type": "array"})
    messages: Any = [{"role": "user", "content": "Hello"}]
    async with clients(through(spoken, a_guard(schemas=(wanted,))), Echo()) as made:
        stream = await made.openai.chat.completions.create(model="assistant", messages=messages, stream=True)
        chunks = [chunk async for chunk in stream]
        async with made.openai.chat.completions.stream(model="assistant", messages=messages) as chat:
            assert (await chat.get_final_completion()).choices[0].message.content == "Hello"
        async with made.openai.responses.stream(model="assistant", input=messages) as answer:
            assert (await answer.get_final_response()).output_text == "Hello"
        async with made.anthropic.messages.stream(model="assistant", max_tokens=99, messages=messages) as message:
            assert await message.get_final_text() == "Hello"
    extras = [chunk.model_extra or {} for chunk in chunks]
    told = [extra["turnout"] for extra in extras if "turnout" in extra]
    assert [(one["check"], one["state"]) for one in told] == [("schema", "matched")]


REFUSED: Any = [{"role": "user", "content": f"My card is {CARD}."}]


@pytest.mark.parametrize("stream", [False, True])
async def test_a_refused_question_is_permission_denied(stream: bool) -> None:
    async with clients(through("chat", a_guard(input=treated("Block"))), Echo()) as made:
        with pytest.raises(openai.PermissionDeniedError) as chat:
            await made.openai.chat.completions.create(model="assistant", messages=REFUSED, stream=stream)
        with pytest.raises(openai.PermissionDeniedError) as answer:
            await made.openai.responses.create(model="assistant", input=REFUSED, stream=stream)
        with pytest.raises(anthropic.PermissionDeniedError) as message:
            await made.anthropic.messages.create(model="assistant", max_tokens=9, messages=REFUSED, stream=stream)
        with pytest.raises(anthropic.PermissionDeniedError):
            await made.anthropic.messages.count_tokens(model="assistant", messages=REFUSED)
        with pytest.raises(openai.PermissionDeniedError):
            await made.openai.embeddings.create(model="assistant", input=["one", f"card {CARD}"])
    assert chat.value.code == answer.value.code == "guardrail_blocked"
    assert chat.value.param == "messages[0].content"
    assert "CreditCard" in str(message.value)
    assert "4111" not in f"{chat.value}{answer.value}{message.value}"


async def test_a_refused_answer_cannot_be_processed() -> None:
    guard = a_guard(input=(), output=treated("Block", restore=False))
    async with clients(through("chat", guard), Echo()) as made:
        with pytest.raises(openai.UnprocessableEntityError) as chat:
            await made.openai.chat.completions.create(model="assistant", messages=REFUSED)
        with pytest.raises(openai.UnprocessableEntityError):
            await made.openai.responses.create(model="assistant", input=REFUSED)
        with pytest.raises(anthropic.UnprocessableEntityError) as message:
            await made.anthropic.messages.create(model="assistant", max_tokens=9, messages=REFUSED)
    assert chat.value.code == "answer_refused"
    assert "4111" not in f"{chat.value}{message.value}"


async def test_a_stream_that_is_refused_in_its_middle_is_an_error_of_the_client() -> None:
    guard = a_guard(input=(), output=treated("Block", restore=False))
    async with clients(through("chat", guard), Echo()) as made:
        stream = await made.openai.chat.completions.create(model="assistant", messages=REFUSED, stream=True)
        with pytest.raises(openai.APIError, match="refuses the answer"):
            _ = [chunk async for chunk in stream]
        events = await made.openai.responses.create(model="assistant", input=REFUSED, stream=True)
        with pytest.raises(openai.APIError, match="refuses the answer"):
            _ = [event async for event in events]
        with pytest.raises(anthropic.APIError, match="refuses the answer"):
            async with made.anthropic.messages.stream(model="assistant", max_tokens=9, messages=REFUSED) as message:
                await message.get_final_message()


def _broken(*_: object) -> Any:
    raise ZeroDivisionError


async def test_what_could_not_be_looked_at_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanner, "scan", _broken)
    async with clients(through("chat"), Echo()) as made:
        with pytest.raises(openai.InternalServerError) as chat:
            await made.openai.chat.completions.create(model="assistant", messages=REFUSED)
        with pytest.raises(anthropic.InternalServerError) as message:
            await made.anthropic.messages.create(model="assistant", max_tokens=9, messages=REFUSED)
    assert (chat.value.status_code, message.value.status_code) == (503, 503)
    assert chat.value.code == "guardrail_failed"
    assert chat.value.response.headers["retry-after"] == "1"
