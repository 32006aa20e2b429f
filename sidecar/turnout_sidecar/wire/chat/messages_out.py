"""Canonical messages to messages of chat completions, as every compatible server takes them.

Rules: a text alone is a string, since some servers take no array of parts; each result of a tool is a `tool` message of one
text, and they stand before what the user says beside them, as the API demands; pictures of results follow in a user message
that names the call; thoughts are left out (`support` says so); empty texts too, unless a message would be nothing.
"""

import base64
import binascii
from collections.abc import Iterator, Sequence
from typing import Any, Final

from turnout_sidecar.wire import signed_ids
from turnout_sidecar.wire.canonical import (
    Audio,
    Document,
    Image,
    Message,
    Part,
    Refusal,
    Source,
    Text,
    ToolCall,
    ToolResult,
)

LONGEST_ID: Final = 40
"""Characters of a call's id that OpenAI takes."""
FAILED: Final = "Error: "
_FILE_NAME: Final = "document"
_ENDINGS: Final = {"application/pdf": ".pdf"}
_PDF: Final = "application/pdf"
_BINARY: Final = "application/octet-stream"


def write(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """The members of `messages`."""
    return [written for message in messages for written in _message(message)]


def _message(message: Message) -> Iterator[dict[str, Any]]:
    if message.role == "assistant":
        yield _assistant(message)
        return
    if message.role in ("system", "developer"):
        yield _named({"role": "system", "content": _content(message.parts)}, message)
        return
    results = [part for part in message.parts if isinstance(part, ToolResult)]
    for result in results:
        yield {"role": "tool", "tool_call_id": call_id(result.id), "content": _result_text(result)}
    said: list[Part] = []
    for result in results:
        shown = [part for part in result.parts if not isinstance(part, Text)]
        if shown:
            said += [Text(f"What call {call_id(result.id)} returned:"), *shown]
    said += [part for part in message.parts if not isinstance(part, ToolResult)]
    if said or not results:
        yield _named({"role": "user", "content": _content(said)}, message)


def _named(written: dict[str, Any], message: Message) -> dict[str, Any]:
    return written if message.name is None else {**written, "name": message.name}


def call_id(own: str) -> str:
    """The id of a call as this API takes it; the same for the call and its result."""
    return own if len(own) <= LONGEST_ID else signed_ids.legal(own, LONGEST_ID)


def _content(parts: Sequence[Part]) -> str | list[dict[str, Any]]:
    written = [said for part in parts if (said := _part(part)) is not None]
    if not written:
        return ""
    if len(written) == 1 and written[0]["type"] == "text":
        text: str = written[0]["text"]
        return text
    return written


def _part(part: Part) -> dict[str, Any] | None:
    if isinstance(part, Text):
        return {"type": "text", "text": part.text} if part.text else None
    if isinstance(part, Image):
        url = part.source.url or _data_url(part.source, "image/png")
        detail = {} if part.detail is None else {"detail": part.detail}
        return {"type": "image_url", "image_url": {"url": url, **detail}}
    if isinstance(part, Document):
        return _document(part)
    if isinstance(part, Audio):
        sound = {"data": part.source.data or "", "format": part.format or _audio_format(part.source.media_type)}
        return {"type": "input_audio", "input_audio": sound}
    return {"type": "text", "text": part.text} if isinstance(part, Refusal) else None


def _data_url(source: Source, otherwise: str) -> str:
    return f"data:{source.media_type or otherwise};base64,{source.data or ''}"


def _audio_format(media_type: str | None) -> str:
    kind = (media_type or "").rpartition("/")[2].removeprefix("x-")
    return "mp3" if kind == "mpeg" else kind or "wav"


def _document(part: Document) -> dict[str, Any]:
    text = text_of(part)
    if text is not None:
        return {"type": "text", "text": text}
    kind = part.source.media_type or (_PDF if part.name is None else _BINARY)
    name = part.name or f"{_FILE_NAME}{_ENDINGS.get(kind, '')}"
    return {"type": "file", "file": {"filename": name, "file_data": _data_url(part.source, kind)}}


def text_of(part: Document) -> str | None:
    """The text of a document that is plain text, under its name; None for any other."""
    source = part.source
    if source.data is None or not (source.media_type or "").startswith("text/"):
        return None
    try:
        text = base64.b64decode(source.data, validate=True).decode()
    except (binascii.Error, ValueError):
        return None
    return text if part.name is None else f"{part.name}:\n{text}"


def _result_text(result: ToolResult) -> str:
    text = "\n".join(part.text for part in result.parts if isinstance(part, Text))
    return f"{FAILED}{text}" if result.is_error else text


def _assistant(message: Message) -> dict[str, Any]:
    text = "".join(part.text for part in message.parts if isinstance(part, Text))
    refusal = "".join(part.text for part in message.parts if isinstance(part, Refusal))
    calls = [
        {
            "id": call_id(part.id),
            "type": "function",
            "function": {"name": part.name, "arguments": part.arguments or "{}"},
        }
        for part in message.parts
        if isinstance(part, ToolCall)
    ]
    written: dict[str, Any] = {"role": "assistant", "content": text or (None if calls or refusal else "")}
    if refusal:
        written["refusal"] = refusal
    if calls:
        written["tool_calls"] = calls
    return _named(written, message)
