"""The gateway's end of the embedded engine: starts its process, speaks with it, starts it again when it ends.

Rules: a call never waits for a process that is not there (StoreUnavailable at once, a restart with growing pauses goes on behind);
when the process ends, everything in flight fails within milliseconds; what is in flight is bounded in number; the process gets
none of the gateway's environment but what an interpreter needs, since keys may be in it.
"""

import asyncio
import contextlib
import logging
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from turnout_sidecar.adapters import edge_protocol as protocol
from turnout_sidecar.adapters.edge_known import Known
from turnout_sidecar.adapters.edge_pipe import EdgePipe
from turnout_sidecar.ports.store import StoreUnavailable

log = logging.getLogger("turnout.cache")

MOST_IN_FLIGHT = 512
MOST_UNSENT = 64 * 1024 * 1024
"""Bytes that the engine has not taken yet; requests that were given up are among them."""
PAUSES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Seconds before each restart; the last one repeats. A process that was open for a while starts over at the first."""
STEADY = 30.0
CLOSE_LIMIT = 10.0
TICK = 0.05
"""Limits are noticed up to so many seconds late."""
MODULE = "turnout_sidecar.adapters.edge_process"
_ENVIRONMENT = (
    "HOME",
    "LANG",
    "LC_ALL",
    "LD_LIBRARY_PATH",
    "PATH",
    "PYTHONPATH",
    "PYTHONHOME",
    "TMPDIR",
    "VIRTUAL_ENV",
)


class EdgeChild:
    """One engine process over one folder."""

    def __init__(self, directory: Path, dimension: int) -> None:
        self.known = Known()
        """What the engine holds; whoever writes or removes tells it first."""
        self._directory = directory
        self._dimension = dimension
        self._pending: dict[int, tuple[asyncio.Future[msgspec.Raw], float]] = {}  # with the moment when it is too late
        self._unsent: list[bytes] = []
        self._tick: asyncio.TimerHandle | None = None
        self._number = 0
        self._transport: asyncio.Transport | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._opened = asyncio.Event()
        self._supervisor: asyncio.Task[None] | None = None
        self._closing = False
        self.restarts = 0
        """How many times the process ended by itself."""
        self.moved_aside = 0
        """How many times a state could not be read and was begun anew."""

    @property
    def open(self) -> bool:
        """Whether the engine can be asked."""
        return self._opened.is_set()

    @property
    def pid(self) -> int | None:
        """The process, where there is one."""
        return self._process.pid if self._process is not None else None

    async def start(self, wait: float) -> bool:
        """Start the process and wait at most so many seconds until it is open; whether it is. Not an error if not."""
        if self._supervisor is None:
            self._supervisor = asyncio.create_task(self._supervise(), name="edge-engine")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait):
                await self._opened.wait()
        return self._opened.is_set()

    async def call(self, build: Callable[[int], protocol.Request], limit: float) -> msgspec.Raw:
        """The value of the reply to the request that `build` makes of a number. Raises StoreUnavailable."""
        transport = self._transport
        if transport is None or not self._opened.is_set():
            raise StoreUnavailable("failed", "the engine is not running")
        if len(self._pending) >= MOST_IN_FLIGHT or transport.get_write_buffer_size() > MOST_UNSENT:
            raise StoreUnavailable("busy", "too many requests in flight")
        self._number += 1
        number = self._number
        try:
            data = protocol.frame(build(number))
        except (TypeError, ValueError, OverflowError) as error:
            raise StoreUnavailable("failed", f"cannot be encoded: {error}") from error
        loop = asyncio.get_running_loop()
        future: asyncio.Future[msgspec.Raw] = loop.create_future()
        self._pending[number] = future, loop.time() + limit
        if self._tick is None:
            self._tick = loop.call_later(TICK, self._expire)
        self._unsent.append(data)
        if len(self._unsent) == 1:
            loop.call_soon(self._flush)
        try:
            return await future
        finally:
            self._pending.pop(number, None)

    def _flush(self) -> None:
        """What was asked for in one turn of the event loop leaves together: a write for each would wake the engine for each."""
        data, self._unsent = b"".join(self._unsent), []
        if self._transport is not None:
            self._transport.write(data)

    def _expire(self) -> None:
        """One timer for all that is in flight; most of it is answered before a timer of its own had been worth arming."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        for future, late_at in self._pending.values():
            if late_at <= now and not future.done():
                future.set_exception(StoreUnavailable("timeout", "the engine took too long"))
        self._tick = loop.call_later(TICK, self._expire) if self._pending else None

    async def close(self) -> None:
        """Let the process write everything and end; kill it when it takes too long."""
        self._closing = True
        if self._transport is not None:
            self._transport.close()
        process = self._process
        if process is not None:
            try:
                async with asyncio.timeout(CLOSE_LIMIT):
                    await process.wait()
            except TimeoutError:
                _kill(process)
        if self._supervisor is not None:
            self._supervisor.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._supervisor
            self._supervisor = None

    async def _supervise(self) -> None:
        loop = asyncio.get_running_loop()
        failures = 0
        while True:
            started = loop.time()
            try:
                await self._run()
            except OSError as error:
                log.warning("the cache engine cannot be started: %s", error)
            if self._closing:
                return
            self.restarts += 1
            failures = 0 if loop.time() - started > STEADY else failures + 1
            pause = PAUSES[min(failures, len(PAUSES) - 1)]
            log.warning("the cache engine ended; starting it again in %.1f s", pause)
            await asyncio.sleep(pause)

    async def _run(self) -> None:
        """One life of the process."""
        ours, its = socket.socketpair()
        try:
            self._process = await self._spawn(its)
        except OSError:
            ours.close()
            raise
        finally:
            its.close()
        loop = asyncio.get_running_loop()
        pipe = EdgePipe(self._take, loop.create_future())
        transport, _ = await loop.create_connection(lambda: pipe, sock=ours)
        self._transport = transport
        try:
            await pipe.ended
        finally:
            self._transport = None
            self._opened.clear()
            transport.close()
            self._fail_all("the engine ended")
            await self._reap(self._process)

    async def _spawn(self, its: socket.socket) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", MODULE, "--fd", str(its.fileno()), "--parent", str(os.getpid())),
            *("--dimension", str(self._dimension), str(self._directory)),
            stdin=asyncio.subprocess.DEVNULL,
            pass_fds=(its.fileno(),),
            env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
        )

    async def _reap(self, process: asyncio.subprocess.Process) -> None:
        """The socket is closed, so it ends by itself; if not, it is stuck."""
        try:
            async with asyncio.timeout(CLOSE_LIMIT):
                await process.wait()
        except (TimeoutError, asyncio.CancelledError):
            _kill(process)
            await process.wait()
            raise
        finally:
            self._process = None

    def _take(self, reply: protocol.Reply) -> None:
        if isinstance(reply, protocol.Ready):
            if reply.moved_aside is not None:
                self.moved_aside += 1
                log.error(
                    "the cache could not be read and begins empty (%s); it is kept as %s",
                    reply.reason,
                    reply.moved_aside,
                )
            self.known.learn(reply.ids)
            self._opened.set()
            return
        if reply.number == 0 and isinstance(reply, protocol.Failed):
            log.error("the cache engine cannot open its state: %s", reply.message)
            return
        asked = self._pending.get(reply.number)
        if asked is None or asked[0].done():
            return
        future = asked[0]
        if isinstance(reply, protocol.Done):
            future.set_result(reply.value)
        else:
            future.set_exception(StoreUnavailable("failed", reply.message))

    def _fail_all(self, why: str) -> None:
        for future, _ in self._pending.values():
            if not future.done():
                future.set_exception(StoreUnavailable("failed", why))


def _kill(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.kill()
