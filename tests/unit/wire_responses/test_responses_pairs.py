"""Answers of every other format, given to an application that asked in the Responses API; and its tool loop through each."""

from pathlib import Path
from typing import Any

import orjson
import pytest
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from support.transcripts import read_in_pieces, transcripts
from turnout_sidecar.wire.canonical import Ended, Failed, NotAnAnswer, Thinking, ToolCall, ToolResult
from turnout_sidecar.wire.chat.format import OUTBOUND as CHAT
from turnout_sidecar.wire.formats import Asked, Model, Outbound
from turnout_sidecar.wire.gather import Gathered
from turnout_sidecar.wire.gemini.format import OUTBOUND as GEMINI
from turnout_sidecar.wire.messages.format import OUTBOUND as MESSAGES
from turnout_sidecar.wire.responses.format import INBOUND
from turnout_sidecar.wire.sse import SseParser

OTHERS = {"chat": CHAT, "messages": MESSAGES, "gemini": GEMINI}
ASKED = Asked(id="call-1", model="m", created=1_700_000_000, body={"model": "m", "input": "Hello"})
STRICT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
WEATHER = {"type": "function", "name": "weather", "parameters": {"type": "object", "properties": {}}}


def paths(ending: str) -> list[Any]:
    return [
        pytest.param(fmt, path, id=f"{name}-{path.stem}")
        for name, fmt in OTHERS.items()
        for path in transcripts(name, ending)
    ]  # fmt: skip


def events_in(stream: bytes) -> list[dict[str, Any]]:
    events = []
    for number, frame in enumerate(frame for frame in SseParser().feed(stream) if frame.data is not None):
        STRICT.validate_json(frame.data or b"", strict=True)
        events.append(orjson.loads(frame.data or b""))
        assert events[-1]["sequence_number"] == number
    return events


@pytest.mark.parametrize(("fmt", "path"), paths(".sse"))
def test_a_stream_of_any_format_is_a_strict_one_of_this(fmt: Outbound, path: Path) -> None:
    try:
        events = read_in_pieces(fmt.reader, path.read_bytes())
    except NotAnAnswer:
        return
    written = events_in(INBOUND.writer(ASKED).write(events))
    whole = any(isinstance(event, Ended | Failed) for event in events)
    assert (written[-1]["type"] in ("response.completed", "response.incomplete", "response.failed")) == whole


@pytest.mark.parametrize(("fmt", "path"), paths(".json"))
def test_an_answer_of_any_format_is_a_strict_one_of_this(fmt: Outbound, path: Path) -> None:
    try:
        answer = fmt.read_answer(path.read_bytes())
    except NotAnAnswer:
        return
    Response.model_validate_json(INBOUND.write_answer(answer, ASKED), strict=True)


SECOND_TURNS = [("messages", "thinking"), ("messages", "tools"), ("gemini", "tools"), ("chat", "tools")]


@pytest.mark.parametrize(("name", "stem"), SECOND_TURNS)
def test_pitfalls_11_12_and_23_a_second_turn_brings_back_thoughts_signatures_and_ids(name: str, stem: str) -> None:
    path = next(path for path in transcripts(name, ".sse") if path.stem == stem)
    events = read_in_pieces(OTHERS[name].reader, path.read_bytes())
    whole = Gathered()
    whole.feed(events)
    told = whole.answer().parts
    output = events_in(INBOUND.writer(ASKED).write(events))[-1]["response"]["output"]
    results = [
        {"type": "function_call_output", "call_id": item["call_id"], "output": "cold"}
        for item in output
        if item["type"] == "function_call"
    ]
    talk = [{"role": "user", "content": "Hi"}, *output, *results]
    body = {"model": "m", "input": talk, "tools": [WEATHER], "reasoning": {"effort": "high"}}
    request = INBOUND.read_request(body)
    assert request.messages[1].parts == told
    calls = [part.id for part in told if isinstance(part, ToolCall)]
    assert [
        part.id for message in request.messages[2:] for part in message.parts if isinstance(part, ToolResult)
    ] == calls
    written = OTHERS[name].write_request(request, Model("m", reasoning=True)).body.decode()
    signatures = [part.signature for part in told if isinstance(part, Thinking | ToolCall) and part.signature]
    assert all(signature.removeprefix("gemini.") in written for signature in signatures)
    assert signatures or name == "chat" or stem == "tools"
