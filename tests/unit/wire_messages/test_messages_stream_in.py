import json
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
    Reported,
    Started,
    TextDelta,
    ThinkingDelta,
    ThinkingSigned,
    ToolCallStarted,
)
from turnout_sidecar.wire.messages.stream_in import MessagesReader
from turnout_sidecar.wire.sse import DEFAULT_LIMIT

TRANSCRIPTS = Path(__file__).parents[2] / "transcripts" / "messages"
NAMES = sorted(path.name for path in TRANSCRIPTS.glob("*.sse"))


def bytes_of(name: str) -> bytes:
    return (TRANSCRIPTS / name).read_bytes()


def read(*pieces: bytes) -> list[Event]:
    reader = MessagesReader()
    return [event for piece in pieces for event in reader.feed(piece)] + reader.finish()


def last_usage(events: list[Event]) -> Usage:
    return [event.usage for event in events if isinstance(event, Reported)][-1]


def without_pings(events: list[Event]) -> list[Event]:
    return [event for event in events if not isinstance(event, Pinged | Reported)]


def test_a_text_is_read() -> None:
    events = read(bytes_of("text.sse"))
    assert events == [
        Started("msg_01Turnout", "claude-sonnet-4-5-20250929", service_tier="default"),
        Reported(Usage(input=12, output=1, cached_input=0, cache_write_5m=0)),
        Pinged(),
        TextDelta(0, "Guten "),
        TextDelta(0, "Tag, "),
        TextDelta(0, "schöne Welt 🌍!"),
        PartEnded(0),
        Reported(Usage(input=12, output=9, cached_input=0, cache_write_5m=0)),
        Finished("stop", "end_turn"),
        Ended(),
    ]


def test_tool_calls_keep_their_ids_and_the_text_of_their_arguments() -> None:
    assert without_pings(read(bytes_of("tools.sse")))[1:] == [
        TextDelta(0, "I look it up."),
        PartEnded(0),
        ToolCallStarted(1, "toolu_01A", "get_weather"),
        ArgumentsDelta(1, '{"city": "Mün'),
        ArgumentsDelta(1, 'chen", "big": 12345678901234567890123}'),
        PartEnded(1),
        ToolCallStarted(2, "toolu_01B", "get_time"),
        PartEnded(2),
        Finished("tool_calls", "tool_use"),
        Ended(),
    ]


def test_pitfall_04_a_tool_call_after_thinking_is_not_lost() -> None:
    assert without_pings(read(bytes_of("thinking.sse")))[1:] == [
        ThinkingDelta(0, "Let me "),
        ThinkingDelta(0, "think."),
        ThinkingSigned(0, signature="EqQBSig=="),
        PartEnded(0),
        ThinkingSigned(1, redacted="Hidden+/="),
        PartEnded(1),
        ToolCallStarted(2, "toolu_01C", "add"),
        ArgumentsDelta(2, '{"a":1}'),
        PartEnded(2),
        Finished("tool_calls", "tool_use"),
        Ended(),
    ]


def test_what_anthropics_own_tools_did_is_passed_over_and_no_text_is_lost() -> None:
    events = read(bytes_of("search.sse"))
    assert without_pings(events)[1:] == [
        TextDelta(0, "It is "),
        TextDelta(0, "so."),
        PartEnded(0),
        Finished("stop", "end_turn"),
        Ended(),
    ]
    assert events[0] == Pinged()
    assert last_usage(events) == Usage(input=4000, output=80, tool_searches=1)


def test_pitfalls_05_06_a_provider_that_copies_the_api_badly_is_understood() -> None:
    events = without_pings(read(bytes_of("dialect.sse")))
    started = [event for event in events if isinstance(event, ToolCallStarted)]
    assert [call.name for call in started] == ["find", "now"]
    assert len({call.id for call in started}) == 2
    assert all(call.id.startswith("call_") for call in started)
    assert [event for event in events if not isinstance(event, ToolCallStarted)] == [
        Started(),
        ThinkingDelta(0, "Hm."),
        ThinkingDelta(0, " So."),
        PartEnded(0),
        ArgumentsDelta(1, '{"q":"cats"}'),
        PartEnded(1),
        PartEnded(2),
        TextDelta(3, "Done"),
        PartEnded(3),
        Finished("tool_calls", "end_turn"),
        Ended(),
    ]
    assert last_usage(read(bytes_of("dialect.sse"))) == Usage(input=3, output=4)


def test_calls_whose_pieces_are_mixed_keep_all_their_arguments() -> None:
    blocks: list[dict[str, object]] = [
        {"type": "content_block_start", "index": index, "content_block": {"type": "tool_use", "id": f"t{index}", "name": "f"}}
        for index in (0, 1)
    ]  # fmt: skip
    blocks += [
        {"type": "content_block_delta", "index": index, "delta": {"type": "input_json_delta", "partial_json": words}}
        for index, words in ((0, '{"a":'), (1, '{"b":'), (0, "1}"), (1, "2}"))
    ]
    events = read(b"".join(b"data: " + json.dumps(block).encode() + b"\n\n" for block in blocks))
    for index, whole in ((0, '{"a":1}'), (1, '{"b":2}')):
        deltas = [event.text for event in events if isinstance(event, ArgumentsDelta) and event.index == index]
        assert "".join(deltas) == whole


def test_pitfall_07_a_stream_that_breaks_off_does_not_end() -> None:
    events = read(bytes_of("cut.sse"))
    assert not any(isinstance(event, Ended | Finished) for event in events)
    assert TextDelta(0, "Half an answer") in events


