"""Streams that no provider should send: random and mutated ones, over all formats. Nothing but NotAnAnswer may come of them.

Each run reads its streams twice, cut differently, and writes what was read in an API that can be asked, so that neither reader nor
writer may crash. Memory is bounded: by the largest event, and not by the length of the stream.
"""

import gc
import itertools
import random
import tracemalloc
from collections.abc import Callable, Sequence

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.event_order import Order
from support.event_stream import frame
from support.transcripts import random_cuts, read_in_pieces, transcripts
from turnout_sidecar.wire.canonical import Event, NotAnAnswer, ToolCallStarted
from turnout_sidecar.wire.formats import Asked
from turnout_sidecar.wire.registry import INBOUND, outbound

FORMATS = ("chat", "responses", "messages", "gemini", "converse")
SEEDS = {name: [path.read_bytes() for path in transcripts(name, ".sse", ".bin")] for name in FORMATS}
ASKED = Asked(id="call_0123456789abcdef", model="assistant", created=1760000000, include_usage=True)
EXAMPLES, STREAMS_EACH = 100, 20  # times five formats: 10,000 streams
ODD: tuple[object, ...] = (
    None,
    True,
    0,
    -1,
    2**63,
    1e300,
    "",
    "x",
    "\0",
    [],
    {},
    [[]],
    [None],
    {"": None},
    [{"index": -1}],
)
NOISE = (
    b"\n",
    b"\r",
    b"\r\n\r\n",
    b"data: ",
    b"data: [DONE]\n\n",
    b"event: ",
    b"{",
    b"}",
    b'"',
    b"\xff",
    b"\0",
    b"\xef\xbb\xbf",
    b": x\n\n",
)
WORDS = "x" * 64


def mutated(dice: random.Random, seeds: Sequence[bytes]) -> bytes:
    """A stream made of a sound one, or of nothing."""
    stream = dice.choice(seeds)
    for _ in range(dice.randrange(1, 4)):
        stream = dice.choice(MUTATIONS)(dice, stream, dice.choice(seeds))
    return stream


def _cut_out(dice: random.Random, stream: bytes, other: bytes) -> bytes:
    one, two = sorted((dice.randrange(len(stream) + 1), dice.randrange(len(stream) + 1)))
    return stream[:one] + stream[two:]


def _splice(dice: random.Random, stream: bytes, other: bytes) -> bytes:
    return stream[: dice.randrange(len(stream) + 1)] + other[dice.randrange(len(other) + 1) :]


def _noise(dice: random.Random, stream: bytes, other: bytes) -> bytes:
    at = dice.randrange(len(stream) + 1)
    return stream[:at] + dice.choice((*NOISE, dice.randbytes(dice.randrange(9)))) + stream[at:]


def _flip(dice: random.Random, stream: bytes, other: bytes) -> bytes:
    if not stream:
        return dice.randbytes(30)
    at = dice.randrange(len(stream))
    return stream[:at] + bytes([dice.randrange(256)]) + stream[at + 1 :]


def _shuffle(dice: random.Random, stream: bytes, other: bytes) -> bytes:
    blocks = stream.split(b"\n\n")
    one, two = dice.randrange(len(blocks)), dice.randrange(len(blocks))
    blocks[one], blocks[two] = blocks[two], dice.choice((blocks[one], blocks[two], b""))
    return b"\n\n".join(blocks)


def _edit(dice: random.Random, stream: bytes, other: bytes) -> bytes:
    """Another value somewhere in the JSON of an event; a frame of AWS is made anew around it."""
    blocks = stream.split(b"\n\n")
    place = dice.randrange(len(blocks))
    head, found, data = blocks[place].rpartition(b"data: ")
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        return stream
    _change(dice, value)
    blocks[place] = head + found + orjson.dumps(value)
    return b"\n\n".join(blocks)


def _change(dice: random.Random, value: object) -> None:
    """Change one member, at any depth."""
    while True:
        keys: Sequence[object] = (
            list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
        )
        if not keys:
            return
        key = dice.choice(keys)
        inner = value[key]  # type: ignore[index]
        if dice.random() < 0.3 or not isinstance(inner, dict | list) or not inner:
            value[key] = dice.choice(ODD)  # type: ignore[index]
            return
        value = inner


MUTATIONS: tuple[Callable[[random.Random, bytes, bytes], bytes], ...] = (
    _cut_out, _splice, _noise, _flip, _shuffle, _edit, _edit, _edit,
)  # fmt: skip


def frames_of_aws(dice: random.Random) -> bytes:
    """Frames that are sound, with payloads that are not."""
    kinds = (
        "messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata", "other",
    )  # fmt: skip
    start: dict[str, object] = {"contentBlockIndex": 0, "start": {"toolUse": {"toolUseId": "t", "name": "n"}}}
    delta: dict[str, object] = {"contentBlockIndex": 0, "delta": {"text": "x"}}
    said = []
    for _ in range(dice.randrange(1, 8)):
        payload: object = orjson.loads(
            orjson.dumps(dice.choice((start, delta, {"role": "assistant"}, {"stopReason": "end_turn"})))
        )
        _change(dice, payload)
        wrong = dice.random() < 0.1
        said.append(frame(dice.choice(kinds), b"\xff{" if wrong else payload))
    return b"".join(said)


