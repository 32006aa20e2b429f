"""A kept chat answer sent as the stream that a streaming call expects, and a stream's answer completed so that it can be kept.

The role, the text in pieces, the reason for the end, the usage where it was asked for, and [DONE].

Rules: everything given out is whole frames; members that are not known stay (a model's reasoning comes before what it led to);
log probabilities stay with the whole text that they are about.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Any

import orjson

from turnout_sidecar.exchange.usage import Usage
from turnout_sidecar.wire.sse import write_event

PIECE = 32
"""Characters of a replayed piece, about; cut after a space where there is one."""
FRAMES = 16
"""Frames that a replay gives out at a time."""
_DONE = b"[DONE]"
_OF_THE_CHUNK = frozenset({"object", "choices", "usage", "obfuscation"})
"""Members that belong to a chunk or an answer as such; all others go from one to the other."""


def with_usage(body: bytes, usage: Usage | None) -> bytes:
    """A collected answer with its usage, where the chunk that told it had been taken out of the stream."""
    answer = orjson.loads(body)
    if isinstance(answer.get("usage"), dict):
        return body
    answer.pop("usage", None)
    written = _written(usage)
    return orjson.dumps(answer if written is None else {**answer, "usage": written})


def _written(usage: Usage | None) -> dict[str, Any] | None:
    """Usage as the API writes it; None where it was not reported."""
    if usage is None or usage.estimated or usage.input is None or usage.output is None:
        return None
    written: dict[str, Any] = {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.input + usage.output,
    }
    if usage.cached_input is not None:
        written["prompt_tokens_details"] = {"cached_tokens": usage.cached_input}
    if usage.reasoning is not None:
        written["completion_tokens_details"] = {"reasoning_tokens": usage.reasoning}
    return written


class Replay:
    """The frames of a kept answer as a stream; see `exchange.call.ByteStream`."""

    __slots__ = ("_frames",)

    def __init__(self, frames: Iterator[bytes]) -> None:
        self._frames = frames

    def __aiter__(self) -> "Replay":
        return self

    async def __anext__(self) -> bytes:
        """The next frames."""
        piece = b"".join(islice(self._frames, FRAMES))
        if not piece:
            raise StopAsyncIteration
        return piece

    async def aclose(self) -> None:
        """Nothing is held."""
        self._frames = iter(())


def frames(answer: dict[str, Any], *, include_usage: bool) -> Iterator[bytes]:
    """The events of the stream."""
    head: dict[str, Any] = {name: value for name, value in answer.items() if name not in _OF_THE_CHUNK}
    head["object"] = "chat.completion.chunk"
    if include_usage:
        head["usage"] = None

    def frame(choice: dict[str, Any]) -> bytes:
        return write_event(orjson.dumps({**head, "choices": [choice]}))

    for choice in answer["choices"]:
        index = choice.get("index", 0)
        for delta, logprobs in _deltas(choice):
            yield frame({"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": None})
        yield frame({"index": index, "delta": {}, "logprobs": None, "finish_reason": choice["finish_reason"]})
    if include_usage:
        yield write_event(orjson.dumps({**head, "choices": [], "usage": answer.get("usage")}))
    yield write_event(_DONE)


def _deltas(choice: dict[str, Any]) -> Iterator[tuple[dict[str, Any], Any]]:
    message: dict[str, Any] = choice["message"]
    others = {name: value for name, value in message.items() if not isinstance(value, str) and value}
    yield {"role": "assistant", **({"content": ""} if isinstance(message.get("content"), str) else {}), **others}, None
    texts = {name: value for name, value in message.items() if name != "role" and isinstance(value, str) and value}
    logprobs = choice.get("logprobs")
    for name in sorted(texts, key=lambda name: name == "content"):  # reasoning comes before what it led to
        if logprobs and name == "content":
            yield {name: texts[name]}, logprobs
            continue
        for piece in pieces_of(texts[name]):
            yield {name: piece}, None


def pieces_of(text: str) -> Iterator[str]:
    """The text in pieces, cut after spaces where there are some."""
    start = 0
    while start < len(text):
        end = start + PIECE
        space = text.rfind(" ", start, end)
        end = space + 1 if space > start and end < len(text) else end
        yield text[start:end]
        start = end
