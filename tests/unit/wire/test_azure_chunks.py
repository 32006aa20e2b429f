"""Azure's streams as OpenAI's clients can read them."""

import itertools
import random
from typing import Any

import orjson

from support.transcripts import random_cuts
from turnout_sidecar.wire.azure_chunks import AzureTap
from turnout_sidecar.wire.openai import StreamTap

SAFE = {"hate": {"filtered": False, "severity": "safe"}}


def frame(choices: list[dict[str, Any]], **members: Any) -> bytes:
    head = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-large"}
    return b"data: %b\n\n" % orjson.dumps({**head, "choices": choices, **members})


FIRST = frame([], id="", model="", object="", prompt_filter_results=[{"prompt_index": 0}])
ROLE = frame([{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}])
WORD = frame([{"index": 0, "delta": {"content": "delta"}, "finish_reason": None, "content_filter_results": SAFE}])
OFFSETS = {"check_offset": 0, "start_offset": 0, "end_offset": 5}
FILTER = {"index": 0, "finish_reason": None, "content_filter_results": SAFE, "content_filter_offsets": OFFSETS}
END = frame([{"index": 0, "delta": {}, "finish_reason": "stop"}])
DONE = b"data: [DONE]\n\n"
STREAM = (FIRST, ROLE, WORD, frame([FILTER]), END, DONE)


def test_pitfall_24_a_chunk_of_azures_filter_has_a_delta_that_says_nothing() -> None:
    tap = AzureTap(strip_usage=True)
    out = b"".join(map(tap.feed, STREAM)) + tap.finish()
    filled = frame([{**FILTER, "delta": {}}])
    assert out == b"".join((FIRST, ROLE, WORD, filled, END, DONE))
    assert (tap.done, tap.id, tap.model, tap.finish_reasons) == (True, "c1", "gpt-large", ("stop",))


def test_pitfall_24_wherever_the_stream_is_cut() -> None:
    dice = random.Random(24)
    stream = b"".join(STREAM)
    whole = AzureTap(strip_usage=True).feed(stream)
    for _ in range(200):
        tap = AzureTap(strip_usage=True)
        cuts = [0, *sorted(random_cuts(dice, len(stream))), len(stream)]
        pieces = [stream[start:end] for start, end in itertools.pairwise(cuts)]
        assert b"".join(map(tap.feed, pieces)) + tap.finish() == whole


def test_what_is_no_chunk_of_the_filter_passes_as_it_came() -> None:
    odd = (b": hello\n\n", b'data: {"choices": [1]}\n\n', b'data: {"choices"\n\n', b'data: {"choices":null}\r\n\r\n')
    assert b"".join(map(AzureTap(strip_usage=True).feed, odd)) == b"".join(odd)
    spaced = b'data: {"choices": [ {"delta" : {"content": "x"}} ]}\n\n'
    assert AzureTap(strip_usage=True).feed(spaced) == spaced


def test_the_name_of_an_answer_is_not_that_of_a_chunk_without_one() -> None:
    tap = StreamTap(strip_usage=True)
    tap.feed(FIRST)
    tap.feed(ROLE)
    assert (tap.id, tap.model) == ("c1", "gpt-large")
