"""What the editing of answers is made of: the kinds of text, the channels that a stream's text goes through, and its editor.

Rules: a kind says how its text is to be read. `arguments` are JSON text (values in it are escaped), also where an answer
holds them as an object; all others are plain text. The input of a free-form tool and code are plain text, so `content`.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal, Protocol

Kind = Literal["content", "reasoning", "refusal", "arguments"]
Edit = Callable[[Kind, str], str]
"""A text that is there as a whole, and what is to stand in its place."""


class Channel(Protocol):
    """One text of a stream, piece by piece. It may hold back what it cannot decide on yet, and may raise to end the stream."""

    def feed(self, text: str) -> str:
        """What may be said now, after one more piece."""

    def flush(self) -> str:
        """The text has ended: what was held. The channel is not used again."""


Make = Callable[[Kind, str], Channel]
"""Opens a channel; the second argument is its place in the stream, as `choices[0].content`."""


Last = Callable[[], Mapping[str, Any] | None]
"""How the checks of a stream ended, to be told at its end; None where there is nothing to tell."""


class StreamEditor(Protocol):
    """Edits one stream."""

    def feed(self, frames: bytes) -> bytes:
        """One or more whole frames, edited; empty where all is held back. What nothing changes in is the same bytes."""

    def finish(self) -> bytes:
        """The stream has ended, as it should or not: frames of what was held. Call it once; it may be empty."""
