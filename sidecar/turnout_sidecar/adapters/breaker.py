"""A circuit breaker: after failures in a row, nothing is tried for a while, then one try decides.

Pure but for the clock it is given. Closed: all may pass. Open: none, until `pause_s` is over. Half open: one probe passes, the
others do not wait for it; its success closes, its failure opens for another pause.
"""

from typing import Literal

from turnout_sidecar.ports.clock import Clock

State = Literal["closed", "open", "half-open"]


class Breaker:
    """One for each thing that may be down."""

    def __init__(self, clock: Clock, *, failures: int = 5, pause_s: float = 10.0) -> None:
        self._clock = clock
        self._most = failures
        self._pause_ns = int(pause_s * 1e9)
        self._failed = 0
        self._opened_ns: int | None = None
        self._probing = False
        self.openings = 0
        """How often it has opened."""

    @property
    def state(self) -> State:
        """Where it stands now."""
        if self._opened_ns is None:
            return "closed"
        if self._probing or self._clock.monotonic_ns() - self._opened_ns >= self._pause_ns:
            return "half-open"
        return "open"

    def admit(self) -> bool:
        """Whether to try now. Who is admitted must tell `succeeded`, `failed` or `abandoned`."""
        if self._opened_ns is None:
            return True
        if self._probing or self.state == "open":
            return False
        self._probing = True
        return True

    def succeeded(self) -> None:
        """It works."""
        self._failed = 0
        self._opened_ns = None
        self._probing = False

    def failed(self) -> None:
        """It does not."""
        self._failed += 1
        if self._probing or (self._opened_ns is None and self._failed >= self._most):
            self._opened_ns = self._clock.monotonic_ns()
            self._probing = False
            self.openings += 1

    def abandoned(self) -> None:
        """The one who tried has gone without an answer: neither good nor bad, and another may probe."""
        self._probing = False
