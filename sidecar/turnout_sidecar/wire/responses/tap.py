"""Reads along with a response whose bytes pass as they are: usage, model, id, why it ended, whether it ended.

For calls that came in this API and are answered in it. Sans-IO. Only the events that begin or end a stream are parsed; of the
others the text is counted by a search at C speed, since providers pad them to hide how long it is. Rules:
- every byte goes out, in order, in whole frames; unknown events too;
- a stream has ended well with `response.completed` or `response.incomplete`; `response.failed` ends it too, with an error;
- usage is taken from whichever of them comes, and a zero is a zero.
"""

import re
from typing import Any

import orjson

from turnout_sidecar.exchange.errors import CallError
from turnout_sidecar.exchange.usage import Usage
from turnout_sidecar.wire import lenient, tokens
from turnout_sidecar.wire.openai import Facts
from turnout_sidecar.wire.responses.counts import read_usage
from turnout_sidecar.wire.responses.errors import error_frame
from turnout_sidecar.wire.sse import WholeEvents

_FRAME = re.compile(rb".*?(?:\r?\n\r?\n|\r\r)", re.DOTALL)
_DATA = re.compile(rb"(?:\A|[\r\n])data:[ ]?([^\r\n]*)")
_FACTS = re.compile(rb'"(?:response\.(?:created|in_progress|completed|incomplete|failed)|error)"')
_PIECE = re.compile(rb'"delta"\s*:\s*"((?:[^"\\]|\\.)*+)"')
_NUMBER = re.compile(rb'"sequence_number"\s*:\s*(\d{1,9})')
_OUTPUT = b"response.output_item."
_ENDS = {"response.completed", "response.incomplete", "response.failed"}


class ResponsesTap:
    """Reads along with one stream; the interface is that of wire/openai.StreamTap."""

    __slots__ = (
        "_bytes",
        "_cut",
        "_last",
        "_output",
        "_pieces",
        "done",
        "error",
        "finish_reasons",
        "id",
        "model",
        "usage",
    )

    def __init__(self) -> None:
        self._cut = WholeEvents()
        self._last = b""
        self._pieces = 0  # deltas
        self._bytes = 0  # of their text
        self._output = False
        self.done = False  # its terminal event has come
        self.error: Any = None  # what `response.failed` or an `error` event holds
        self.usage: Usage | None = None
        self.model: str | None = None
        self.id: str | None = None
        self.finish_reasons: tuple[str, ...] = ()

    def feed(self, piece: bytes) -> bytes:
        """What may go out now: whole events, or nothing yet. Raises NotAnAnswer where an event has no end."""
        piece = self._cut.cut(piece)
        if not piece:
            return b""
        self._count(piece)
        if _FACTS.search(piece) is not None:
            for frame in _FRAME.findall(piece):
                self._frame(frame)
        self._last = piece
        return piece

    def finish(self) -> bytes:
        """The bytes have ended: a last event that lacks its line breaks, if it is the end of the stream or an error."""
        rest = self._cut.rest().rstrip(b"\r\n")
        if not rest or _FACTS.search(rest) is None:
            return b""
        self._frame(rest)
        return rest + b"\n\n" if self.done or self.error is not None else b""

    @property
    def began(self) -> bool:
        """Whether any piece of an answer has come."""
        return self._output or self._pieces > 0 or (self.done and self.error is None)

    @property
    def events(self) -> int:
        """How many pieces of the answer have come."""
        return self._pieces

    def estimate_output(self) -> int:
        """Tokens of the answer so far: a delta is one at least, and four bytes of text are one."""
        return max(self._pieces, tokens.of_bytes(self._bytes))

    def error_frame(self, error: CallError) -> bytes:
        """The event that ends the stream where it broke on the way, with the number that comes next in it."""
        numbers = _NUMBER.findall(self._last)
        return error_frame(error, int(numbers[-1]) + 1 if numbers else 0)

    def _count(self, piece: bytes) -> None:
        found = _PIECE.findall(piece)
        if found:
            self._pieces += len(found)
            self._bytes += sum(map(len, found))
        elif not self._output and _OUTPUT in piece:
            self._output = True

    def _frame(self, frame: bytes) -> None:
        if _FACTS.search(frame) is None:
            return
        try:
            event = orjson.loads(b"\n".join(_DATA.findall(frame)))
        except orjson.JSONDecodeError:
            return
        if isinstance(event, dict):
            self._event(event)

    def _event(self, event: dict[str, Any]) -> None:
        kind = lenient.label(event.get("type"))
        response = lenient.mapping(event.get("response"))
        if self.model is None:
            self.model = lenient.label(response.get("model"))
        if self.id is None:
            self.id = lenient.label(response.get("id"))
        if self.done:
            return
        if kind == "error" or (event.get("error") and not response):
            self.error = event.get("error") or {**event, "type": None}
        if kind not in _ENDS:
            return
        self.done = True
        usage = read_usage(response.get("usage"))
        if usage is not None:
            self.usage = usage if self.usage is None else self.usage.merge(usage)
        if kind == "response.failed":
            self.error = self.error or response.get("error") or {"message": "The response failed."}
        self.finish_reasons = _reasons(response, str(kind).removeprefix("response."))


def read_unary(body: bytes) -> Facts:
    """The facts of a whole response. Raises NotAnAnswer where it is no JSON object."""
    response = lenient.load(body)
    status = response.get("status")
    failed = status == "failed" or (response.get("error") and not response.get("output"))
    return Facts(
        usage=read_usage(response.get("usage")),
        model=lenient.label(response.get("model")),
        id=lenient.label(response.get("id")),
        finish_reasons=_reasons(response, status) if isinstance(status, str) else (),
        error=(response.get("error") or {"message": "The response failed."}) if failed else None,
    )


def estimate_output(body: bytes) -> int:
    """Tokens of a whole response, by its text, where the provider reported none."""
    output = lenient.mappings(lenient.load(body).get("output"))
    return sum(tokens.of_text(text) for item in output for text in _texts(item))


def _texts(item: dict[str, Any]) -> list[str]:
    found = [item.get("name"), item.get("arguments")]
    for name in ("content", "summary"):
        for part in lenient.mappings(item.get(name)):
            found += (part.get("text"), part.get("refusal"))
    return [text for text in found if isinstance(text, str)]


def _reasons(response: dict[str, Any], status: str) -> tuple[str, ...]:
    """The reason of incompleteness, which says more, or the status."""
    reason = lenient.label(lenient.mapping(response.get("incomplete_details")).get("reason"))
    return (reason or status[:256],)
