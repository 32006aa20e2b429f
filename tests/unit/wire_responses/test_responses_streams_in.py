"""Streams of backends that speak the Responses API: the same events however the bytes are cut and whatever is missing."""

import random
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.transcripts import FOLDER, random_cuts, read_in_pieces, transcripts
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
    Pinged,
    ProviderError,
    Refusal,
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
from turnout_sidecar.wire.gather import Gathered
from turnout_sidecar.wire.responses.format import OUTBOUND
from turnout_sidecar.wire.responses.stream_in import ResponsesReader

STREAMS = transcripts("responses", ".sse")
BODIES = transcripts("responses", ".json")


def raw(name: str) -> bytes:
    return (FOLDER / "responses" / name).read_bytes()


def events_of(name: str) -> list[Event]:
    return read_in_pieces(ResponsesReader, raw(name))


def gathered(name: str) -> Answer:
    whole = Gathered()
    whole.feed(events_of(name))
    return whole.answer()


def sse(*events: dict[str, Any]) -> bytes:
    return b"".join(b"data: " + orjson.dumps(event) + b"\n\n" for event in events)


def read(*events: dict[str, Any]) -> list[Event]:
    return read_in_pieces(ResponsesReader, sse(*events))


@pytest.mark.parametrize("path", STREAMS, ids=lambda path: path.stem)
def test_the_events_are_the_same_for_any_way_of_cutting(path: Any) -> None:
    stream = path.read_bytes()
    whole = read_in_pieces(ResponsesReader, stream)
    dice = random.Random(path.name)
    for _ in range(200):
        cuts = random_cuts(dice, len(stream))
        assert read_in_pieces(ResponsesReader, stream, cuts) == whole, cuts
    assert read_in_pieces(ResponsesReader, stream, range(1, len(stream))) == whole


@pytest.mark.parametrize("path", BODIES, ids=lambda path: path.stem)
def test_a_stream_makes_the_answer_that_the_whole_body_is(path: Any) -> None:
    assert gathered(f"{path.stem}.sse") == OUTBOUND.read_answer(path.read_bytes())


@pytest.mark.parametrize("path", STREAMS, ids=lambda path: path.stem)
def test_the_order_of_events_holds(path: Any) -> None:
    events = [event for event in read_in_pieces(ResponsesReader, path.read_bytes()) if not isinstance(event, Pinged)]
    assert isinstance(events[0], Started)
    assert sum(isinstance(event, Started | Ended) for event in events) <= 2
    opened: set[int] = set()
    ended: set[int] = set()
    for event in events:
        index = getattr(event, "index", None)
        if isinstance(event, PartEnded):
            assert index in opened - ended
            ended.add(index)
        elif index is not None:
            assert index not in ended
            opened.add(index)
    if any(isinstance(event, Ended) for event in events):
        assert isinstance(events[-1], Ended)
        assert opened == ended or any(isinstance(event, Failed) for event in events)
        assert opened == set(range(len(opened)))


def test_a_text_is_told_piece_by_piece() -> None:
    assert events_of("text.sse") == [
        Started("resp_68a1", "gpt-5.1-2025-11-13", 1_763_800_000, "default"),
        TextDelta(0, "Grüße "),
        TextDelta(0, "aus "),
        TextDelta(0, "Zürich"),
        TextDelta(0, "! 👋"),
        PartEnded(0),
        Reported(Usage(input=12, output=9, cached_input=4, reasoning=0, cache_write_5m=0)),
        Finished("stop", "completed"),
        Ended(),
    ]


def test_thoughts_words_and_parallel_calls_are_parts_in_their_order() -> None:
    answer = gathered("reasoning_tools.sse")
    assert answer.parts == (
        Thinking("**Looking**\n\nTwo cities.", signature="responses:rs_01:gAAAAAB-one", item="rs_01"),
        Text("I look at both."),
        ToolCall("call_Aa1", "weather", '{"city":"Oslo"}'),
        ToolCall("call_Bb2", "weather", '{"city":"Røros"}'),
    )
    assert answer.finish == "tool_calls"
    assert answer.usage is not None
    assert answer.usage.reasoning == 32


def test_a_refusal_is_a_refusal() -> None:
    answer = gathered("refusal.sse")
    assert answer.parts == (Refusal("I cannot help with that."),)
    assert answer.finish == "refusal"


def test_pitfall_18_an_incomplete_response_ends_the_stream_with_its_usage() -> None:
    events = events_of("incomplete.sse")
    assert events[-3:] == [
        Reported(Usage(input=5, output=16, cached_input=0, reasoning=0, cache_write_5m=0)),
        Finished("length", "max_output_tokens"),
        Ended(),
    ]


def test_pitfall_18_a_failed_response_ends_the_stream_with_its_usage() -> None:
    message = "The server had an error while processing your request."
    assert events_of("failed.sse")[-3:] == [
        Reported(Usage(input=7, output=3, cached_input=0, reasoning=0, cache_write_5m=0)),
        Failed(ProviderError(message, code="server_error"), 502),
        Ended(),
    ]


