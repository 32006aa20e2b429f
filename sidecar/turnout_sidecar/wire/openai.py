"""What an answer of the OpenAI API says of itself: usage, model, id, why it ended. Read beside the bytes, which pass through.

Sans-IO. A unary body is decoded for those members alone. Of a stream only the events that may hold one of them are parsed:
the rest is looked at by a search at C speed, counted and passed on. Rules:
- unknown fields and events pass through, and an answer that reports nothing is an answer with nothing known;
- a zero that the provider reports is a zero, and never replaced by an estimate;
- only `data: [DONE]` ends a stream well;
- a piece that goes out is one or more whole events, and never waits for more than the rest of its own event.
"""

import re
from typing import Any

import msgspec
import orjson

from turnout_sidecar.exchange.usage import Usage
from turnout_sidecar.wire import tokens
from turnout_sidecar.wire.lenient import count, decode, load, mapping, mappings
from turnout_sidecar.wire.sse import WholeEvents

_USAGE = re.compile(rb'"usage"\s*:\s*\{')
_FINISH = re.compile(rb'"finish_reason"\s*:\s*"')
_FRAME = re.compile(rb".*?(?:\r?\n\r?\n|\r\r)", re.DOTALL)
_DATA = re.compile(rb"(?:\A|[\r\n])data:[ ]?([^\r\n]*)")
_DONE = b"[DONE]"
_BARE_END = (b"data: [DONE]", b"data:[DONE]")


class _Choice(msgspec.Struct):
    finish_reason: Any = None


class _Reply(msgspec.Struct):
    id: Any = None
    model: Any = None
    usage: Any = None
    choices: list[_Choice] | None = None
    error: Any = None
    object: Any = None


_REPLY = msgspec.json.Decoder(_Reply)


class Facts(msgspec.Struct, frozen=True):
    """What a whole answer says of itself; None and () where it does not."""

    usage: Usage | None = None
    model: str | None = None
    id: str | None = None
    finish_reasons: tuple[str, ...] = ()
    error: Any = None
    """What stands in the place of an answer: some providers say 200 and mean none."""


def read_unary(body: bytes) -> Facts:
    """The facts of a whole answer. Raises NotAnAnswer where it is no JSON object."""
    try:
        reply = decode(_REPLY, body)
    except msgspec.ValidationError:
        return _facts(load(body))
    if reply.error or reply.object == "error":
        return _facts(load(body))
    reasons = [choice.finish_reason for choice in reply.choices or ()]
    return Facts(
        usage=read_usage(reply.usage),
        model=_text(reply.model),
        id=_text(reply.id),
        finish_reasons=tuple(reason for reason in reasons if isinstance(reason, str)),
    )


def read_usage(usage: Any) -> Usage | None:
    """Usage as chat and embeddings report it; None where there is none that can be read."""
    if not isinstance(usage, dict):
        return None
    given, made = count(usage.get("prompt_tokens")), count(usage.get("completion_tokens"))
    if given is None and made is None:
        return None
    if made is None and count(usage.get("total_tokens")) == given:
        made = 0  # embeddings answer with no tokens
    read, written = mapping(usage.get("prompt_tokens_details")), mapping(usage.get("completion_tokens_details"))
    return Usage(
        input=given,
        output=made,
        cached_input=count(read.get("cached_tokens")),
        reasoning=count(written.get("reasoning_tokens")),
        cache_write_5m=count(read.get("cache_write_tokens")),  # for how long is not said
        audio_input=count(read.get("audio_tokens")),
        audio_output=count(written.get("audio_tokens")),
        image_input=count(read.get("image_tokens")),
    )


def estimate_output(body: bytes) -> int:
    """Tokens of a whole chat answer, by its text, where the provider reported none."""
    reply = load(body)
    total = 0
    for choice in mappings(reply.get("choices")):
        message = choice.get("message")
        if isinstance(message, dict):
            total += sum(tokens.of_text(text) for text in _texts(message))
    return total


