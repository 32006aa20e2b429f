"""What a provider's protocol must bring to be simulated: its endpoints, its credentials, the shape of its errors.

A dialect is pure: a request in, a whole reply out, however large its stream. Time, faults and sockets are the server's
business, so that each dialect has them all for nothing.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

import msgspec

JSON: Final = "application/json"
EVENT_STREAM: Final = "text/event-stream; charset=utf-8"


class Asked(msgspec.Struct, frozen=True):
    """One request. `parameters` come from the path, `headers` have lower-case names, `models` empty: any model."""

    parameters: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    models: tuple[str, ...]
    seed: int


class Frame(msgspec.Struct, frozen=True, gc=False):
    """A piece of a stream that is sent at once, and how many tokens it took to make."""

    data: bytes
    tokens: int = 0


class Reply(msgspec.Struct, frozen=True):
    """One reply: `frames` for a stream, else `body`. `tokens` is what the body took to make."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str = JSON
    body: bytes = b""
    tokens: int = 0
    frames: tuple[Frame, ...] | None = None


class Refusal(Exception):  # noqa: N818  an answer, not an error
    """The request is answered with an error. `code` and `param` where the dialect has words for them."""

    def __init__(self, status: int, message: str, *, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.param = param
        self.code = code


class Endpoint(msgspec.Struct, frozen=True):
    """One served path (`{name}` for a parameter). `answer` raises Refusal."""

    method: str
    path: str
    answer: Callable[[Asked], Reply]


class Dialect(Protocol):
    """A provider's protocol."""

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """What is served."""

    def key(self, headers: Mapping[str, str]) -> str | None:
        """The credentials that a request carries, in this protocol's place for them."""

    def refuse(self, refusal: Refusal) -> Reply:
        """An error in this protocol's shape."""


def dump(value: Any) -> bytes:
    """JSON bytes; what UTF-8 or 64 bits cannot hold (lone surrogates, huge integers of a request) is told as it came."""
    try:
        return msgspec.json.encode(value)
    except (UnicodeEncodeError, OverflowError):
        return json.dumps(value, separators=(",", ":")).encode()


def json_reply(value: Any, *, status: int = 200, tokens: int = 0) -> Reply:
    """A reply of one JSON document."""
    return Reply(status=status, body=dump(value), tokens=tokens)
