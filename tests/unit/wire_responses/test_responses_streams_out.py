"""Streams that the gateway writes in the Responses API: what the official client makes of them, strictly."""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import httpx2
import openai
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai import OpenAI
from openai.types.responses import ParsedResponse, Response, ResponseStreamEvent
from pydantic import TypeAdapter

from support.transcripts import FOLDER, read_in_pieces, transcripts
from turnout_sidecar.exchange.errors import CallError
from turnout_sidecar.exchange.usage import Usage
from turnout_sidecar.wire.canonical import (
    ArgumentsDelta,
    Ended,
    Event,
    Failed,
    Finished,
    FinishReason,
    PartEnded,
    Pinged,
    ProviderError,
    RefusalDelta,
    Reported,
    Started,
    TextDelta,
    ThinkingDelta,
    ThinkingSigned,
    ToolCallStarted,
)
from turnout_sidecar.wire.formats import Asked
from turnout_sidecar.wire.responses.format import INBOUND, OUTBOUND
from turnout_sidecar.wire.responses.stream_in import ResponsesReader
from turnout_sidecar.wire.responses.stream_out import ResponsesWriter
from turnout_sidecar.wire.sse import SseParser

BODY: dict[str, Any] = {
    "model": "m",
    "input": "Hello",
    "stream": True,
    "tools": [
        {"type": "function", "name": "weather", "parameters": {"type": "object", "properties": {}}, "strict": False}
    ],
}
ASKED = Asked(id="call-1", model="m", created=1_700_000_000, body=BODY)
STRICT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)

EVERYTHING: tuple[Event, ...] = (
    Started("msg_1", "real", 1_700_000_001, "standard"),
    Pinged(),
    ThinkingDelta(0, "Let me "),
    ThinkingDelta(0, "see."),
    ThinkingSigned(0, signature="SIG"),
    PartEnded(0),
    ThinkingSigned(1, redacted="XYZ"),
    PartEnded(1),
    TextDelta(2, "Hello", {"content": [{"token": "Hello", "logprob": -0.1}]}),
    TextDelta(2, " there"),
    PartEnded(2),
    RefusalDelta(3, "Not that."),
    PartEnded(3),
    ToolCallStarted(4, "c1", "weather", signature="s"),
    ArgumentsDelta(4, '{"city":'),
    ArgumentsDelta(4, '"Oslo"}'),
    PartEnded(4),
    ToolCallStarted(5, "c2", "weather"),
    PartEnded(5),
    TextDelta(6, "Bye"),
    PartEnded(6),
    Finished("tool_calls"),
    Reported(Usage(input=5, output=9, cached_input=2, reasoning=3)),
    Ended(),
)


def write(events: Iterable[Event]) -> bytes:
    """One event at a time, as they may come."""
    writer = ResponsesWriter(ASKED)
    return b"".join(writer.write([event]) for event in events)


def events_in(stream: bytes) -> list[dict[str, Any]]:
    """Every event of a stream, which must be a strict one of the API, with its number and its name in order."""
    parser = SseParser()
    frames = [frame for frame in [*parser.feed(stream), *parser.finish()] if frame.data is not None]
    events = []
    for number, frame in enumerate(frames):
        event = orjson.loads(frame.data or b"")
        STRICT.validate_json(frame.data or b"", strict=True)
        assert event["sequence_number"] == number
        assert event["type"] == frame.event
        assert frame.terminated
        events.append(event)
    return events


class Answering(httpx2.BaseTransport):
    """Answers every call with the stream that was put there."""

    stream = b""

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=self.stream)


ANSWERING = Answering()


@cache
def the_client() -> OpenAI:
    """One for all, since making one is slow."""
    http = openai.DefaultHttpxClient(transport=ANSWERING)
    return OpenAI(api_key="k", base_url="http://127.0.0.1/v1", http_client=http, max_retries=0)


def client(stream: bytes) -> OpenAI:
    ANSWERING.stream = stream
    return the_client()


def accumulated(stream: bytes) -> ParsedResponse[Any]:
    """What the client's own accumulator has at the end."""
    with client(stream).responses.stream(model="m", input="Hello", tools=BODY["tools"]) as streamed:
        for _ in streamed:
            pass
        return streamed.get_final_response()


def test_the_client_s_accumulator_gets_everything() -> None:
    response = accumulated(write(EVERYTHING))
    thought, hidden, message, first, second, last = response.output
    assert thought.type == hidden.type == "reasoning"
    assert [part.text for part in thought.summary] == ["Let me see."]
    assert (thought.encrypted_content, hidden.encrypted_content) == ("turnout:signature:SIG", "turnout:redacted:XYZ")
    assert message.type == last.type == "message"
    assert [part.type for part in message.content] == ["output_text", "refusal"]
    assert response.output_text == "Hello thereBye"
    assert first.type == second.type == "function_call"
    assert (first.call_id[:2], first.arguments) == ("c1", '{"city":"Oslo"}')
    assert (second.call_id, second.arguments) == ("c2", "{}")
    assert response.usage is not None
    assert (response.usage.input_tokens, response.usage.output_tokens, response.usage.total_tokens) == (5, 9, 14)
    assert (response.status, response.model, response.service_tier) == ("completed", "real", "default")


