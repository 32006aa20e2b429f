"""Answers and streams that nobody would send: nothing raises, and what is passed on holds what was edited."""

import json
import random
from typing import Any

import orjson
import pytest

from support.edited_streams import TRANSCRIPTS, frames_of, holding, idle
from turnout_sidecar.answers.formats import FORMATS

NAMES = (
    "choices",
    "delta",
    "content",
    "text",
    "index",
    "type",
    "tool_calls",
    "function",
    "arguments",
    "input",
    "name",
    "id",
    "error",
    "usage",
    "logprobs",
    "finish_reason",
    "item",
    "part",
    "response",
    "output",
    "output_index",
    "content_index",
    "sequence_number",
    "content_block",
    "message",
    "thinking",
    "signature",
    "data",
    "metadata",
    "refusal",
    "reasoning_details",
    "annotations",
    "summary",
    "code",
)
TYPES = (
    "content_block_start",
    "content_block_delta",
    "content_block_stop",
    "message_start",
    "message_delta",
    "message_stop",
    "text_delta",
    "thinking_delta",
    "input_json_delta",
    "signature_delta",
    "text",
    "thinking",
    "tool_use",
    "error",
    "ping",
    "response.output_text.delta",
    "response.output_text.done",
    "response.output_item.done",
    "response.content_part.done",
    "response.completed",
    "response.failed",
    "response.created",
    "response.function_call_arguments.delta",
    "response.output_audio.delta",
    "reasoning",
    "message",
    "function_call",
)
TEXTS = ["", "a", "word ", '{"a":', "}", "\n", '"', "\\", "é", "😀", "[DONE]", "data: x\n\n", *TYPES]


BROKEN = (b"data\n\n", b"data: {\n\n", b":\n\n", b"\n", b"event: error\ndata: \xff\n\n", b"data: [[[\r\n\r\n")


def anything(draw: random.Random, depth: int = 0) -> Any:
    roll = draw.random()
    if depth > 4 or roll < 0.35:
        return draw.choice([None, True, -1, 0, 1, 7, 1.5, 10**25, draw.choice(TEXTS), draw.choice(TEXTS)])
    if roll < 0.75:
        found = {draw.choice(NAMES): anything(draw, depth + 1) for _ in range(draw.randint(0, 5))}
        return {**found, "type": draw.choice(TYPES)} if draw.random() < 0.6 else found
    return [anything(draw, depth + 1) for _ in range(draw.randint(0, 3))]


def mutated(draw: random.Random, value: Any) -> Any:
    """The value with something in it replaced."""
    if draw.random() < 0.12:
        return anything(draw, 3)
    if isinstance(value, dict):
        return {name: mutated(draw, inner) for name, inner in value.items() if draw.random() > 0.03}
    return [mutated(draw, inner) for inner in value] if isinstance(value, list) else value


def dump(value: Any) -> bytes:
    """JSON; integers may be of any size."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


@pytest.mark.parametrize("name", list(FORMATS))
@pytest.mark.parametrize("seed", range(8))
def test_no_stream_of_any_json_breaks_an_editor(name: str, seed: int) -> None:
    draw = random.Random(seed)
    real = [frame for path in sorted((TRANSCRIPTS / name).glob("*.sse")) for frame in frames_of(path.read_bytes())]
    sent = b""
    passing, changing = FORMATS[name].editor(idle), FORMATS[name].editor(holding({"a": "<A>", "word": ""}, 3))
    out = b""
    for _ in range(100):
        frame = draw.choice(real)
        if draw.random() < 0.8:
            data = frame.partition(b"data: ")[2].strip()
            body = mutated(draw, orjson.loads(data)) if data[:1] == b"{" and b"\n" not in data else anything(draw)
            frame = b"data: " + dump(body) + b"\n\n"
        elif draw.random() < 0.2:
            frame = draw.choice(BROKEN)
        sent += frame
        out += passing.feed(frame)
        changing.feed(frame)
    assert out + passing.finish() == sent
    changing.finish()


@pytest.mark.parametrize("name", list(FORMATS))
@pytest.mark.parametrize("seed", range(8))
def test_no_json_breaks_the_edit_of_a_whole_answer(name: str, seed: int) -> None:
    draw = random.Random(seed)
    answers = [orjson.loads(path.read_bytes()) for path in sorted((TRANSCRIPTS / name).glob("*.json"))]
    for _ in range(50):
        body = dump(mutated(draw, draw.choice(answers)) if draw.random() < 0.5 else anything(draw))
        assert FORMATS[name].whole(body, lambda _, text: text) == body
        new = FORMATS[name].whole(body, lambda _, text: text.replace("a", "<A>"))
        orjson.loads(new)
        FORMATS[name].texts(body)
        FORMATS[name].collected(b"data: " + body + b"\n\ndata: [DONE]\n\n")


DEEP = [(b"[", b"]"), (b'{"a":', b"}"), (b'{"content":[', b"]}"), (b'{"metadata":{"delta":', b"}}")]
AROUND = (
    b'{"choices":[{"delta":{"content":%b}}]}',
    b'{"type":"content_block_delta","delta":%b}',
    b'{"type":"x.delta","delta":"a","b":%b}',
)


@pytest.mark.parametrize(("opening", "closing"), DEEP)
@pytest.mark.parametrize("depth", [100, 130, 500, 900, 5000])
def test_what_is_nested_too_deeply_is_edited_as_text(opening: bytes, closing: bytes, depth: int) -> None:
    inner = opening * depth + b'"secret"' + closing * depth
    for around in AROUND:
        deep = around % inner
        for name in FORMATS:
            assert b"secret" not in FORMATS[name].whole(deep, lambda _, text: text.replace("secret", "x"))
            editor = FORMATS[name].editor(holding({"secret": "x"}, 0))
            assert b"secret" not in editor.feed(b"data: " + deep + b"\n\n") + editor.finish()
            twice = deep[:-1] + b',"usage":{"a":1,"a":2}}'
            assert b"secret" not in FORMATS[name].whole(twice, lambda _, text: text.replace("secret", "x"))
