"""The election in the event loop: steps in a thread of its own, and everyone told when leading begins and ends.

Why apart from `lease`: that one is plain and blocking, so that it can be tested with a clock; this one owns the time. A step may
hang in the network longer than the term lasts, so the end of a term is noticed by a second task that only looks at the clock.

Rules: `on_stop` is called before anything else may believe otherwise; raising and stepping share one thread, so they never cross.
"""

import asyncio
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from turnout_operator.lease import Elector

NOTICE_SECONDS = 0.1


class Leadership:
    """Runs an elector. `on_epoch` hears of a new term or a raised epoch, `on_stop` of the end."""

    def __init__(
        self,
        elector: Elector,
        *,
        retry: float,
        on_epoch: Callable[[int], None],
        on_stop: Callable[[], None],
    ) -> None:
        self._elector = elector
        self._retry = retry
        self._on_epoch = on_epoch
        self._on_stop = on_stop
        self._told: tuple[int, int] | None = None
        self._ended = False
        self._heard = 0
        self._raising: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="lease")

    @property
    def epoch(self) -> int | None:
        """Our epoch while we lead, else None."""
        return self._elector.epoch

    async def run(self) -> None:
        """Take part in the election until cancelled."""
        watchdog = asyncio.create_task(self._watch(), name="lease-watchdog")
        try:
            while not self._ended:
                await self._in_thread(self._elector.step)
                self.notice()
                await asyncio.sleep(self._retry * random.uniform(0.9, 1.1))  # noqa: S311  jitter, no secret
            await watchdog  # the Lease was given up: nothing to do but to wait for the end
        finally:
            watchdog.cancel()

    async def raise_above(self, seen: int) -> None:
        """A gateway has seen that epoch: lead above it, or learn that we do not lead."""
        await self._in_thread(lambda: self._elector.raise_above(seen))
        self.notice()

    def heard_of(self, seen: int) -> None:
        """The same, soon; however many gateways say so, and whichever they have seen, the highest counts."""
        self._heard = max(self._heard, seen)
        if self._raising is None or self._raising.done():
            self._raising = asyncio.get_running_loop().create_task(self._raise())

    async def _raise(self) -> None:
        while self._heard:
            seen, self._heard = self._heard, 0
            await self.raise_above(seen)

    async def release(self) -> None:
        """Give the Lease up, for the end of the process."""
        self._ended = True
        if self._told is not None:
            self._told = None
            self._on_stop()
            await self._in_thread(self._elector.release)

    def notice(self) -> None:
        """Tell of what changed since the last look."""
        term = None if self._ended else self._elector.term
        told, self._told = self._told, (term.number, term.epoch) if term is not None else None
        if self._told == told:
            return
        if told is not None and (term is None or term.number != told[0]):
            self._on_stop()  # also where the next term has begun already: nothing of the last one may live on in it
        if term is not None:
            self._on_epoch(term.epoch)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(NOTICE_SECONDS)
            self.notice()

    async def _in_thread(self, call: Callable[[], None]) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, call)
