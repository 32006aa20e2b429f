"""What Converse answers, whole and in streams, read into the canonical exchange."""

import contextlib
import itertools
import random
from collections.abc import Iterable
from pathlib import Path

import orjson
import pytest
from botocore.loaders import Loader  # type: ignore[import-untyped]
from botocore.model import ServiceModel  # type: ignore[import-untyped]
from hypothesis import given, settings
from hypothesis import strategies as st

from support.event_stream import frame, frames
from turnout_sidecar.exchange.usage import Usage
from turnout_sidecar.wire.canonical import (
    Answer,
    ArgumentsDelta,
    Ended,
    Event,
    Failed,
    Finished,
    NotAnAnswer,
    PartEnded,
    Reported,
    Started,
    Text,
    TextDelta,
    Thinking,
    ToolCall,
    ToolCallStarted,
)
from turnout_sidecar.wire.converse.answer import finish_of
from turnout_sidecar.wire.converse.errors import named
from turnout_sidecar.wire.converse.events import EventReading
from turnout_sidecar.wire.converse.format import OUTBOUND
from turnout_sidecar.wire.converse.usage import read_usage
from turnout_sidecar.wire.gather import Gathered

TRANSCRIPTS = Path(__file__).parents[2] / "transcripts" / "converse"
MEANT = {
    "end_turn": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "stop_sequence": "stop_sequence",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
    "malformed_model_output": "error",
    "malformed_tool_use": "error",
    "model_context_window_exceeded": "context_window",
}
_Told = list[tuple[str, object]]


def bedrock() -> ServiceModel:
    return ServiceModel(Loader().load_service_model("bedrock-runtime", "service-2"))


def told() -> _Told:
    lines = (TRANSCRIPTS / "tools.jsonl").read_text().splitlines()
    return [(kind, payload) for kind, payload in map(orjson.loads, lines)]


def read(pieces: Iterable[bytes]) -> list[Event]:
    reader = OUTBOUND.reader()
    return [event for piece in pieces for event in reader.feed(piece)] + reader.finish()


def cut(stream: bytes, chance: random.Random) -> list[bytes]:
    edges = sorted({0, len(stream), *(chance.randrange(len(stream) + 1) for _ in range(12))})
    return [stream[start:end] for start, end in itertools.pairwise(edges)]


def whole(events: Iterable[Event]) -> Answer:
    gathered = Gathered()
    gathered.feed(events)
    return gathered.answer()


def test_a_whole_answer_has_its_thoughts_texts_and_calls_in_order() -> None:
    answer = OUTBOUND.read_answer((TRANSCRIPTS / "answer.json").read_bytes())
    assert answer.parts == (
        Thinking("The user wants the weather.", "proof=="),
        Thinking(redacted="aGlkZGVu"),
        Text("I look it up."),
        Text("It said so."),
        ToolCall("tooluse_1", "weather", '{"town": "Ulm", "station": 12345678901234567890123}'),
        ToolCall("tooluse_2", "time", "{}"),
    )
    assert (answer.finish, answer.raw_finish, answer.service_tier) == ("tool_calls", "tool_use", "default")
    assert answer.usage == Usage(input=1020, output=30, cached_input=900, cache_write_5m=40, cache_write_1h=60)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"inputTokens": 10, "outputTokens": 5, "totalTokens": 15}, Usage(10, 5)),
        (
            {"inputTokens": 10, "outputTokens": 5, "totalTokens": 115, "cacheReadInputTokens": 100},
            Usage(110, 5, cached_input=100),
        ),
        (
            {"inputTokens": 110, "outputTokens": 5, "totalTokens": 115, "cacheReadInputTokens": 100},
            Usage(110, 5, cached_input=100),
        ),
        (
            {"inputTokens": 10, "outputTokens": 5, "cacheReadInputTokens": 100, "cacheWriteInputTokens": 7},
            Usage(117, 5, cached_input=100, cache_write_5m=7),
        ),
        (
            {"inputTokens": 10, "outputTokens": 5, "totalTokens": 15, "cacheReadInputTokens": 0},
            Usage(10, 5, cached_input=0),
        ),
        ({"outputTokens": 5}, Usage(None, 5)),
        ({}, None),
        ("none", None),
    ],
)
def test_pitfall_15_the_total_decides_whether_the_input_holds_the_cache(said: object, expected: Usage | None) -> None:
    assert read_usage(said) == expected


