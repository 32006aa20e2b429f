"""Keeps an informer running while the kinds themselves come and go.

An informer whose kind's definition was deleted either ends or, once the definition is there again, may go on without watching it.
Neither is a reason to end the process, which would lose what the gateways are to keep; so then the informer, and it alone, is
started anew as soon as every definition is there. Any other end of it is the end of the process.

Rules: definitions are looked at when an event tells of one, and when an informer has ended; after a new start everything is
listed again.
"""

import asyncio
import logging
from collections.abc import Callable

from turnout_operator.crd_guard import CrdGuard
from turnout_operator.informer import Informer
from turnout_operator.kube import ApiError

QUIET_SECONDS = 0.5
RETRY_SECONDS = 1.0
_log = logging.getLogger(__name__)
Ended = Callable[[BaseException | None], None]


class InformerEndedError(RuntimeError):
    """The informer cannot go on: the process must start anew."""


class InformerKeeper:
    """Starts informers by `make`. `seen` is set by an event of a definition; `started` is called after each new start."""

    def __init__(
        self, make: Callable[[Ended], Informer], guard: CrdGuard, *, seen: asyncio.Event, started: Callable[[], None]
    ) -> None:
        self._make = make
        self._guard = guard
        self._seen = seen
        self._started = started
        self._definitions: dict[str, str] = {}
        self._loop = asyncio.get_running_loop()
        self._error: BaseException | None = None
        self._informer: Informer | None = None

    @property
    def alive(self) -> bool:
        """Whether there is an informer that has not ended by itself."""
        return self._error is None

    def start(self, definitions: dict[str, str]) -> None:
        """Begin, with the definitions (kind to uid) as they are."""
        self._definitions = definitions
        self._informer = self._make(self._ended)
        self._informer.start()

    async def stop(self) -> None:
        """End the informer."""
        if self._informer is not None:
            await self._informer.stop()

    async def run(self) -> None:
        """Watch the informer until cancelled. Raises InformerEndedError where it ended for no reason that passes."""
        while True:
            await self._seen.wait()
            await asyncio.sleep(QUIET_SECONDS)
            self._seen.clear()
            now = await self._present()
            if self._error is not None and now == self._definitions:
                raise InformerEndedError(str(self._error)) from self._error
            if now == self._definitions and self._error is None:
                continue
            _log.warning("a kind's definition is gone or another one: waiting for all, then listing and watching anew")
            while not all(now.values()):
                await asyncio.sleep(RETRY_SECONDS)
                now = await self._present()
            await self.stop()
            self._error = None
            self.start(now)
            self._started()

    async def _present(self) -> dict[str, str]:
        while True:
            try:
                return await self._guard.definitions()
            except ApiError as error:
                _log.warning("definitions: %s", error)
                await asyncio.sleep(RETRY_SECONDS)

    def _ended(self, error: BaseException | None) -> None:
        """Called in the informer's own thread."""
        if error is not None:
            self._loop.call_soon_threadsafe(self._take, error)

    def _take(self, error: BaseException) -> None:
        _log.error("the informer ended: %r", error)
        self._error = error
        self._seen.set()
