"""OpenAI's responses API as the real client sees it."""

import json
from typing import Any

import jsonschema_rs
import openai
import pytest
from openai.types.responses import Response, ResponseFunctionToolCall
from pydantic import BaseModel

from turnout_sidecar.simulator.answers import count_tokens
from unit.simulator.conftest import Provider, Start

ASK = "How does the refund policy treat damaged parcels?"
WEATHER: Any = {
    "type": "function",
    "name": "get_weather",
    "strict": True,
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
}
CLOCK: Any = {"type": "function", "name": "get_time", "parameters": None, "strict": False}


async def ask(provider: Provider, change: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    status, reply = await provider.post("/v1/responses", json.dumps({"model": "m", "input": ASK} | change).encode())
    answer: dict[str, Any] = json.loads(reply)
    return status, answer


def calls_of(response: Response) -> list[ResponseFunctionToolCall]:
    return [item for item in response.output if item.type == "function_call"]


async def test_a_response_is_readable_and_its_usage_adds_up(start: Start) -> None:
    responses = (await start()).openai.responses
    response = await responses.create(model="gpt", input=ASK, instructions="Be brief.")
    assert response.output_text.startswith("This is about ")
    assert (response.status, response.model, response.instructions) == ("completed", "gpt", "Be brief.")
    assert response.usage is not None
    assert response.usage.output_tokens == count_tokens(response.output_text)
    assert response.usage.total_tokens == response.usage.input_tokens + response.usage.output_tokens
    assert await responses.create(model="gpt", input=ASK, instructions="Be brief.") == response


async def test_the_events_of_a_stream_are_numbered_and_tell_what_the_response_tells(start: Start) -> None:
    responses = (await start()).openai.responses
    asked: Any = {
        "model": "m",
        "input": "call get_weather and call get_time",
        "tools": [WEATHER, CLOCK],
        "reasoning": {"effort": "high", "summary": "auto"},
        "include": ["reasoning.encrypted_content"],
    }
    whole = await responses.create(**asked)
    async with responses.stream(**asked) as stream:
        events = [event async for event in stream]
        streamed = await stream.get_final_response()
    assert [item.type for item in whole.output] == ["reasoning", "function_call", "function_call"]
    told = [item.model_dump(exclude={"parsed_arguments"}) for item in streamed.output]
    assert told == [item.model_dump(exclude={"parsed_arguments"}) for item in whole.output]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    kinds = [event.type for event in events]
    assert (kinds[:2], kinds[-1]) == (["response.created", "response.in_progress"], "response.completed")
    assert "".join(event.delta for event in events if event.type == "response.reasoning_summary_text.delta")
    assert [event.arguments for event in events if event.type == "response.function_call_arguments.done"] == [
        call.arguments for call in calls_of(whole)
    ]
    assert whole.usage is not None
    assert whole.usage.output_tokens_details.reasoning_tokens > 0
    text = await responses.create(model="m", input=ASK, stream=True)
    said = "".join([event.delta async for event in text if event.type == "response.output_text.delta"])
    assert said == (await responses.create(model="m", input=ASK)).output_text


@pytest.mark.parametrize("stored", [True, False])
async def test_a_tool_loop_goes_round_by_reference_or_with_all_that_was_said(start: Start, stored: bool) -> None:
    responses = (await start()).openai.responses
    asked: Any = {
        "model": "m",
        "tools": [WEATHER],
        "store": stored,
        "reasoning": {"effort": "low"},
        "include": ["reasoning.encrypted_content"],
    }
    said: list[Any] = [{"role": "user", "content": [{"type": "input_text", "text": "call get_weather twice"}]}]
    first = await responses.create(input=said, **asked)
    calls = calls_of(first)
    assert len({call.call_id for call in calls}) == 2
    assert all(jsonschema_rs.is_valid(WEATHER["parameters"], json.loads(call.arguments)) for call in calls)
    results: list[Any] = [
        {"type": "function_call_output", "call_id": call.call_id, "output": f"{number} degrees"}
        for number, call in enumerate(calls)
    ]
    if stored:
        second = await responses.create(input=results, previous_response_id=first.id, **asked)
    else:
        echoed = [item.model_dump(exclude_none=True) for item in first.output]
        second = await responses.create(input=[*said, *echoed, *results], **asked)
        with pytest.raises(openai.BadRequestError) as caught:
            await responses.create(input=results, previous_response_id=first.id, **asked)
        assert caught.value.code == "previous_response_not_found"
    assert "0 degrees; 1 degrees" in second.output_text


class _Invoice(BaseModel):
    number: int
    paid: bool


async def test_structured_output_limits_and_inputs_of_every_kind_are_taken(start: Start) -> None:
    responses = (await start()).openai.responses
    parsed = await responses.parse(model="m", input=ASK, text_format=_Invoice)
    assert parsed.output_parsed is not None
    cut = await responses.create(model="m", input=ASK, max_output_tokens=16)
    assert cut.usage is not None
    assert (cut.status, cut.usage.output_tokens) == ("incomplete", 16)
    assert cut.incomplete_details is not None
    assert cut.incomplete_details.reason == "max_output_tokens"
    stream = await responses.create(model="m", input=ASK, max_output_tokens=16, stream=True)
    assert [event.type async for event in stream][-1] == "response.incomplete"
    content: Any = [
        {"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "auto"},
        {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,AAAA"},
        {"type": "input_text", "text": "What is this?"},
    ]
    seen = await responses.create(model="m", input=[{"role": "user", "content": content}])
    assert seen.usage is not None
    assert seen.usage.input_tokens > 285


async def test_a_long_prompt_that_comes_again_is_cached_in_steps(start: Start) -> None:
    provider = await start()
    manual = "A long manual of many words. " * 300
    usages = []
    for _ in range(2):
        response = await provider.openai.responses.create(model="m", instructions=manual, input=ASK)
        chat = await provider.openai.chat.completions.create(model="m", messages=[{"role": "user", "content": manual}])
        usages.append((response.usage, chat.usage))
    (first, first_chat), (second, second_chat) = usages
    assert first is not None
    assert second is not None
    assert (first.input_tokens_details.cached_tokens, second.input_tokens) == (0, first.input_tokens)
    assert second.input_tokens_details.cached_tokens >= 1024
    assert second.input_tokens_details.cached_tokens % 128 == 0
    assert first_chat is not None
    assert second_chat is not None
    assert second_chat.prompt_tokens_details is not None
    assert (second_chat.prompt_tokens_details.cached_tokens or 0) >= 1024


CALL: Any = {"type": "function_call", "call_id": "a", "name": "get_time", "arguments": "{}"}
OUTPUT: Any = {"type": "function_call_output", "call_id": "a", "output": "noon"}
THOUGHT: Any = {"type": "reasoning", "id": "rs_1", "summary": []}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"input": []}, "input"),
        ({"messages": []}, "messages"),
        ({"max_tokens": 5}, "max_tokens"),
        ({"max_output_tokens": 1}, "max_output_tokens"),
        ({"input": [{"role": "user", "content": [{"type": "text", "text": "x"}]}]}, "input[0].content[0].type"),
        ({"input": [{"role": "assistant", "content": [{"type": "input_text", "text": "x"}]}]}, "content[0].type"),
        ({"input": [{"role": "tool", "content": "x"}]}, "input[0].role"),
        ({"input": [{"type": "tool_use"}]}, "input[0].type"),
        ({"input": [OUTPUT]}, "No tool call found"),
        ({"input": [CALL]}, "No tool output found"),
        ({"input": [CALL, CALL, OUTPUT]}, "Duplicate"),
        ({"input": [THOUGHT]}, "required following item"),
        ({"input": [THOUGHT | {"encrypted_content": "bm9uZQ=="}, CALL, OUTPUT]}, "could not be verified"),
        ({"tools": [{"type": "function", "function": {"name": "a"}}]}, "tools[0].name"),
        ({"tool_choice": {"type": "function", "function": {"name": "a"}}, "tools": [CLOCK]}, "tool_choice"),
        ({"text": {"format": {"type": "json_schema", "json_schema": {"name": "a"}}}}, "text.format.name"),
        ({"reasoning": {"effort": "wild"}}, "reasoning.effort"),
        ({"previous_response_id": "resp_none"}, "not found"),
        ({"user": "u" * 65}, "maximum length 64"),
        ({"tools": [CLOCK | {"name": "get time"}]}, "tools[0].name"),
        ({"input": [CALL | {"call_id": "a" * 65}, OUTPUT | {"call_id": "a" * 65}]}, "input[0].call_id"),
    ],
)
async def test_a_request_that_is_wrong_is_refused_by_name(start: Start, change: dict[str, Any], named: str) -> None:
    status, reply = await ask(await start(), change)
    assert (status, reply["error"]["type"]) == (400, "invalid_request_error")
    assert named in reply["error"]["message"]


@pytest.mark.parametrize(
    "messages",
    [
        [{"role": "tool", "tool_call_id": "a", "content": "noon"}],
        [
            {"role": "assistant", "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": "{}"}}]},
            {"role": "user", "content": "well?"},
        ],
        [{"role": "assistant", "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": {}}}]}],
    ],
)
async def test_in_chat_too_results_of_tools_follow_their_calls(start: Start, messages: list[Any]) -> None:
    provider = await start()
    status, reply = await provider.post(
        "/v1/chat/completions", json.dumps({"model": "m", "messages": messages}).encode()
    )
    assert (status, json.loads(reply)["error"]["type"]) == (400, "invalid_request_error")
