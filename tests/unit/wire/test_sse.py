"""The event-stream parser: by the WHATWG text, for any cut into chunks, losing no byte."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from turnout_sidecar.wire.sse import SseEvent, SseEventTooLarge, SseParser, write_comment, write_event

FRAGMENTS = st.sampled_from(
    [
        b"data: one", b"data:two", b"data", b"data: ", b"event: delta", b"id: 7", b"id: a\0b", b": ping", b":", b"retry: 5",
        b"unknown: x", b"x", b" ", "data: größe 🚂".encode(), b"data: {\"a\": 1}", b"\n", b"\r", b"\r\n", b"\n\n", b"\r\r",
        b"\r\n\r\n", b"\n\r", b"\xef\xbb\xbf", b"\xff",
    ]
)  # fmt: skip
STREAMS = st.lists(FRAGMENTS | st.binary(max_size=5), max_size=30).map(b"".join)


def parse(stream: bytes, *cuts: int, limit: int = 1 << 20) -> list[SseEvent]:
    parser = SseParser(limit)
    edges = [0, *sorted(cuts), len(stream)]
    events = [event for start, end in itertools.pairwise(edges) for event in parser.feed(stream[start:end])]
    return events + parser.finish()


def datas(stream: bytes) -> list[bytes]:
    return [event.data for event in parse(stream) if event.data is not None]


@given(STREAMS, st.data())
@settings(max_examples=600)
def test_any_cut_into_chunks_gives_the_same_events_and_loses_no_byte(stream: bytes, chance: st.DataObject) -> None:
    cuts = chance.draw(st.lists(st.integers(0, len(stream)), max_size=12))
    whole = parse(stream)
    assert parse(stream, *cuts) == whole
    assert parse(stream, *range(len(stream))) == whole
    assert b"".join(event.raw for event in whole) == stream


@given(st.lists(st.tuples(st.binary(max_size=30), st.sampled_from(["", "delta", "größe"])), max_size=8))
def test_what_is_written_is_read_again(written: list[tuple[bytes, str]]) -> None:
    stream = b"".join(write_event(data, event) for data, event in written)
    normal = [data.replace(b"\r\n", b"\n").replace(b"\r", b"\n") for data, _ in written]
    assert [event.data for event in parse(stream)] == normal
    assert [event.event for event in parse(stream)] == [event for _, event in written]


@given(STREAMS, st.integers(1, 20), st.data())
def test_the_limit_falls_on_the_same_event_for_any_cut(stream: bytes, limit: int, chance: st.DataObject) -> None:
    cuts = chance.draw(st.lists(st.integers(0, len(stream)), max_size=12))
    assert collect(stream, cuts, limit) == collect(stream, [], limit)


def collect(stream: bytes, cuts: list[int], limit: int) -> tuple[list[SseEvent], bool]:
    parser, events = SseParser(limit), []
    edges = [0, *sorted(cuts), len(stream)]
    try:
        for start, end in itertools.pairwise(edges):
            events += parser.feed(stream[start:end])
        events += parser.finish()
    except SseEventTooLarge:
        return events, True
    return events, False


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_every_line_end_ends_lines_and_events(end: bytes) -> None:
    stream = end.join([b"event: a", b"data: 1", b"data: 2", b"", b"data: 3", b"", b""])
    events = parse(stream)
    assert [(event.event, event.data, event.terminated) for event in events] == [("a", b"1\n2", True), ("", b"3", True)]


def test_a_plain_event_is_given_out_as_soon_as_its_blank_line_has_come() -> None:
    parser = SseParser()
    assert parser.feed(b"data: {}\n") == []
    assert parser.feed(b"\n") == [SseEvent(b"data: {}\n\n", b"{}")]
    assert parser.feed(b"data: 1\n\ndata: 2\n\nda") == [SseEvent(b"data: 1\n\n", b"1"), SseEvent(b"data: 2\n\n", b"2")]
    assert parser.feed(b"ta: 3\n\n") == [SseEvent(b"data: 3\n\n", b"3")]
    assert parser.finish() == []


def test_a_named_event_is_given_out_as_soon_as_its_blank_line_has_come() -> None:
    stream = b"event: thing\ndata:  a: b\n\n"
    parser = SseParser()
    assert parser.feed(stream) == [SseEvent(stream, b" a: b", "thing")]
    assert parser.feed(stream[:-1]) == []
    assert parser.feed(stream[-1:]) == [SseEvent(stream, b" a: b", "thing")]
    assert [event.event for event in parser.feed(stream + b"event: other\n\n")] == ["thing", "other"]


def test_a_crlf_event_is_given_out_with_its_last_byte() -> None:
    parser = SseParser()
    assert parser.feed(b"data: 1\r\n\r") == []
    assert parser.feed(b"\n") == [SseEvent(b"data: 1\r\n\r\n", b"1")]


def test_only_one_space_after_the_colon_is_not_part_of_the_value() -> None:
    assert datas(b"data:  two\n\ndata:none\n\ndata\n\ndata:\n\n") == [b" two", b"none", b"", b""]


def test_a_character_cut_in_two_is_put_together() -> None:
    stream = "data: 🚂\n\n".encode()
    assert parse(stream, 8) == [SseEvent(stream, "🚂".encode())]


def test_comments_pings_and_blank_lines_are_kept_as_events_without_data() -> None:
    events = parse(b": hello\n\n\ndata: x\n: inside\n\nretry: 10\n\n")
    assert [(event.raw, event.data) for event in events] == [
        (b": hello\n\n", None),
        (b"\n", None),
        (b"data: x\n: inside\n\n", b"x"),
        (b"retry: 10\n\n", None),
    ]


def test_a_byte_order_mark_is_no_part_of_the_first_field() -> None:
    assert datas(b"\xef\xbb\xbfdata: 1\n\n\xef\xbb\xbfdata: 2\n\n") == [b"1"]


def test_a_last_event_without_its_blank_line_is_given_out_and_marked() -> None:
    assert parse(b"data: 1\n\ndata: [DONE]") == [
        SseEvent(b"data: 1\n\n", b"1"),
        SseEvent(b"data: [DONE]", b"[DONE]", terminated=False),
    ]
    assert parse(b"data: x\n")[0].terminated is False
    assert parse(b"data: x\n\r") == [SseEvent(b"data: x\n\r", b"x")]


def test_an_event_over_the_limit_is_an_error_before_its_end_and_after_the_events_before_it() -> None:
    parser = SseParser(limit=20)
    assert len(parser.feed(b"data: small\n\ndata: " + b"x" * 30)) == 1
    with pytest.raises(SseEventTooLarge, match="20 bytes"):
        parser.feed(b"more")
    with pytest.raises(SseEventTooLarge, match="20 bytes"):
        parser.finish()
    with pytest.raises(SseEventTooLarge):
        SseParser(limit=20).feed(b"data: " + b"x" * 30 + b"\n\n")


def test_a_large_event_in_tiny_chunks_is_read_in_linear_time() -> None:
    parser, size = SseParser(), 1_000_000
    assert parser.feed(b"data: ") == []
    for _ in range(size // 2):
        assert parser.feed(b"xx") == []
    (event,) = parser.feed(b"\n\n")
    assert event.data is not None
    assert len(event.data) == size


def test_a_type_of_several_lines_is_refused() -> None:
    with pytest.raises(ValueError, match="one line"):
        write_event(b"", "a\nb")


def test_a_comment_is_read_as_an_event_without_data() -> None:
    assert [event.data for event in parse(write_comment("ping") + write_comment() + write_comment("two\nlines"))] == [
        None
    ] * 3
