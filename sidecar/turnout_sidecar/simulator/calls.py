"""What reached the simulated provider: the last requests, for tests to look at through `GET /_calls`.

A body is kept as it came, so that a test can compare bytes. Rules: credentials only as their SHA-256; at most a thousand
calls and 64 MB, the oldest forgotten first.
"""

import hashlib
from collections import deque
from collections.abc import Iterable
from typing import Any, Final, Literal

Ending = Literal["open", "answered", "cut", "client-left"]

_MOST_CALLS: Final = 1000
_MOST_BYTES: Final = 64 * 1024 * 1024
_CREDENTIALS: Final = frozenset(
    ("authorization", "proxy-authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie")
)


class Call:
    """One request, and how it ended."""

    __slots__ = ("body", "ending", "headers", "method", "number", "path", "status")

    def __init__(self, number: int, method: str, path: str, headers: Iterable[tuple[str, str]], body: bytes) -> None:
        self.number = number
        self.method = method
        self.path = path
        self.headers: dict[str, str] = {}
        for name, value in headers:
            lower = name.lower()
            before = f"{self.headers[lower]}, " if lower in self.headers else ""
            self.headers[lower] = before + _hidden(lower, value)
        self.body = body
        self.status: int | None = None
        self.ending: Ending = "open"

    def shown(self) -> dict[str, Any]:
        """As JSON data; a body that is not UTF-8 has its bad bytes replaced."""
        return {
            "number": self.number,
            "method": self.method,
            "path": self.path,
            "headers": self.headers,
            "body": self.body.decode("utf-8", "replace"),
            "status": self.status,
            "ending": self.ending,
        }


class Calls:
    """The last requests; `total` counts all since the start, `count` those since they were cleared."""

    def __init__(self) -> None:
        self.total = 0
        self.count = 0
        self._last: deque[Call] = deque()
        self._bytes = 0

    def add(self, method: str, path: str, headers: Iterable[tuple[str, str]], body: bytes) -> Call:
        """Remember one; its `ending` is filled in by who answers it."""
        self.total += 1
        self.count += 1
        call = Call(self.total, method, path, headers, body)
        self._last.append(call)
        self._bytes += len(body)
        while len(self._last) > _MOST_CALLS or (self._bytes > _MOST_BYTES and len(self._last) > 1):
            self._bytes -= len(self._last.popleft().body)
        return call

    def clear(self) -> None:
        """Forget the requests; their numbers go on, since faults are drawn by them."""
        self.count = 0
        self._last.clear()
        self._bytes = 0

    def shown(self) -> dict[str, Any]:
        """As JSON data."""
        return {"count": self.count, "calls": [call.shown() for call in self._last]}


def _hidden(name: str, value: str) -> str:
    if name not in _CREDENTIALS:
        return value
    return "sha256:" + hashlib.sha256(value.encode("utf-8", "surrogateescape")).hexdigest()
