"""The pure half of the HTTP client: request heads as bytes, and bodies out of their content encoding.

No socket and no clock here, so that all of it is tested as plain functions. Rules:
- what a header cannot carry (CR, LF, NUL) is refused before a byte is written: that is how requests get smuggled;
- the client alone sets the headers that frame a message;
- a compressed body is opened in pieces of bounded size, so that a bomb costs no memory.
"""

import zlib
from functools import lru_cache
from typing import Final, Protocol

from turnout_sidecar.ports.upstream import InvalidUpstreamRequest, Target, UpstreamRequest

_TOKEN: Final = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")
_OURS: Final = frozenset(("host", "content-length", "transfer-encoding", "connection", "expect", "upgrade"))
_PIECE: Final = 65536
_GZIP: Final = 0x1F
_EITHER_WRAPPER: Final = 32


class _Member(Protocol):
    """What `zlib.decompressobj` returns; its class has no public name."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    @property
    def unconsumed_tail(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


@lru_cache(maxsize=1024)
def _header_prefix(name: str) -> str:
    lower = name.lower()
    if not lower or not _TOKEN.issuperset(lower):
        raise InvalidUpstreamRequest(f"header {name!r}: not a header name")
    if lower in _OURS:
        raise InvalidUpstreamRequest(f"header {name!r}: set by the client itself")
    return f"\r\n{lower}: "


@lru_cache(maxsize=1024)
def _opening(method: str, path: str, target: Target) -> str:
    if not (method.isascii() and method.isalpha() and method.isupper()):
        raise InvalidUpstreamRequest(f"method {method!r}: not a method")
    if not path.startswith("/") or not path.isascii() or not path.isprintable() or " " in path:
        raise InvalidUpstreamRequest("path: must begin with / and be percent-encoded ASCII")
    host = f"[{target.host}]" if ":" in target.host else target.host
    default = 443 if target.scheme == "https" else 80
    authority = host if target.port == default else f"{host}:{target.port}"
    if not authority.isascii() or not authority.isprintable() or " " in authority or "/" in authority:
        raise InvalidUpstreamRequest("host: not a host name")
    return f"{method} {path} HTTP/1.1\r\nhost: {authority}"


def request_head(request: UpstreamRequest) -> bytes:
    """The head of `request` up to and with the blank line. Raises InvalidUpstreamRequest, naming the field."""
    parts = [_opening(request.method, request.path, request.target)]
    bare = True
    for name, value in request.headers:
        prefix = _header_prefix(name)
        if prefix == "\r\naccept-encoding: ":
            bare = False
        parts.append(prefix)
        parts.append(value)
    if bare:
        parts.append("\r\naccept-encoding: identity")
    parts.append(f"\r\ncontent-length: {len(request.body)}\r\n\r\n")
    head = "".join(parts)
    lines = len(request.headers) + bare + 4
    if head.count("\n") != lines or head.count("\r") != lines or "\0" in head:
        raise InvalidUpstreamRequest(_culprit(request))
    try:
        return head.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise InvalidUpstreamRequest(_culprit(request)) from None


def _culprit(request: UpstreamRequest) -> str:
    for name, value in request.headers:
        if any(character in "\r\n\0" or "\ud800" <= character <= "\udfff" for character in value):
            return f"header {name!r}: its value holds a character that a header cannot carry"
    return "headers: a value cannot be carried"


class UnreadableEncoding(ValueError):  # noqa: N818  says what happened
    """A body that is not in the encoding it claims, or in one that is not known."""


class Inflater:
    """Opens gzip and deflate bodies piece by piece: `feed` once, then `take` until it gives nothing."""

    __slots__ = ("_full", "_member", "_pending", "_window")

    def __init__(self) -> None:
        self._window = 0
        self._member: _Member | None = None
        self._pending = b""
        self._full = False

    def feed(self, data: bytes) -> None:
        """Take in encoded bytes; what was fed before must have been taken."""
        if data and not self._window:
            wrapped = data[0] == _GZIP or data[0] & 0x0F == zlib.DEFLATED
            # `deflate` should be wrapped by zlib, but some servers send it bare.
            self._window = zlib.MAX_WBITS | _EITHER_WRAPPER if wrapped else -zlib.MAX_WBITS
        self._pending = data

    def take(self) -> bytes:
        """The next decoded piece, at most 64 KB; empty when more must be fed. Raises UnreadableEncoding."""
        while self._pending or self._full:
            if self._member is None or (self._member.eof and self._pending):
                self._member = zlib.decompressobj(self._window)
            try:
                piece = self._member.decompress(self._pending, _PIECE)
            except zlib.error as error:
                raise UnreadableEncoding(f"the compressed body is broken ({error})") from None
            self._pending = self._member.unused_data if self._member.eof else self._member.unconsumed_tail
            self._full = len(piece) == _PIECE and not self._member.eof
            if piece:
                return piece
        return b""

    def finish(self) -> None:
        """The body has ended. Raises UnreadableEncoding when the compressed data has not."""
        if self._member is not None and not self._member.eof:
            raise UnreadableEncoding("the compressed body is cut short")


def inflater_for(content_encoding: str) -> Inflater | None:
    """What opens a body with this `content-encoding` header; None when it is not compressed."""
    encoding = content_encoding.strip().lower()
    if encoding in ("", "identity"):
        return None
    if encoding in ("gzip", "x-gzip", "deflate"):
        return Inflater()
    raise UnreadableEncoding(f"content-encoding {content_encoding[:40]!r} was not asked for and is not known")
