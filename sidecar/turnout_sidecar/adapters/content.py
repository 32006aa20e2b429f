"""Messages of a call in the shape that the GenAI conventions give them on spans. Used only where content is asked for.

`gen_ai.input.messages` and `gen_ai.output.messages` are JSON text: [{"role", "parts": [{"type": "text", "content"}, ...]}].
No IO.

Rules: bounded in characters and in messages (the newest are kept), and cut text says so; inline data of images and files is
named, never copied; what is not understood is named by its type; nothing here raises on any JSON.
"""

from typing import Any, Final

import msgspec
import orjson

MOST_CHARS: Final = 65_536
MOST_MESSAGES: Final = 256
_MOST_PARTS: Final = 64
_ELLIPSIS: Final = "…"
_MEDIA: Final = {"image_url": "image", "input_audio": "audio", "file": "file"}


class Content(msgspec.Struct, frozen=True):
    """JSON text, and whether something was cut."""

    text: str
    truncated: bool


class _Room:
    """What may still be written."""

    def __init__(self, chars: int) -> None:
        self.left = chars
        self.cut = False

    def take(self, value: object) -> str:
        text = value if isinstance(value, str) else _as_json(value)
        if len(text) <= self.left:
            self.left -= len(text)
            return text
        self.cut = True
        text, self.left = text[: self.left], 0
        return text + _ELLIPSIS


def _as_json(value: object) -> str:
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # lone surrogates, integers of more than 64 bits, or too many levels
        pass
    try:
        return str(value)
    except RecursionError:
        return _ELLIPSIS


def input_messages(body: dict[str, Any], *, most_chars: int = MOST_CHARS) -> Content | None:
    """What was asked, as OpenAI's chat API has it; None where there are no messages."""
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        return None
    room = _Room(most_chars)
    newest = messages[-MOST_MESSAGES:]
    shaped = [_message(message, room) for message in newest if isinstance(message, dict)]
    return _content(shaped, cut=room.cut or len(newest) < len(messages))


def output_messages(answer: bytes, *, most_chars: int = MOST_CHARS) -> Content | None:
    """What was answered: the bytes of an OpenAI-shaped chat answer; None where that is not what they are."""
    try:
        body = orjson.loads(answer)
    except orjson.JSONDecodeError:
        return None
    choices = body.get("choices") if isinstance(body, dict) else None
    if not isinstance(choices, list) or not choices:
        return None
    room = _Room(most_chars)
    shaped = []
    for choice in choices[:_MOST_PARTS]:
        message = choice.get("message") if isinstance(choice, dict) else None
        if isinstance(message, dict):
            reason = str(choice.get("finish_reason") or "")[:64]
            shaped.append({**_message(message, room), "finish_reason": reason})
    return _content(shaped, cut=room.cut or len(choices) > _MOST_PARTS)


def _content(shaped: list[dict[str, Any]], *, cut: bool) -> Content:
    return Content(_as_json(shaped), cut)


def _message(message: dict[str, Any], room: _Room) -> dict[str, Any]:
    role = str(message.get("role") or "")[:32]
    content = message.get("content")
    if role == "tool":
        answered = {
            "type": "tool_call_response",
            "id": str(message.get("tool_call_id") or "")[:256],
            "response": room.take(content or ""),
        }
        return {"role": role, "parts": [answered]}
    parts = _parts(content, room)
    if message.get("refusal"):
        parts.append({"type": "text", "content": room.take(message["refusal"])})
    calls = message.get("tool_calls")
    if isinstance(calls, list):
        parts += [_tool_call(call, room) for call in calls[:_MOST_PARTS] if isinstance(call, dict)]
    return {"role": role, "parts": parts}


def _parts(content: object, room: _Room) -> list[dict[str, Any]]:
    if content is None:
        return []
    if not isinstance(content, list):
        return [{"type": "text", "content": room.take(content)}]
    return [_part(part, room) for part in content[:_MOST_PARTS] if isinstance(part, dict)]


def _part(part: dict[str, Any], room: _Room) -> dict[str, Any]:
    kind = str(part.get("type") or "")[:64]
    if kind == "text":
        return {"type": "text", "content": room.take(part.get("text") or "")}
    if kind not in _MEDIA:
        return {"type": kind}
    source = part.get(kind)
    address = source.get("url") if isinstance(source, dict) else None
    if isinstance(address, str) and not address.startswith("data:"):
        return {"type": "uri", "modality": _MEDIA[kind], "uri": room.take(address)}
    return {"type": "blob", "modality": _MEDIA[kind]}


def _tool_call(call: dict[str, Any], room: _Room) -> dict[str, Any]:
    function = call.get("function")
    named = function if isinstance(function, dict) else {}
    return {
        "type": "tool_call",
        "id": str(call.get("id") or "")[:256],
        "name": str(named.get("name") or "")[:256],
        "arguments": room.take(named.get("arguments") or ""),
    }
