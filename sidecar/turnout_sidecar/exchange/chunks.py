"""How long a stream's reader waited for each piece of the answer after the first.

Kept beside the stream as counts by bucket, so that a chunk costs a clock and an addition, and given to the metrics when the
attempt is over. A chunk is an event that holds a piece of the answer; of those that arrive together only the first was waited for.
"""

from bisect import bisect_left
from typing import Final

from turnout_contract import semconv

_BOUNDS_NS: Final = tuple(round(bound * 1_000_000_000) for bound in semconv.DURATION_BUCKETS)


class ChunkTimes:
    """Of one attempt. `counts` by `semconv.DURATION_BUCKETS`, the last for what is longer; `total_ns` is their sum."""

    __slots__ = ("_last_ns", "counts", "total_ns")

    def __init__(self) -> None:
        self.counts = [0] * (len(_BOUNDS_NS) + 1)
        self.total_ns = 0
        self._last_ns = 0

    def came(self, chunks: int, now_ns: int) -> None:
        """So many chunks, one at least, are here now (monotonic nanoseconds)."""
        if self._last_ns:
            waited = now_ns - self._last_ns
            self.counts[bisect_left(_BOUNDS_NS, waited)] += 1
            self.total_ns += waited
        if chunks > 1:
            self.counts[0] += chunks - 1
        self._last_ns = now_ns