class StreamTap:
    """Reads along with a chat stream. `strip_usage`: take the usage-only chunk out, which the client did not ask for."""

    __slots__ = (
        "_bytes",
        "_cut",
        "_overhead",
        "_strip",
        "done",
        "error",
        "events",
        "finish_reasons",
        "id",
        "model",
        "usage",
    )

    def __init__(self, *, strip_usage: bool) -> None:
        self._strip = strip_usage
        self._cut = WholeEvents()
        self.events = 0  # that carry a piece of the answer
        self._bytes = 0
        self._overhead = 0  # bytes of an event around its text
        self.done = False  # the stream has ended as it should
        self.error: Any = None  # the `error` member of an event
        self.usage: Usage | None = None
        self.model: str | None = None
        self.id: str | None = None
        self.finish_reasons: tuple[str, ...] = ()

    def feed(self, piece: bytes) -> bytes:
        """What may go out now: whole events, or nothing yet. Raises NotAnAnswer where an event has no end."""
        piece = self._cut.cut(piece)
        if not piece:
            return b""
        if self.events > 1 and not self._may_hold_facts(piece):
            self.events += piece.count(b"\n\n") + piece.count(b"\n\r\n")
            self._bytes += len(piece)
            return piece
        return self._read(piece)

    def finish(self) -> bytes:
        """The stream has ended: what may still go out, which is an end that lacks its last line break, or nothing."""
        rest = self._cut.rest().strip()
        if rest not in _BARE_END:
            return b""
        self.done = True
        return b"data: [DONE]\n\n"

    @property
    def began(self) -> bool:
        """Whether any piece of an answer has come."""
        return self.events > 0

    def estimate_output(self) -> int:
        """Tokens of the answer so far: an event is one at least, and four bytes of text are one."""
        return max(self.events - 1, tokens.of_bytes(max(0, self._bytes - self.events * self._overhead)), 0)

    @staticmethod
    def _may_hold_facts(piece: bytes) -> bool:
        return (
            (b'"usage"' in piece and _USAGE.search(piece) is not None)
            or _FINISH.search(piece) is not None
            or b'"error"' in piece
            or _DONE in piece
        )

    def _read(self, piece: bytes) -> bytes:
        kept: list[bytes] = []
        end = 0
        for match in _FRAME.finditer(piece):
            frame = match.group()
            end = match.end()
            if self._event(frame):
                kept.append(frame)
        kept.append(piece[end:])  # a line break too many
        return b"".join(kept)

    def _event(self, frame: bytes) -> bool:
        """Take its facts; whether it goes out."""
        lines: list[bytes] = _DATA.findall(frame)
        if not lines:
            return True
        data = lines[0] if len(lines) == 1 else b"\n".join(lines)
        if data.strip() == _DONE:
            self.done = True
            return True
        try:
            chunk = orjson.loads(data)
        except orjson.JSONDecodeError:
            return True
        return self._chunk(chunk, len(frame)) if isinstance(chunk, dict) else True

    def _chunk(self, chunk: dict[str, Any], size: int) -> bool:
        if not self.model:  # Azure's first chunk has an empty one
            self.model = _text(chunk.get("model"))
        if not self.id:
            self.id = _text(chunk.get("id"))
        usage = read_usage(chunk.get("usage"))
        if usage is not None:
            self.usage = usage if self.usage is None else self.usage.merge(usage)
        error = _error(chunk)
        if error is not None and not self.done:
            self.error = error
            return True
        choices = chunk.get("choices")
        if not choices:
            return not (self._strip and usage is not None)
        text = 0
        for choice in mappings(choices):
            text += self._choice(choice)
        if text or not self.events:
            self._overhead = min(self._overhead or size, size - text)
        self.events += 1
        self._bytes += size
        return True

    def _choice(self, choice: dict[str, Any]) -> int:
        reason = choice.get("finish_reason")
        if isinstance(reason, str):
            self.finish_reasons += (reason,)
        delta = choice.get("delta")
        return (
            sum(len(text.encode("utf-8", "surrogatepass")) for text in _texts(delta)) if isinstance(delta, dict) else 0
        )


def _texts(message: dict[str, Any]) -> list[str]:
    """Everything that a model wrote in a message or a delta."""
    found = [message.get(name) for name in ("content", "reasoning_content", "refusal")]
    for call in mappings(message.get("tool_calls")):
        function = call.get("function")
        if isinstance(function, dict):
            found += (function.get("name"), function.get("arguments"))
    return [text for text in found if isinstance(text, str)]


def _facts(reply: dict[str, Any]) -> Facts:
    reasons = [choice.get("finish_reason") for choice in mappings(reply.get("choices"))]
    return Facts(
        usage=read_usage(reply.get("usage")),
        model=_text(reply.get("model")),
        id=_text(reply.get("id")),
        finish_reasons=tuple(reason for reason in reasons if isinstance(reason, str)),
        error=None if reply.get("choices") or reply.get("data") else _error(reply),
    )


def _error(reply: dict[str, Any]) -> Any:
    """The error that a reply or an event holds, or is; None where there is none."""
    return reply.get("error") or (reply if reply.get("object") == "error" else None)


def _text(value: Any) -> str | None:
    return value[:256] if isinstance(value, str) else None
