"""Content of canonical calls and answers: the one shape for every API that is read into those values.

Rules: what the API keeps apart from the conversation (instructions) is told apart from it; results of tools are messages of
the role `tool`; signatures are proofs, not content, and are left out; media are named, never copied. No IO.
"""

from typing import Any, Final

from turnout_sidecar.adapters import content_room as shape
from turnout_sidecar.adapters.content_room import MOST_MESSAGES, MOST_NAME, MOST_PARTS, MOST_TOOLS, Content, Room
from turnout_sidecar.wire.canonical import (
    Answer,
    Audio,
    Document,
    Image,
    Message,
    Part,
    Refusal,
    Request,
    Source,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
)

_MOST_MEDIA_TYPE: Final = 64


def system_instructions(messages: tuple[Message, ...]) -> Content | None:
    """Words of the system that stand before the conversation."""
    if not messages:
        return None
    room = Room()
    return room.content([shape.text(part.text, room) for part in _parts(messages) if isinstance(part, Text)])


def input_messages(messages: tuple[Message, ...]) -> Content | None:
    """The conversation."""
    if not messages:
        return None
    room = Room()
    newest = messages[-MOST_MESSAGES:]
    shaped = [each for message in newest for each in _message(message, room)]
    return room.content(shaped, cut=len(newest) < len(messages))


def tool_definitions(request: Request) -> Content | None:
    """The tools that the model was given: functions, and the names of those that the provider runs."""
    if not request.tools and not request.provider_tools:
        return None
    room = Room()
    shaped = [_tool(tool, room) for tool in request.tools[:MOST_TOOLS]]
    shaped += [shape.kind(each) for each in request.provider_tools[:MOST_TOOLS]]
    return room.content(shaped, cut=max(len(request.tools), len(request.provider_tools)) > MOST_TOOLS)


def output_messages(answer: Answer) -> Content:
    """The answer."""
    room = Room()
    parts = [_part(part, room) for part in answer.parts[:MOST_PARTS]]
    said = {"role": "assistant", "parts": parts, "finish_reason": answer.finish}
    return room.content([said], cut=len(answer.parts) > MOST_PARTS)


def _parts(messages: tuple[Message, ...]) -> list[Part]:
    return [part for message in messages for part in message.parts][:MOST_PARTS]


def _message(message: Message, room: Room) -> list[dict[str, Any]]:
    """As many messages as the conventions make of it: results of tools have a role of their own."""
    kept = message.parts[:MOST_PARTS]
    results = [_part(part, room) for part in kept if isinstance(part, ToolResult)]
    others = [_part(part, room) for part in kept if not isinstance(part, ToolResult)]
    shaped = [{"role": "tool", "parts": results}] if results else []
    if others or not results:
        shaped.append({"role": message.role, "parts": others})
    return shaped


def _tool(tool: Tool, room: Room) -> dict[str, Any]:
    return shape.tool(tool.name, tool.description, tool.parameters, room)


def _part(part: Part, room: Room) -> dict[str, Any]:
    match part:
        case Text(text) | Refusal(text):
            return shape.text(text, room)
        case Thinking(text):
            return {"type": "reasoning", "content": room.take(text)}
        case ToolCall():
            called = {"type": "tool_call", "id": part.id[:MOST_NAME], "name": part.name[:MOST_NAME]}
            return {**called, "arguments": room.take(part.arguments)}
        case ToolResult():
            return {"type": "tool_call_response", "id": part.id[:MOST_NAME], "response": _response(part, room)}
        case Image(source):
            return _medium("image", source, room)
        case Document(source):
            return _medium("file", source, room)
        case Audio(source):
            return _medium("audio", source, room)


def _response(result: ToolResult, room: Room) -> str | list[dict[str, Any]]:
    if all(isinstance(part, Text) for part in result.parts):
        return room.take("".join(part.text for part in result.parts if isinstance(part, Text)))
    return [_part(part, room) for part in result.parts[:MOST_PARTS]]


def _medium(modality: str, source: Source, room: Room) -> dict[str, Any]:
    shaped: dict[str, Any] = {"type": "blob", "modality": modality}
    if source.url is not None and not source.url.startswith("data:"):
        shaped = {"type": "uri", "modality": modality, "uri": room.take(source.url)}
    elif source.file_id is not None:
        shaped = {"type": "file", "modality": modality, "file_id": source.file_id[:MOST_NAME]}
    if source.media_type is not None:
        shaped["mime_type"] = source.media_type[:_MOST_MEDIA_TYPE]
    return shaped
