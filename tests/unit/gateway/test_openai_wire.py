"""Reading along: usage, errors, estimates and `Retry-After`, as providers write them."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout_sidecar.exchange.usage import Usage
from turnout_sidecar.retry import read_retry_after, wait_seconds
from turnout_sidecar.wire import tokens
from turnout_sidecar.wire.canonical import NotAnAnswer
from turnout_sidecar.wire.openai import StreamTap, read_unary, read_usage

NOW = 1_800_000_000_000_000_000


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (None, None),
        ([], None),
        ({}, None),
        ({"prompt_tokens": "7"}, None),
        ({"prompt_tokens": 7, "completion_tokens": 0}, Usage(7, 0)),
        ({"prompt_tokens": 7, "total_tokens": 7}, Usage(7, 0)),
        ({"prompt_tokens": 7, "total_tokens": 9}, Usage(7, None)),
        ({"prompt_tokens": True, "completion_tokens": -1}, None),
        (
            {
                "prompt_tokens": 7,
                "completion_tokens": 9,
                "prompt_tokens_details": {"cached_tokens": 3},
                "completion_tokens_details": {"reasoning_tokens": 4},
            },
            Usage(7, 9, 3, 4),
        ),
        ({"prompt_tokens": 7, "completion_tokens": 9, "prompt_tokens_details": None}, Usage(7, 9)),
    ],
)
def test_usage_is_read_as_it_is_reported(usage: object, expected: Usage | None) -> None:
    assert read_usage(usage) == expected


def test_facts_of_a_whole_answer_are_read_whatever_else_it_holds() -> None:
    body = {
        "id": "c",
        "model": "m",
        "choices": [{"finish_reason": "length", "message": {}}, {}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2},
        "new": [1],
    }
    facts = read_unary(orjson.dumps(body))
    assert (facts.id, facts.model, facts.finish_reasons, facts.usage) == ("c", "m", ("length",), Usage(1, 2))
    odd = read_unary(orjson.dumps({**body, "choices": {"a": 1}, "id": 5}))
    assert (odd.id, odd.model, odd.finish_reasons, odd.usage) == (None, "m", (), Usage(1, 2))


@pytest.mark.parametrize("body", [b"", b"<html>", b"[1]", b'"x"', b'{"a":'])
def test_what_is_no_json_object_is_no_answer(body: bytes) -> None:
    with pytest.raises(NotAnAnswer):
        read_unary(body)


@given(
    st.lists(
        st.sampled_from(
            [
                b"data: {}\n\n",
                b"data: x\r\n\r\n",
                b": c\n\n",
                b"event: e\ndata: 1\ndata: 2\n\n",
                b'data: {"choices":[{"delta":{"content":"\xc3\xa9"}}]}\n\n',
                b"\n\n",
            ]
        ),
        max_size=12,
    ),
    st.data(),
)
def test_whatever_the_pieces_all_bytes_go_out_in_order_and_in_whole_events(
    frames: list[bytes], data: st.DataObject
) -> None:
    whole = b"".join(frames)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=8)))
    tap = StreamTap(strip_usage=True)
    pieces = [tap.feed(whole[start:end]) for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert b"".join(pieces).rstrip(b"\n") == whole.rstrip(b"\n")
    assert all(piece.endswith((b"\n\n", b"\n\r\n")) for piece in pieces if piece)


def test_usage_in_several_chunks_is_merged_and_not_added() -> None:
    tap = StreamTap(strip_usage=False)
    for given_, made in ((5, 1), (5, 2), (5, 3)):
        chunk = {
            "choices": [{"delta": {"content": "x"}}],
            "usage": {"prompt_tokens": given_, "completion_tokens": made},
        }
        tap.feed(b"data: " + orjson.dumps(chunk) + b"\n\n")
    assert tap.usage == Usage(5, 3)


def test_a_filter_chunk_without_choices_or_usage_stays() -> None:
    frame = b'data: {"choices":[],"prompt_filter_results":[]}\n\n'
    assert StreamTap(strip_usage=True).feed(frame) == frame


def test_text_that_looks_like_usage_is_text() -> None:
    text = orjson.dumps(
        {"choices": [{"delta": {"content": '"usage":{"prompt_tokens":1}[DONE]"error"'}}], "usage": None}
    )
    tap = StreamTap(strip_usage=True)
    assert tap.feed(b"data: " + text + b"\n\n") == b"data: " + text + b"\n\n"
    assert (tap.usage, tap.done, tap.error) == (None, False, None)


def test_an_event_without_an_end_is_given_up() -> None:
    tap = StreamTap(strip_usage=True)
    for _ in range(16):
        tap.feed(b"x" * 1_000_000)
    with pytest.raises(NotAnAnswer):
        tap.feed(b"x" * 1_000_000)


@pytest.mark.parametrize(
    ("value", "milliseconds", "expected"),
    [
        (None, None, None),
        ("3", None, 3.0),
        ("0.5", None, 0.5),
        ("3", "250", 0.25),
        ("soon", None, None),
        ("-1", None, None),
        ("inf", None, None),
        ("Fri, 15 Jan 2027 08:00:30 GMT", None, 30.0),
        ("Fri, 15 Jan 2021 08:00:30 GMT", None, 0.0),
    ],
)
def test_retry_after_is_read_in_all_its_forms(
    value: str | None, milliseconds: str | None, expected: float | None
) -> None:
    assert read_retry_after(value, milliseconds, NOW) == expected


class Highest:
    def random(self) -> float:
        return 1.0


def test_waits_grow_up_to_a_bound() -> None:
    waits = [wait_seconds(retry, None, Highest()) for retry in range(8)]
    assert waits == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0])
    assert wait_seconds(0, 9.0, Highest()) == 9.0


def test_tokens_are_estimated_by_text_and_not_by_binary_parts() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:" + "x" * 100_000}}
    body = {
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "x" * 40}, image]},
            {"role": "user", "content": None},
        ]
    }
    assert tokens.of_request(body) == 3 + 4 + 10 + 4
    assert tokens.of_request({"input": ["x" * 8, [1, 2, 3]]}) == 3 + 2 + 3
    assert tokens.of_text("é" * 4) == 2
