"""Messages of a chat request to canonical messages.

Rules: what tools answered to one turn is one user message, however many `tool` messages say it; the legacy `function` role is a
tool's result for the call that is still open; an assistant's thoughts, which this gateway gave out as `reasoning_content` and
`reasoning_details`, come back with their signatures; ids of calls give back the signatures that they carried.
"""

from typing import Any, Final

import msgspec

from turnout_sidecar.wire import members, signed_ids
from turnout_sidecar.wire.canonical import (
    Audio,
    Document,
    Image,
    Message,
    Part,
    Refusal,
    Role,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from turnout_sidecar.wire.chat import parts_in
from turnout_sidecar.wire.chat.reasoning import thoughts

_SPEAKERS: Final[dict[str, Role]] = {
    "system": "system",
    "developer": "developer",
    "user": "user",
    "assistant": "assistant",
}
_SYSTEM: Final = frozenset({"system", "developer"})


class Read(msgspec.Struct):
    """What the messages say. `stateful` and `foreign`: see `Request.stateful` and `Request.provider_tools`."""

    messages: list[Message] = []
    stateful: list[str] = []
    foreign: list[str] = []


def read(body: dict[str, Any]) -> Read:
    """All messages. Raises CallError (400)."""
    found = Read()
    results: list[Part] = []
    open_call: str | None = None
    for where, message in members.records(body, "messages"):
        role = members.needed_text(message, "role", where)
        if role in ("tool", "function"):
            results.append(_result(message, where, open_call))
            continue
        if results:
            found.messages.append(Message("user", tuple(results)))
            results = []
        speaker = _SPEAKERS.get(role)
        if speaker is None:
            raise members.unknown_value(f"{where}.role", role)
        parts: tuple[Part, ...]
        if speaker == "assistant":
            parts, open_call = _assistant(message, where, found, len(found.messages))
        else:
            parts = _said(message, where, speaker)
        found.messages.append(Message(speaker, parts, members.text(message, "name", where)))
    if results:
        found.messages.append(Message("user", tuple(results)))
    return found


def _said(message: dict[str, Any], where: str, speaker: Role) -> tuple[Part, ...]:
    parts = parts_in.content(message, where)
    for index, part in enumerate(parts):
        if isinstance(part, Refusal) or (speaker in _SYSTEM and not isinstance(part, Text)):
            field = f"{where}.content[{index}].type"
            raise members.unknown_value(field, message["content"][index]["type"])
    return parts


def _result(message: dict[str, Any], where: str, open_call: str | None) -> ToolResult:
    name = members.text(message, "name", where)
    if message["role"] == "function":
        call = open_call or members.needed_text(message, "name", where)
    else:
        call = signed_ids.split(members.needed_text(message, "tool_call_id", where))[0]
    parts = parts_in.content(message, where)
    kept: list[Text | Image | Document] = []
    for index, part in enumerate(parts):
        if isinstance(part, Audio | Refusal):
            raise members.unknown_value(f"{where}.content[{index}].type", message["content"][index]["type"])
        kept.append(part)
    return ToolResult(call, tuple(kept), name=name, cache=parts_in.cache_of(message, where))


def _assistant(message: dict[str, Any], where: str, found: Read, place: int) -> tuple[tuple[Part, ...], str | None]:
    """The parts, and the id of a legacy call, whose result names none."""
    said = parts_in.content(message, where)
    for index, part in enumerate(said):
        if not isinstance(part, Text | Refusal):
            raise members.unknown_value(f"{where}.content[{index}].type", message["content"][index]["type"])
    refusal = members.text(message, "refusal", where)
    calls = _calls(message, where, found)
    legacy = _legacy_call(message, where, place)
    if members.record(message, "audio", where) is not None:
        found.stateful.append(f"{where}.audio")
    if calls or legacy:
        said = tuple(part for part in said if not isinstance(part, Text) or part.text)
    parts: list[Part] = [*_thoughts(message, where), *said]
    if refusal is not None:
        parts.append(Refusal(refusal))
    parts += calls
    if legacy is not None:
        parts.append(legacy)
    return tuple(parts), None if legacy is None else legacy.id


def _thoughts(message: dict[str, Any], where: str) -> list[Thinking]:
    for name in ("reasoning_content", "reasoning"):
        members.text(message, name, where)
    members.records(message, "reasoning_details", where)
    return thoughts(message)


def _calls(message: dict[str, Any], where: str, found: Read) -> list[ToolCall]:
    calls = []
    for field, call in members.records(message, "tool_calls", where):
        kind = members.text(call, "type", field)
        if kind == "custom":
            found.foreign.append(kind)
            continue
        if kind not in (None, "function"):
            raise members.unknown_value(f"{field}.type", kind or "")
        own, signature = signed_ids.split(members.needed_text(call, "id", field))
        function = members.needed_record(call, "function", field)
        calls.append(
            ToolCall(
                own,
                members.needed_text(function, "name", f"{field}.function"),
                members.text(function, "arguments", f"{field}.function") or "{}",
                signature,
                parts_in.cache_of(call, field),
            )
        )
    return calls


def _legacy_call(message: dict[str, Any], where: str, place: int) -> ToolCall | None:
    call = members.record(message, "function_call", where)
    if call is None:
        return None
    field = f"{where}.function_call"
    name = members.needed_text(call, "name", field)
    return ToolCall(f"call_{place}_function", name, members.text(call, "arguments", field) or "{}")
