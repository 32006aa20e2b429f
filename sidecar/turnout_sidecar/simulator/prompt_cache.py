"""The provider's own cache of prompts, as far as usage tells of it: which beginnings of requests were seen before.

Two ways of real providers: `marked` (a request says up to where it wants to be cached, and for how long) and `automatic`
(every long beginning is). Rules: what is read or written depends on the requests of this process in their order, and on
nothing else, no clock; at most ten thousand beginnings are remembered, the oldest forgotten first.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Final, Literal

import msgspec

from turnout_sidecar.simulator.drawing import digest

Ttl = Literal["5m", "1h"]

_MOST: Final = 10_000
_FEWEST_AUTOMATIC: Final = 1024
_STEP_AUTOMATIC: Final = 128


class Segment(msgspec.Struct, frozen=True):
    """A piece of a prompt: what it says, its tokens, and how long the prompt up to its end is to be kept."""

    value: Any
    tokens: int
    keep: Ttl | None = None


class CacheUse(msgspec.Struct, frozen=True):
    """Tokens that were read from the cache and written to it; `rest`: neither."""

    rest: int
    read: int = 0
    write_5m: int = 0
    write_1h: int = 0

    @property
    def write(self) -> int:
        """Tokens written, for however long."""
        return self.write_5m + self.write_1h


class PromptCache:
    """Beginnings that were seen."""

    def __init__(self) -> None:
        self._seen: OrderedDict[bytes, None] = OrderedDict()

    def marked(self, scope: str, segments: Sequence[Segment]) -> CacheUse:
        """Read what an earlier request of this `scope` marked, and write up to the last mark of this one."""
        total = sum(segment.tokens for segment in segments)
        last = max((index for index, segment in enumerate(segments) if segment.keep), default=-1)
        prefixes = _prefixes(scope, segments[: last + 1])
        known = self._longest(prefixes)
        written = {"5m": 0, "1h": 0}
        waiting = 0
        for index in range(known, last + 1):
            waiting += segments[index].tokens
            keep = segments[index].keep
            if keep is not None:
                written[keep] += waiting
                waiting = 0
        self._remember([prefix for prefix, segment in zip(prefixes, segments, strict=False) if segment.keep])
        read = sum(segment.tokens for segment in segments[:known])
        rest = total - read - written["5m"] - written["1h"]
        return CacheUse(rest, read, written["5m"], written["1h"])

    def automatic(self, scope: str, segments: Sequence[Segment]) -> int:
        """The tokens at the beginning that were seen before, in whole steps; all of it is remembered."""
        prefixes = _prefixes(scope, segments)
        read = sum(segment.tokens for segment in segments[: self._longest(prefixes)])
        self._remember(prefixes)
        return read // _STEP_AUTOMATIC * _STEP_AUTOMATIC if read >= _FEWEST_AUTOMATIC else 0

    def _longest(self, prefixes: list[bytes]) -> int:
        return next((index + 1 for index in range(len(prefixes) - 1, -1, -1) if prefixes[index] in self._seen), 0)

    def _remember(self, prefixes: list[bytes]) -> None:
        for prefix in prefixes:
            self._seen[prefix] = None
            self._seen.move_to_end(prefix)
        while len(self._seen) > _MOST:
            self._seen.popitem(last=False)


def _prefixes(scope: str, segments: Sequence[Segment]) -> list[bytes]:
    running = hashlib.sha256(scope.encode("utf-8", "surrogatepass"))
    prefixes = []
    for segment in segments:
        running.update(digest(segment.value))
        prefixes.append(running.digest())
    return prefixes
