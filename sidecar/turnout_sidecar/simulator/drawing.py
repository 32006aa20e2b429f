"""Chance that is the same every time: numbers drawn from a digest.

The standard generator promises stable sequences for little of what it offers; these depend on SHA-256 alone.
"""

import hashlib
import json
from collections.abc import Sequence
from typing import Any, TypeVar

_T = TypeVar("_T")


def digest(value: Any, *more: object) -> bytes:
    """32 bytes that stand for JSON data and for what else decides, equal for equal values in any order of keys."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256("\0".join([text, *map(str, more)]).encode()).digest()


class Draw:
    """Draws from a digest, one after the other."""

    __slots__ = ("_count", "_key")

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._count = 0

    def below(self, bound: int) -> int:
        """A whole number from 0 to `bound` - 1."""
        self._count += 1
        drawn = hashlib.sha256(self._key + self._count.to_bytes(8, "big")).digest()
        return int.from_bytes(drawn[:8], "big") % bound

    def fraction(self) -> float:
        """A number in [0, 1)."""
        return self.below(1 << 53) / (1 << 53)

    def pick(self, choices: Sequence[_T]) -> _T:
        """One of `choices`."""
        return choices[self.below(len(choices))]