def test_pitfall_13_an_error_event_is_a_failure_and_no_end() -> None:
    events = events_of("error.sse")
    assert events[-1] == Failed(ProviderError("Rate limit reached.", code="rate_limit_exceeded"), 429)
    assert not any(isinstance(event, Ended | Finished) for event in events)


def test_an_error_that_is_told_twice_is_told_once() -> None:
    message = "Your input exceeds the context window."
    error = ProviderError(message, "invalid_request_error", "context_length_exceeded", "input")
    assert events_of("error_then_failed.sse")[1:] == [
        Failed(error, 400),
        Reported(Usage(input=4000, output=0, cached_input=0, reasoning=0, cache_write_5m=0)),
        Ended(),
    ]


def test_pitfall_07_a_stream_that_breaks_off_has_no_end() -> None:
    events = events_of("broken_off.sse")
    assert TextDelta(0, "Half of") in events
    assert not any(isinstance(event, Ended | Finished | Failed) for event in events)


def test_pitfall_19_arguments_that_come_only_at_their_end_are_told() -> None:
    assert events_of("no_deltas.sse")[1:] == [
        ToolCallStarted(0, "call_Cc3", "weather"),
        ArgumentsDelta(0, '{"city":"Oslo"}'),
        PartEnded(0),
        TextDelta(1, "Done."),
        PartEnded(1),
        Reported(Usage(input=3, output=2, cached_input=0, reasoning=0, cache_write_5m=0)),
        Finished("tool_calls", "completed"),
        Ended(),
    ]


def test_deltas_of_items_that_were_never_added_are_told_once_their_name_is_known() -> None:
    assert gathered("no_added.sse").parts == (
        ToolCall("call_Dd4", "weather", '{"city":"Oslo"}'),
        Text("Done."),
    )


def test_what_only_the_whole_response_says_is_told() -> None:
    thought, text, call = gathered("only_the_end.sse").parts
    assert isinstance(thought, Thinking)
    assert thought.text == "**Looking**\n\nTwo cities."
    assert text == Text("Done.")
    assert call == ToolCall("call_Dd4", "weather", '{"city":"Oslo"}')


def test_comments_unknown_events_and_foreign_ends_change_nothing() -> None:
    events = events_of("odd_framing.sse")
    assert [event for event in events if isinstance(event, Pinged)] == [Pinged(), Pinged()]
    assert gathered("odd_framing.sse").parts == (Text("ab"),)
    assert events[-1] == Ended()


def test_ids_that_change_with_every_event_make_no_item_twice() -> None:
    assert gathered("moving_ids.sse").parts == (Thinking("We think.", item="rs_a"), Text("xy"))


def test_pitfall_06_items_without_numbers_or_ids_are_still_told() -> None:
    events = read(
        {"type": "response.output_text.delta", "delta": "a"},
        {"type": "response.output_text.delta", "delta": "b"},
        {"type": "response.function_call_arguments.delta", "delta": "{}", "output_index": -1},
        {"type": "response.completed", "response": {}},
    )
    whole = Gathered()
    whole.feed(events)
    text, call = whole.answer().parts
    assert text == Text("ab")
    assert isinstance(call, ToolCall)
    assert (call.name, call.arguments) == ("", "{}")
    assert call.id.startswith("call_")


def test_calls_may_come_side_by_side() -> None:
    def added(place: int) -> dict[str, Any]:
        item = {"type": "function_call", "id": f"fc_{place}", "call_id": f"c{place}", "name": "f", "arguments": ""}
        return {"type": "response.output_item.added", "output_index": place, "item": item}

    def delta(place: int, text: str) -> dict[str, Any]:
        return {"type": "response.function_call_arguments.delta", "item_id": f"fc_{place}", "delta": text}

    end = {"type": "response.completed", "response": {}}
    events = read(added(0), added(1), delta(0, "{"), delta(1, "["), delta(0, "}"), delta(1, "]"), end)
    whole = Gathered()
    whole.feed(events)
    assert whole.answer().parts == (ToolCall("c0", "f", "{}"), ToolCall("c1", "f", "[]"))


def test_one_number_for_all_items_loses_none() -> None:
    def done(name: str) -> dict[str, Any]:
        item = {"type": "function_call", "id": f"fc_{name}", "call_id": name, "name": "f", "arguments": name}
        return {"type": "response.output_item.done", "output_index": 0, "item": item}

    whole = Gathered()
    whole.feed(read(done("a"), done("b"), {"type": "response.completed", "response": {"output": []}}))
    assert [part.arguments for part in whole.answer().parts if isinstance(part, ToolCall)] == ["a", "b"]


