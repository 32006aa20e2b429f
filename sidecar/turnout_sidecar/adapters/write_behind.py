"""Entries on their way into a store: they wait a moment, and leave together.

To write one entry costs a store nearly as much as to write fifty in one request, and nobody waits for a cache's write. Rules: what
waits or is under way is found by `waiting`, so that the same call asked again at once is a hit; a later put of an entry takes the
place of an earlier one, and entries leave in the order in which they came, one batch after the other, so the last put is what
stays; what waits is bounded in number and bytes; a gateway that is killed loses at most what came in the last `linger_s`.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence

import numpy as np

from turnout_sidecar.ports.store import Entry, Write

LINGER_S = 0.05
BATCH = 64
BATCH_BYTES = 1_048_576
"""A batch takes no further entry when it holds so many."""

_Key = tuple[str, str]


class WriteBehind:
    """Hands batches to `write`, which must not raise. `entries` and `size` (bytes) bound what waits."""

    def __init__(
        self,
        write: Callable[[Sequence[Write]], Awaitable[None]],
        *,
        entries: int,
        size: int,
        linger_s: float = LINGER_S,
    ) -> None:
        self._write = write
        self._most = entries
        self._most_bytes = size
        self._linger_s = linger_s
        self._pending: dict[_Key, Write] = {}
        self._leaving: dict[_Key, Write] = {}
        self._bytes = 0
        self._flushing = 0
        self._some = asyncio.Event()
        self._now = asyncio.Event()
        self._none = asyncio.Event()
        self._none.set()
        self._task: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        """Entries that wait, those under way not among them."""
        return len(self._pending)

    def start(self) -> None:
        """Begin to write. Call it inside the event loop."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run(), name="cache-writer")

    async def stop(self) -> None:
        """What has not been written by now is lost; see `flush`."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def put(self, entry: Entry, vector: np.ndarray | None) -> bool:
        """Let it wait; False where there is no room."""
        key = entry.partition, entry.exact_key
        earlier = self._pending.get(key)
        held = self._bytes + _size(entry)
        if earlier is not None:
            held -= _size(earlier[0])
        elif len(self._pending) >= self._most:
            return False
        if held > self._most_bytes:
            return False
        self._bytes = held
        self._pending[key] = entry, vector
        if not self._some.is_set():
            self._some.set()
            self._none.clear()
        if len(self._pending) >= BATCH:
            self._now.set()
        return True

    def waiting(self, partition: str, exact_key: str) -> Entry | None:
        """The entry with this key, if it has not reached the store yet."""
        key = partition, exact_key
        found = self._pending.get(key) or self._leaving.get(key)
        return None if found is None else found[0]

    async def flush(self, limit_s: float) -> bool:
        """Write all that waits without another moment's wait, for at most so long; whether it was done."""
        self._flushing += 1
        self._now.set()
        try:
            async with asyncio.timeout(limit_s):
                await self._none.wait()
        except TimeoutError:
            return False
        finally:
            self._flushing -= 1
        return True

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._some.wait()
            if len(self._pending) < BATCH and not self._flushing:
                timer = loop.call_later(self._linger_s, self._now.set)
                await self._now.wait()
                timer.cancel()
            self._now.clear()
            await self._one_batch()

    async def _one_batch(self) -> None:
        self._leaving = self._taken()
        try:
            await self._write([*self._leaving.values()])
        finally:
            self._bytes -= sum(_size(entry) for entry, _ in self._leaving.values())
            self._leaving = {}
            if not self._pending:
                self._some.clear()
                self._none.set()

    def _taken(self) -> dict[_Key, Write]:
        """The batch at the front."""
        if len(self._pending) <= BATCH and self._bytes <= BATCH_BYTES:
            batch, self._pending = self._pending, {}
            return batch
        batch = {}
        size = 0
        for key, write in self._pending.items():
            if len(batch) == BATCH or size >= BATCH_BYTES:
                break
            batch[key] = write
            size += _size(write[0])
        for key in batch:
            del self._pending[key]
        return batch


def _size(entry: Entry) -> int:
    return len(entry.answer) + len(entry.question)
