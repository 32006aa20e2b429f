import json
from pathlib import Path
from typing import Any

import pytest
from anthropic.lib.streaming._messages import accumulate_event
from anthropic.types import Message, RawMessageStreamEvent
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from turnout_sidecar.exchange.errors import CallError
from turnout_sidecar.exchange.usage import Usage
from turnout_sidecar.wire import signed_ids
from turnout_sidecar.wire.canonical import (
    Answer,
    ArgumentsDelta,
    Ended,
    Event,
    Failed,
    Finished,
    PartEnded,
    Pinged,
    ProviderError,
    RefusalDelta,
    Reported,
    Started,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ThinkingSigned,
    ToolCall,
    ToolCallStarted,
)
from turnout_sidecar.wire.formats import Asked
from turnout_sidecar.wire.messages.format import INBOUND
from turnout_sidecar.wire.messages.stream_in import MessagesReader
from turnout_sidecar.wire.messages.stream_out import MessagesWriter
from turnout_sidecar.wire.sse import SseParser

TRANSCRIPTS = Path(__file__).parents[2] / "transcripts" / "messages"
ASKED = Asked(id="msg_ours", model="asked-for", created=1_700_000_000)
SDK: TypeAdapter[RawMessageStreamEvent] = TypeAdapter(RawMessageStreamEvent)


def read(stream: bytes) -> list[Event]:
    reader = MessagesReader()
    return reader.feed(stream) + reader.finish()


def write(events: list[Event]) -> bytes:
    return MessagesWriter(ASKED).write(events)


def frames(stream: bytes) -> list[dict[str, Any]]:
    """The data of each event, whose name must be its type."""
    found = []
    for frame in SseParser().feed(stream):
        if frame.data is not None:
            data = json.loads(frame.data)
            assert frame.event == data["type"]
            found.append(data)
    return found


def message(stream: bytes) -> Message:
    """What Anthropic's SDK makes of a stream, each event of which must be one of its own."""
    snapshot: Any = None
    buffers: dict[int, bytes] = {}
    for frame in frames(stream):
        if frame["type"] != "ping":
            event = SDK.validate_python(frame)
            snapshot = accumulate_event(event=event, current_snapshot=snapshot, json_bufs=buffers)
    return Message.model_validate(snapshot.to_dict())


def told(events: list[Event]) -> list[Event]:
    return [event for event in events if not isinstance(event, Pinged | Reported)]


@pytest.mark.parametrize("name", ["text.sse", "tools.sse", "thinking.sse", "search.sse"])
def test_what_is_read_is_written_again_the_same(name: str) -> None:
    events = read((TRANSCRIPTS / name).read_bytes())
    again = read(write(events))
    assert told(again) == told(events)
    usages = [event.usage for event in again if isinstance(event, Reported)]
    assert usages[-1] == [event.usage for event in events if isinstance(event, Reported)][-1]


@pytest.mark.parametrize("name", ["text.sse", "tools.sse", "thinking.sse", "search.sse"])
def test_event_by_event_it_is_the_same_stream(name: str) -> None:
    events = read((TRANSCRIPTS / name).read_bytes())
    writer = MessagesWriter(ASKED)
    assert told(read(b"".join(writer.write([event]) for event in events))) == told(events)


def test_the_sdk_understands_text_thoughts_and_tools() -> None:
    whole = message(write(read((TRANSCRIPTS / "thinking.sse").read_bytes())))
    assert [block.type for block in whole.content] == ["thinking", "redacted_thinking", "tool_use"]
    assert whole.content[0].model_dump() == {"type": "thinking", "thinking": "Let me think.", "signature": "EqQBSig=="}
    assert whole.content[2].model_dump(include={"id", "name", "input"}) == {
        "id": "toolu_01C",
        "name": "add",
        "input": {"a": 1},
    }
    assert whole.stop_reason == "tool_use"
    assert whole.usage.output_tokens == 55
    assert whole.usage.output_tokens_details is not None
    assert whole.usage.output_tokens_details.thinking_tokens == 33


