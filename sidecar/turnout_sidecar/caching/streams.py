"""Chat answers from streams and streams from chat answers, so that each can be kept as the other.

A stream is collected into the body that a plain call would have got, and a kept body is sent as the stream that a streaming
call expects: the role, the text in pieces, the reason for the end, the usage where it was asked for, and [DONE].

Rules: a collected answer says whether it is whole (every choice ended, and [DONE] came) and whether all of it was understood;
what is not both is never kept; unknown text members (such as a model's reasoning) are kept, and so are log probabilities;
everything given out is whole frames.
"""

from collections.abc import Iterator
from typing import Any

import msgspec
import orjson

from turnout_sidecar.exchange.usage import Usage
from turnout_sidecar.wire.sse import SseEventTooLarge, SseParser, write_event

PIECE = 32
"""Characters of a replayed piece, about; cut after a space where there is one."""
FRAMES = 16
"""Frames that a replay gives out at a time."""
_DONE = b"[DONE]"
_OF_THE_CHUNK = frozenset({"object", "choices", "usage", "obfuscation"})
"""Members that belong to a chunk or an answer as such; all others go from one to the other."""


class Collected(msgspec.Struct, frozen=True):
    """A stream as one answer. `whole`: it ended as it should; `understood`: nothing in it was passed over."""

    body: dict[str, Any]
    whole: bool
    understood: bool


class _Choice:
    def __init__(self) -> None:
        self.texts: dict[str, list[str]] = {}
        self.tool_calls: dict[int, dict[str, Any]] = {}
        self.logprobs: dict[str, list[Any]] = {}
        self.finish_reason: str | None = None

    def add(self, choice: dict[str, Any]) -> bool:
        """Take a chunk's part of this choice; whether all of it was understood."""
        reason = choice.get("finish_reason")
        if isinstance(reason, str):
            self.finish_reason = reason
        good = self._add_logprobs(choice.get("logprobs"))
        delta = choice.get("delta")
        if not isinstance(delta, dict):
            return good and delta is None
        for name, value in delta.items():
            if isinstance(value, str):
                self.texts.setdefault(name, []).append(value)
            elif name == "tool_calls" and isinstance(value, list):
                good = self._add_calls(value) and good
            elif value:
                good = False
        return good

    def _add_logprobs(self, logprobs: Any) -> bool:
        if logprobs is None:
            return True
        if not isinstance(logprobs, dict):
            return False
        for name, value in logprobs.items():
            if isinstance(value, list):
                self.logprobs.setdefault(name, []).extend(value)
            elif value is not None:
                return False
        return True

    def _add_calls(self, calls: list[Any]) -> bool:
        good = True
        for call in calls:
            index = call.get("index") if isinstance(call, dict) else None
            if not isinstance(index, int):
                good = False
                continue
            known = self.tool_calls.setdefault(index, {"function": {"name": "", "arguments": ""}})
            known.update({name: call[name] for name in ("id", "type") if isinstance(call.get(name), str)})
            function = call.get("function")
            for name in ("name", "arguments"):
                text = function.get(name) if isinstance(function, dict) else None
                known["function"][name] += text if isinstance(text, str) else ""
        return good

    def written(self, index: int) -> dict[str, Any]:
        """The choice of a plain answer."""
        message: dict[str, Any] = {"role": "assistant", "content": None}
        message |= {name: "".join(pieces) for name, pieces in self.texts.items()}
        message["role"] = "assistant"
        if self.tool_calls:
            message["tool_calls"] = [self.tool_calls[at] for at in sorted(self.tool_calls)]
        written: dict[str, Any] = {"index": index, "message": message, "finish_reason": self.finish_reason}
        if self.logprobs:
            written["logprobs"] = self.logprobs
        return written


def collect(stream: bytes, usage: Usage | None = None) -> Collected:
    """The answer that a chat stream holds. `usage`: where the stream itself has none (its chunk was taken out)."""
    top: dict[str, Any] = {}
    choices: dict[int, _Choice] = {}
    done, understood, said = False, True, None
    for data in _events(stream):
        if data is None:
            understood = False
            continue
        if data == _DONE:
            done = True
            continue
        chunk = _object(data)
        if chunk is None or chunk.get("error"):
            understood = False
            continue
        top |= {name: value for name, value in chunk.items() if name not in _OF_THE_CHUNK and value is not None}
        said = chunk.get("usage") or said
        understood = _add(choices, chunk.get("choices")) and understood
    body: dict[str, Any] = {**top, "object": "chat.completion"}
    body["choices"] = [choices[index].written(index) for index in sorted(choices)]
    said = said if isinstance(said, dict) else _usage(usage)
    if said is not None:
        body["usage"] = said
    whole = done and bool(choices) and all(choice.finish_reason is not None for choice in choices.values())
    return Collected(body, whole, understood)


def _events(stream: bytes) -> Iterator[bytes | None]:
    """The data of each event; None where there is one that cannot be read."""
    parser = SseParser()
    try:
        for event in (*parser.feed(stream), *parser.finish()):
            if event.data is not None:
                yield event.data.strip()
    except SseEventTooLarge:
        yield None


def _object(data: bytes) -> dict[str, Any] | None:
    try:
        found = orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None


def _add(choices: dict[int, _Choice], parts: Any) -> bool:
    if not isinstance(parts, list):
        return parts is None
    good = True
    for part in parts:
        index = part.get("index", 0) if isinstance(part, dict) else None
        if not isinstance(index, int) or not 0 <= index < 128:  # noqa: PLR2004  no call has so many choices
            good = False
            continue
        good = choices.setdefault(index, _Choice()).add(part) and good
    return good


def _usage(usage: Usage | None) -> dict[str, Any] | None:
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
    """A kept chat answer as a stream; see `exchange.call.ByteStream`. `body` is the answer with its new id and time."""

    __slots__ = ("_pieces",)

    def __init__(self, body: bytes, *, include_usage: bool) -> None:
        frames = list(_frames(orjson.loads(body), include_usage=include_usage))
        self._pieces = iter([b"".join(frames[at : at + FRAMES]) for at in range(0, len(frames), FRAMES)])

    def __aiter__(self) -> "Replay":
        return self

    async def __anext__(self) -> bytes:
        """The next frames."""
        for piece in self._pieces:
            return piece
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Nothing is held."""
        self._pieces = iter(())


def _frames(answer: dict[str, Any], *, include_usage: bool) -> Iterator[bytes]:
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
        for piece in _pieces(texts[name]):
            yield {name: piece}, None


def _pieces(text: str) -> Iterator[str]:
    start = 0
    while start < len(text):
        end = start + PIECE
        space = text.rfind(" ", start, end)
        end = space + 1 if space > start and end < len(text) else end
        yield text[start:end]
        start = end
