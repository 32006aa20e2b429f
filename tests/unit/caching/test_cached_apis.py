"""Answers of each API are kept, put together from streams and replayed in the API's own words."""

from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from anthropic.types import Message, RawMessageStreamEvent
from openai.types.responses import Response as ResponseObject
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter

from turnout_sidecar.caching.answers import may_keep
from turnout_sidecar.caching.formats import CACHED
from turnout_sidecar.endpoints import SERVED
from turnout_sidecar.wire.sse import SseParser

TEXT = "The capital of France is Paris, and has been so for a very long time indeed."


def message(*blocks: dict[str, Any], **changes: Any) -> bytes:
    return orjson.dumps(
        {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "claude",
            "content": list(blocks or ({"type": "text", "text": TEXT},)),
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": 3, "output_tokens": 20, "cache_read_input_tokens": 0},
            **changes,
        }
    )


def response(*items: dict[str, Any], **changes: Any) -> bytes:
    spoken = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [{"type": "output_text", "text": TEXT, "annotations": []}],
    }
    usage = {
        "input_tokens": 3,
        "output_tokens": 20,
        "total_tokens": 23,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens_details": {"reasoning_tokens": 0},
    }
    return orjson.dumps(
        {
            "id": "resp_1",
            "object": "response",
            "created_at": 7,
            "status": "completed",
            "model": "gpt",
            "output": list(items or (spoken,)),
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "tools": [],
            "usage": usage,
            **changes,
        }
    )


def events(frames: Iterator[bytes]) -> list[dict[str, Any]]:
    parser = SseParser()
    return [orjson.loads(event.data) for event in parser.feed(b"".join(frames)) if event.data is not None]


THOUGHT = {"type": "thinking", "thinking": "Let me see. " * 9, "signature": "c2ln"}
CALL = {"type": "tool_use", "id": "t1", "name": "f", "input": {}}
SPOKEN = {"type": "text", "text": TEXT}


@pytest.mark.parametrize(
    ("endpoint", "body", "good"),
    [
        ("messages", message(), True),
        ("messages", message(THOUGHT, SPOKEN), True),
        ("messages", message(stop_reason="stop_sequence"), True),
        ("messages", message(stop_reason="max_tokens"), False),
        ("messages", message(stop_reason="refusal"), False),
        ("messages", message(SPOKEN, CALL, stop_reason="tool_use"), False),
        ("messages", message(CALL), False),
        ("messages", message(THOUGHT), False),
        ("messages", orjson.dumps({"type": "error", "error": {"type": "api_error"}}), False),
        ("responses", response(), True),
        ("responses", response(status="incomplete"), False),
        ("responses", response({"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f", "arguments": "{}"}), False),
        ("responses", response({"type": "web_search_call", "id": "ws_1", "status": "completed"}), False),
        ("responses", orjson.dumps({"status": "completed", "output": [None]}), False),
        ("responses", orjson.dumps({"status": "completed", "output": [{"type": "message", "content": [{}]}]}), False),
    ],
)  # fmt: skip
def test_only_answers_that_ended_and_are_text_are_kept(endpoint: str, body: bytes, good: bool) -> None:
    assert may_keep(endpoint, body) is good


@pytest.mark.parametrize("blocks", [(SPOKEN,), (THOUGHT, SPOKEN), ({"type": "redacted_thinking", "data": "x"}, SPOKEN)])
def test_a_message_comes_back_from_its_stream_as_it_was(blocks: tuple[dict[str, Any], ...]) -> None:
    body = message(*blocks)
    cached = CACHED["messages"]
    told = events(cached.frames(body, False))
    for event in told:
        TypeAdapter(RawMessageStreamEvent).validate_python(event)
    assert [event["type"] for event in (told[0], told[-1])] == ["message_start", "message_stop"]
    again = cached.collected(b"".join(cached.frames(body, False)), None)
    assert orjson.loads(again or b"{}") == orjson.loads(body)


def test_a_message_has_an_id_of_its_own_for_each_call() -> None:
    again = orjson.loads(CACHED["messages"].renewed(message(), "abc", 5))
    assert again == {**orjson.loads(message()), "id": "msg_abc"}
    Message.model_validate(again)


@pytest.mark.parametrize(
    "event",
    [
        {"type": "content_block_delta", "index": 0, "delta": {"type": "citations_delta", "citation": {}}},
        {"type": "content_block_delta", "index": 9, "delta": {"type": "text_delta", "text": "x"}},
        {"type": "content_block_start", "index": 5, "content_block": {"type": "text", "text": ""}},
        {"type": "something_new"},
    ],
)
def test_a_stream_that_is_not_understood_is_not_kept(event: dict[str, Any]) -> None:
    frames = list(CACHED["messages"].frames(message(), False))
    frames.insert(2, b"data: " + orjson.dumps(event) + b"\n\n")
    assert CACHED["messages"].collected(b"".join(frames), None) is None


def test_a_stream_that_broke_off_is_not_kept() -> None:
    for name, body in (("messages", message()), ("responses", response())):
        frames = list(CACHED[name].frames(body, False))
        assert CACHED[name].collected(b"".join(frames[:-1]), None) is None


def test_a_response_is_replayed_with_its_events_in_order_and_comes_back_as_it_was() -> None:
    cached = CACHED["responses"]
    told = events(cached.frames(response(), False))
    for event in told:
        TypeAdapter(ResponseStreamEvent).validate_python(event)
    assert [event["sequence_number"] for event in told] == list(range(len(told)))
    assert (told[0]["type"], told[-1]["type"]) == ("response.created", "response.completed")
    text = "".join(event["delta"] for event in told if event["type"] == "response.output_text.delta")
    assert text == TEXT
    again = cached.collected(b"".join(cached.frames(response(), False)), None)
    assert orjson.loads(again or b"{}") == orjson.loads(response())
    ResponseObject.model_validate(orjson.loads(again or b"{}"))


def test_every_endpoint_is_cached_but_the_count_of_tokens() -> None:
    assert {served.endpoint.name for served in SERVED} - CACHED.keys() == {"count_tokens"}
