"""What a provider's protocol must bring to be simulated: its endpoints, its credentials, the shape of its errors.

A dialect is pure: a request in, a whole reply out, however large its stream. Time, faults and sockets are the server's
business, so that each dialect has them all for nothing.
"""

import hmac
import json
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, Protocol

import msgspec

from turnout_sidecar.ports.secrets import Secret

JSON: Final = "application/json"
EVENT_STREAM: Final = "text/event-stream; charset=utf-8"


UsageFault = Literal["none", "zero", "wrong"]


class Asked(msgspec.Struct, frozen=True):
    """One request. `parameters` come from the path, `headers` have lower-case names, `models` empty: any model."""

    parameters: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    models: tuple[str, ...]
    seed: int
    method: str = "POST"
    path: str = "/"
    """As it was sent, escapes and all, without the query."""
    query: str = ""
    """As it was sent."""
    usage_fault: UsageFault | None = None
    """What is wrong with the usage that is told, on purpose; see `told_usage`."""


class Frame(msgspec.Struct, frozen=True, gc=False):
    """A piece of a stream that is sent at once, and how many tokens it took to make."""

    data: bytes
    tokens: int = 0
    end: bool = False
    """It tells that the stream is whole."""


class Trouble(msgspec.Struct, frozen=True):
    """One event each, as this protocol frames it: none it could mean, an error, and one of so many bytes of text."""

    malformed: bytes
    error: bytes
    oversized: Callable[[int], bytes]


class Reply(msgspec.Struct, frozen=True):
    """One reply: `frames` for a stream, else `body`. `tokens` is what the body took to make."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str = JSON
    body: bytes = b""
    tokens: int = 0
    frames: tuple[Frame, ...] | None = None
    trouble: Trouble | None = None
    """For a stream."""


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
    def base(self) -> str:
        """The path that a client's base URL ends with."""

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """What is served."""

    def admit(self, asked: Asked, key: Secret | None) -> None:
        """Raises Refusal for a request without the credentials of this protocol; `key` None: any will do."""

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


def told_usage(usage: dict[str, Any], fault: UsageFault | None) -> dict[str, Any] | None:
    """The usage as this fault tells it: not at all, all zeros, or each number wrong so that no sum is right."""
    if fault is None:
        return usage
    return None if fault == "none" else _altered(usage, fault)


def _altered(value: Any, fault: UsageFault) -> Any:
    if isinstance(value, dict):
        return {name: _altered(each, fault) for name, each in value.items()}
    if isinstance(value, list):
        return [_altered(each, fault) for each in value]
    if not isinstance(value, int) or isinstance(value, bool):
        return value
    return 0 if fault == "zero" else value * 3 + 7


def same_key(given: str, key: Secret) -> bool:
    """Whether these are the credentials, in a time that does not tell how much of them is right."""
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), key.reveal())