def test_every_event_is_a_strict_one_and_numbered_without_gaps() -> None:
    events = events_in(write(EVERYTHING))
    kinds = [event["type"].removeprefix("response.") for event in events]
    assert kinds[:2] == ["created", "in_progress"]
    assert kinds[-1] == "completed"
    assert [kind for kind in kinds if kind.startswith("output_item")] == ["output_item.added", "output_item.done"] * 6
    assert kinds[2:9] == [
        "output_item.added",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "output_item.done",
    ]
    message = [event["type"].removeprefix("response.") for event in events if event.get("output_index") == 2]
    assert message == [
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "content_part.added",
        "refusal.delta",
        "refusal.done",
        "content_part.done",
        "output_item.done",
    ]
    places = [event["content_index"] for event in events if event.get("output_index") == 2 and "content_index" in event]
    assert places == [0, 0, 0, 0, 0, 1, 1, 1, 1]
    assert b"[DONE]" not in write(EVERYTHING)
    assert b": ping\n\n" in write(EVERYTHING)


def test_items_are_told_under_one_id_and_one_place() -> None:
    names: dict[int, set[str]] = {}
    for event in events_in(write(EVERYTHING)):
        if "output_index" in event:
            own = event["item"]["id"] if "item" in event else event["item_id"]
            names.setdefault(event["output_index"], set()).add(own)
    assert sorted(names) == [0, 1, 2, 3, 4, 5]
    assert all(len(found) == 1 for found in names.values())
    assert len(set.union(*names.values())) == 6


def test_the_last_event_holds_what_the_items_were() -> None:
    events = events_in(write(EVERYTHING))
    whole = [event["item"] for event in events if event["type"] == "response.output_item.done"]
    assert events[-1]["response"]["output"] == whole
    assert len({event["response"]["id"] for event in events if "response" in event}) == 1


def test_a_stream_makes_the_response_that_the_whole_answer_is() -> None:
    for path in transcripts("responses", ".json"):
        stream = read_in_pieces(ResponsesReader, path.with_suffix(".sse").read_bytes())
        streamed = events_in(write(stream))[-1]["response"]
        assert streamed == orjson.loads(INBOUND.write_answer(OUTBOUND.read_answer(path.read_bytes()), ASKED))


def test_events_may_come_many_at_a_time() -> None:
    assert ResponsesWriter(ASKED).write(EVERYTHING) == write(EVERYTHING)


@pytest.mark.parametrize(
    ("finish", "kind", "reason"),
    [
        ("length", "incomplete", "max_output_tokens"),
        ("content_filter", "incomplete", "content_filter"),
        ("refusal", "incomplete", "content_filter"),
        ("stop_sequence", "completed", None),
        ("other", "completed", None),
    ],
)
def test_why_it_ended_is_the_terminal_event(finish: FinishReason, kind: str, reason: str | None) -> None:
    events = events_in(
        write([Started(), TextDelta(0, "Once"), Finished(finish), Reported(Usage(input=1, output=1)), Ended()])
    )
    assert events[-1]["type"] == f"response.{kind}"
    response = events[-1]["response"]
    assert response["incomplete_details"] == (None if reason is None else {"reason": reason})
    assert response["output"][0]["status"] == kind
    assert response["usage"]["total_tokens"] == 2
    if kind == "incomplete":
        with client(write([Started(), TextDelta(0, "Once"), Finished(finish), Ended()])).responses.stream(
            model="m", input="x"
        ) as streamed:
            assert [event.type for event in streamed][-1] == "response.incomplete"


def test_an_answer_that_is_none_is_a_failure() -> None:
    events = events_in(write([Started(), TextDelta(0, "Once"), Finished("error"), Ended()]))
    assert [event["type"] for event in events[-2:]] == ["error", "response.failed"]
    assert events[-1]["response"]["error"]["code"] == "server_error"


def test_pitfall_13_an_error_of_the_provider_is_told_twice_and_is_no_completion() -> None:
    stream = write(
        [
            Started(),
            TextDelta(0, "a"),
            PartEnded(0),
            ToolCallStarted(1, "c", "f"),
            ThinkingDelta(2, "Hm"),
            Reported(Usage(input=3, output=1)),
            Failed(ProviderError("Overloaded", "overloaded_error", "529", "p"), 529),
            TextDelta(3, "late"),
            Finished("stop"),
            Ended(),
        ]
    )
    events = events_in(stream)
    told, failed = events[-2:]
    assert (told["type"], told["code"], told["message"], told["param"]) == ("error", "529", "Overloaded", "p")
    assert failed["type"] == "response.failed"
    assert failed["response"]["error"] == {"code": "server_error", "message": "Overloaded"}
    assert failed["response"]["usage"]["input_tokens"] == 3
    assert [item["type"] for item in failed["response"]["output"]] == ["message"]
    with pytest.raises(openai.APIError, match="Overloaded"):
        accumulated(stream)


