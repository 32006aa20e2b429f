"""Streams of chat completions, read: every dialect of the servers that say they are compatible, for any cut into chunks."""

import itertools
import random
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.transcripts import random_cuts, read_in_pieces, transcripts
from turnout_sidecar.exchange.usage import Usage
from turnout_sidecar.wire.canonical import (
    ArgumentsDelta,
    Ended,
    Event,
    Failed,
    Finished,
    NotAnAnswer,
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
from turnout_sidecar.wire.chat.format import OUTBOUND
from turnout_sidecar.wire.chat.stream_in import StreamReader

STREAMS = {path.stem: path for path in transcripts("chat", ".sse")}
BEGUN = Started("chatcmpl-8f1", "gpt-x", 1760000000)


def events(name: str) -> list[Event]:
    return read_in_pieces(OUTBOUND.reader, STREAMS[name].read_bytes())


def sse(*chunks: Any, done: bool = True) -> bytes:
    frames = [b"data: %b\n\n" % orjson.dumps(chunk) for chunk in chunks]
    return b"".join([*frames, b"data: [DONE]\n\n" if done else b""])


def delta(finish: str | None = None, **members: Any) -> dict[str, Any]:
    return {"id": "c", "choices": [{"index": 0, "delta": members, "finish_reason": finish}]}


def read(*chunks: Any, done: bool = True) -> list[Event]:
    return read_in_pieces(OUTBOUND.reader, sse(*chunks, done=done))


@pytest.mark.parametrize("path", STREAMS.values(), ids=lambda path: path.stem)
def test_any_cut_into_chunks_gives_the_same_events(path: Path) -> None:
    stream, dice = path.read_bytes(), random.Random(path.stem)
    whole = read_in_pieces(OUTBOUND.reader, stream)
    assert read_in_pieces(OUTBOUND.reader, stream, range(len(stream))) == whole
    for _ in range(200):
        assert read_in_pieces(OUTBOUND.reader, stream, random_cuts(dice, len(stream))) == whole


def test_a_plain_stream() -> None:
    assert events("plain") == [
        Started("chatcmpl-8f1", "gpt-x", 1760000000, "default"),
        TextDelta(0, "Grüße"),
        TextDelta(0, " aus 東京 🚂"),
        Reported(Usage(11, 5, cached_input=0, reasoning=0, audio_input=0, audio_output=0)),
        PartEnded(0),
        Finished("stop", "stop"),
        Ended(),
    ]


def test_calls_of_tools_in_pieces() -> None:
    assert events("tools") == [
        BEGUN,
        ToolCallStarted(0, "call_a1", "weather"),
        ArgumentsDelta(0, '{"city":'),
        ArgumentsDelta(0, '"Kyōto"}'),
        PartEnded(0),
        ToolCallStarted(1, "call_a2", "time"),
        ArgumentsDelta(1, "{}"),
        Reported(Usage(90, 31, cached_input=64)),
        PartEnded(1),
        Finished("tool_calls", "tool_calls"),
        Ended(),
    ]


def test_pitfall_24_azures_filters_are_no_pieces_of_the_answer() -> None:
    assert events("azure_filters") == [
        BEGUN,
        TextDelta(0, "Hello"),
        Reported(Usage(8, 2)),
        PartEnded(0),
        Finished("stop", "stop"),
        Ended(),
    ]


def test_pitfall_23_thoughts_of_vllm_come_before_its_text_and_usage_grows() -> None:
    found = events("vllm_reasoning")
    told = [event for event in found if not isinstance(event, Reported)]
    assert told == [
        BEGUN,
        ThinkingDelta(0, "Let me"),
        ThinkingDelta(0, " think."),
        PartEnded(0),
        TextDelta(1, "42"),
        PartEnded(1),
        Finished("stop", "stop"),
        Ended(),
    ]
    assert [event.usage.output for event in found if isinstance(event, Reported)] == [0, 2, 4, 5, 6]


def test_signed_and_hidden_thoughts_and_comments() -> None:
    assert events("openrouter_details") == [
        Pinged(),
        Pinged(),
        BEGUN,
        ThinkingDelta(0, "Hm"),
        ThinkingDelta(0, "m."),
        ThinkingSigned(0, "c2ln"),
        PartEnded(0),
        ThinkingSigned(1, None, "aGlk"),
        PartEnded(1),
        TextDelta(2, "Yes."),
        Reported(Usage(7, 9, reasoning=6)),
        PartEnded(2),
        Finished("stop", "stop"),
        Ended(),
    ]


def test_pitfall_02_a_call_of_a_tool_that_ends_with_stop_is_a_call() -> None:
    assert events("ollama_tool")[1:] == [
        ToolCallStarted(0, "call_o1", "weather"),
        ArgumentsDelta(0, '{"city":"Bonn"}'),
        Reported(Usage(150, 18)),
        PartEnded(0),
        Finished("tool_calls", "stop"),
        Ended(),
    ]


def test_calls_that_share_an_index_are_told_apart_by_their_ids() -> None:
    found = events("google_layer")
    assert [event.id for event in found if isinstance(event, ToolCallStarted)] == ["function-call-1", "function-call-2"]
    assert [event.text for event in found if isinstance(event, ArgumentsDelta)] == ['{"city":"Rom"}', "{}"]


def test_pitfall_06_a_missing_or_negative_index_and_a_missing_id() -> None:
    started, first, second = events("no_index")[1:4]
    assert isinstance(started, ToolCallStarted)
    assert started.name == "weather"
    assert started.id.startswith("call_")
    assert (first, second) == (ArgumentsDelta(0, '{"a":'), ArgumentsDelta(0, "1}"))


def test_pitfall_13_ids_that_are_made_up_never_come_again() -> None:
    def ids(created: int) -> list[str]:
        call = {"function": {"name": "t", "arguments": "{}"}}
        chunk = {**delta(tool_calls=[{"index": 0, **call}, {"index": 1, **call}]), "created": created}
        return [event.id for event in read(chunk) if isinstance(event, ToolCallStarted)]

    assert len({*ids(1), *ids(2)}) == 4


def test_pitfall_01_a_finish_in_the_middle_is_told_at_the_end() -> None:
    assert events("early_finish")[1:] == [
        TextDelta(0, "One"),
        TextDelta(0, " two"),
        TextDelta(0, " three"),
        PartEnded(0),
        Finished("length", "length"),
        Ended(),
    ]


def test_pitfall_05_and_19_calls_without_arguments_and_with_all_of_them_at_once() -> None:
    none = {"index": 0, "id": "c1", "function": {"name": "t"}}
    whole = {"index": 1, "id": "c2", "function": {"name": "u", "arguments": {"a": 1}}}
    assert read(delta(tool_calls=[none]), delta(tool_calls=[whole]))[1:5] == [
        ToolCallStarted(0, "c1", "t"),
        PartEnded(0),
        ToolCallStarted(1, "c2", "u"),
        ArgumentsDelta(1, '{"a":1}'),
    ]


def test_a_name_that_comes_after_the_arguments_began_is_waited_for() -> None:
    early = {"index": 0, "id": "c1", "function": {"arguments": '{"a"'}}
    late = {"index": 0, "function": {"name": "t", "arguments": ":1}"}}
    assert read(delta(tool_calls=[early]), delta(tool_calls=[late]))[1:3] == [
        ToolCallStarted(0, "c1", "t"),
        ArgumentsDelta(0, '{"a":1}'),
    ]
    with pytest.raises(NotAnAnswer, match="no name"):
        read(delta(tool_calls=[early]))


def test_an_id_that_is_said_again_or_anew_without_a_name_is_the_same_call() -> None:
    def piece(identity: str, text: str, name: str | None = None) -> dict[str, Any]:
        return delta(tool_calls=[{"index": 0, "id": identity, "function": {"name": name, "arguments": text}}])

    found = read(piece("c1", "{", "t"), piece("c1", '"a"', "t"), piece("other", ":1}"))
    assert [event.text for event in found if isinstance(event, ArgumentsDelta)] == ["{", '"a"', ":1}"]
    assert len([event for event in found if isinstance(event, ToolCallStarted)]) == 1


def test_calls_that_come_side_by_side_are_told_apart() -> None:
    one, two = ({"index": place, "id": f"c{place}", "function": {"name": "t"}} for place in (0, 1))
    late = [{"index": place, "function": {"arguments": f"[{place}]"}} for place in (0, 1)]
    found = read(delta(tool_calls=[one, two]), delta(tool_calls=late))
    assert [event for event in found if isinstance(event, ArgumentsDelta)] == [
        ArgumentsDelta(0, "[0]"),
        ArgumentsDelta(1, "[1]"),
    ]


def test_pitfall_04_calls_after_thoughts_are_kept() -> None:
    call = {"index": 0, "id": "c", "function": {"name": "t", "arguments": "{}"}}
    assert read(delta(reasoning="Hm"), delta(tool_calls=[call]))[1:4] == [
        ThinkingDelta(0, "Hm"),
        PartEnded(0),
        ToolCallStarted(1, "c", "t"),
    ]


def test_the_legacy_function_call_is_a_call_of_a_tool() -> None:
    started, *rest = events("legacy_function")[1:]
    assert isinstance(started, ToolCallStarted)
    assert started.name == "weather"
    assert rest[:2] == [ArgumentsDelta(0, '{"a"'), ArgumentsDelta(0, ":1}")]
    assert rest[-2] == Finished("tool_calls", "function_call")


def test_refusals() -> None:
    assert events("refusal")[1:3] == [RefusalDelta(0, "I can't"), RefusalDelta(0, " do that.")]


def test_logprobs_stay_as_they_are() -> None:
    text = events("logprobs")[1]
    assert isinstance(text, TextDelta)
    assert text.logprobs["content"][0]["token"] == "Hi"


def test_content_in_parts() -> None:
    assert events("mistral_thinking")[1:4] == [ThinkingDelta(0, "Hm"), PartEnded(0), TextDelta(1, "Yes")]


def test_line_ends_comments_lines_and_an_end_without_its_line_break() -> None:
    assert events("odd_framing") == [
        BEGUN,
        TextDelta(0, "Hé"),
        Pinged(),
        TextDelta(0, "llo"),
        PartEnded(0),
        Finished("stop", "stop"),
        Ended(),
    ]


def test_errors_in_the_stream_keep_the_providers_code() -> None:
    assert events("error_in_stream")[-1] == Failed(ProviderError("Too many tokens", "rate_limit_error", "429"), 429)
    failed = Failed(ProviderError("out of memory", "InternalServerError", "500"), 500)
    assert failed in events("vllm_error")
    busy = {"error": {"message": "overloaded", "code": "server_busy"}}
    assert read(busy, done=False) == [Failed(ProviderError("overloaded", code="server_busy"))]


def test_pitfall_07_a_stream_that_breaks_off_has_no_end() -> None:
    found = events("broken_off")
    assert not any(isinstance(event, Ended | Finished) for event in found)


def test_after_the_end_nothing_is_read() -> None:
    stream = sse(delta(content="Hi")) + b"data: not json\n\n"
    assert read_in_pieces(OUTBOUND.reader, stream)[-1] == Ended()


def test_pitfall_25_zeros_are_reported_and_kept() -> None:
    usage = {"prompt_tokens": 0, "completion_tokens": 0}
    assert Reported(Usage(0, 0)) in read({**delta(content="Hi"), "usage": usage})


def test_an_end_before_any_answer_and_what_is_no_json_are_no_answer() -> None:
    with pytest.raises(NotAnAnswer):
        read()
    with pytest.raises(NotAnAnswer):
        read_in_pieces(OUTBOUND.reader, b"data: {broken\n\n")


def test_memory_is_bounded() -> None:
    def feed(*pieces: bytes) -> None:
        reader = StreamReader(limit=1000)
        for piece in pieces:
            reader.feed(piece)

    with pytest.raises(NotAnAnswer):
        feed(*[b"data: " + b"x" * 50] * 100)
    nameless = sse(delta(tool_calls=[{"index": 0, "function": {"arguments": "x" * 400}}]), done=False)
    with pytest.raises(NotAnAnswer):
        feed(*[nameless] * 4)


def test_other_choices_are_passed_over() -> None:
    other = {
        "id": "c",
        "choices": [{"index": 1, "delta": {"content": "no"}}, {"index": 0, "delta": {"content": "yes"}}],
    }
    assert [event.text for event in read(other) if isinstance(event, TextDelta)] == ["yes"]


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
MEMBERS = st.sampled_from(
    ["id", "choices", "delta", "index", "content", "role", "tool_calls", "function", "name", "arguments", "finish_reason", "usage",
     "prompt_tokens", "completion_tokens", "reasoning_content", "reasoning_details", "signature", "data", "type", "text", "error",
     "refusal", "function_call", "logprobs", "thinking", "object", "created", "model"]
)  # fmt: skip
SHAPES = st.recursive(
    JSON, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(MEMBERS, inner, max_size=5), max_leaves=12
)
DELTAS = st.dictionaries(MEMBERS, SHAPES, max_size=4).map(lambda made: {"choices": [{"index": 0, "delta": made}]})
FRAMES = st.one_of(
    SHAPES.map(lambda value: b"data: %b\n\n" % orjson.dumps(value)),
    DELTAS.map(lambda value: b"data: %b\n\n" % orjson.dumps(value)),
    st.binary(max_size=20),
    st.sampled_from([b"data: [DONE]\n\n", b": ping\n\n", b"\r\n", b"data: ", b"event: error\n"]),
)


@given(st.lists(FRAMES, max_size=8).map(b"".join), st.randoms(use_true_random=False))
@settings(max_examples=200, deadline=None)
def test_no_stream_does_more_than_be_no_answer(stream: bytes, dice: random.Random) -> None:
    def told(cuts: list[int]) -> tuple[list[Event], bool]:
        reader = OUTBOUND.reader()
        found: list[Event] = []
        edges = [0, *sorted(cuts), len(stream)]
        try:
            for start, end in itertools.pairwise(edges):
                found += reader.feed(stream[start:end])
            found += reader.finish()
            found += reader.finish()  # it says the rest, or raises what it held back
        except NotAnAnswer:
            return found, False
        return found, True

    assert told(random_cuts(dice, len(stream))) == told([])
