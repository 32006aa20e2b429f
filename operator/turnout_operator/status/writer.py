"""Writes statuses: server-side apply on `/status`, the newest for each object, at a bounded rate.

Rules: an object is written by one worker at a time and always with what is newest; a write carries the uid, so that an object
that was deleted and made anew is never given its namesake's status; nothing is written while we do not lead; what fails for
want of the API server is tried again, what can never succeed is dropped.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import msgspec

from turnout_contract.api.meta import API_VERSION
from turnout_contract.api.registry import KINDS
from turnout_operator.kube import CONFLICT, FIELD_MANAGER, NOT_FOUND, REQUEST_SECONDS, ApiError, AsyncKube

RATE = 100.0
BURST = 200
WORKERS = 4
FIRST_RETRY = 0.5
MOST_RETRY = 30.0
MOST_SECONDS = 60.0
_INVALID = 422
_log = logging.getLogger(__name__)


class Write(msgspec.Struct, frozen=True):
    """The status that an object is to have."""

    kind: str
    namespace: str
    name: str
    uid: str
    status: dict[str, Any]

    @property
    def key(self) -> tuple[str, str, str]:
        """What identifies the object."""
        return (self.kind, self.namespace, self.name)


class TokenBucket:
    """At most `rate` a second, and `burst` at once."""

    def __init__(self, rate: float, burst: int, monotonic: Callable[[], float]) -> None:
        self._rate = rate
        self._burst = burst
        self._monotonic = monotonic
        self._tokens = float(burst)
        self._at = monotonic()

    def take(self) -> float:
        """Take one; returns the seconds to wait before it may be used."""
        now = self._monotonic()
        self._tokens = min(float(self._burst), self._tokens + (now - self._at) * self._rate) - 1.0
        self._at = now
        return max(0.0, -self._tokens / self._rate)


class StatusWriter:
    """A few workers over a queue of objects. `counted` hears "written", "retried" or "dropped"."""

    def __init__(
        self,
        kube: AsyncKube,
        *,
        leading: Callable[[], bool],
        monotonic: Callable[[], float],
        counted: Callable[[str], None] = lambda _result: None,
        rate: float = RATE,
    ) -> None:
        self._kube = kube
        self._leading = leading
        self._counted = counted
        self._bucket = TokenBucket(rate, BURST, monotonic)
        self._newest: dict[tuple[str, str, str], Write] = {}
        self._queued: asyncio.Queue[tuple[str, str, str]] = asyncio.Queue()
        self._busy: set[tuple[str, str, str]] = set()
        self._failures: dict[tuple[str, str, str], int] = {}
        self._retrying: dict[tuple[str, str, str], Write] = {}

    def write(self, write: Write) -> None:
        """This is what the object's status should be."""
        self._retrying.pop(write.key, None)
        waiting = self._newest.get(write.key)
        self._newest[write.key] = write
        if waiting is None and write.key not in self._busy:
            self._queued.put_nowait(write.key)

    def settled(self, key: tuple[str, str, str]) -> None:
        """The object says already what it should: what waits to be written is out of date."""
        self._newest.pop(key, None)
        self._retrying.pop(key, None)

    def forget(self) -> None:
        """Write nothing of what waits: we do not lead."""
        self._newest.clear()
        self._retrying.clear()
        self._failures.clear()

    async def run(self) -> None:
        """Write until cancelled."""
        async with asyncio.TaskGroup() as group:
            for number in range(WORKERS):
                group.create_task(self._work(), name=f"status-{number}")

    async def _work(self) -> None:
        while True:
            key = await self._queued.get()
            if key in self._busy or key not in self._newest:
                continue
            self._busy.add(key)
            try:
                await asyncio.sleep(self._bucket.take())
                write = self._newest.pop(key, None)
                if write is not None and self._leading():
                    await self._apply(write)
            finally:
                self._busy.discard(key)
            if key in self._newest:
                self._queued.put_nowait(key)

    async def _apply(self, write: Write) -> None:
        plural = KINDS[write.kind].plural
        path = f"/apis/{API_VERSION}/namespaces/{write.namespace}/{plural}/{write.name}/status"
        body = {
            "apiVersion": API_VERSION,
            "kind": write.kind,
            "metadata": {"name": write.name, "namespace": write.namespace, "uid": write.uid},
            "status": write.status,
        }
        # What an object costs an API server is up to whoever wrote it: one that is slow is waited for longer the next time, since
        # each try costs the server as much as the last.
        seconds = min(REQUEST_SECONDS * 2.0 ** min(self._failures.get(write.key, 0), 30), MOST_SECONDS)
        try:
            await self._kube.apply(path, body, manager=FIELD_MANAGER, seconds=seconds)
        except ApiError as error:
            self._failed(write, error)
            return
        self._failures.pop(write.key, None)
        self._counted("written")

    def _failed(self, write: Write, error: ApiError) -> None:
        if error.status in (NOT_FOUND, CONFLICT, _INVALID):
            # Gone, or another object of that name; or a status that the schema refuses, which no retry will mend.
            self._failures.pop(write.key, None)
            self._counted("dropped")
            if error.status == _INVALID:
                _log.error(
                    "status of %s %s/%s is not valid: %s", write.kind, write.namespace, write.name, error.message
                )
            return
        failures = self._failures.get(write.key, 0)
        self._failures[write.key] = failures + 1
        self._counted("retried")
        _log.warning("status of %s %s/%s: %s", write.kind, write.namespace, write.name, error)
        if write.key in self._newest or not self._leading():
            return  # a newer one is on its way already, or it is not ours to write any more
        self._retrying[write.key] = write
        delay = min(FIRST_RETRY * 2.0 ** min(failures, 30), MOST_RETRY)
        asyncio.get_running_loop().call_later(delay, self._again, write)

    def _again(self, write: Write) -> None:
        if self._retrying.get(write.key) is write:
            self.write(write)