def test_an_error_before_everything_still_begins_the_response() -> None:
    writer = ResponsesWriter(ASKED)
    stream = writer.error(CallError(429, "rate_limit_exceeded", "Slow down"))
    assert [event["type"] for event in events_in(stream)] == [
        "response.created", "response.in_progress", "error", "response.failed"
    ]  # fmt: skip
    assert events_in(stream)[-1]["response"]["error"]["code"] == "rate_limit_exceeded"
    assert writer.error(CallError(500, "x", "y")) == b""
    assert writer.write(EVERYTHING) == b""
    with pytest.raises(openai.APIError, match="Slow down"):
        accumulated(stream)


def test_parts_that_nobody_closed_are_closed_by_the_end() -> None:
    response = accumulated(write([TextDelta(0, "a"), ToolCallStarted(1, "c", "f"), ArgumentsDelta(1, "{}"), Ended()]))
    assert [item.type for item in response.output] == ["message", "function_call"]
    assert response.status == "completed"


def test_pitfall_20_what_comes_without_a_beginning_is_begun() -> None:
    assert accumulated(write([TextDelta(0, "a"), Finished("stop"), Ended()])).output_text == "a"
    assert accumulated(write([Finished("stop"), Ended()])).output == []


def test_calls_that_come_side_by_side_stay_apart() -> None:
    events: Sequence[Event] = (
        ToolCallStarted(0, "c0", "f"),
        ToolCallStarted(1, "c1", "f"),
        ArgumentsDelta(0, "{"),
        ArgumentsDelta(1, "["),
        ArgumentsDelta(0, "}"),
        ArgumentsDelta(1, "]"),
        ArgumentsDelta(7, "nobody's"),
        Finished("tool_calls"),
        Ended(),
    )
    calls = accumulated(write(events)).output
    assert [call.arguments for call in calls if call.type == "function_call"] == ["{}", "[]"]


@pytest.mark.parametrize("path", transcripts("responses", ".sse"), ids=lambda path: path.stem)
def test_what_is_read_can_be_written(path: Any) -> None:
    events = read_in_pieces(ResponsesReader, path.read_bytes())
    written = events_in(write(events))
    ended = any(isinstance(event, Ended | Failed) for event in events)
    assert (written[-1]["type"] in ("response.completed", "response.incomplete", "response.failed")) == ended


INDEX = st.integers(0, 3)
WORDS = st.text(max_size=3)
LOGPROBS = (
    st.none() | st.just({"content": [{"token": "a", "logprob": -1}, 3, {}]}) | st.just([{"token": 3}]) | st.just("x")
)
EVENTS = st.one_of(
    st.builds(Started, st.none() | WORDS, st.none() | WORDS, st.none() | st.integers(0, 9), st.none() | WORDS),
    st.builds(TextDelta, INDEX, WORDS, LOGPROBS),
    st.builds(RefusalDelta, INDEX, WORDS),
    st.builds(ThinkingDelta, INDEX, WORDS, st.none() | WORDS),
    st.builds(ThinkingSigned, INDEX, st.none() | WORDS, st.none() | WORDS),
    st.builds(ArgumentsDelta, INDEX, WORDS),
    st.builds(PartEnded, INDEX),
    st.just(Pinged()),
    st.builds(Reported, st.builds(Usage, st.none() | st.integers(0, 9), st.none() | st.integers(0, 9))),
)
CALLS = st.builds(ToolCallStarted, INDEX, WORDS, WORDS, st.none() | WORDS)


@settings(max_examples=60, deadline=None)
@given(st.lists(EVENTS | CALLS, max_size=12))
def test_whatever_comes_in_whatever_order_is_a_strict_stream(events: list[Event]) -> None:
    calls = [event.id for event in events if isinstance(event, ToolCallStarted)]
    stream = write([*events, Finished("other"), Ended()])
    told = events_in(stream)
    added = [event for event in told if event["type"] == "response.output_item.added"]
    done = [event for event in told if event["type"] == "response.output_item.done"]
    assert sorted(event["output_index"] for event in added) == sorted(event["output_index"] for event in done)
    if len(set(calls)) == len(calls):
        accumulated(stream)


def test_the_transcripts_are_what_the_client_knows() -> None:
    for name in ("text.json", "refusal.json", "incomplete.json", "reasoning_tools.json"):
        Response.model_validate_json((FOLDER / "responses" / name).read_bytes())
