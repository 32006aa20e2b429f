"""Results of pure checks, remembered by the digest of what was checked.

A namespace is compiled anew after every change, and most of its texts are those of last time. Digests, not texts, are held, so
that a thousand large templates cost nothing; forgetting changes how long a compilation takes, never what it gives.
"""

import hashlib
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Memory(Generic[T]):
    """At most `most` results; when full it forgets everything. Used from several threads without harm."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: dict[bytes, T] = {}

    def recall(self, content: bytes, find_out: Callable[[], T]) -> T:
        """The result for a content, found out where it is not remembered."""
        key = hashlib.sha256(content).digest()
        if key in self._known:
            return self._known[key]
        if len(self._known) >= self._most:
            self._known = {}
        result = find_out()
        self._known[key] = result
        return result