@pytest.mark.parametrize("raw", [*bedrock().shape_for("StopReason").enum, "what_is_new"])
def test_every_reason_of_the_service_model_has_a_meaning(raw: str) -> None:
    assert finish_of(raw, calls=raw == "tool_use") == MEANT.get(raw, "other")


def test_pitfall_02_a_turn_that_ends_with_calls_is_tool_calls() -> None:
    assert finish_of("end_turn", calls=True) == "tool_calls"
    assert finish_of("max_tokens", calls=True) == "length"


def test_the_word_that_stopped_it_is_told() -> None:
    body = orjson.loads((TRANSCRIPTS / "answer.json").read_bytes())
    body |= {"stopReason": "stop_sequence", "additionalModelResponseFields": {"stop_sequence": "END"}}
    answer = OUTBOUND.read_answer(orjson.dumps(body))
    assert (answer.finish, answer.stop_sequence) == ("stop_sequence", "END")


def test_a_stream_gives_thoughts_text_and_calls_and_ends_once() -> None:
    events = read([frames(told())])
    assert events[0] == Started()
    assert events[-1] == Ended()
    assert [event.index for event in events if isinstance(event, PartEnded)] == [0, 1, 2, 3]
    answer = whole(events)
    assert answer.parts == (
        Thinking("Straßenbahn or tram?", "proof=="),
        Text("I look 🚋"),
        ToolCall("tooluse_1", "weather", '{"town":"Ulm"}'),
        ToolCall("tooluse_2", "time", "{}"),
    )
    assert (answer.finish, answer.usage) == ("tool_calls", Usage(12, 21))


def test_the_transcript_is_what_the_service_model_knows() -> None:
    known = set(bedrock().shape_for("ConverseStreamOutput").members)
    assert {kind for kind, _ in told()} - known == {"somethingNew"}


def test_the_frames_of_the_transcript_are_kept_beside_it() -> None:
    assert (TRANSCRIPTS / "tools.bin").read_bytes() == frames(told())


def test_any_way_of_cutting_the_bytes_gives_the_same_events() -> None:
    stream = frames(told())
    expected = read([stream])
    chance = random.Random(7)
    for _ in range(200):
        assert read(cut(stream, chance)) == expected
    assert read([stream[at : at + 1] for at in range(len(stream))]) == expected


def test_pitfall_07_a_stream_without_its_stop_has_no_end() -> None:
    for number in range(len(told()) - 2):
        assert not any(isinstance(event, Ended | Finished) for event in read([frames(told()[:number])]))
    stopped = read([frames(told()[:-1])])  # the usage is missing, the answer is not
    assert isinstance(stopped[-2], Finished)
    assert stopped[-1] == Ended()
    half = frames(told()[:-1]) + frame("metadata", {})[:-3]
    assert Ended() not in read([half])


@pytest.mark.parametrize(
    ("name", "status", "kind"),
    [
        ("throttlingException", 429, "rate_limit_error"),
        ("modelStreamErrorException", 502, "server_error"),
        ("internalServerException", 500, "server_error"),
        ("validationException", 400, "invalid_request_error"),
        ("serviceUnavailableException", 503, "server_error"),
        ("brandNewException", 502, ""),
    ],
)
def test_pitfall_21_an_exception_in_a_stream_is_told_and_nothing_comes_after(name: str, status: int, kind: str) -> None:
    events = read([frames([*told()[:3], (name, {"message": "no more"}), *told()[3:]])])
    failed = events[-1]
    assert failed == Failed(named(name, "no more"), status)
    assert failed.error.type == kind
    assert failed.error.code == name[:1].upper() + name[1:]
    assert not any(isinstance(event, Ended | Finished) for event in events)


def test_an_exception_tells_the_status_that_it_came_from() -> None:
    (failed,) = EventReading().take("modelStreamErrorException", b'{"originalStatusCode": 429, "originalMessage": "x"}')
    assert isinstance(failed, Failed)
    assert (failed.status, failed.error.message) == (429, "x")


