import json
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from turnout_sidecar.exchange.usage import Usage
from turnout_sidecar.wire.canonical import NotAnAnswer
from turnout_sidecar.wire.messages.tap import MessagesTap, estimate_output, read_unary
from turnout_sidecar.wire.sse import DEFAULT_LIMIT

TRANSCRIPTS = Path(__file__).parents[2] / "transcripts" / "messages"
NAMES = sorted(path.name for path in TRANSCRIPTS.glob("*.sse"))


def bytes_of(name: str) -> bytes:
    return (TRANSCRIPTS / name).read_bytes()


def run(*pieces: bytes) -> tuple[MessagesTap, bytes]:
    tap = MessagesTap()
    return tap, b"".join([tap.feed(piece) for piece in pieces] + [tap.finish()])


def facts(tap: MessagesTap) -> tuple[object, ...]:
    return tap.began, tap.done, tap.error, tap.usage, tap.model, tap.id, tap.finish_reasons


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_the_bytes_pass_untouched_however_they_are_cut(name: str, end: bytes) -> None:
    stream = bytes_of(name).replace(b"\n", end)
    whole, written = run(stream)
    assert written == stream
    dice = random.Random(name)
    for _ in range(100):
        cuts = sorted(dice.sample(range(len(stream)), dice.randint(1, 30)))
        tap, written = run(*(stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)))
        assert written == stream
        assert facts(tap) == facts(whole)


def test_what_goes_out_is_whole_events() -> None:
    tap = MessagesTap()
    for at in range(len(stream := bytes_of("tools.sse"))):
        piece = tap.feed(stream[at : at + 1])
        assert piece == b"" or piece.endswith(b"\n\n")


def test_the_facts_of_a_stream() -> None:
    tap, _ = run(bytes_of("tools.sse"))
    assert facts(tap) == (
        True,
        True,
        None,
        Usage(input=2140, output=77, cached_input=2000, cache_write_5m=60, cache_write_1h=40),
        "claude-sonnet-4-5-20250929",
        "msg_01Turnout",
        ("tool_use",),
    )


def test_a_stream_that_breaks_off_is_not_done() -> None:
    tap, _ = run(bytes_of("cut.sse"))
    assert not tap.done
    assert tap.began
    assert tap.usage == Usage(input=10, output=5)


def test_an_error_is_seen() -> None:
    tap, _ = run(bytes_of("overloaded.sse"))
    assert not tap.done
    assert tap.error == {"type": "overloaded_error", "message": "Overloaded"}


def test_an_error_right_after_the_start_has_not_begun_an_answer() -> None:
    start = {"type": "message_start", "message": {"id": "m", "usage": {"input_tokens": 3, "output_tokens": 0}}}
    frame = b'event: error\ndata: {"type": "error", "error": {"type": "api_error", "message": "m"}}\n\n'
    tap, _ = run(b"event: message_start\ndata: " + json.dumps(start).encode() + b"\n\n", frame)
    assert tap.error is not None
    assert not tap.began


def test_the_end_may_lack_its_blank_line_and_half_an_end_does_not_go_out() -> None:
    stream = bytes_of("text.sse")
    tap, written = run(stream.rstrip())
    assert tap.done
    assert written == stream
    tap, written = run(stream[:-8])
    assert not tap.done
    assert stream.startswith(written)


def test_text_that_looks_like_an_end_is_text() -> None:
    delta = {
        "type": "content_block_delta",
        "index": 0,
        "delta": {"type": "text_delta", "text": '"type": "message_stop"'},
    }
    tap, _ = run(*[b"event: content_block_delta\ndata: " + json.dumps(delta).encode() + b"\n\n"] * 10)
    assert not tap.done
    assert tap.events == 10


def test_output_is_estimated_by_its_text() -> None:
    delta = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "x" * 40}}
    tap, _ = run(*[b"event: content_block_delta\ndata: " + json.dumps(delta).encode() + b"\n\n"] * 50)
    assert tap.estimate_output() == 500
    assert MessagesTap().estimate_output() == 0


def test_an_event_without_an_end_is_no_answer() -> None:
    tap = MessagesTap()
    with pytest.raises(NotAnAnswer):
        tap.feed(b"data: " + b"x" * (DEFAULT_LIMIT + 1))


NOISE = (
    b"message_",
    b'"error"',
    b"data: ",
    b"event: error\n",
    b"{",
    b"}",
    b"\n\n",
    b"\r\n",
    b"[1]",
    b"\xff",
    b'{"type":{}}',
)


@given(st.lists(st.sampled_from(NOISE)))
@settings(deadline=None)
def test_no_bytes_whatever_break_the_tap(pieces: list[bytes]) -> None:
    tap, written = run(*pieces)
    assert b"".join(pieces).startswith(written)
    assert not tap.done


def test_the_facts_of_a_whole_answer() -> None:
    body = (TRANSCRIPTS / "answer.json").read_bytes()
    found = read_unary(body)
    assert found.usage == Usage(
        input=2140, output=77, cached_input=2000, reasoning=33, cache_write_5m=60, cache_write_1h=40, tool_searches=1
    )
    assert (found.model, found.id, found.finish_reasons, found.error) == (
        "claude-sonnet-4-5-20250929",
        "msg_01Turnout",
        ("tool_use",),
        None,
    )
    assert 10 < estimate_output(body) < 100


def test_an_error_in_the_place_of_an_answer_is_seen() -> None:
    found = read_unary(b'{"type": "error", "error": {"type": "api_error", "message": "m"}}')
    assert found.error == {"type": "api_error", "message": "m"}
    assert found.usage is None


@pytest.mark.parametrize("body", [b"", b"no", b"[]", b"5", b"\xff"])
def test_what_is_no_message_is_no_answer(body: bytes) -> None:
    with pytest.raises(NotAnAnswer):
        read_unary(body)
