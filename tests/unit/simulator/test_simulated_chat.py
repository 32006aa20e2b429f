"""OpenAI's chat API as the real client sees it."""

import json
from typing import Any

import jsonschema_rs
import openai
import pytest
from pydantic import BaseModel

from turnout_sidecar.simulator.answers import count_tokens, pieces
from unit.simulator.conftest import Start

ASK: list[Any] = [{"role": "user", "content": "How does the refund policy treat damaged parcels?"}]
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 1, "maximum": 7}},
            "required": ["city"],
        },
    },
}
CLOCK: Any = {"type": "function", "function": {"name": "get_time"}}


async def test_equal_requests_get_equal_bytes_and_others_do_not(start: Start) -> None:
    one, other = await start(seed=1), await start(seed=2)
    body = json.dumps({"model": "m", "messages": ASK, "temperature": 0}).encode()
    reordered = json.dumps({"temperature": 0, "messages": ASK, "model": "m"}, indent=2).encode()
    first = await one.post("/v1/chat/completions", body)
    assert first[0] == 200
    assert await one.post("/v1/chat/completions", reordered) == first
    assert await other.post("/v1/chat/completions", body) != first
    assert await one.post("/v1/chat/completions", body.replace(b"refund", b"return")) != first


async def test_an_answer_is_readable_and_its_usage_adds_up(start: Start) -> None:
    provider = await start()
    answer = await provider.openai.chat.completions.create(model="gpt-5-mini", messages=ASK)
    text = answer.choices[0].message.content or ""
    assert text.startswith("This is about ")
    assert any(word in text for word in ("refund", "policy", "treat", "damaged", "parcels"))
    assert (answer.model, answer.choices[0].finish_reason, answer.choices[0].message.role) == (
        "gpt-5-mini",
        "stop",
        "assistant",
    )
    assert answer.usage is not None
    assert answer.usage.completion_tokens == count_tokens(text)
    assert answer.usage.prompt_tokens == 3 + 3 + count_tokens(ASK[0]["content"])
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert answer.usage.prompt_tokens_details is not None
    assert answer.usage.prompt_tokens_details.cached_tokens == 0


