"""What a wire format brings: the functions by which the gateway is asked in it, and those by which a backend is.

`Inbound` is a format that applications speak (chat, responses, messages); `Outbound` one that a backend speaks (those three,
gemini, converse). Each is a bundle of plain functions and of two small state machines for streams, so that a pair of formats is
no code of its own. Sans-IO. Rules for who implements one:
- readers are lenient to providers (unknown events and members are passed over) and exact to callers (a 400 that names the field);
- a stream reader gives the same events for any way of cutting the bytes, and holds no more than one event of the format;
- a writer gives whole frames, never half an event, and opens and closes parts as its format wants them;
- nothing raises on any JSON but what is named here.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import msgspec

from turnout_sidecar.exchange.errors import CallError
from turnout_sidecar.wire.canonical import Answer, Event, ProviderError, Request
from turnout_sidecar.wire.support import SupportTable


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a writer of answers needs to know of the call: our id, the time (Unix seconds), and what was asked."""

    id: str
    model: str  # the name asked for; told where the provider names none
    created: int
    include_usage: bool = False  # chat: the client asked for the chunk with usage
    body: dict[str, Any] = msgspec.field(
        default_factory=dict
    )  # the request as it was parsed; Responses repeats parts of it


class StreamWriter(Protocol):
    """Events to bytes of one stream, whole frames at a time."""

    def write(self, events: Sequence[Event]) -> bytes:
        """The frames of these events; b"" where nothing is to be said yet. `Failed` becomes the format's error event."""

    def error(self, error: CallError) -> bytes:
        """The frames that end a stream which went wrong on our side of it."""


class StreamReader(Protocol):
    """Bytes to events of one stream."""

    def feed(self, piece: bytes) -> list[Event]:
        """The events that `piece` completes. Raises NotAnAnswer where it cannot be read or an event is too large."""

    def finish(self) -> list[Event]:
        """The bytes have ended: what they imply. No `Ended` by now: the stream broke off."""


class Inbound(msgspec.Struct, frozen=True, kw_only=True):
    """A format that applications speak."""

    name: str  # chat | responses | messages
    check: Callable[[dict[str, Any]], None]  # raises CallError 400; only what the gateway itself reads
    read_request: Callable[[dict[str, Any]], Request]  # raises CallError 400
    needs: Callable[[dict[str, Any]], frozenset[str]]  # capabilities beside Chat
    output_limit: Callable[[dict[str, Any]], int | None]
    write_answer: Callable[[Answer, Asked], bytes]
    writer: Callable[[Asked], StreamWriter]
    error_body: Callable[[CallError], bytes]
    error_frame: Callable[[CallError], bytes]


class Model(msgspec.Struct, frozen=True):
    """The backend's model, as a writer of requests needs it."""

    name: str
    max_output_tokens: int | None = None
    reasoning: bool = False
    """Whether it has the capability Reasoning: without it nothing about thinking is sent."""


class Written(msgspec.Struct, frozen=True):
    """A request in a backend's format. `path` is appended to the provider's endpoint; `dropped` names what it lacks."""

    path: str
    body: bytes
    dropped: tuple[str, ...] = ()


class Outbound(msgspec.Struct, frozen=True, kw_only=True):
    """A format that backends speak."""

    name: str  # chat | responses | messages | gemini | converse
    title: str  # as errors and docs name it: "OpenAI Chat Completions", "Amazon Bedrock Converse" ...
    support: SupportTable
    write_request: Callable[[Request, Model], Written]  # raises Untranslatable
    read_answer: Callable[[bytes], Answer]  # raises NotAnAnswer
    reader: Callable[[], StreamReader]
    read_error: Callable[[int, bytes], ProviderError]  # (status, body); never raises
    stream_type: str = "text/event-stream"  # the content type of its streams
