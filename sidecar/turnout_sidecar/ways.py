"""How a call is put to one backend: its own bytes where both sides speak one protocol, else a translation.

A `Way` is made once for a backend and used by every attempt at it: the path and body to send, what was lost, and how the reply
is read. Pure. Rules:
- the same protocol: the caller's bytes with only the members changed that must be, and the provider's bytes back;
- across protocols: through the canonical exchange, read once for a call however many backends are asked;
- what a backend cannot be asked is `Untranslatable`: another backend may be.
"""

from collections.abc import Callable
from typing import Any, Protocol

import msgspec
import orjson

from turnout_sidecar.exchange.call import Exchange
from turnout_sidecar.exchange.errors import CallError, bad_request
from turnout_sidecar.routing import LiveBackend
from turnout_sidecar.wire import openai, openai_errors
from turnout_sidecar.wire.azure_chunks import AzureTap
from turnout_sidecar.wire.canonical import Answer, Failed, FailedAnswer, Finished, ProviderError, Request
from turnout_sidecar.wire.foreign import cleaned
from turnout_sidecar.wire.formats import Asked, Inbound, Model, Outbound
from turnout_sidecar.wire.json_edit import MemberTwice, replace_members
from turnout_sidecar.wire.messages import tap as messages_tap
from turnout_sidecar.wire.observing import Tap, TranslatingTap, as_events, estimate_answer, facts_of, no_answer
from turnout_sidecar.wire.openai import Facts
from turnout_sidecar.wire.registry import INBOUND, outbound
from turnout_sidecar.wire.responses import tap as responses_tap
from turnout_sidecar.wire.support import Untranslatable, settle

_USAGE_ONLY = orjson.dumps({"include_usage": True})
_EVENT_STREAM = "text/event-stream"
_AZURE = "AzureOpenAI"


class Whole(msgspec.Struct, frozen=True):
    """A whole answer: its facts, the bytes to give, and how to guess its tokens where it reports none."""

    facts: Facts
    body: bytes
    estimate: Callable[[], int]
    stream: bytes | None = None
    """The same as a stream, where one was asked for and this is known."""


class Way(Protocol):
    """See the module."""

    path: str
    dropped: tuple[str, ...]
    stream_type: str
    translated: bool

    def body(self, *, ask_usage: bool) -> bytes:
        """What to send. `ask_usage`: ask for usage at the end of a stream, where the format has to be asked."""

    def read(self, body: bytes) -> Whole:
        """A whole answer. Raises NotAnAnswer."""

    def tap(self) -> Tap:
        """For one stream."""

    def said(self, status: int, body: bytes) -> ProviderError:
        """What the provider says in the body of an error."""

    def say(self, tap: Tap, error: CallError) -> bytes:
        """How an error ends the stream of this tap."""


def way_to(exchange: Exchange, backend: LiveBackend) -> Way:
    """How this call is put to this backend. Raises Untranslatable, and CallError (400) for what cannot be read."""
    asked = exchange.endpoint.format
    native = _NATIVE.get(asked)
    if native is not None and backend.spoken(asked) in (asked, native.format):
        return SameProtocol(exchange, backend, native)
    return Translation(exchange, backend, INBOUND[asked], outbound(backend.spoken(asked)))


def askable(exchange: Exchange, found: tuple[LiveBackend, ...]) -> tuple[LiveBackend, ...]:
    """Those of several backends that the call can be put to. Raises Untranslatable where it can be put to none of them."""
    asked = exchange.endpoint.format
    inbound = INBOUND.get(asked)
    formats = {backend.spoken(asked) for backend in found}
    if inbound is None or len(found) == 1 or formats == {asked}:
        return found
    cannot: dict[str, Untranslatable] = {}
    for name in formats - {asked}:
        out = outbound(name)
        try:
            settle(_canonical(exchange, inbound), out.support, out.title)
        except Untranslatable as error:
            cannot[name] = error
    if len(cannot) == len(formats):
        raise next(iter(cannot.values()))
    return tuple(backend for backend in found if backend.spoken(asked) not in cannot)


def said_in_stream(error: object) -> tuple[ProviderError, int]:
    """What the `error` of a tap says, and the status that means the same; 0 where that is not known."""
    if isinstance(error, Failed):
        return error.error, error.status
    return openai_errors.of_object(error), 0


class _Native(msgspec.Struct, frozen=True):
    """How a format is read beside its bytes. `format` is how its backends are spoken to."""

    format: str
    read: Callable[[bytes], Facts]
    estimate: Callable[[bytes], int]
    tap: Callable[[Exchange], Tap]


_CHAT = _Native(
    "chat",
    openai.read_unary,
    openai.estimate_output,
    lambda exchange: openai.StreamTap(strip_usage=not exchange.include_usage),
)
_NATIVE: dict[str, _Native] = {
    "chat": _CHAT,
    "embeddings": _CHAT,
    "messages": _Native(
        "messages", messages_tap.read_unary, messages_tap.estimate_output, lambda _: messages_tap.MessagesTap()
    ),
    "responses": _Native(
        "responses", responses_tap.read_unary, responses_tap.estimate_output, lambda _: responses_tap.ResponsesTap()
    ),
}


