"""The formats in which answers are asked for, and what the guards do with an answer in each.

Rules: errors are no answers, but are edited as any other body; an endpoint that is not here answers with no text (embeddings).
"""

from collections.abc import Callable
from typing import Final, Protocol

import msgspec

from turnout_sidecar.answers import collecting, whole
from turnout_sidecar.answers.chat import ChatEditor
from turnout_sidecar.answers.kinds import Channel, Edit, Kind, Last, Make, StreamEditor
from turnout_sidecar.answers.messages import MessagesEditor
from turnout_sidecar.answers.responses import ResponsesEditor
from turnout_sidecar.exchange.usage import Usage

__all__ = ["FORMATS", "AnswerFormat", "Channel", "Edit", "Kind", "Last", "Make", "StreamEditor"]


class _Open(Protocol):
    def __call__(self, make: Make, last: Last | None = None, edit: Edit | None = None) -> StreamEditor: ...


class _Collect(Protocol):
    def __call__(self, frames: bytes, usage: Usage | None = None) -> bytes | None: ...


class AnswerFormat(msgspec.Struct, frozen=True):
    """One format."""

    root: str
    """The member of a whole answer under which its own texts stand."""
    editor: _Open
    """`editor(make, last=None, edit=None)`: the editor of one stream. `last` is asked once, when all has been said and before the
    event that ends the stream goes out, what verdict to tell in an event of its own; None: none. `edit` is for texts that
    come whole in a stream (names, links, what an event repeats); without it they go through a channel whose place is empty."""
    collected: _Collect
    """`collected(frames, usage=None)`: the whole answer that all frames of a stream brought; None where they brought none."""
    whole: Callable[[bytes, Edit], bytes] = whole.edited
    """A whole answer with each of its texts edited; the very same bytes where nothing changed."""

    def texts(self, body: bytes) -> tuple[tuple[Kind, str], ...]:
        """The texts of the answer itself: no names, links, notes, results of tools, nor what it repeats of the call."""
        return whole.texts(body, self.root)


FORMATS: Final[dict[str, AnswerFormat]] = {
    "chat": AnswerFormat(
        root="choices",
        editor=ChatEditor,
        collected=collecting.chat,
    ),
    "messages": AnswerFormat(
        root="content",
        editor=MessagesEditor,
        collected=collecting.messages,
    ),
    "responses": AnswerFormat(
        root="output",
        editor=ResponsesEditor,
        collected=collecting.responses,
    ),
}