async def test_a_stream_tells_what_the_whole_answer_tells(start: Start) -> None:
    provider = await start()
    whole = await provider.openai.chat.completions.create(model="m", messages=ASK, n=2)
    stream = await provider.openai.chat.completions.create(
        model="m", messages=ASK, n=2, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    said = {0: "", 1: ""}
    ends = {}
    for chunk in chunks[:-1]:
        choice = chunk.choices[0]
        said[choice.index] += choice.delta.content or ""
        if choice.finish_reason:
            ends[choice.index] = choice.finish_reason
    assert said == {choice.index: choice.message.content for choice in whole.choices}
    assert ends == {0: "stop", 1: "stop"}
    assert said[0] != said[1]
    assert chunks[0].choices[0].delta.role == "assistant"
    assert (chunks[-1].choices, chunks[-1].usage) == ([], whole.usage)
    assert all(chunk.usage is None and chunk.id == whole.id for chunk in chunks[:-1])


async def test_a_stream_has_a_usage_chunk_only_where_asked_for_and_ends_with_done(start: Start) -> None:
    provider = await start()
    asked: dict[str, Any] = {"model": "m", "messages": ASK, "stream": True}
    _, plain = await provider.post("/v1/chat/completions", json.dumps(asked).encode())
    assert b'"usage"' not in plain
    assert plain.endswith(b"data: [DONE]\n\n")
    asked["stream_options"] = {"include_usage": True}
    _, told = await provider.post("/v1/chat/completions", json.dumps(asked).encode())
    events = [json.loads(event.removeprefix("data: ")) for event in told.decode().split("\n\n")[:-2]]
    assert all(event["usage"] is None for event in events[:-1])
    assert events[-1]["choices"] == []
    assert events[-1]["usage"]["total_tokens"] > 0


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
async def test_an_answer_over_the_limit_is_cut_there_and_says_so(start: Start, name: str) -> None:
    provider = await start()
    full = await provider.openai.chat.completions.create(model="m", messages=ASK, **{name: 10_000})  # type: ignore[call-overload]
    assert full.choices[0].finish_reason == "stop"
    cut = await provider.openai.chat.completions.create(model="m", messages=ASK, **{name: 5})  # type: ignore[call-overload]
    assert (cut.choices[0].finish_reason, cut.usage.completion_tokens) == ("length", 5)
    assert len(pieces(cut.choices[0].message.content)) == 5


async def test_an_answer_ends_before_a_stop_word(start: Start) -> None:
    provider = await start()
    answer = await provider.openai.chat.completions.create(model="m", messages=ASK, stop=["about"])
    assert answer.choices[0].message.content == "This is "


async def test_a_tool_is_called_when_the_question_says_so_and_its_result_is_answered_in_words(start: Start) -> None:
    provider = await start()
    messages: list[Any] = [{"role": "user", "content": "Please call get_weather for Graz"}]
    first = await provider.openai.chat.completions.create(model="m", messages=messages, tools=[CLOCK, WEATHER])
    message = first.choices[0].message
    assert first.choices[0].finish_reason == "tool_calls"
    assert message.content is None
    assert message.tool_calls is not None
    (call,) = message.tool_calls
    assert call.type == "function"
    assert call.function.name == "get_weather"
    assert jsonschema_rs.is_valid(WEATHER["function"]["parameters"], json.loads(call.function.arguments))
    messages += [message.model_dump(), {"role": "tool", "tool_call_id": call.id, "content": "sunny"}]
    second = await provider.openai.chat.completions.create(model="m", messages=messages, tools=[CLOCK, WEATHER])
    assert second.choices[0].finish_reason == "stop"
    assert second.choices[0].message.content


async def test_several_tools_are_called_in_one_answer_and_streamed_in_pieces(start: Start) -> None:
    provider = await start()
    messages: list[Any] = [{"role": "user", "content": "call get_time and call get_weather"}]
    whole = await provider.openai.chat.completions.create(model="m", messages=messages, tools=[CLOCK, WEATHER])
    stream = await provider.openai.chat.completions.create(
        model="m", messages=messages, tools=[CLOCK, WEATHER], stream=True
    )
    names: dict[int, str] = {}
    arguments: dict[int, str] = {}
    finish = ""
    async for chunk in stream:
        for part in chunk.choices[0].delta.tool_calls or ():
            assert part.function is not None
            names[part.index] = names.get(part.index, "") + (part.function.name or "")
            arguments[part.index] = arguments.get(part.index, "") + (part.function.arguments or "")
        finish = chunk.choices[0].finish_reason or finish
    assert (names, finish) == ({0: "get_time", 1: "get_weather"}, "tool_calls")
    told = whole.choices[0].message.tool_calls or []
    assert [call.function.arguments for call in told if call.type == "function"] == [arguments[0], arguments[1]]


@pytest.mark.parametrize(
    ("choice", "called"),
    [
        ("required", "get_time"),
        ({"type": "function", "function": {"name": "get_weather"}}, "get_weather"),
        ("none", None),
        ("auto", None),
    ],
)
async def test_tool_choice_is_obeyed(start: Start, choice: Any, called: str | None) -> None:
    provider = await start()
    answer = await provider.openai.chat.completions.create(
        model="m", messages=ASK, tools=[CLOCK, WEATHER], tool_choice=choice
    )
    calls = answer.choices[0].message.tool_calls or []
    assert [call.function.name for call in calls if call.type == "function"] == ([called] if called else [])


class _Line(BaseModel):
    name: str
    amount: float
    kind: str | None


class _Invoice(BaseModel):
    number: int
    lines: list[_Line]
    paid: bool


async def test_structured_output_is_parsed_by_the_client(start: Start) -> None:
    provider = await start()
    answer = await provider.openai.chat.completions.parse(model="m", messages=ASK, response_format=_Invoice)
    assert answer.choices[0].message.parsed is not None
    assert answer.choices[0].message.parsed.lines
    json_object = await provider.openai.chat.completions.create(
        model="m", messages=ASK, response_format={"type": "json_object"}
    )
    assert isinstance(json.loads(json_object.choices[0].message.content or ""), dict)


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"model": 7}, "model"),
        ({"messages": []}, "messages"),
        ({"messages": "hello"}, "messages"),
        ({"messages": ["hello"]}, "messages[0]"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": ["x"]}]}, "messages[0].content"),
        (
            {
                "messages": [
                    {
                        "role": "assistant",
                        "tool_calls": [{"id": "a" * 41, "function": {"name": "f", "arguments": "{}"}}],
                    },
                    {"role": "tool", "tool_call_id": "a" * 41, "content": "x"},
                ]
            },
            "messages[0].tool_calls[0].id",
        ),
        ({"temperature": 3}, "temperature"),
        ({"top_p": "1"}, "top_p"),
        ({"n": 0}, "n"),
        ({"n": 129}, "n"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"),
        ({"stream": "yes"}, "stream"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
        ({"stream": True, "stream_options": 1}, "stream_options"),
        ({"stream": True, "stream_options": {"include_usage": 1}}, "stream_options.include_usage"),
        ({"stop": 5}, "stop"),
        ({"tools": {}}, "tools"),
        ({"tools": [{"type": "function"}]}, "tools[0]"),
        ({"tools": [{"type": "function", "function": {"name": "get.time"}}]}, "tools[0].function.name"),
        ({"safety_identifier": "s" * 65}, "safety_identifier"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"tool_choice": "maybe"}, "tool_choice"),
        ({"tool_choice": {"type": "function", "function": {"name": "x"}}}, "tool_choice"),
        ({"response_format": {"type": "xml"}}, "response_format"),
        ({"response_format": {"type": "json_schema", "json_schema": {}}}, "response_format"),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "cat"}}}},
            "response_format",
        ),
    ],
)
async def test_a_bad_field_is_refused_by_name(start: Start, change: dict[str, Any], param: str) -> None:
    provider = await start()
    body = {"model": "m", "messages": ASK} | change
    status, reply = await provider.post("/v1/chat/completions", json.dumps(body).encode())
    error = json.loads(reply)["error"]
    assert (status, error["param"], error["type"]) == (400, param, "invalid_request_error")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b'{"a": NaN}', b"[" * 100_000])
