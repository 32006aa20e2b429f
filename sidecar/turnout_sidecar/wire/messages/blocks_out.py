"""A conversation written as the Messages API takes it: `system` apart, users and assistants in turn, content as blocks.

Rules: neighbours of one role become one message; results of tools stand first in theirs; texts of nothing but white space and
messages that are then empty are left out, since the API refuses them; ids of calls are made legal, the same way in a call and
its result; a thought goes back only to the provider that signed it. A tool's input must be an object: arguments that are none
(a model's slip, or cut off) are carried as text under a key that Anthropic's documentation names for this.
"""

import base64
import binascii
from typing import Any, Final

import msgspec
import orjson

from turnout_sidecar.wire import signed_ids
from turnout_sidecar.wire.canonical import (
    Document,
    Image,
    Message,
    Part,
    Refusal,
    Source,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from turnout_sidecar.wire.messages.support import TITLE
from turnout_sidecar.wire.messages.thinking_out import is_own
from turnout_sidecar.wire.support import Untranslatable

LOST_THOUGHT: Final = "messages (thinking)"
NO_OBJECT: Final = "INVALID_JSON"

_SYSTEM: Final = ("system", "developer")
_PDF: Final = "application/pdf"
_BEGINNINGS: Final = {
    "/9j/": "image/jpeg",
    "iVBOR": "image/png",
    "R0lGOD": "image/gif",
    "UklGR": "image/webp",
    "JVBER": _PDF,
}
"""How the base64 of a medium begins."""

Block = dict[str, Any]


class Conversation(msgspec.Struct, frozen=True):
    """`system` and `messages` of a body, and the names of what was left out."""

    system: str | list[Block] | None
    messages: list[Block]
    dropped: tuple[str, ...]


def write_conversation(messages: tuple[Message, ...], *, thoughts: bool) -> Conversation:
    """The messages. `thoughts`: whether thoughts may be sent at all. Raises Untranslatable."""
    system: list[Block] = []
    turns: list[tuple[str, list[Block]]] = []
    lost = False
    for message in messages:
        if message.role in _SYSTEM:
            system += [_system(part) for part in message.parts if not _is_blank(part)]
            continue
        blocks = []
        for part in message.parts:
            if isinstance(part, Thinking) and not (thoughts and is_own(part)):
                lost = True
            elif not _is_blank(part):
                blocks.append(_block(part))
        if turns and turns[-1][0] == message.role:
            turns[-1][1].extend(blocks)
        elif blocks:
            turns.append((message.role, blocks))
    if not turns:
        raise Untranslatable("messages", TITLE, "a message of a user or of an assistant that says something is needed.")
    return Conversation(
        _short(system) if system else None,
        [{"role": role, "content": _short(_results_first(blocks))} for role, blocks in turns],
        (LOST_THOUGHT,) if lost else (),
    )


def input_of(arguments: str) -> Any:
    """A tool call's arguments as an `input`: an object, byte for byte what it was."""
    try:
        parsed = orjson.loads(arguments) if arguments.strip() else {}
    except orjson.JSONDecodeError:
        return {NO_OBJECT: arguments}
    if not isinstance(parsed, dict):
        return {NO_OBJECT: arguments}
    return orjson.Fragment(arguments) if parsed else {}


def _short(blocks: list[Block]) -> str | list[Block]:
    """A single plain text is a string."""
    first = blocks[0]
    return first["text"] if len(blocks) == 1 and first.keys() == {"type", "text"} else blocks


def _results_first(blocks: list[Block]) -> list[Block]:
    return sorted(blocks, key=lambda block: block["type"] != "tool_result")


def _is_blank(part: Part) -> bool:
    return isinstance(part, Text | Refusal) and not part.text.strip()


def _system(part: Part) -> Block:
    if isinstance(part, Text):
        return _block(part)
    raise Untranslatable("messages", TITLE, "words of the system are text there.")


def _block(part: Part) -> Block:
    if isinstance(part, Text):
        return mark({"type": "text", "text": part.text}, part.cache)
    if isinstance(part, Refusal):
        return {"type": "text", "text": part.text}
    if isinstance(part, Thinking):
        if part.redacted:
            return {"type": "redacted_thinking", "data": part.redacted}
        return {"type": "thinking", "thinking": part.text, "signature": part.signature}
    if isinstance(part, ToolCall):
        called = {"type": "tool_use", "id": signed_ids.legal(part.id), "name": part.name}
        return mark({**called, "input": input_of(part.arguments)}, part.cache)
    if isinstance(part, ToolResult):
        return _result(part)
    if isinstance(part, Image):
        return mark({"type": "image", "source": _image_source(part.source)}, part.cache)
    if isinstance(part, Document):
        block = {"type": "document", "source": _document_source(part.source)}
        return mark({**block, "title": part.name} if part.name else block, part.cache)
    raise Untranslatable("messages (audio)", TITLE, "the API takes no sound.")


def _result(part: ToolResult) -> Block:
    block: Block = {"type": "tool_result", "tool_use_id": signed_ids.legal(part.id)}
    inner = [_block(each) for each in part.parts if not _is_blank(each)]
    if inner:
        block["content"] = _short(inner)
    if part.is_error:
        block["is_error"] = True
    return mark(block, part.cache)


def mark(block: Block, cache: str | None) -> Block:
    """The block, marked as the end of a prefix to be cached where `cache` says for how long."""
    if cache is None:
        return block
    control = {"type": "ephemeral"} if cache == "5m" else {"type": "ephemeral", "ttl": cache}
    return {**block, "cache_control": control}


def _image_source(source: Source) -> Block:
    if source.url is not None:
        return {"type": "url", "url": source.url}
    kind = "image/jpeg" if source.media_type == "image/jpg" else source.media_type or _guess(source)
    if kind is None or not kind.startswith("image/"):
        raise Untranslatable("messages (image)", TITLE, "the type of the picture is not said.")
    return {"type": "base64", "media_type": kind, "data": source.data or ""}


def _document_source(source: Source) -> Block:
    if source.url is not None:
        return {"type": "url", "url": source.url}
    kind = source.media_type or _guess(source) or ""
    if kind == _PDF:
        return {"type": "base64", "media_type": _PDF, "data": source.data or ""}
    if kind.startswith("text/"):
        return {"type": "text", "media_type": "text/plain", "data": _plain(source.data or "")}
    raise Untranslatable("messages (file)", TITLE, "only PDF files and plain text are taken there.")


def _plain(data: str) -> str:
    try:
        return base64.b64decode(data, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise Untranslatable("messages (file)", TITLE, "the file is said to be text and is none.") from None


def _guess(source: Source) -> str | None:
    data = source.data or ""
    return next((kind for beginning, kind in _BEGINNINGS.items() if data.startswith(beginning)), None)