def outcome(name: str, asked: str, stream: bytes, cuts: Sequence[int]) -> tuple[list[Event], bool]:
    """What was read, and whether it could be read to its end."""
    reader, writer, order = outbound(name).reader(), INBOUND[asked].writer(ASKED), Order(strict=False)
    found: list[Event] = []
    edges = [0, *sorted(cuts), len(stream)]
    try:
        for start, end in itertools.pairwise(edges):
            found += reader.feed(stream[start:end])
        found += reader.finish()
    except NotAnAnswer:
        return found, False
    finally:
        for event in found:
            order.take(event)
        written = writer.write(found)
    if all(event.name for event in found if isinstance(event, ToolCallStarted)):
        read_in_pieces(outbound(asked).reader, written)  # what is written can be read, whatever it was made of
    return found, True


@pytest.mark.parametrize("name", FORMATS)
def test_ten_thousand_hostile_streams_are_read_or_are_no_answer(name: str) -> None:
    @settings(max_examples=EXAMPLES, deadline=None, derandomize=True)
    @given(st.integers(0, 2**64))
    def run(seed: int) -> None:
        dice = random.Random(seed)
        for _ in range(STREAMS_EACH):
            aws = name == "converse" and dice.random() < 0.5
            stream = frames_of_aws(dice) if aws else mutated(dice, SEEDS[name])
            asked = dice.choice(tuple(INBOUND))
            whole = outcome(name, asked, stream, [])
            again = outcome(name, asked, stream, random_cuts(dice, len(stream)))
            assert again[1] == whole[1]
            if whole[1]:
                assert again[0] == whole[0]

    run()


@given(st.sampled_from(FORMATS), st.lists(st.binary(max_size=30), max_size=6))
@settings(max_examples=200, deadline=None)
def test_bytes_of_any_kind_are_no_answer_at_worst(name: str, pieces: list[bytes]) -> None:
    reader = outbound(name).reader()
    try:
        for piece in pieces:
            reader.feed(piece)
        reader.finish()
    except NotAnAnswer:
        pass


ENDLESS = dict.fromkeys(FORMATS, (b"data: " + b"x" * 1000000, b"x" * 1000000)) | {
    "gemini": (b'[{"a":"' + b"x" * 1_000_000, b"x" * 1_000_000),
    "converse": (b"\x7f\xff\xff\xff\0\0\0\0", b"x" * 1_000_000),
}


@pytest.mark.parametrize("name", FORMATS)
def test_an_event_without_an_end_is_no_answer_before_it_fills_the_memory(name: str) -> None:
    first, more = ENDLESS[name]
    reader = outbound(name).reader()
    with pytest.raises(NotAnAnswer):
        _feed(reader.feed, itertools.chain([first], itertools.repeat(more, 40)))


def _feed(feed: Callable[[bytes], object], pieces: itertools.chain[bytes]) -> None:
    for piece in pieces:
        feed(piece)


def deltas(name: str) -> tuple[bytes, bytes]:
    """A stream's beginning, and a piece of text that may come over and over."""
    if name == "converse":
        return frame("messageStart", {"role": "assistant"}), frame(
            "contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": WORDS}}
        )
    beginnings: dict[str, list[object]] = {
        "chat": [],
        "responses": [
            {"type": "response.created", "response": {"id": "r", "model": "m"}},
            {
                "type": "response.output_item.added",
                "output_index": 0,
                "item": {"id": "i", "type": "message", "role": "assistant"},
            },
        ],
        "messages": [
            {"type": "message_start", "message": {"id": "m", "usage": {}}},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        ],
        "gemini": [],
    }
    pieces: dict[str, object] = {
        "chat": {"choices": [{"index": 0, "delta": {"content": WORDS}}]},
        "responses": {
            "type": "response.output_text.delta",
            "item_id": "i",
            "output_index": 0,
            "content_index": 0,
            "delta": WORDS,
        },
        "messages": {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": WORDS}},
        "gemini": {"candidates": [{"index": 0, "content": {"parts": [{"text": WORDS}]}}]},
    }
    return b"".join(map(_sse, beginnings[name])), _sse(pieces[name])


def _sse(value: object) -> bytes:
    kind = value.get("type") if isinstance(value, dict) else None
    return (b"event: %b\n" % str(kind).encode() if kind else b"") + b"data: %b\n\n" % orjson.dumps(value)


@pytest.mark.parametrize("name", FORMATS)
def test_a_long_stream_does_not_grow_in_memory(name: str) -> None:
    beginning, piece = deltas(name)
    reader = outbound(name).reader()
    assert len([*reader.feed(beginning), *reader.feed(piece)]) >= 2
    tracemalloc.start()
    try:
        for _ in range(500):
            reader.feed(piece)
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(5000):
            assert reader.feed(piece)
        gc.collect()
        after = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert after - before < 100_000
