"""The formats in which answers are asked for, and what the guards do with an answer in each.

Rules: errors are no answers, but are edited as any other body; an endpoint that is not here answers with no text (embeddings).
"""

from collections.abc import Callable
from typing import Final

import msgspec

from turnout_sidecar.answers import verdicts, whole
from turnout_sidecar.answers.chat import ChatEditor
from turnout_sidecar.answers.kinds import Edit, Kind, StreamEditor
from turnout_sidecar.answers.messages import MessagesEditor
from turnout_sidecar.answers.responses import ResponsesEditor
from turnout_sidecar.caching.formats import CACHED
from turnout_sidecar.exchange.usage import Usage


class AnswerFormat(msgspec.Struct, frozen=True):
    """One format."""

    root: str
    """The member of a whole answer under which its own texts stand."""
    editor: Callable[..., StreamEditor]
    """`editor(make, edit=None)`: the editor of one stream. `edit` is for texts that come whole in it (names, links, what an
    event repeats); without it they go through a channel of their own, whose place is empty."""
    told: Callable[..., bytes]
    """`told(frames, verdict, last=b"")`: the frames with the verdict before the event that ends the stream, or at their end."""
    verdict_frame: Callable[..., bytes]
    """`verdict_frame(verdict, last=b"")`: that event alone; `last` are frames that came before it."""
    collected: Callable[[bytes, Usage | None], bytes | None]
    """The whole answer that the frames of a stream brought; None where it is not known."""
    ends: Callable[[bytes], bool] = verdicts.ends
    """Whether these frames hold the event that ends the stream."""
    whole: Callable[[bytes, Edit], bytes] = whole.edited
    """A whole answer with each of its texts edited; the very same bytes where nothing changed."""

    def texts(self, body: bytes) -> tuple[tuple[Kind, str], ...]:
        """The texts of the answer itself: no names, links, notes, results of tools, nor what it repeats of the call."""
        return whole.texts(body, self.root)


FORMATS: Final[dict[str, AnswerFormat]] = {
    "chat": AnswerFormat(
        root="choices",
        editor=ChatEditor,
        told=verdicts.chat_told,
        verdict_frame=verdicts.chat_frame,
        collected=CACHED["chat"].collected,
    ),
    "messages": AnswerFormat(
        root="content",
        editor=MessagesEditor,
        told=verdicts.messages_told,
        verdict_frame=verdicts.event_frame,
        collected=CACHED["messages"].collected,
    ),
    "responses": AnswerFormat(
        root="output",
        editor=ResponsesEditor,
        told=verdicts.responses_told,
        verdict_frame=verdicts.event_frame,
        collected=CACHED["responses"].collected,
    ),
}
