"""When a failed attempt may be tried again: the budget of retries, the time between them, and what `Retry-After` says.

A retry multiplies load just when an upstream has too much of it, so retries on an upstream are bounded by a share of the
recent calls to it. Rules:
- the window is the last ten seconds; at least three retries in it are always allowed, so that a quiet route can retry;
- the budget is of the upstream (provider/model), whichever route asks, and outlives a change of configuration;
- waits grow exponentially with jitter, and are never shorter than what the upstream asked for.
"""

from collections.abc import Iterable
from datetime import UTC
from email.utils import parsedate_to_datetime

from turnout_sidecar.ports.clock import Dice

WINDOW_SECONDS = 10
AT_LEAST = 3
BASE_SECONDS = 0.1
MOST_SECONDS = 5.0


class _Window:
    """Calls and retries of the last ten seconds, a slot for each."""

    __slots__ = ("calls", "retries", "seconds")

    def __init__(self) -> None:
        self.seconds = [-1] * WINDOW_SECONDS
        self.calls = [0] * WINDOW_SECONDS
        self.retries = [0] * WINDOW_SECONDS

    def slot(self, second: int) -> int:
        """The slot of this second, empty where it was an older one's."""
        slot = second % WINDOW_SECONDS
        if self.seconds[slot] != second:
            self.seconds[slot] = second
            self.calls[slot] = 0
            self.retries[slot] = 0
        return slot

    def totals(self, second: int) -> tuple[int, int]:
        """Calls and retries of the window."""
        live = [slot for slot in range(WINDOW_SECONDS) if second - self.seconds[slot] < WINDOW_SECONDS]
        return sum(self.calls[slot] for slot in live), sum(self.retries[slot] for slot in live)


class RetryBudgets:
    """The budgets of all upstreams by name."""

    def __init__(self) -> None:
        self._windows: dict[str, _Window] = {}

    def called(self, upstream: str, now_ns: int) -> None:
        """A call (no retry) goes to the upstream."""
        window = self._windows.get(upstream)
        if window is None:
            window = self._windows[upstream] = _Window()
        window.calls[window.slot(now_ns // 1_000_000_000)] += 1

    def take(self, upstream: str, percent: int, now_ns: int) -> bool:
        """Whether a retry is allowed now; if so, it is counted."""
        window = self._windows.get(upstream)
        if window is None:
            window = self._windows[upstream] = _Window()
        second = now_ns // 1_000_000_000
        slot = window.slot(second)
        calls, retries = window.totals(second)
        if retries >= max(AT_LEAST, calls * percent // 100):
            return False
        window.retries[slot] += 1
        return True

    def keep(self, upstreams: Iterable[str]) -> None:
        """Forget all others."""
        wanted = set(upstreams)
        self._windows = {name: window for name, window in self._windows.items() if name in wanted}


def wait_seconds(retry: int, retry_after: float | None, dice: Dice) -> float:
    """How long to wait before retry number `retry` (0 is the first)."""
    grown: float = min(MOST_SECONDS, BASE_SECONDS * 2**retry)
    return max(grown * (0.5 + 0.5 * dice.random()), retry_after or 0.0)


def read_retry_after(value: str | None, milliseconds: str | None, now_unix_ns: int) -> float | None:
    """Seconds that `Retry-After` (seconds or a date) or `retry-after-ms` asks for; None where neither says so."""
    exact = _number(milliseconds)
    if exact is not None:
        return exact / 1000
    seconds = _number(value)
    if seconds is not None or not value:
        return seconds
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, OverflowError):  # the parser takes numbers that no date can hold
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, moment.timestamp() - now_unix_ns / 1e9)


def _number(text: str | None) -> float | None:
    try:
        number = float(text) if text else None
    except ValueError:
        return None
    return number if number is not None and 0 <= number < float("inf") else None
