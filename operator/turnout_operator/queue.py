"""Which namespaces must be compiled, and when: a work queue with debounce, pure but for the clock that is passed in.

A namespace is due once it was quiet for a while, or some time after its first change at the latest, so that a stream of edits
still gets out. One that changes while it is being worked on comes back afterwards; one that failed comes back with backoff.

Rules: a namespace is in the queue once; it is never worked on twice at a time; times are seconds of one monotonic clock.
"""

import msgspec

FIRST_BACKOFF = 0.005
MOST_BACKOFF = 60.0


class Work(msgspec.Struct, frozen=True):
    """A namespace to work on, and when it was first changed."""

    key: str
    since: float


class _Waiting(msgspec.Struct):
    first: float
    last: float
    not_before: float = 0.0


class DebounceQueue:
    """Keys to work on. `quiet` and `most` are seconds."""

    def __init__(self, *, quiet: float, most: float) -> None:
        self._quiet = quiet
        self._most = most
        self._waiting: dict[str, _Waiting] = {}
        self._working: dict[str, Work] = {}
        self._failures: dict[str, int] = {}

    def mark(self, key: str, now: float) -> None:
        """It changed."""
        waiting = self._waiting.get(key)
        if waiting is None:
            self._waiting[key] = _Waiting(first=now, last=now)
        else:
            waiting.last = max(waiting.last, now)

    def take(self, now: float) -> list[Work]:
        """What is due now, oldest first; each must be given back by `done`."""
        due = [key for key in self._waiting if key not in self._working and self._due_at(key) <= now]
        taken = [Work(key, self._waiting.pop(key).first) for key in due]
        self._working.update((work.key, work) for work in taken)
        return sorted(taken, key=lambda work: (work.since, work.key))

    def done(self, key: str, now: float, *, failed: bool = False) -> None:
        """The work on it is over. A failure puts it back, later each time."""
        work = self._working.pop(key)
        if not failed:
            self._failures.pop(key, None)
            return
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        delay = min(FIRST_BACKOFF * 2.0 ** min(failures, 30), MOST_BACKOFF)
        waiting = self._waiting.setdefault(key, _Waiting(first=work.since, last=now))
        waiting.first = min(waiting.first, work.since)
        waiting.not_before = now + delay

    def next_at(self) -> float | None:
        """When something becomes due that is not being worked on; None: nothing waits."""
        return min((self._due_at(key) for key in self._waiting if key not in self._working), default=None)

    def forget(self) -> None:
        """Nothing waits any more (what is being worked on goes on)."""
        self._waiting.clear()
        self._failures.clear()

    @property
    def idle(self) -> bool:
        """Whether nothing waits and nothing is worked on."""
        return not self._waiting and not self._working

    def __len__(self) -> int:
        return len(self._waiting)

    def _due_at(self, key: str) -> float:
        waiting = self._waiting[key]
        return max(min(waiting.last + self._quiet, waiting.first + self._most), waiting.not_before)