class SameProtocol:
    """The bytes pass."""

    stream_type = _EVENT_STREAM
    translated = False

    def __init__(self, exchange: Exchange, backend: LiveBackend, native: _Native) -> None:
        self._exchange = exchange
        self._backend = backend
        self._native = native
        self.path = exchange.endpoint.upstream_path
        self._cleaned = cleaned(native.format, exchange.body, exchange.raw)
        self.dropped = self._cleaned.lost

    def body(self, *, ask_usage: bool) -> bytes:
        """The caller's, with the model's name and what stages have changed. Raises CallError (400) for a member given twice."""
        exchange = self._exchange
        changes: dict[str, bytes | None] = {"model": self._backend.model_json}
        if exchange.body is not exchange.parsed:
            _add_changed(changes, exchange)
        for name, value in self._cleaned.members.items():
            changes[name] = None if value is None else orjson.dumps(value)
        if ask_usage and self._native.format == "chat":
            options = exchange.body.get("stream_options")
            changes["stream_options"] = orjson.dumps({**options, "include_usage": True}) if options else _USAGE_ONLY
        try:
            return replace_members(exchange.raw, changes, unique=True)
        except MemberTwice as error:
            raise bad_request(
                f"The body holds {error.name} twice.", param=error.name, code="duplicate_member"
            ) from None

    def read(self, body: bytes) -> Whole:
        """See Way."""
        native = self._native
        return Whole(native.read(body), body, lambda: native.estimate(body))

    def tap(self) -> Tap:
        """See Way."""
        if self._native is _CHAT and self._backend.provider.protocol == _AZURE:
            return AzureTap(strip_usage=not self._exchange.include_usage)
        return self._native.tap(self._exchange)

    def said(self, status: int, body: bytes) -> ProviderError:
        """See Way."""
        if self._native is _CHAT:
            return openai_errors.read(body)
        return outbound(self._native.format).read_error(status, body)

    def say(self, tap: Tap, error: CallError) -> bytes:
        """See Way."""
        if isinstance(tap, responses_tap.ResponsesTap):
            return tap.error_frame(error)
        return INBOUND[self._native.format].error_frame(error)


def _add_changed(changes: dict[str, bytes | None], exchange: Exchange) -> None:
    """What a stage has changed: it left alone what is still the very object that was parsed."""
    before, now = exchange.parsed, exchange.body
    for name in before:
        if name not in now:
            changes[name] = None
    for name, value in now.items():
        if name != "model" and (name not in before or before[name] is not value):
            changes[name] = orjson.dumps(value)


class Translation:
    """The call said in another protocol, and the answer said back."""

    translated = True

    def __init__(self, exchange: Exchange, backend: LiveBackend, inbound: Inbound, out: Outbound) -> None:
        model = backend.model
        reasons = "Reasoning" in model.capabilities
        written = out.write_request(
            _canonical(exchange, inbound), Model(model.name, model.max_output_tokens, reasoning=reasons)
        )
        self._exchange = exchange
        self._inbound = inbound
        self._out = out
        self._body = written.body
        self.path = written.path
        self.dropped = written.dropped
        self.stream_type = out.stream_type

    def body(self, *, ask_usage: bool) -> bytes:
        """See Way. A provider that was found not to know the option is not asked for it."""
        if self._out.name != "chat" or not self._exchange.stream:
            return self._body
        return replace_members(self._body, {"stream_options": _USAGE_ONLY if ask_usage else None})

    def read(self, body: bytes) -> Whole:
        """See Way."""
        answer: Answer = self._out.read_answer(body)
        ended = no_answer(Finished(answer.finish, answer.raw_finish))
        if isinstance(ended, Failed):
            raise FailedAnswer(ended.error, ended.status, answer.usage)
        asked = self._asked()
        return Whole(
            facts_of(answer),
            self._inbound.write_answer(answer, asked),
            lambda: estimate_answer(answer),
            self._inbound.writer(asked).write(as_events(answer)) if self._exchange.stream else None,
        )

    def tap(self) -> Tap:
        """See Way."""
        return TranslatingTap(self._out.reader(), self._inbound.writer(self._asked()))

    def said(self, status: int, body: bytes) -> ProviderError:
        """See Way."""
        return self._out.read_error(status, body)

    def say(self, tap: Tap, error: CallError) -> bytes:
        """See Way."""
        return tap.say(error) if isinstance(tap, TranslatingTap) else self._inbound.error_frame(error)

    def _asked(self) -> Asked:
        exchange = self._exchange
        return Asked(
            id=exchange.id,
            model=exchange.model,
            created=exchange.received_unix_ns // 1_000_000_000,
            include_usage=exchange.include_usage,
            body=exchange.body,
        )


def _canonical(exchange: Exchange, inbound: Inbound) -> Request:
    """Read once for a call: no stage after the prompt's changes the body."""
    known: tuple[dict[str, Any], Request] | None = exchange.canonical
    if known is not None and known[0] is exchange.body:
        return known[1]
    request = inbound.read_request(exchange.body)
    exchange.canonical = (exchange.body, request)
    return request
