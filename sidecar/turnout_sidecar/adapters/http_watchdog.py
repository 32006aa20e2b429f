"""One ticking handle for the time limits of every request of a client, in place of a timer for each wait.

A timer costs microseconds to arm and to cancel, and nearly every one is cancelled. Here arming is one attribute: a
connection under way says until when it may wait, and a tick looks at all of them. Rules:
- a limit is noticed up to one tick late, never early;
- nothing ticks while nothing is watched.
"""

import asyncio
from typing import Final, Protocol

NEVER: Final = float("inf")
TICK_SECONDS: Final = 0.05


class Watched(Protocol):
    """What has a limit of time: `deadline` in the loop's seconds, or NEVER."""

    deadline: float

    def expire(self) -> None:
        """The deadline has passed."""


class Watchdog:
    """Calls `expire` on what is watched and late."""

    __slots__ = ("_handle", "_loop", "_tick_seconds", "_watched")

    def __init__(self, loop: asyncio.AbstractEventLoop, tick_seconds: float = TICK_SECONDS) -> None:
        self._loop = loop
        self._tick_seconds = tick_seconds
        self._watched: set[Watched] = set()
        self._handle: asyncio.TimerHandle | None = None

    def watch(self, watched: Watched) -> None:
        """Look at its deadline from now on."""
        self._watched.add(watched)
        if self._handle is None:
            self._handle = self._loop.call_later(self._tick_seconds, self._tick)

    def forget(self, watched: Watched) -> None:
        """Look no longer."""
        self._watched.discard(watched)

    def _tick(self) -> None:
        self._handle = None
        now = self._loop.time()
        for watched in [each for each in self._watched if each.deadline <= now]:
            watched.expire()
        if self._watched:
            self._handle = self._loop.call_later(self._tick_seconds, self._tick)

    def close(self) -> None:
        """Stop ticking."""
        self._watched.clear()
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
