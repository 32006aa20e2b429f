"""Time and chance, so that every decision can be tested with values of the test's own."""

import random
import time
from typing import Protocol


class Clock(Protocol):
    """Now, on two clocks."""

    def monotonic_ns(self) -> int:
        """Nanoseconds that never go back."""
        ...

    def unix_ns(self) -> int:
        """Nanoseconds since 1970."""
        ...


class SystemClock:
    """The machine's clocks."""

    monotonic_ns = staticmethod(time.monotonic_ns)
    unix_ns = staticmethod(time.time_ns)


class FakeClock:
    """A clock that a test moves."""

    def __init__(self, unix_ns: int = 1_700_000_000_000_000_000) -> None:
        self._mono = 1_000_000_000
        self._unix = unix_ns

    def monotonic_ns(self) -> int:
        """The test's now."""
        return self._mono

    def unix_ns(self) -> int:
        """The test's date."""
        return self._unix

    def advance(self, seconds: float) -> None:
        """Move both clocks."""
        self._mono += int(seconds * 1e9)
        self._unix += int(seconds * 1e9)


class Dice(Protocol):
    """Chance."""

    def random(self) -> float:
        """A number in [0, 1)."""
        ...


def system_dice() -> Dice:
    """The process's own chance: spreads load and picks splits; nothing secret depends on it."""
    return random.Random()  # noqa: S311
