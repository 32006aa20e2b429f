"""Canonical messages as the items of a Responses request.

Rules: the order stays; each call, each result and each thought is an item of its own, so a turn may become many; ids of calls go
back as the provider gave them; a thought that no backend of this API made is left out, since a signature that is not
its own is an error to it; empty texts are left out; a document that is plain text becomes text, which every server takes.
"""

from typing import Any

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
from turnout_sidecar.wire.chat.messages_out import FAILED, text_of
from turnout_sidecar.wire.responses.thoughts import unpack

_PICTURE = "image/png"
_FILE = "application/pdf"
_DETAILS = frozenset({"low", "high", "auto", "original"})


class Items:
    """Messages in, items out. `thoughts`: whether the model takes thoughts back."""

    def __init__(self, *, thoughts: bool) -> None:
        self._thoughts = thoughts
        self.items: list[dict[str, Any]] = []
        self.left_out = False

    def add(self, message: Message) -> None:
        """All items of a message."""
        content: list[dict[str, Any]] = []
        for part in message.parts:
            if isinstance(part, ToolCall | ToolResult | Thinking):
                self._flush(message, content)
                content = []
                self._item(part)
            else:
                content += _content(part, message.role)
        self._flush(message, content)

    def _flush(self, message: Message, content: list[dict[str, Any]]) -> None:
        if not content:
            return
        only = content[0] if len(content) == 1 else {}
        words: Any = only.get("text", content)
        self.items.append({"type": "message", "role": message.role, "content": words})

    def _item(self, part: ToolCall | ToolResult | Thinking) -> None:
        if isinstance(part, ToolCall):
            call = {"call_id": signed_ids.legal(part.id), "name": part.name, "arguments": part.arguments or "{}"}
            self.items.append({"type": "function_call", **call})
        elif isinstance(part, ToolResult):
            result = {"call_id": signed_ids.legal(part.id), "output": _output(part)}
            self.items.append({"type": "function_call_output", **result})
        else:
            self._thought(part)

    def _thought(self, part: Thinking) -> None:
        own = unpack(part)
        if own is None or not self._thoughts:
            self.left_out = True
            return
        item, encrypted = own
        summary = [{"type": "summary_text", "text": part.text}] if part.text else []
        thought: dict[str, Any] = {"type": "reasoning", "summary": summary, "encrypted_content": encrypted}
        if item:
            thought["id"] = item
        self.items.append(thought)


def _content(part: Part, role: str) -> list[dict[str, Any]]:
    """A part of a message; nothing for an empty text."""
    if isinstance(part, Text):
        kind = "output_text" if role == "assistant" else "input_text"
        return [{"type": kind, "text": part.text}] if part.text else []
    if isinstance(part, Refusal):
        return [{"type": "refusal", "refusal": part.text}]
    if isinstance(part, Image):
        detail = part.detail if part.detail in _DETAILS else "auto"
        return [{"type": "input_image", "detail": detail, **_picture(part.source)}]
    if isinstance(part, Document):
        plain = text_of(part)
        return [{"type": "input_file", **_file(part)}] if plain is None else _content(Text(plain), "user")
    return []


def _picture(source: Source) -> dict[str, str]:
    if source.file_id is not None:
        return {"file_id": source.file_id}
    if source.url is not None:
        return {"image_url": source.url}
    return {"image_url": f"data:{source.media_type or _PICTURE};base64,{source.data or ''}"}


def _file(part: Document) -> dict[str, str]:
    source = part.source
    if source.file_id is not None:
        return {"file_id": source.file_id}
    if source.url is not None:
        return {"file_url": source.url}
    data = f"data:{source.media_type or _FILE};base64,{source.data or ''}"
    return {"filename": part.name or "document.pdf", "file_data": data}


def _output(result: ToolResult) -> Any:
    """Text as a string, which every server takes; anything else as parts. A failure is told in words: there is no flag for it."""
    mark = FAILED if result.is_error else ""
    texts = [part.text for part in result.parts if isinstance(part, Text)]
    if len(texts) == len(result.parts):
        return mark + "\n".join(texts)
    first = _content(Text(mark), "user")
    return first + [item for part in result.parts for item in _content(part, "user")]
