"""Mistakes that other gateways made between two protocols, as tests."""

from typing import Any

import orjson
import pytest

from support.transcripts import read_in_pieces
from turnout_sidecar.exchange.usage import Usage
from turnout_sidecar.wire.canonical import Answer, Event, Text, ToolCall, ToolCallStarted
from turnout_sidecar.wire.formats import Asked, Model
from turnout_sidecar.wire.observing import as_events
from turnout_sidecar.wire.registry import INBOUND, outbound

ASKED = Asked(id="call_0123456789abcdef", model="assistant", created=1760000000, include_usage=True)
CALLS = {
    "chat": {
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"a":1}'}}],
                },
                "finish_reason": "tool_calls",
            }
        ]
    },
    "responses": {
        "status": "completed",
        "output": [{"type": "function_call", "id": "fc", "call_id": "c1", "name": "weather", "arguments": '{"a":1}'}],
    },
    "messages": {
        "type": "message",
        "role": "assistant",
        "content": [{"type": "tool_use", "id": "c1", "name": "weather", "input": {"a": 1}}],
        "stop_reason": "tool_use",
    },
    "gemini": {
        "candidates": [
            {"content": {"parts": [{"functionCall": {"id": "c1", "name": "weather", "args": {"a": 1}}}]}, "finishReason": "STOP"}
        ]
    },
    "converse": {
        "output": {
            "message": {"role": "assistant", "content": [{"toolUse": {"toolUseId": "c1", "name": "weather", "input": {"a": 1}}}]}
        },
        "stopReason": "tool_use",
    },
}  # fmt: skip


def written(asked: str, answer: Answer) -> tuple[dict[str, Any], list[Event]]:
    """An answer as a whole, and as a stream that is read again."""
    body = orjson.loads(INBOUND[asked].write_answer(answer, ASKED))
    return body, read_in_pieces(outbound(asked).reader, INBOUND[asked].writer(ASKED).write(as_events(answer)))


@pytest.mark.parametrize("asked", INBOUND)
def test_pitfall_17_cached_tokens_are_told_in_every_api(asked: str) -> None:
    usage = Usage(1000, 50, cached_input=800)
    body, events = written(asked, Answer(parts=(Text("x"),), finish="stop", usage=usage))
    again = outbound(asked).read_answer(orjson.dumps(body)).usage
    streamed = [event for event in events if hasattr(event, "usage")][-1].usage
    for told in (again, streamed):
        assert told is not None
        assert (told.input, told.output, told.cached_input) == (1000, 50, 800)


@pytest.mark.parametrize("spoken", CALLS)
@pytest.mark.parametrize("asked", INBOUND)
def test_pitfall_27_an_answer_that_is_nothing_but_a_call_is_an_answer(asked: str, spoken: str) -> None:
    answer = outbound(spoken).read_answer(orjson.dumps(CALLS[spoken]))
    assert answer.finish == "tool_calls"
    body, events = written(asked, answer)
    [call] = [part for part in outbound(asked).read_answer(orjson.dumps(body)).parts if isinstance(part, ToolCall)]
    assert (call.name, orjson.loads(call.arguments)) == ("weather", {"a": 1})
    assert [event.name for event in events if isinstance(event, ToolCallStarted)] == ["weather"]


def vllm(*deltas: dict[str, Any]) -> bytes:
    chunks = [{"id": "chatcmpl-1", "model": "qwen", "choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    last = {"id": "chatcmpl-1", "choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "tool_calls"}]}
    return b"".join(b"data: %b\n\n" % orjson.dumps(chunk) for chunk in (*chunks, last)) + b"data: [DONE]\n\n"


def test_pitfall_22_a_tool_loop_of_the_messages_api_against_vllm() -> None:
    identity = "chatcmpl-tool-0123456789abcdef0123456789abcdef"
    named = {"index": 0, "id": identity, "type": "function", "function": {"name": "weather"}}
    pieces = [{"index": 0, "function": {"arguments": text}} for text in ('{"town"', ': "Ulm"}')]
    stream = vllm(
        {"role": "assistant", "content": ""}, {"tool_calls": [named]}, *({"tool_calls": [piece]} for piece in pieces)
    )

    frames = INBOUND["messages"].writer(ASKED).write(read_in_pieces(outbound("chat").reader, stream))
    said = [orjson.loads(line[len(b"data: ") :]) for line in frames.splitlines() if line.startswith(b"data: ")]
    block = next(event["content_block"] for event in said if event["type"] == "content_block_start")
    given = "".join(
        event["delta"]["partial_json"] for event in said if event.get("delta", {}).get("type") == "input_json_delta"
    )
    assert (block["type"], block["name"], orjson.loads(given)) == ("tool_use", "weather", {"town": "Ulm"})
    assert next(event for event in said if event["type"] == "message_delta")["delta"]["stop_reason"] == "tool_use"

    back = {
        "model": "m",
        "max_tokens": 9,
        "tools": [{"name": "weather", "input_schema": {"type": "object"}}],
        "messages": [
            {"role": "user", "content": "Weather?"},
            {"role": "assistant", "content": [{**block, "input": orjson.loads(given)}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": block["id"], "content": "rain"}]},
        ],
    }
    INBOUND["messages"].check(back)
    request = INBOUND["messages"].read_request(back)
    _, call, result = orjson.loads(outbound("chat").write_request(request, Model("qwen")).body)["messages"]
    assert (result["role"], result["content"]) == ("tool", "rain")
    assert call["tool_calls"][0]["id"] == result["tool_call_id"]
    assert orjson.loads(call["tool_calls"][0]["function"]["arguments"]) == {"town": "Ulm"}