def test_pitfall_05_a_call_without_arguments_is_told() -> None:
    item = {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f", "arguments": ""}
    events = read(
        {"type": "response.output_item.added", "output_index": 0, "item": item},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": {"output": [item]}},
    )
    assert events[1:] == [
        ToolCallStarted(0, "c", "f"), PartEnded(0), Finished("tool_calls", "completed"), Ended()
    ]  # fmt: skip


def test_pitfall_02_a_call_is_the_reason_unless_the_answer_was_cut() -> None:
    item = {"type": "function_call", "call_id": "c", "name": "f", "arguments": '{"a'}
    cut = {"incomplete_details": {"reason": "max_output_tokens"}, "output": [item]}
    assert Finished("length", "max_output_tokens") in read({"type": "response.incomplete", "response": cut})
    assert Finished("tool_calls", "completed") in read({"type": "response.completed", "response": {"output": [item]}})


def test_a_hidden_thought_is_told_by_its_content_alone() -> None:
    item = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gX"}
    events = read({"type": "response.output_item.done", "output_index": 0, "item": item})
    assert events[1:] == [ThinkingSigned(0, redacted="responses:rs_1:gX", item="rs_1"), PartEnded(0)]
    bare = read({"type": "response.output_item.done", "output_index": 0, "item": {**item, "encrypted_content": None}})
    assert bare[1:] == []


def test_a_paragraph_without_deltas_is_told_at_its_end() -> None:
    def done(place: int, text: str) -> dict[str, Any]:
        at = {"item_id": "rs_1", "output_index": 0, "summary_index": place}
        return {"type": "response.reasoning_summary_text.done", **at, "text": text}

    assert read(done(0, "a"), done(1, "b"))[1:] == [ThinkingDelta(0, "a", "rs_1"), ThinkingDelta(0, "\n\nb", "rs_1")]


def test_nothing_is_read_after_the_end() -> None:
    end = {"type": "response.completed", "response": {}}
    late = {"type": "response.output_text.delta", "delta": "late", "output_index": 0, "content_index": 0}
    assert read(end, late, end) == [Started(), Finished("stop", "completed"), Ended()]


def test_an_error_in_the_shape_of_chat_is_an_error() -> None:
    assert read({"error": {"message": "no", "type": "invalid_request_error"}}) == [
        Failed(ProviderError("no", "invalid_request_error"), 400)
    ]


@pytest.mark.parametrize("data", [b"data: {\n\n", b"data: 3\n\n", b"data: \xff\n\n", b"data: x\n\n"])
def test_what_is_no_event_is_no_stream(data: bytes) -> None:
    with pytest.raises(NotAnAnswer):
        ResponsesReader().feed(data)


def test_an_event_without_end_is_refused_before_it_fills_the_memory() -> None:
    reader = ResponsesReader()
    for _ in range(16):
        reader.feed(b"data: " + b"x" * 1_000_000)
    with pytest.raises(NotAnAnswer):
        reader.feed(b"x" * 1_000_000)


KINDS = st.sampled_from(
    [
        "response.created", "response.output_item.added", "response.output_item.done", "response.content_part.done",
        "response.output_text.delta", "response.output_text.done", "response.refusal.delta", "response.refusal.done",
        "response.function_call_arguments.delta", "response.function_call_arguments.done", "response.completed",
        "response.reasoning_summary_text.delta", "response.reasoning_summary_text.done", "response.reasoning_text.delta",
        "response.incomplete", "response.failed", "error", "response.new", "message", "function_call", "reasoning", "output_text",
    ]
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 3) | st.floats(allow_nan=False) | st.text(max_size=3) | KINDS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "text", "id", "content", "name", "arguments", "summary", "x"]), inner, max_size=4
        )
    ),
    max_leaves=8,
)
EVENT = st.dictionaries(
    st.sampled_from(
        ["item", "item_id", "output_index", "content_index", "summary_index", "delta", "text", "arguments", "refusal", "part",
         "response", "error", "name", "logprobs", "code"]
    ),
    JSON,
    max_size=6,
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(events=st.lists(st.tuples(KINDS, EVENT), max_size=8), seed=st.integers(0, 1000))
def test_any_events_are_read_and_any_cut_of_them_alike(events: list[tuple[str, dict[str, Any]]], seed: int) -> None:
    stream = sse(*({"type": kind, **event} for kind, event in events))
    whole = read_in_pieces(ResponsesReader, stream)
    assert read_in_pieces(ResponsesReader, stream, random_cuts(random.Random(seed), len(stream))) == whole


MEMBERS = st.sampled_from(["output", "status", "usage", "error", "id", "incomplete_details"])


@settings(max_examples=200, deadline=None)
@given(
    body=st.binary(max_size=60)
    | st.dictionaries(st.sampled_from(["output", "status", "usage", "error"]), JSON).map(orjson.dumps)
)
def test_any_body_is_read_or_is_no_answer(body: bytes) -> None:
    try:
        OUTBOUND.read_answer(body)
    except NotAnAnswer:
        return