def test_a_last_event_without_its_blank_line_ends_the_stream_and_half_of_one_does_not() -> None:
    whole = bytes_of("text.sse").rstrip()
    assert read(whole)[-1] == Ended()
    assert not any(isinstance(event, Ended) for event in read(whole[:-3]))


def test_an_error_in_the_stream_is_told_with_its_status_and_is_the_end() -> None:
    events = read(bytes_of("overloaded.sse") + bytes_of("text.sse"))
    assert events[-1] == Failed(ProviderError("Overloaded", "overloaded_error"), 529)
    assert TextDelta(0, "Half an ") in events


@pytest.mark.parametrize(
    ("kind", "status"),
    [("rate_limit_error", 429), ("api_error", 500), ("invalid_request_error", 400), ("timeout_error", 504), ("new", 502)],
)  # fmt: skip
def test_the_type_of_an_error_means_a_status(kind: str, status: int) -> None:
    frame = json.dumps({"type": "error", "error": {"type": kind, "message": "m"}}).encode()
    assert read(b"event: error\ndata: %b\n\n" % frame) == [Failed(ProviderError("m", kind), status)]


def test_pitfall_16_usage_is_a_total_and_may_come_in_pieces() -> None:
    events = read(bytes_of("tools.sse"))
    assert last_usage(events) == Usage(
        input=2140, output=77, cached_input=2000, cache_write_5m=60, cache_write_1h=40
    )  # counted once, though both events tell it
    frames = [
        {"type": "message_start", "message": {"usage": {"input_tokens": 5, "cache_read_input_tokens": 90, "output_tokens": 1}}},
        {"type": "message_delta", "delta": {}, "usage": {"input_tokens": 7, "output_tokens": 20}},
        {"type": "message_delta", "delta": {}, "usage": {"cache_creation_input_tokens": 3, "output_tokens": 30}},
    ]  # fmt: skip
    events = read(b"".join(b"data: " + json.dumps(frame).encode() + b"\n\n" for frame in frames))
    assert last_usage(events) == Usage(input=100, output=30, cached_input=90, cache_write_5m=3)


def test_pitfall_25_a_zero_is_said_and_nothing_said_is_nothing() -> None:
    start = {"type": "message_start", "message": {"usage": {"input_tokens": 0, "output_tokens": 0}}}
    assert read(b"data: " + json.dumps(start).encode() + b"\n\n")[-1] == Reported(Usage(input=0, output=0))
    silent = {"type": "message_start", "message": {"usage": {}}}
    assert read(b"data: " + json.dumps(silent).encode() + b"\n\n") == [Started()]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_a_stream_cut_anywhere_is_the_same_stream(name: str, end: bytes) -> None:
    stream = bytes_of(name).replace(b"\n", end)
    whole = read(bytes_of(name))
    dice = random.Random(name)
    for _ in range(200 // 3):
        cuts = sorted(dice.sample(range(len(stream)), dice.randint(1, 30)))
        pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
        assert read(*pieces) == whole
    assert read(*(stream[at : at + 1] for at in range(len(stream)))) == whole


def test_an_event_without_an_end_is_no_answer() -> None:
    reader = MessagesReader()
    reader.feed(b"data: " + b"x" * (DEFAULT_LIMIT // 2))
    with pytest.raises(NotAnAnswer):
        reader.feed(b"x" * (DEFAULT_LIMIT // 2))


def test_what_is_no_json_is_no_answer() -> None:
    with pytest.raises(NotAnAnswer, match="not JSON"):
        read(b"data: {oops\n\n")


TYPES = (
    "message_start", "message_delta", "message_stop", "content_block_start", "content_block_delta", "content_block_stop", "error",
    "ping", "text", "thinking", "tool_use", "redacted_thinking", "text_delta", "input_json_delta", "signature_delta", "new",
)  # fmt: skip
MEMBERS = (
    "type", "index", "content_block", "delta", "message", "usage", "error", "text", "thinking", "signature", "partial_json", "id",
    "name", "input", "data", "stop_reason", "stop_sequence", "input_tokens", "output_tokens", "cache_creation", "model",
)  # fmt: skip


def anything(dice: random.Random, depth: int = 0) -> object:
    """Some JSON, made of the words of the API."""
    kind = dice.random()
    if depth < 3 and kind < 0.6:
        inner: dict[str, object] = {
            name: anything(dice, depth + 1) for name in dice.sample(MEMBERS, dice.randint(0, 6))
        }
        return inner | {"type": dice.choice(TYPES)} if dice.random() < 0.8 else inner
    if depth < 3 and kind < 0.7:
        return [anything(dice, depth + 1) for _ in range(dice.randint(0, 3))]
    return dice.choice((None, True, False, 0, -1, 2, 1.5, 10**30, "", "words", "ünï", dice.choice(TYPES)))


@given(st.integers(0, 2**32))
@settings(deadline=None)
def test_no_events_whatever_break_the_reader(seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(20):
        stream = b"".join(b"data: " + json.dumps(anything(dice)).encode() + b"\n\n" for _ in range(dice.randint(1, 12)))
        cut = dice.randint(0, len(stream))
        events = read(stream[:cut], stream[cut:])
        assert events == read(stream)
        assert sum(isinstance(event, Started) for event in events) <= 1
        ended = [place for place, event in enumerate(events) if isinstance(event, Ended | Failed)]
        assert ended in ([], [len(events) - 1])


@given(st.binary(max_size=200))
def test_no_bytes_whatever_raise_anything_else(noise: bytes) -> None:
    try:
        read(noise)
    except NotAnAnswer:
        return
