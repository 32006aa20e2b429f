"""Who leads: a coordination.k8s.io Lease, and in its annotation the epoch that fences off leaders of the past.

Why our own: the clocks of two machines need not agree, so a rival is judged by whether its Lease changes while *we* watch, on our
own monotonic clock; a leader stops believing itself before anyone else does; and every leader has a higher epoch than all
before it, which gateways check, so that one that was paused cannot push what is long past.

Rules: `step` blocks and belongs in a thread of its own; `epoch` is asked at each use (None: not leading), never remembered; an
epoch is max(all seen + 1, Unix milliseconds), so that it survives a deleted Lease and a clock set back.
"""

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec

from turnout_operator.kube import CONFLICT, NOT_FOUND, ApiError, Json, Kube
from turnout_operator.settings import LeaseTimings

EPOCH = "turnout.dev/epoch"
MICRO_TIME = "%Y-%m-%dT%H:%M:%S.%fZ"
REQUEST_SECONDS = 4.0
PLAUSIBLE_AHEAD_MS = 400 * 86_400_000
"""An epoch further ahead of our clock than this is nobody's: a gateway that says one is not believed."""

_log = logging.getLogger(__name__)


class Term(msgspec.Struct, frozen=True):
    """That we lead, under which epoch, and until when we may believe it (monotonic seconds).

    `number` counts our terms: a term whose epoch is raised is the same one, a term after one that ran out is another.
    """

    epoch: int
    until: float
    number: int


class _Seen(msgspec.Struct, frozen=True):
    """What the Lease looked like when it last changed before our eyes."""

    holder: str
    mark: str
    at: float
    duration: float


