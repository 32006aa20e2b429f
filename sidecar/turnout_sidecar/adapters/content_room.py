"""What content may take up on a span: bounds in characters and in pieces, and what is written of a value that is not text.

Rules: cut text says so; nothing here raises on any JSON. No IO.
"""

from typing import Any, Final

import msgspec
import orjson

MOST_CHARS: Final = 65_536
MOST_MESSAGES: Final = 256
MOST_PARTS: Final = 64
MOST_TOOLS: Final = 256
MOST_NAME: Final = 256
_ELLIPSIS: Final = "…"
_MOST_KIND: Final = 64


class Content(msgspec.Struct, frozen=True):
    """JSON text, and whether something was cut."""

    text: str
    truncated: bool


class Room:
    """What may still be written."""

    def __init__(self, chars: int = MOST_CHARS) -> None:
        self.left = chars
        self.cut = False

    def take(self, value: object) -> str:
        """The value as text, as much of it as there is room for."""
        text = value if isinstance(value, str) else as_json(value)
        if len(text) <= self.left:
            self.left -= len(text)
            return text
        self.cut = True
        text, self.left = text[: self.left], 0
        return text + _ELLIPSIS

    def fits(self, value: object) -> bool:
        """Whether there is room for all of it, which is taken then."""
        size = len(as_json(value))
        if size > self.left:
            self.cut = True
            return False
        self.left -= size
        return True

    def content(self, shaped: list[dict[str, Any]], *, cut: bool = False) -> Content:
        """What was shaped in this room. `cut`: something was left out before."""
        return Content(as_json(shaped), self.cut or cut)


def as_json(value: object) -> str:
    """The value as JSON; as Python shows it where it cannot be written."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # lone surrogates, integers of more than 64 bits, or too many levels
        pass
    try:
        return str(value)
    except RecursionError:
        return _ELLIPSIS


def tool(name: object, description: object, parameters: object, room: Room) -> dict[str, Any]:
    """The definition of a function."""
    shaped: dict[str, Any] = {"type": "function", "name": str(name or "")[:MOST_NAME]}
    if description:
        shaped["description"] = room.take(description)
    if parameters is not None and room.fits(parameters):
        shaped["parameters"] = parameters
    return shaped


def kind(value: object) -> dict[str, Any]:
    """What is not understood, named by its type."""
    return {"type": str(value or "")[:_MOST_KIND]}


def text(words: object, room: Room) -> dict[str, Any]:
    """Words."""
    return {"type": "text", "content": room.take(words)}
