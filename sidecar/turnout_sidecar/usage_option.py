"""Which backends refuse `stream_options`, by which a stream is asked to report its usage.

The gateway adds it to streams whose caller did not, and some servers refuse what they do not know. A caller must not suffer from
what we added: such a call is sent again as the caller wrote it, and its usage is estimated if the provider reports none.

Rules: a refusal is one that names the option, of a call that we added it to; it is remembered by target and model for ten
minutes, since servers are upgraded; what is remembered is bounded.
"""

from typing import Final

from turnout_sidecar.ports.upstream import Target
from turnout_sidecar.routing import LiveBackend

REMEMBERED_NS: Final = 600 * 1_000_000_000
MOST: Final = 1024
_INVALID: Final = frozenset({400, 422})
_NAMES: Final = (b"stream_options", b"include_usage")

_Key = tuple[Target, str, str]


class UsageOption:
    """What is known of all backends. Times are monotonic nanoseconds."""

    def __init__(self) -> None:
        self._until: dict[_Key, int] = {}  # the oldest refusal first

    def known_to(self, backend: LiveBackend, now_ns: int) -> bool:
        """Whether it may be asked for usage: no refusal of late is known."""
        return not self._until or self._until.get(_key(backend), now_ns) <= now_ns

    def refused(self, backend: LiveBackend, status: int, body: bytes, now_ns: int) -> bool:
        """Whether this reply to a call that asked for usage is a refusal of that; it is then remembered."""
        if status not in _INVALID or not any(name in body for name in _NAMES):
            return False
        key = _key(backend)
        self._until.pop(key, None)
        while len(self._until) >= MOST:
            del self._until[next(iter(self._until))]
        self._until[key] = now_ns + REMEMBERED_NS
        return True


def _key(backend: LiveBackend) -> _Key:
    return backend.end.target, backend.end.path, backend.model.name