def test_the_frames_stand_in_the_order_of_the_api() -> None:
    events: list[Event] = [
        Started("chatcmpl-1", "gpt"),
        TextDelta(0, "Hello"),
        PartEnded(0),
        ToolCallStarted(3, "call_1", "find"),
        ArgumentsDelta(3, '{"q":1}'),
        Finished("tool_calls"),
        Reported(Usage(input=10, output=5, cached_input=4)),
        Ended(),
    ]
    written = frames(write(events))
    assert [(frame["type"], frame.get("index")) for frame in written] == [
        ("message_start", None),
        ("content_block_start", 0),
        ("content_block_delta", 0),
        ("content_block_stop", 0),
        ("content_block_start", 1),
        ("content_block_delta", 1),
        ("content_block_stop", 1),
        ("message_delta", None),
        ("message_stop", None),
    ]
    assert written[0]["message"]["id"] == "chatcmpl-1"
    assert written[-2]["usage"] == {"input_tokens": 6, "output_tokens": 5, "cache_read_input_tokens": 4}
    assert written[-2]["delta"] == {"stop_reason": "tool_use", "stop_sequence": None}


def test_pitfall_03_no_empty_text_beside_a_tool_call_and_the_right_stop_reason() -> None:
    events: list[Event] = [
        Started(),
        TextDelta(0, ""),
        PartEnded(0),
        ToolCallStarted(1, "call_1", "now"),
        PartEnded(1),
        Finished("stop", "stop"),
        Ended(),
    ]
    whole = message(write(events))
    assert [block.type for block in whole.content] == ["tool_use"]
    assert whole.stop_reason == "tool_use"
    assert (whole.id, whole.model) == ("msg_ours", "asked-for")


def test_a_call_that_was_cut_off_says_so() -> None:
    cut: list[Event] = [ToolCallStarted(0, "call_1", "now"), ArgumentsDelta(0, '{"a"'), Finished("length"), Ended()]
    assert frames(write(cut))[-2]["delta"]["stop_reason"] == "max_tokens"


def test_usage_that_is_known_at_first_is_told_at_first() -> None:
    batch: list[Event] = [Started("m", "x"), Reported(Usage(input=7, output=1))]
    (start,) = frames(MessagesWriter(ASKED).write(batch))
    assert start["message"]["usage"] == {"input_tokens": 7, "output_tokens": 1}


def test_signed_calls_and_unsigned_thoughts_pass() -> None:
    events: list[Event] = [
        Started(),
        ThinkingDelta(0, "Hm"),
        PartEnded(0),
        ToolCallStarted(1, "call_1", "f", signature="c2ln"),
        PartEnded(1),
        ThinkingSigned(2, signature="late"),
        Finished("tool_calls"),
        Ended(),
    ]
    first, call, last = message(write(events)).content
    assert first.model_dump() == {"type": "thinking", "thinking": "Hm", "signature": ""}
    assert call.type == "tool_use"
    assert signed_ids.split(call.id) == ("call_1", "c2ln")
    assert last.model_dump() == {"type": "thinking", "thinking": "", "signature": "late"}


def test_parts_whose_pieces_are_mixed_lose_nothing() -> None:
    events: list[Event] = [
        ToolCallStarted(0, "a", "f"),
        ToolCallStarted(1, "b", "f"),
        ArgumentsDelta(0, '{"a":1}'),
        ArgumentsDelta(1, '{"b":2}'),
        Finished("tool_calls"),
        Ended(),
    ]
    inputs = [block.input for block in message(write(events)).content if block.type == "tool_use"]
    assert inputs == [{"a": 1}, {"b": 2}]


INDEX = st.integers(0, 2)
WORDS = st.sampled_from(["", "a", "ü"])
EVENTS = st.lists(
    st.builds(TextDelta, INDEX, WORDS)
    | st.builds(RefusalDelta, INDEX, WORDS)
    | st.builds(ThinkingDelta, INDEX, WORDS)
    | st.builds(ThinkingSigned, INDEX, WORDS, WORDS)
    | st.builds(ToolCallStarted, INDEX, st.sampled_from(["", "c"]), WORDS)
    | st.builds(ArgumentsDelta, INDEX, st.sampled_from(["", "[", "1"]))
    | st.builds(PartEnded, INDEX)
    | st.builds(Finished, st.sampled_from(["stop", "length", "tool_calls"]))
    | st.just(Pinged()),
    max_size=12,
)


