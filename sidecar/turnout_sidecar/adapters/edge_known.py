"""Which entries the embedded engine holds, as far as the gateway knows: a look-up of what is not there needs no trip.

One gateway owns an engine, and all writes go through it; so what the engine tells when it opens, and what is written and removed
afterwards, is all there is. Rules: this is told before the engine is (a put adds, then leaves; a removal discards, then leaves), so
that both see the same order; it may hold more than the engine, which costs a trip, never less; above `MOST` entries it
holds nothing and every look-up asks. An entry counts with 48 bits of its id: two that share them cost a trip, or a lost hit.
"""

import array
import uuid
from collections.abc import Iterable

MOST = 250_000
"""About 20 MB."""
_BITS = (1 << 48) - 1
_DIGITS = 24
"""Where the last 48 bits of an id begin in its text."""


def packed(ids: Iterable[object]) -> bytes:
    """Ids as the engine gives them (UUIDs), for `Known.learn`. Runs in the engine's process."""
    return array.array("Q", (point.int & _BITS for point in ids if isinstance(point, uuid.UUID))).tobytes()


class Known:
    """The ids of one engine."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._ids: set[int] | None = None

    def learn(self, ids: bytes | None) -> None:
        """The engine has opened and holds just these (see `packed`); None: too many to tell."""
        self._ids = None if ids is None else set(array.array("Q", ids))
        self._bound()

    def add(self, points: Iterable[str]) -> None:
        """These are about to be written."""
        if self._ids is not None:
            self._ids.update(int(point[_DIGITS:], 16) for point in points)
            self._bound()

    def discard(self, points: Iterable[str]) -> None:
        """These are about to be removed."""
        if self._ids is not None:
            self._ids.difference_update(int(point[_DIGITS:], 16) for point in points)

    def lacks(self, point: str) -> bool:
        """Whether the engine surely does not hold it."""
        return self._ids is not None and int(point[_DIGITS:], 16) not in self._ids

    def _bound(self) -> None:
        if self._ids is not None and len(self._ids) > self._most:
            self._ids = None
