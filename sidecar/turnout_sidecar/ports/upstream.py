"""The hop to a provider, as the stages see it: one request out, one reply in, bytes both ways.

The values are frozen and already complete: the caller has chosen the target, built the path and named every header, so
that an adapter only moves bytes. Rules:
- nothing is added but `host`, `content-length` and, where the caller named none, `accept-encoding: identity`;
- redirects are replies like any other, never followed;
- every failure is one of the errors below, and each says whose fault it is: all of them are the upstream's (or the road
  to it), but `InvalidUpstreamRequest`, which is ours;
- a reply that is not read to its end and not closed keeps a connection open: close it in a `finally`.
"""

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Literal, Protocol

import msgspec

TimeoutKind = Literal["connect", "headers", "first-byte", "idle", "body"]


class TlsSettings(msgspec.Struct, frozen=True, cache_hash=True):
    """How to trust an `https` target. Nothing set: the system's authorities and the host's own name."""

    ca_pem: str = ""
    """Authorities (PEM) to trust in place of the system's. Rotated ones make another target: new connections."""
    server_name: str = ""
    """The name to ask for (SNI) and to verify, when it is not the host's."""
    verify: bool = True
    """False: any certificate is taken."""


class Target(msgspec.Struct, frozen=True, cache_hash=True):
    """Whom to connect to. Equal targets share kept-alive connections."""

    scheme: Literal["http", "https"]
    host: str
    port: int
    tls: TlsSettings = TlsSettings()

    @property
    def origin(self) -> str:
        """`scheme://host:port`, for errors and spans; holds no secret."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


class UpstreamRequest(msgspec.Struct, frozen=True):
    """One request. `path` begins with `/` and is percent-encoded; `headers` name neither the host nor the length."""

    target: Target
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    method: str = "POST"

    def __repr__(self) -> str:
        names = ", ".join(name for name, _ in self.headers)
        return f"UpstreamRequest({self.method} {self.target.origin}, headers: {names}; {len(self.body)} bytes)"


class ReplyHeaders(Mapping[str, str]):
    """The headers of a reply by lower-case name; decoded when first looked at, since most calls look at two."""

    __slots__ = ("_by_name", "_raw")

    def __init__(self, raw: list[tuple[bytes, bytes]]) -> None:
        self._raw = raw
        self._by_name: dict[str, list[str]] | None = None

    def _decoded(self) -> dict[str, list[str]]:
        if self._by_name is None:
            self._by_name = {}
            for name, value in self._raw:
                key = name.decode("latin-1").lower()
                self._by_name.setdefault(key, []).append(value.decode("utf-8", "replace").strip())
        return self._by_name

    def __getitem__(self, name: str) -> str:
        """All values of `name` (any case), joined by a comma as RFC 9110 allows."""
        return ", ".join(self._decoded()[name.lower()])

    def __iter__(self) -> Iterator[str]:
        return iter(self._decoded())

    def __len__(self) -> int:
        return len(self._decoded())

    def get_all(self, name: str) -> tuple[str, ...]:
        """Every value of `name` (any case), one for each line it was sent on; empty when it is absent."""
        return tuple(self._decoded().get(name.lower(), ()))


class UpstreamError(Exception):
    """The upstream, or the road to it, failed. `origin` says which one."""

    def __init__(self, origin: str, detail: str) -> None:
        super().__init__(f"{origin}: {detail}")
        self.origin = origin
        self.detail = detail


class ConnectFailure(UpstreamError):  # noqa: N818  says what happened
    """No connection: refused, unreachable, no such name, or a certificate that is not trusted. Nothing was sent."""


class UpstreamTimeout(UpstreamError):  # noqa: N818  says what happened
    """A limit of time passed. `kind`: connect | headers | first-byte | idle | body; only `connect` sent nothing."""

    def __init__(self, origin: str, kind: TimeoutKind) -> None:
        super().__init__(origin, f"{_TIMEOUTS[kind]} in time")
        self.kind = kind


class UpstreamProtocolError(UpstreamError):
    """What came back is not a reply that can be read: bad HTTP, too large a head, a broken or unknown encoding."""


class UpstreamBodyTooLarge(UpstreamProtocolError):  # noqa: N818  says what happened
    """The reply's body, decoded, is larger than the caller takes."""


class UpstreamClosed(UpstreamError):  # noqa: N818  says what happened
    """The connection ended before the reply did. `reply_started`: whether any byte of it had come."""

    def __init__(self, origin: str, *, reply_started: bool) -> None:
        when = "in the middle of its reply" if reply_started else "before it replied"
        super().__init__(origin, f"closed the connection {when}")
        self.reply_started = reply_started


class InvalidUpstreamRequest(ValueError):  # noqa: N818  says what happened
    """Our own fault: a header, path or method that HTTP cannot carry. Names the field, never its value."""


_TIMEOUTS: dict[TimeoutKind, str] = {
    "connect": "not connected",
    "headers": "no reply",
    "first-byte": "no first byte of the body",
    "idle": "no next byte of the body",
    "body": "not the whole body",
}


class UpstreamResponse(Protocol):
    """A reply whose head has come. Its body is read once, by `read` or by `iter_any`, and never twice."""

    @property
    def status(self) -> int:
        """The status code, 200 or above."""

    @property
    def headers(self) -> ReplyHeaders:
        """The headers; without `content-encoding` and `content-length` where the body is decoded on the way."""

    async def read(self, limit: int, *, timeout: float | None = None) -> bytes:
        """The whole body, at most `limit` bytes decoded, within `timeout` seconds from now.

        Raises UpstreamBodyTooLarge, UpstreamTimeout("body"), UpstreamClosed, UpstreamProtocolError.
        """

    def iter_any(
        self, *, first_timeout: float | None = None, idle_timeout: float | None = None
    ) -> AsyncIterator[bytes]:
        """The body as it comes, never empty pieces, each all that has arrived; waits at most so many seconds for each.

        Raises UpstreamTimeout("first-byte" | "idle"), UpstreamClosed, UpstreamProtocolError, after what came before.
        """

    async def close(self) -> None:
        """Done with it: the connection is kept when the body was finished, else cut at once. May be called again."""


class Upstream(Protocol):
    """A client for any number of targets."""

    async def send(
        self, request: UpstreamRequest, *, connect_timeout: float, headers_timeout: float
    ) -> UpstreamResponse:
        """Send and wait for the head of the reply; seconds to connect, then seconds to upload and be answered.

        Raises ConnectFailure, UpstreamTimeout("connect" | "headers"), UpstreamClosed, UpstreamProtocolError,
        InvalidUpstreamRequest. Cancelled: the connection is cut at once.
        """

    async def close(self) -> None:
        """Close every connection, those of replies in flight too."""