@given(EVENTS)
@settings(deadline=None)
def test_whatever_comes_in_whatever_order_each_piece_has_a_block_of_its_kind(events: list[Event]) -> None:
    kinds: dict[int, str] = {}
    closed: set[int] = set()
    text = ""
    for frame in frames(write([Started(), *events, Ended()])):
        index = frame.get("index", -1)
        if frame["type"] == "content_block_start":
            assert index == len(kinds)
            assert set(kinds) == closed
            kinds[index] = frame["content_block"]["type"]
        elif frame["type"] == "content_block_stop":
            assert index in kinds
            assert index not in closed
            closed.add(index)
        elif frame["type"] == "content_block_delta":
            assert kinds[index] == KIND_OF[frame["delta"]["type"]]
            text += frame["delta"].get("text", "")
    assert set(kinds) == closed
    assert text == "".join(event.text for event in events if isinstance(event, TextDelta | RefusalDelta))


KIND_OF = {
    "text_delta": "text",
    "thinking_delta": "thinking",
    "signature_delta": "thinking",
    "input_json_delta": "tool_use",
}


def test_a_refusal_is_text_and_said_to_be_one() -> None:
    events: list[Event] = [Started(), RefusalDelta(0, "I will not."), Finished("refusal"), Ended()]
    whole = message(write(events))
    assert [block.model_dump(include={"text"}) for block in whole.content] == [{"text": "I will not."}]
    assert whole.stop_reason == "refusal"


def test_signs_of_life_are_comments_before_the_message_and_pings_in_it() -> None:
    writer = MessagesWriter(ASKED)
    assert writer.write([Pinged()]) == b": ping\n\n"
    assert writer.write([Started(), Pinged()]).endswith(b'event: ping\ndata: {"type":"ping"}\n\n')


def test_an_error_of_the_provider_ends_the_stream_in_the_apis_words() -> None:
    writer = MessagesWriter(ASKED)
    failed = Failed(ProviderError("too many", "tokens", "rate_limit_exceeded"), 429)
    (frame,) = frames(writer.write([failed, TextDelta(0, "never")]))
    assert frame == {
        "type": "error",
        "error": {"type": "rate_limit_error", "message": "too many", "details": {"error_code": "rate_limit_exceeded"}},
    }
    assert writer.write([Ended()]) == b""


def test_an_error_of_ours_ends_the_stream() -> None:
    writer = MessagesWriter(ASKED)
    (frame,) = frames(writer.error(CallError(502, "upstream_incomplete", "It broke off.")))
    assert frame["error"] == {
        "type": "api_error",
        "message": "It broke off.",
        "details": {"error_code": "upstream_incomplete"},
    }
    assert writer.write([Ended()]) == b""


def test_every_finish_has_a_legal_word() -> None:
    for reason in ("stop", "length", "tool_calls", "content_filter", "pause", "context_window", "error", "other"):
        message(write([Started(), TextDelta(0, "x"), Finished(reason), Ended()]))


def test_a_whole_answer_is_a_message_of_the_sdk() -> None:
    answer = Answer(
        parts=(
            Text(""),
            Thinking("Hm", signature="sig"),
            Thinking(redacted="xyz"),
            Text("Here"),
            ToolCall("call_1", "f", '{"n": 12345678901234567890123}', signature="c2ln"),
            ToolCall("call_2", "g", ""),
            ToolCall("call_3", "h", "{cut"),
        ),
        finish="stop",
        stop_sequence=None,
        usage=Usage(input=100, output=5, cached_input=20, cache_write_5m=30, cache_write_1h=40, reasoning=2),
        service_tier="default",
    )
    body = INBOUND.write_answer(answer, ASKED)
    assert b"12345678901234567890123" in body
    whole = Message.model_validate_json(body)
    assert [block.type for block in whole.content] == [
        "thinking",
        "redacted_thinking",
        "text",
        "tool_use",
        "tool_use",
        "tool_use",
    ]
    inputs = [block.input for block in whole.content if block.type == "tool_use"]
    assert inputs[1:] == [{}, {"INVALID_JSON": "{cut"}]
    assert whole.stop_reason == "tool_use"
    assert (whole.id, whole.model) == ("msg_ours", "asked-for")
    assert (whole.usage.input_tokens, whole.usage.cache_read_input_tokens) == (10, 20)
    assert whole.usage.cache_creation_input_tokens == 70
    assert whole.usage.cache_creation is not None
    assert whole.usage.cache_creation.ephemeral_1h_input_tokens == 40
    assert whole.usage.service_tier == "standard"


def test_a_stop_sequence_is_named() -> None:
    answer = Answer(parts=(Text("a"),), finish="stop_sequence", stop_sequence="END")
    whole = Message.model_validate_json(INBOUND.write_answer(answer, ASKED))
    assert (whole.stop_reason, whole.stop_sequence) == ("stop_sequence", "END")
