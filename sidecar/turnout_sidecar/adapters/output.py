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
        self._writing: asyncio.Future[None] | None = None
        self._lines_in_hand = 0
        self._closed = False
        self._work: queue.SimpleQueue[tuple[bytes, int] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def write(self, line: bytes) -> None:
        """One line, with its line feed."""
        if self._closed or self._size + len(line) > self._most_bytes:
            self.dropped += 1
            return
        self._lines.append(line)
        self._size += len(line)
        if self._timer is None and self._writing is None:
            self._soon()

    def _soon(self) -> None:
        """The thread is woken some times a second with what was collected meanwhile, not for every few lines."""
        self._timer = asyncio.get_running_loop().call_later(self._interval, self._flush)

    def _flush(self) -> None:
        self._timer = None
        if not self._lines:
            return
        loop = asyncio.get_running_loop()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, args=(loop,), name="log-writer", daemon=True)
            self._thread.start()
        lines, self._lines = self._lines, []
        self._writing = loop.create_future()
        self._lines_in_hand = len(lines)
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
        writing, self._writing = self._writing, None
        if writing is not None:
            writing.set_result(None)
        if self._lines and self._closed:
            self._flush()
        elif self._lines:
            self._soon()

    async def close(self, limit: float) -> None:
        """Write what waits, for at most so many seconds; the rest is dropped and counted, as is what comes later."""
        self._closed = True
        loop = asyncio.get_running_loop()
        deadline = loop.time() + limit
        if self._timer is not None:
            self._timer.cancel()
            self._flush()
        while self._writing is not None and loop.time() < deadline:
            await asyncio.wait([self._writing], timeout=deadline - loop.time())
        if self._writing is not None:
            self.dropped += self._lines_in_hand + len(self._lines)
            self._writing = None
            self._lines = []
        self._work.put(None)


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
