"""Values put back into answers, by channels that fail open: what cannot be put back stays a placeholder, and nothing is lost.

Rules: a channel that has failed once passes its text as it comes; what is told of a failure is its place in the code alone.
"""

import logging
from collections.abc import Callable

from turnout_sidecar.answers.kinds import Edit, Kind
from turnout_sidecar.faults import place
from turnout_sidecar.masking.restoring import Restorer

_LOG = logging.getLogger("turnout.guardrails")


class PutBack:
    """A channel; see answers.kinds.Channel. `call` is the id of the call, for the log."""

    __slots__ = ("_call", "_failed", "_inner")

    def __init__(self, inner: Restorer, call: str) -> None:
        self._inner = inner
        self._call = call
        self._failed = False

    def feed(self, text: str) -> str:
        """What may be said now."""
        return text if self._failed else self._tried(lambda: self._inner.feed(text), text)

    def flush(self) -> str:
        """What was held."""
        return "" if self._failed else self._tried(self._inner.flush, "")

    def _tried(self, work: Callable[[], str], text: str) -> str:
        held = self._inner.held
        try:
            return work()
        except Exception as error:  # noqa: BLE001  boundary: restoring fails open, the placeholders stay
            _LOG.warning("the answer of call %s is not restored: %s", self._call, place(error))
            self._failed = True
            return held + text


def put_back(edit: Edit, call: str) -> Edit:
    """The edit of a whole text, which gives it as it was where it fails."""

    def tried(kind: Kind, text: str) -> str:
        try:
            return edit(kind, text)
        except Exception as error:  # noqa: BLE001  boundary: as above
            _LOG.warning("the answer of call %s is not restored: %s", call, place(error))
            return text

    return tried
