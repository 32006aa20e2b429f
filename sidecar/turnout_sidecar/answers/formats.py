"""The formats in which answers are asked for, and what the guards do with an answer in each.

Rules: errors are no answers, but are edited as any other body; an endpoint that is not here answers with no text (embeddings).
"""

from typing import Final, Protocol

import msgspec

from turnout_sidecar.answers import collecting, responses, whole
from turnout_sidecar.answers.chat import ChatEditor
from turnout_sidecar.answers.kinds import Channel, Edit, Kind, Last, Make, StreamEditor
from turnout_sidecar.answers.leaves import Step
from turnout_sidecar.answers.messages import MessagesEditor
from turnout_sidecar.exchange.usage import Usage

__all__ = ["FORMATS", "AnswerFormat", "Channel", "Edit", "Kind", "Last", "Make", "StreamEditor"]


class _Open(Protocol):
    def __call__(
        self, make: Make, last: Last | None = None, edit: Edit | None = None, *, echo: bool = True
    ) -> StreamEditor: ...


class _Collect(Protocol):
    def __call__(self, frames: bytes, usage: Usage | None = None) -> bytes | None: ...


class AnswerFormat(msgspec.Struct, frozen=True):
    """One format."""

    editor: _Open
    """The editor of one stream.

    `last` is asked once, when all has been said and before the event that ends the stream goes out, what verdict to tell in
    an event of its own; None: none. `edit` is for texts that come whole in a stream (names, links, what an event repeats);
    without it they go through a channel whose place is empty. `echo` False: what repeats the call is left as it is.
    """
    collected: _Collect
    """`collected(frames, usage=None)`: the whole answer that all frames of a stream brought; None where they brought none."""
    repeats: frozenset[str] = frozenset()
    """Members of an answer that repeat the call."""

    def whole(self, body: bytes, edit: Edit, *, echo: bool = True) -> bytes:
        """A whole answer with each of its texts edited; the very same bytes where nothing changed.

        `echo` False: what repeats the call is left as it is.
        """
        return whole.edited(body, edit, echo=None if echo else self._repeats)

    def texts(self, body: bytes) -> tuple[tuple[Kind, str], ...]:
        """All texts of the answer, names, links and results of tools too; but not what repeats the call."""
        return whole.texts(body, self._repeats)

    def _repeats(self, path: tuple[Step, ...]) -> bool:
        return bool(path) and path[0] in self.repeats


FORMATS: Final[dict[str, AnswerFormat]] = {
    "chat": AnswerFormat(
        editor=ChatEditor,
        collected=collecting.chat,
    ),
    "messages": AnswerFormat(
        editor=MessagesEditor,
        collected=collecting.messages,
        repeats=frozenset({"stop_sequence"}),
    ),
    "responses": AnswerFormat(
        editor=responses.ResponsesEditor,
        collected=collecting.responses,
        repeats=responses.REPEATS,
    ),
}
