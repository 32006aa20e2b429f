"""Lines to a file descriptor (standard output), in batches and beside the event loop.

A pipe that nobody reads blocks the writer; the event loop must not be that writer. Lines are collected for a few
milliseconds and written by one thread, which does nothing else and holds the interpreter for microseconds.

Rules: order is kept; what waits is bounded, and what does not fit is dropped and counted; a descriptor that fails loses lines,
never a call; a thread that is stuck in a write does not keep the process from ending.
"""

import asyncio
import contextlib
import os
import queue
import threading
from typing import Final

_INTERVAL: Final = 0.05
_MOST_BYTES: Final = 8_388_608


class LineWriter:
    """Writes whole lines to `descriptor`; used from one event loop. `dropped` counts lost lines."""

    def __init__(self, descriptor: int, *, interval: float = _INTERVAL, most_bytes: int = _MOST_BYTES) -> None:
        self.dropped = 0
        self._descriptor = descriptor
        self._interval = interval
        self._most_bytes = most_bytes
        self._lines: list[bytes] = []
        self._size = 0
        self._timer: asyncio.TimerHandle | None = None
        self._idle = asyncio.Event()
        self._idle.set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._work: queue.SimpleQueue[tuple[bytes, int] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def write(self, line: bytes) -> None:
        """One line, with its line feed."""
        if self._size + len(line) > self._most_bytes:
            self.dropped += 1
            return
        self._lines.append(line)
        self._size += len(line)
        if self._timer is None and self._idle.is_set():
            self._timer = asyncio.get_running_loop().call_later(self._interval, self._flush)

    def _flush(self) -> None:
        self._timer = None
        if not self._lines:
            return
        if self._thread is None:
            self._loop = asyncio.get_running_loop()
            self._thread = threading.Thread(target=self._run, args=(self._loop,), name="log-writer", daemon=True)
            self._thread.start()
        lines, self._lines = self._lines, []
        self._idle.clear()
        self._work.put((b"".join(lines), len(lines)))

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        while (item := self._work.get()) is not None:
            data, lines = item
            try:
                _write_all(self._descriptor, data)
                lost = 0
            except OSError:
                lost = lines
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
                loop.call_soon_threadsafe(self._written, len(data), lost)

    def _written(self, size: int, lost: int) -> None:
        self._size -= size
        self.dropped += lost
        self._idle.set()
        if self._lines:
            self._flush()

    async def close(self, limit: float) -> None:
        """Write what waits, for at most so many seconds; the rest is dropped and counted."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + limit
        if self._timer is not None:
            self._timer.cancel()
            self._flush()
        while not self._idle.is_set() and loop.time() < deadline:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._idle.wait(), max(0.0, deadline - loop.time()))
        self.dropped += len(self._lines)
        self._lines = []
        self._work.put(None)


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
