"""A debounce queue, and the waiting for what is due in it: the one loop that everyone who works off namespaces shares.

Why apart from `queue`: that one is pure and is told the time; here is the event loop, which sleeps until the next moment counts.

Rules: `wait` never misses a mark, and may return though nothing is due; who takes work gives each piece of it back by `done`.
"""

import asyncio
from collections.abc import Callable

from turnout_operator.queue import DebounceQueue, Work


class WorkQueue:
    """Keys to work on, with a wait. `quiet` and `most` as in `DebounceQueue`; `monotonic` gives seconds."""

    def __init__(self, *, quiet: float, most: float, monotonic: Callable[[], float]) -> None:
        self._queue = DebounceQueue(quiet=quiet, most=most)
        self._monotonic = monotonic
        self._woken = asyncio.Event()

    def mark(self, key: str) -> None:
        """It changed."""
        self._queue.mark(key, self._monotonic())
        self._woken.set()

    async def wait(self) -> None:
        """Until something is due, or something happened that may change what is."""
        self._woken.clear()
        due_at = self._queue.next_at()
        delay = None if due_at is None else max(0.0, due_at - self._monotonic())
        try:
            async with asyncio.timeout(delay):
                await self._woken.wait()
        except TimeoutError:
            pass

    def take(self) -> list[Work]:
        """What is due now, oldest first; each must be given back by `done`."""
        return self._queue.take(self._monotonic())

    def done(self, key: str, *, failed: bool = False) -> None:
        """The work on it is over. A failure puts it back, later each time."""
        self._queue.done(key, self._monotonic(), failed=failed)
        self._woken.set()

    def forget(self) -> None:
        """Nothing waits any more (what is being worked on goes on)."""
        self._queue.forget()

    def __len__(self) -> int:
        return len(self._queue)