async def test_a_body_that_is_no_json_object_is_refused(start: Start, body: bytes) -> None:
    provider = await start()
    status, reply = await provider.post("/v1/chat/completions", body)
    assert (status, json.loads(reply)["error"]["type"]) == (400, "invalid_request_error")


async def test_odd_but_valid_values_are_answered(start: Start) -> None:
    provider = await start()
    body = rb'{"model": "\ud800", "messages": [{"role": "user", "content": "\ud800 hi"}], "unknown": 1e400, "big": 9%s}'
    status, reply = await provider.post("/v1/chat/completions", body % (b"9" * 400))
    assert status == 200
    assert json.loads(reply)["model"] == "\ud800"


async def test_an_unknown_model_and_a_wrong_key_raise_the_client_s_own_errors(start: Start) -> None:
    provider = await start(models=("gpt-5", "gpt-5-mini"))
    with pytest.raises(openai.NotFoundError) as missing:
        await provider.openai.chat.completions.create(model="gpt-4", messages=ASK)
    assert missing.value.code == "model_not_found"
    assert [model.id async for model in provider.openai.models.list()] == ["gpt-5", "gpt-5-mini"]
    assert (await provider.openai.models.retrieve("gpt-5")).id == "gpt-5"
    with pytest.raises(openai.NotFoundError):
        await provider.openai.models.retrieve("gpt-4")