class Elector:
    """One candidate. `wall_ms` is Unix milliseconds, `monotonic` seconds that go on while the process is stopped."""

    def __init__(
        self,
        kube: Kube,
        *,
        namespace: str,
        name: str,
        identity: str,
        timings: LeaseTimings,
        monotonic: Callable[[], float],
        wall_ms: Callable[[], int],
    ) -> None:
        self._kube = kube
        self._folder = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
        self._path = f"{self._folder}/{name}"
        self._name = name
        self.identity = identity
        self._timings = timings
        self._monotonic = monotonic
        self._wall_ms = wall_ms
        self._term: Term | None = None
        self._terms = 0
        self._seen: _Seen | None = None
        self._highest = 0

    # --- asked at any time, from any thread

    @property
    def epoch(self) -> int | None:
        """Our epoch while we lead, else None. Asked right before whatever only a leader may do."""
        term = self.term
        return term.epoch if term is not None else None

    @property
    def term(self) -> Term | None:
        """Our term while we lead, else None."""
        term = self._term
        return term if term is not None and self._monotonic() < term.until else None

    @property
    def leading(self) -> bool:
        """Whether we lead, now."""
        return self.epoch is not None

    def plausible(self, epoch: int) -> bool:
        """Whether an epoch that a gateway says may be one of ours."""
        return epoch <= max(self._wall_ms() + PLAUSIBLE_AHEAD_MS, self._highest)

    # --- in the elector's own thread

    def step(self) -> None:
        """Renew, or try to lead. Never raises: a step that failed is a renewal that did not happen."""
        asked_at = self._monotonic()
        try:
            lease = self._read()
            if lease is None:
                self._create(asked_at)
            elif self._holder(lease) == self.identity:
                self._renew(lease, asked_at)
            else:
                self._challenge(lease, asked_at)
        except ApiError as error:
            _log.warning("lease: %s", error)

    def raise_above(self, seen: int) -> None:
        """A gateway has seen a higher epoch: read the Lease again and, if it is still ours, go above."""
        if not self.plausible(seen):
            _log.warning("lease: a gateway says an epoch that is none: %d", seen)
            return
        self._highest = max(self._highest, seen)
        term = self._term
        if term is not None and term.epoch < seen:
            self.step()

    def release(self) -> None:
        """Give the Lease up at once, so that the next need not wait. The epoch stays in it."""
        self._term = None
        try:
            lease = self._read()
            if lease is None or self._holder(lease) != self.identity:
                return
            lease["spec"].update(holderIdentity="", leaseDurationSeconds=1, renewTime=self._now())
            self._put(lease)
        except ApiError as error:
            _log.warning("lease: not released: %s", error)

    # --- inside

    def _renew(self, lease: Json, asked_at: float) -> None:
        """The Lease is ours. If we do not lead (a restart, or a term that ran out), this is a new term."""
        term = self._term
        kept = self._epoch_of(lease)
        continues = (
            term is not None and self._monotonic() < term.until and term.epoch == kept and term.epoch >= self._highest
        )
        epoch = kept if continues else self._next_epoch(kept)
        self._write(lease, epoch, asked_at, taken_over=False)

    def _challenge(self, lease: Json, asked_at: float) -> None:
        """The Lease is another's: lead no more, and take it once it has not changed for its whole duration."""
        if self._term is not None:
            _log.warning("lease: %s leads now", self._holder(lease) or "nobody")
        self._term = None
        now = self._monotonic()
        self._highest = max(self._highest, self._epoch_of(lease))
        mark = str((lease.get("metadata") or {}).get("resourceVersion", ""))
        seen = self._seen
        if seen is None or seen.mark != mark:
            duration = float((lease.get("spec") or {}).get("leaseDurationSeconds") or self._timings.duration)
            self._seen = seen = _Seen(self._holder(lease), mark, now, max(duration, 1.0))
        if not seen.holder or now - seen.at > seen.duration:
            self._write(lease, self._next_epoch(self._epoch_of(lease)), asked_at, taken_over=True)

    def _create(self, asked_at: float) -> None:
        epoch = self._next_epoch(0)
        body: Json = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": self._name, "annotations": {EPOCH: str(epoch)}},
            "spec": {**self._spec(), "acquireTime": self._now(), "leaseTransitions": 0},
        }
        try:
            self._kube.request("POST", self._folder, body=body, seconds=REQUEST_SECONDS)
        except ApiError as error:
            if error.status == CONFLICT:  # somebody was quicker: the next step sees who
                self._term = None
                return
            raise
        self._lead(epoch, asked_at)

    def _write(self, lease: Json, epoch: int, asked_at: float, *, taken_over: bool) -> None:
        spec = lease.setdefault("spec", {})
        if taken_over:
            spec["leaseTransitions"] = int(spec.get("leaseTransitions") or 0) + 1
            spec["acquireTime"] = self._now()
        spec.update(self._spec())
        lease["metadata"].setdefault("annotations", {})[EPOCH] = str(epoch)
        try:
            self._put(lease)
        except ApiError as error:
            if error.status in (CONFLICT, NOT_FOUND):  # it changed since it was read: the next step looks again
                return
            raise
        self._lead(epoch, asked_at)

    def _lead(self, epoch: int, asked_at: float) -> None:
        if self._term is None or self._term.epoch != epoch:
            _log.info("lease: %s leads under epoch %d", self.identity, epoch)
        self._highest = max(self._highest, epoch)
        self._seen = None
        if self.term is None:
            self._terms += 1
        # Counted from before the request was sent: whoever watches the Lease cannot have seen it earlier.
        self._term = Term(epoch, asked_at + self._timings.renew_deadline, self._terms)

    def _next_epoch(self, kept: int) -> int:
        return max(kept + 1, self._highest + 1, self._wall_ms())

    def _spec(self) -> Json:
        return {
            "holderIdentity": self.identity,
            "leaseDurationSeconds": max(1, round(self._timings.duration)),
            "renewTime": self._now(),
        }

    def _now(self) -> str:
        return datetime.fromtimestamp(self._wall_ms() / 1000, UTC).strftime(MICRO_TIME)

    def _read(self) -> Json | None:
        try:
            return self._kube.request("GET", self._path, seconds=REQUEST_SECONDS)
        except ApiError as error:
            if error.status == NOT_FOUND:
                return None
            raise

    def _put(self, lease: Json) -> None:
        self._kube.request("PUT", self._path, body=lease, seconds=REQUEST_SECONDS)

    @staticmethod
    def _holder(lease: Json) -> str:
        return str((lease.get("spec") or {}).get("holderIdentity") or "")

    @staticmethod
    def _epoch_of(lease: Json) -> int:
        text: Any = ((lease.get("metadata") or {}).get("annotations") or {}).get(EPOCH, "0")
        return int(text) if str(text).isdigit() else 0
