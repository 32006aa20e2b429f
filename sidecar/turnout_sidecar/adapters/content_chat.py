"""Content of OpenAI's chat API, read from the very bodies: what a provider of that API understands may be more than we do.

What another API calls its messages is shaped here as well, as far as it looks alike, where it cannot be read as what it is.

Rules: what is not understood is named by its type; inline data of images and files is named, never copied; nothing raises
on any JSON. No IO.
"""

from typing import Any, Final

import orjson

from turnout_sidecar.adapters import content_room as shape
from turnout_sidecar.adapters.content_room import MOST_CHARS, MOST_MESSAGES, MOST_NAME, MOST_PARTS, Content, Room

_MEDIA: Final = {"image_url": "image", "input_audio": "audio", "file": "file"}
_TEXTS: Final = frozenset({"text", "input_text", "output_text"})


def input_messages(body: dict[str, Any], *, most_chars: int = MOST_CHARS, name: str = "messages") -> Content | None:
    """What was asked; None where there are no messages. `name`: the member that holds them."""
    messages = body.get(name)
    if isinstance(messages, str):
        messages = [{"role": "user", "content": messages}]
    if not isinstance(messages, list) or not messages:
        return None
    room = Room(most_chars)
    newest = messages[-MOST_MESSAGES:]
    shaped = [_message(message, room) for message in newest if isinstance(message, dict)]
    return room.content(shaped, cut=len(newest) < len(messages))


def output_messages(answer: bytes, *, most_chars: int = MOST_CHARS) -> Content | None:
    """What was answered: the bytes of an OpenAI-shaped chat answer; None where that is not what they are."""
    try:
        body = orjson.loads(answer)
    except orjson.JSONDecodeError:
        return None
    choices = body.get("choices") if isinstance(body, dict) else None
    if not isinstance(choices, list) or not choices:
        return None
    room = Room(most_chars)
    shaped = []
    for choice in choices[:MOST_PARTS]:
        message = choice.get("message") if isinstance(choice, dict) else None
        if isinstance(message, dict):
            reason = str(choice.get("finish_reason") or "")[:64]
            shaped.append({**_message(message, room), "finish_reason": reason})
    return room.content(shaped, cut=len(choices) > MOST_PARTS)


def tool_definitions(body: dict[str, Any]) -> Content | None:
    """The tools that the model was given; None where there are none."""
    tools = body.get("tools")
    if not isinstance(tools, list) or not tools:
        return None
    room = Room()
    shaped = [_tool(tool, room) for tool in tools[: shape.MOST_TOOLS] if isinstance(tool, dict)]
    return room.content(shaped, cut=len(tools) > shape.MOST_TOOLS)


def _tool(tool: dict[str, Any], room: Room) -> dict[str, Any]:
    function = tool.get("function")
    if not isinstance(function, dict):
        return shape.kind(tool.get("type"))
    return shape.tool(function.get("name"), function.get("description"), function.get("parameters"), room)


def _message(message: dict[str, Any], room: Room) -> dict[str, Any]:
    role = str(message.get("role") or "")[:32]
    content = message.get("content")
    if role == "tool":
        answered = {
            "type": "tool_call_response",
            "id": str(message.get("tool_call_id") or "")[:MOST_NAME],
            "response": room.take(content or ""),
        }
        return {"role": role, "parts": [answered]}
    parts = []
    if message.get("reasoning_content"):
        parts.append({"type": "reasoning", "content": room.take(message["reasoning_content"])})
    parts += _parts(content, room)
    if message.get("refusal"):
        parts.append(shape.text(message["refusal"], room))
    calls = message.get("tool_calls")
    if isinstance(calls, list):
        parts += [_tool_call(call, room) for call in calls[:MOST_PARTS] if isinstance(call, dict)]
    return {"role": role, "parts": parts}


def _parts(content: object, room: Room) -> list[dict[str, Any]]:
    if content is None:
        return []
    if not isinstance(content, list):
        return [shape.text(content, room)]
    return [_part(part, room) for part in content[:MOST_PARTS] if isinstance(part, dict)]


def _part(part: dict[str, Any], room: Room) -> dict[str, Any]:
    kind = shape.kind(part.get("type"))["type"]
    if kind in _TEXTS:
        return shape.text(part.get("text") or "", room)
    if kind not in _MEDIA:
        return {"type": kind}
    source = part.get(kind)
    address = source.get("url") if isinstance(source, dict) else None
    if isinstance(address, str) and not address.startswith("data:"):
        return {"type": "uri", "modality": _MEDIA[kind], "uri": room.take(address)}
    return {"type": "blob", "modality": _MEDIA[kind]}


def _tool_call(call: dict[str, Any], room: Room) -> dict[str, Any]:
    function = call.get("function")
    named = function if isinstance(function, dict) else {}
    return {
        "type": "tool_call",
        "id": str(call.get("id") or "")[:MOST_NAME],
        "name": str(named.get("name") or "")[:MOST_NAME],
        "arguments": room.take(named.get("arguments") or ""),
    }
