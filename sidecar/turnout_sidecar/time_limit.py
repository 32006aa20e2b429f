"""A limit of time for what a call waits for: `asyncio.timeout` at a third of its cost, and fair to a process that was paused.

A gateway whose CPU was taken away for a moment (a quota, a neighbour) finds, when it goes on, both the limit passed and the answer
waiting in the socket; timers are looked at before sockets, so that a healthy store would be taken for a slow one. Here a
passed limit first lets the event loop look at its sockets once, and wake whom they concern.

Rules: for one await in a task, as `with within(seconds):`; TimeoutError past the limit; a cancellation from elsewhere stays one.
`await limited(work, seconds)` is the same for work that often need not wait at all: then it costs no timer.
"""

import asyncio
from collections.abc import Coroutine, Generator
from types import TracebackType
from typing import Any, Generic, TypeVar

T = TypeVar("T")

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


class limited(Generic[T]):  # noqa: N801  reads as what it is
    """`await limited(work, seconds)`: the result of `work`. Raises what it raises, and TimeoutError past the limit."""

    __slots__ = ("_seconds", "_work")

    def __init__(self, work: Coroutine[Any, Any, T], seconds: float) -> None:
        self._work = work
        self._seconds = seconds

    def __await__(self) -> Generator[Any, Any, T]:
        try:
            waits_for = self._work.send(None)
        except StopIteration as done:
            result: T = done.value
            return result
        with within(self._seconds):
            return (yield from _rest(self._work, waits_for))


def _rest(work: Coroutine[Any, Any, T], waits_for: Any) -> Generator[Any, Any, T]:
    """What is left of a coroutine that was begun, as `yield from` would have it."""
    try:
        while True:
            try:
                sent = yield waits_for
            except GeneratorExit:
                work.close()
                raise
            except BaseException as error:  # noqa: BLE001  boundary: a cancellation, which is for the work to see
                waits_for = work.throw(error)
            else:
                waits_for = work.send(sent)
    except StopIteration as done:
        result: T = done.value
        return result
