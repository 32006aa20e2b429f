"""Threads for work that may never come back: detectors that others wrote.

An executor's threads are joined when the process ends, so that one that hangs would keep it from ending; these are daemons. A
thread cannot be stopped: work that nobody waits for any more keeps its place until it ends, and when all places are taken by
such work, new work fails at once instead of waiting for nothing.

Rules: at most so many threads; a place is free again as soon as its work ends, however late; used from one event loop.
"""

import asyncio
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class AllLost(Exception):  # noqa: N818  says what happened
    """Every place is taken by work that nobody waits for any more."""


class WorkRaised(Exception):  # noqa: N818  says what happened
    """The work raised; the message is the name of the exception's class alone, since its words may be anybody's."""


class _Job(Generic[T]):
    __slots__ = ("ended", "lost", "over", "result")

    def __init__(self, ended: asyncio.Future[str | None]) -> None:
        self.ended = ended  # with the name of what was raised
        self.result: list[T] = []
        self.over = False
        self.lost = False


class Threads:
    """Places for work; `name` is what the threads are called."""

    def __init__(self, name: str, *, most: int) -> None:
        self._name = name
        self._most = most
        self._places = asyncio.Semaphore(most)
        self._lost = 0

    async def run(self, work: Callable[[], T]) -> T:
        """What the work returns; cancelled: it goes on, and nobody hears of it. Raises AllLost, WorkRaised, RuntimeError."""
        if self._lost == self._most:
            raise AllLost
        await self._places.acquire()
        loop = asyncio.get_running_loop()
        job: _Job[T] = _Job(loop.create_future())
        try:
            threading.Thread(target=self._work, args=(work, job, loop), name=self._name, daemon=True).start()
        except RuntimeError:  # no more threads in this process
            self._places.release()
            raise
        try:
            raised = await job.ended
        except asyncio.CancelledError:
            job.lost = not job.over
            self._lost += job.lost
            raise
        if raised is not None:
            raise WorkRaised(raised)
        return job.result[0]

    def _work(self, work: Callable[[], T], job: _Job[T], loop: asyncio.AbstractEventLoop) -> None:
        raised: str | None = None
        try:
            job.result.append(work())
        except BaseException as error:  # noqa: BLE001 - boundary: whatever it raises, the waiting call must hear of it
            raised = type(error).__name__
        try:
            loop.call_soon_threadsafe(self._over, job, raised)
        except RuntimeError:
            return  # the loop is closed: nobody waits

    def _over(self, job: _Job[T], raised: str | None) -> None:
        job.over = True
        self._places.release()
        self._lost -= job.lost
        if not job.ended.done():
            job.ended.set_result(raised)
