"""The answer of a stream that goes by, for whoever needs it whole: read again from the frames that a caller is sent.

Chat streams are put together as they are (`openai_collect`), with all their choices and unknown members; those of the other
APIs through the canonical events. Rules: what came of a stream that broke off is an answer as far as it came; what cannot be
read ends the reading and not the stream.
"""

from typing import Protocol

from turnout_sidecar.wire.canonical import Answer, NotAnAnswer
from turnout_sidecar.wire.formats import StreamReader
from turnout_sidecar.wire.gather import Gathered
from turnout_sidecar.wire.openai_collect import Collected
from turnout_sidecar.wire.registry import outbound


class Collecting(Protocol):
    """Takes the pieces of a stream in their order."""

    def feed(self, piece: bytes) -> None:
        """The next bytes."""

    def answer(self) -> bytes | Answer | None:
        """The body of a chat answer, or an answer of another API; None where there was none."""


class CollectedEvents:
    """A stream of any format."""

    def __init__(self, reader: StreamReader) -> None:
        self._reader = reader
        self._gathered = Gathered()
        self._over = False

    def feed(self, piece: bytes) -> None:
        """See Collecting."""
        if self._over:
            return
        try:
            self._gathered.feed(self._reader.feed(piece))
        except NotAnAnswer:
            self._over = True

    def answer(self) -> Answer | None:
        """See Collecting."""
        return self._gathered.so_far()


def collecting(name: str) -> Collecting:
    """For streams that a caller of this format is sent."""
    return CollectedEvents(outbound(name).reader()) if name in ("responses", "messages") else Collected()
