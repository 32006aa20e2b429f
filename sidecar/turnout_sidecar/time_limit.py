"""A limit of time for what a call waits for: `asyncio.timeout` at a third of its cost, and fair to a process that was paused.

A gateway whose CPU was taken away for a moment (a quota, a neighbour) finds, when it goes on, both the limit passed and the answer
waiting in the socket; timers are looked at before sockets, so that a healthy store would be taken for a slow one. Here a
passed limit first lets the event loop look at its sockets once, and wake whom they concern.

Rules: for one await in a task, as `with within(seconds):`; TimeoutError past the limit; a cancellation from elsewhere stays one.
"""

import asyncio
from types import TracebackType

_PASSES = 3
"""Turns of the event loop: sockets are read, what waited is told, and its task has run."""


class within:  # noqa: N801  reads as what it is
    """Raise TimeoutError in the block when it has taken so many seconds."""

    __slots__ = ("_cancelling", "_handle", "_late", "_loop", "_task")

    def __init__(self, seconds: float) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("only inside a task")
        self._task = task
        self._cancelling = task.cancelling()
        self._late = False
        self._loop = asyncio.get_running_loop()
        self._handle: asyncio.Handle = self._loop.call_later(seconds, self._due, _PASSES)

    def __enter__(self) -> None:
        """The time has begun with the construction."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Turn our own cancellation, and only that, into TimeoutError."""
        self._handle.cancel()
        if self._late and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def _due(self, passes: int) -> None:
        if passes:
            self._handle = self._loop.call_soon(self._due, passes - 1)
        else:
            self._late = True
            self._task.cancel()