def test_an_error_that_is_no_exception_is_told_by_its_headers() -> None:
    more = {":error-code": "InternalServerException", ":error-message": "broken"}
    events = read([frame("", message_type="error", **more)])
    assert events == [Failed(named("InternalServerException", "broken"), 500)]


def test_pitfalls_05_06_and_19_calls_come_without_arguments_and_without_index() -> None:
    reading = EventReading()
    events = [
        *reading.take("contentBlockStart", b'{"start": {"toolUse": {"name": "time"}}}'),
        *reading.take("contentBlockStart", b'{"start": {"toolUse": {"name": "date"}}, "contentBlockIndex": -1}'),
        *reading.take("contentBlockDelta", b'{"delta": {"toolUse": {"input": "{}"}}, "contentBlockIndex": -1}'),
        *reading.take("contentBlockDelta", b'{"delta": {"text": "x"}}'),
        *reading.take("messageStop", b"{}"),
        *reading.end(),
    ]
    calls = [event for event in events if isinstance(event, ToolCallStarted)]
    assert [call.name for call in calls] == ["time", "date"]
    assert len({call.id for call in calls}) == 2
    assert [event for event in events if isinstance(event, ArgumentsDelta | TextDelta)] == [
        ArgumentsDelta(1, "{}"),
        TextDelta(2, "x"),
    ]
    assert events[-1] == Ended()


def test_what_is_no_event_stream_is_no_answer() -> None:
    for broken in (b'{"message": "no"}' * 9, frame("messageStop", {})[:-1] + b"x", b"\0" * 64):
        with pytest.raises(NotAnAnswer):
            read([broken])


@pytest.mark.parametrize("body", [b"", b"[]", b"nothing", b"{}", b'{"stopReason": "end_turn"}', b'{"output": 1}'])
def test_what_is_no_answer_is_said_to_be_none(body: bytes) -> None:
    with pytest.raises(NotAnAnswer):
        OUTBOUND.read_answer(body)


@pytest.mark.parametrize(
    ("status", "body", "code", "message"),
    [
        (429, b'{"message": "slow down"}', "ThrottlingException", "slow down"),
        (400, b'{"__type": "com.amazon.x#ValidationException", "message": "no"}', "ValidationException", "no"),
        (
            403,
            b'{"__type": "UnrecognizedClientException:http://x", "Message": "no"}',
            "UnrecognizedClientException",
            "no",
        ),
        (418, b'{"message": "tea"}', "", "tea"),
        (500, b"<html>", "", ""),
    ],
)
def test_an_error_is_named_by_its_type_or_by_its_status(status: int, body: bytes, code: str, message: str) -> None:
    said = OUTBOUND.read_error(status, body)
    assert (said.code, said.message) == (code, message)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 2**63) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(
        st.sampled_from(
            ["output", "message", "content", "text", "toolUse", "toolUseId", "name", "input", "reasoningContent",
             "reasoningText", "signature", "redactedContent", "stopReason", "usage", "inputTokens", "outputTokens", "start",
             "delta", "contentBlockIndex", "cacheDetails", "ttl", "citationsContent", "totalTokens", "__type"]
        ),
        inner,
        max_size=5,
    ),
    max_leaves=25,
)  # fmt: skip
KINDS = st.sampled_from(
    ["messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata", "other",
     "throttlingException", ""]
)  # fmt: skip


@given(st.lists(st.tuples(KINDS, JSON), max_size=6), st.randoms(use_true_random=False))
@settings(max_examples=300, deadline=None)
def test_no_json_and_no_cut_breaks_the_reader(events: _Told, chance: random.Random) -> None:
    stream = frames(events)
    try:
        first = read([stream])
    except NotAnAnswer:
        return
    assert read(cut(stream, chance)) == first
    assert sum(isinstance(event, Ended | Failed) for event in first) <= 1


@given(JSON.map(orjson.dumps) | st.binary(max_size=60))
@settings(max_examples=300, deadline=None)
def test_no_bytes_break_the_reading_of_bodies_errors_and_frames(body: bytes) -> None:
    OUTBOUND.read_error(500, body)
    with contextlib.suppress(NotAnAnswer):
        OUTBOUND.read_answer(body)
    with contextlib.suppress(NotAnAnswer):
        read([body])


def test_usage_is_reported_before_the_end() -> None:
    events = read([frames(told())])
    assert isinstance(events[-2], Reported)
