"""Kept-alive connections by target: which to use again, when to open another, when to let one go.

The most recently used comes first, so that a quiet target shrinks to what it needs. Rules:
- no cap over all targets, ever: a slow provider must not starve another; a cap for each target is a setting;
- where a target is at its cap, callers wait in order, each within its own time to connect;
- an idle connection is dropped after `idle_seconds` (less where the peer said so), any after `max_age_seconds`, so that
  changed addresses and certificates are seen in the end.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Annotated, Final

import msgspec

from turnout_sidecar.adapters.http_connection import HttpConnection
from turnout_sidecar.ports.upstream import Target

_SWEEP_SECONDS: Final = 5.0

OpenConnection = Callable[[Target, Callable[[HttpConnection], None]], Awaitable[HttpConnection]]


class PoolLimits(msgspec.Struct, frozen=True):
    """How many connections are kept, and for how long."""

    idle_seconds: float = 55.0
    max_age_seconds: float = 600.0
    max_idle: int = 256
    """Idle connections kept for each target."""
    max_open: Annotated[int, msgspec.Meta(ge=1)] | None = None
    """Connections for each target, those in use too. None: as many as there are calls."""


class _Lane:
    """The connections of one target."""

    __slots__ = ("idle", "open", "waiting")

    def __init__(self) -> None:
        self.idle: list[HttpConnection] = []
        self.open = 0
        self.waiting: deque[asyncio.Future[HttpConnection | None]] = deque()

    def hand_on(self, given: HttpConnection | None) -> bool:
        """Give a kept connection, or the place of a lost one, to who waits longest; False when nobody waits."""
        while self.waiting:
            turn = self.waiting.popleft()
            if not turn.done():
                turn.set_result(given)
                return True
        return False


class ConnectionPool:
    """Gives out connections and takes them back."""

    def __init__(self, loop: asyncio.AbstractEventLoop, limits: PoolLimits, open_connection: OpenConnection) -> None:
        self._loop = loop
        self._limits = limits
        self._open_connection = open_connection
        self._lanes: dict[Target, _Lane] = {}
        self._all: set[HttpConnection] = set()
        self._sweeper: asyncio.TimerHandle | None = None
        self._closed = False

    def take_idle(self, target: Target) -> HttpConnection | None:
        """A kept-alive connection that is fit for use, most recent first; None when there is none."""
        lane = self._lanes.get(target)
        if lane is None:
            return None
        now = self._loop.time()
        while lane.idle:
            connection = lane.idle.pop()
            if connection.usable and connection.usable_until > now:
                return connection
            connection.abort()
        return None

    async def open(self, target: Target) -> HttpConnection:
        """A new connection; at the target's cap, whichever comes first of a place for one and a kept one set free."""
        if self.closed():
            raise ConnectionError("the client is closed")
        lane = self._lanes.setdefault(target, _Lane())
        cap = self._limits.max_open
        while cap is not None and lane.open >= cap:
            kept = await self._turn(target, lane)
            if kept is None:
                break
            if kept.usable:
                return kept
        else:
            lane.open += 1
        try:
            connection = await self._open_connection(target, lambda lost: self._lost(target, lane, lost))
        except BaseException:
            self._leave(target, lane)
            raise
        if not connection.usable:
            self._leave(target, lane)
            return connection
        self._all.add(connection)
        if self.closed():
            connection.abort()
        return connection

    async def _turn(self, target: Target, lane: _Lane) -> HttpConnection | None:
        """Wait in the lane's queue: a kept connection, or None for a place (already counted) to open one."""
        turn: asyncio.Future[HttpConnection | None] = self._loop.create_future()
        lane.waiting.append(turn)
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                given = turn.result()
                if given is None:
                    self._leave(target, lane)
                else:
                    self._offer(lane, given)
            raise

    def put_back(self, connection: HttpConnection) -> None:
        """A reply was finished or given up: keep its connection where it can be kept."""
        if self._closed or not connection.release():
            connection.abort()
            return
        now = self._loop.time()
        keep = min(self._limits.idle_seconds, connection.peer_keeps_seconds)
        connection.usable_until = min(now + keep, connection.opened_at + self._limits.max_age_seconds)
        lane = self._lanes.get(connection.target)
        if lane is None or connection.usable_until <= now or len(lane.idle) >= self._limits.max_idle:
            connection.abort()
            return
        self._offer(lane, connection)
        if self._sweeper is None:
            self._sweeper = self._loop.call_later(_SWEEP_SECONDS, self._sweep)

    def _offer(self, lane: _Lane, connection: HttpConnection) -> None:
        if not lane.hand_on(connection):
            lane.idle.append(connection)

    def _lost(self, target: Target, lane: _Lane, connection: HttpConnection) -> None:
        if connection in self._all:
            self._all.discard(connection)
            self._leave(target, lane)

    def _leave(self, target: Target, lane: _Lane) -> None:
        if lane.hand_on(None):
            return
        lane.open -= 1
        if not lane.open and self._lanes.get(target) is lane:
            del self._lanes[target]

    def _sweep(self) -> None:
        self._sweeper = None
        now = self._loop.time()
        kept = 0
        for lane in tuple(self._lanes.values()):
            fit: list[HttpConnection] = []
            for connection in lane.idle:
                if connection.usable and connection.usable_until > now:
                    fit.append(connection)
                else:
                    connection.abort()
            lane.idle = fit
            kept += len(fit)
        if kept and not self._closed:
            self._sweeper = self._loop.call_later(_SWEEP_SECONDS, self._sweep)

    def closed(self) -> bool:
        """Whether `close` was called; nothing is given out any more."""
        return self._closed

    def close(self) -> None:
        """Cut every connection, those in use too."""
        self._closed = True
        if self._sweeper is not None:
            self._sweeper.cancel()
        for connection in tuple(self._all):
            connection.abort()
