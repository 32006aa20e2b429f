"""The tap beside a Responses stream: bytes pass untouched, and the facts are those of the stream."""

import itertools
import random
from typing import Any

import orjson
import pytest

from support.transcripts import FOLDER, random_cuts, transcripts
from turnout_sidecar.exchange.errors import CallError
from turnout_sidecar.exchange.usage import Usage
from turnout_sidecar.wire.canonical import NotAnAnswer
from turnout_sidecar.wire.responses.tap import ResponsesTap, estimate_output, read_unary

STREAMS = transcripts("responses", ".sse")


def raw(name: str) -> bytes:
    return (FOLDER / "responses" / name).read_bytes()


def passed(stream: bytes, cuts: list[int] | None = None) -> tuple[bytes, ResponsesTap]:
    tap = ResponsesTap()
    edges = [0, *sorted(cuts or []), len(stream)]
    out = b"".join(tap.feed(stream[start:end]) for start, end in itertools.pairwise(edges))
    return out + tap.finish(), tap


def facts(tap: ResponsesTap) -> tuple[Any, ...]:
    return tap.done, tap.error, tap.usage, tap.model, tap.id, tap.finish_reasons, tap.began, tap.estimate_output()


@pytest.mark.parametrize("path", STREAMS, ids=lambda path: path.stem)
def test_every_byte_goes_out_however_the_stream_is_cut(path: Any) -> None:
    stream = path.read_bytes()
    out, whole = passed(stream)
    assert out == stream
    dice = random.Random(path.name)
    for _ in range(200):
        cuts = random_cuts(dice, len(stream))
        out, tap = passed(stream, cuts)
        assert out == stream, cuts
        assert facts(tap) == facts(whole), cuts


def test_what_goes_out_is_whole_events() -> None:
    tap = ResponsesTap()
    stream = raw("text.sse")
    for start in range(0, len(stream), 7):
        out = tap.feed(stream[start : start + 7])
        assert out == b"" or (out.startswith(b"event: ") and out.endswith(b"\n\n"))


def test_the_facts_of_a_stream_are_read() -> None:
    _, tap = passed(raw("text.sse"))
    assert tap.done
    assert tap.error is None
    assert tap.usage == Usage(input=12, output=9, cached_input=4, reasoning=0, cache_write_5m=0)
    assert (tap.model, tap.id, tap.finish_reasons) == ("gpt-5.1-2025-11-13", "resp_68a1", ("completed",))


def test_pitfall_18_usage_is_read_of_every_end() -> None:
    _, cut = passed(raw("incomplete.sse"))
    assert (cut.done, cut.error, cut.finish_reasons) == (True, None, ("max_output_tokens",))
    assert cut.usage is not None
    assert cut.usage.output == 16
    _, failed = passed(raw("failed.sse"))
    assert failed.done
    assert failed.error["code"] == "server_error"
    assert failed.usage is not None
    assert failed.usage.input == 7
    _, twice = passed(raw("error_then_failed.sse"))
    assert twice.done
    assert twice.error["type"] == "invalid_request_error"
    assert not twice.began


def test_an_error_event_is_no_end() -> None:
    _, tap = passed(raw("error.sse"))
    assert not tap.done
    assert (tap.error["code"], tap.error["message"], tap.error["type"]) == (
        "rate_limit_exceeded",
        "Rate limit reached.",
        None,
    )


def test_pitfall_07_a_stream_that_breaks_off_is_not_done() -> None:
    _, tap = passed(raw("broken_off.sse"))
    assert tap.began
    assert not tap.done
    assert tap.usage is None
    assert tap.estimate_output() >= 1


def test_an_answer_has_begun_with_its_first_item_and_not_before() -> None:
    tap = ResponsesTap()
    frames = raw("text.sse").split(b"\n\n")
    for frame in frames[:2]:
        tap.feed(frame + b"\n\n")
    assert not tap.began
    assert (tap.model, tap.id) == ("gpt-5.1-2025-11-13", "resp_68a1")
    tap.feed(frames[2] + b"\n\n")
    assert tap.began


def test_padding_counts_nothing_in_an_estimate() -> None:
    delta = {"type": "response.output_text.delta", "delta": "ab", "obfuscation": "x" * 1000}
    tap = ResponsesTap()
    for _ in range(5):
        tap.feed(b"data: " + orjson.dumps(delta) + b"\n\n")
    assert tap.estimate_output() == 5
    tap.feed(b"data: " + orjson.dumps({**delta, "delta": "word" * 100}) + b"\n\n")
    assert tap.estimate_output() == 103


def test_words_of_the_model_are_no_facts() -> None:
    text = 'He said "response.completed" and {"type":"error"}'
    delta = orjson.dumps({"type": "response.output_text.delta", "delta": text})
    tap = ResponsesTap()
    tap.feed(b"event: response.output_text.delta\ndata: " + delta + b"\n\n")
    assert not tap.done
    assert tap.error is None


def test_an_end_without_its_line_breaks_is_an_end() -> None:
    stream = raw("text.sse")
    out, tap = passed(stream.rstrip(b"\n"))
    assert tap.done
    assert out == stream
    out, tap = passed(raw("error.sse").rstrip(b"\n"))
    assert tap.error is not None
    assert out == raw("error.sse")
    out, tap = passed(stream[:-40])
    assert not tap.done
    assert stream.startswith(out)


def test_an_event_without_an_end_is_refused() -> None:
    tap = ResponsesTap()
    tap.feed(b"data: " + b"x" * (16 * 1024 * 1024 - 10))
    with pytest.raises(NotAnAnswer):
        tap.feed(b"x" * 20)


def test_events_that_are_no_json_pass() -> None:
    stream = b'event: error\ndata: {"type":"error"\n\ndata: "error"\n\n'
    out, tap = passed(stream)
    assert out == stream
    assert tap.error is None


def test_an_error_on_the_way_has_the_number_that_comes_next() -> None:
    tap = ResponsesTap()
    error = CallError(502, "upstream_error", "gone")
    assert b'"sequence_number":0' in tap.error_frame(error)
    tap.feed(b'data: {"type":"response.output_text.delta","sequence_number":41,"delta":"a"}\n\n')
    assert b'"sequence_number":42' in tap.error_frame(error)


def test_the_facts_of_a_whole_response_are_read() -> None:
    found = read_unary(raw("reasoning_tools.json"))
    assert found.usage == Usage(input=80, output=60, cached_input=0, reasoning=32, cache_write_5m=0)
    assert (found.model, found.id, found.finish_reasons) == ("gpt-5.1-2025-11-13", "resp_68a1", ("completed",))
    assert found.error is None
    assert read_unary(raw("incomplete.json")).finish_reasons == ("max_output_tokens",)
    assert read_unary(b"{}").usage is None


def test_a_whole_response_that_failed_is_an_error() -> None:
    failed = read_unary(
        b'{"status": "failed", "error": {"code": "server_error", "message": "x"}, "usage": {"input_tokens": 3}}'
    )
    assert failed.error == {"code": "server_error", "message": "x"}
    assert failed.usage == Usage(input=3)
    assert read_unary(b'{"error": {"message": "y"}}').error == {"message": "y"}
    assert read_unary(b'{"status": "failed"}').error == {"message": "The response failed."}
    with pytest.raises(NotAnAnswer):
        read_unary(b"[]")


def test_the_text_of_a_whole_response_is_estimated() -> None:
    assert estimate_output(raw("text.json")) == 7
    assert estimate_output(raw("reasoning_tools.json")) > 15
    assert estimate_output(b"{}") == 0
