"""The input of a Responses request as canonical messages.

Here a conversation is a flat list of items (messages, thoughts, calls of tools and their results); elsewhere it is a list of
turns. Rules:
- thoughts, words and calls of one turn of the model are one assistant message, in their order;
- results that follow each other are parts of one user message, whatever their number;
- ids of calls lose the signature that they carry, which goes back to its place;
- an item that leans on the provider is noted, not refused: whether it can be said is the target's matter.
"""

from typing import Any

from turnout_sidecar.wire import members, signed_ids
from turnout_sidecar.wire.canonical import (
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
from turnout_sidecar.wire.responses.read_content import read_part
from turnout_sidecar.wire.responses.thoughts import unseal
from turnout_sidecar.wire.responses.words import PROVIDER_ITEMS, STATEFUL_ITEMS, kind_of_item

_ROLES: dict[str, Role] = {"system": "system", "developer": "developer", "user": "user", "assistant": "assistant"}


class Conversation:
    """Items in, messages out."""

    def __init__(self) -> None:
        self._turns: list[tuple[Role, list[Part]]] = []
        self.stateful: list[str] = []
        self.provider_items: list[str] = []
        self.lost: set[str] = set()

    @property
    def messages(self) -> tuple[Message, ...]:
        """What was said, turn by turn."""
        return tuple(Message(role, tuple(parts)) for role, parts in self._turns)

    def add_instructions(self, words: str | None) -> None:
        """The words that stand before everything else."""
        if words:
            self._turns.append(("system", [Text(words)]))

    def add_input(self, given: Any) -> None:
        """The member `input`. Raises CallError 400."""
        if isinstance(given, str):
            self._turns.append(("user", [Text(given)]))
            return
        if given is None:
            return
        if not isinstance(given, list):
            raise members.wrong("input", "a string or an array of items", given)
        for index, item in enumerate(given):
            self._item(members.as_record(item, f"input[{index}]"), f"input[{index}]")

    def _item(self, item: dict[str, Any], field: str) -> None:
        kind = kind_of_item(item)
        if kind == "message":
            self._message(item, field)
        elif kind == "function_call":
            self._append("assistant", _call(item, field))
        elif kind == "function_call_output":
            self._result(_result(item, field))
        elif kind == "reasoning":
            self._append("assistant", self._thought(item, field))
        elif kind in STATEFUL_ITEMS:
            self.stateful.append(f"{field} ({kind})")
        elif kind in PROVIDER_ITEMS:
            self.provider_items.append(kind)
        elif "type" not in item or not kind:
            raise members.wrong(f"{field}.type", "a string", item.get("type"))
        else:
            raise members.unknown_value(f"{field}.type", kind)

    def _message(self, item: dict[str, Any], field: str) -> None:
        said = members.needed_text(item, "role", field)
        role = _ROLES.get(said)
        if role is None:
            raise members.unknown_value(f"{field}.role", said)
        parts = _content(item.get("content"), f"{field}.content")
        for part in parts:
            if isinstance(part, Refusal) and role != "assistant":
                raise members.unknown_value(f"{field}.content", "refusal")
        if role == "assistant":
            self._append(role, *parts)
        else:
            self._turns.append((role, [*parts]))

    def _thought(self, item: dict[str, Any], field: str) -> Thinking:
        words = _joined(item, "summary", field) or _joined(item, "content", field)
        encrypted = members.text(item, "encrypted_content", field)
        signature, redacted = unseal(encrypted)
        if signature is not None or redacted is not None:
            return Thinking(words, signature, redacted)  # the item's id was made here
        if encrypted is not None:
            self.lost.add("input (reasoning.encrypted_content)")
        return Thinking(words, item=members.text(item, "id", field))

    def _append(self, role: Role, *parts: Part) -> None:
        """To the model's turn, if it is going on."""
        if self._turns and self._turns[-1][0] == role:
            self._turns[-1][1].extend(parts)
        else:
            self._turns.append((role, [*parts]))

    def _result(self, result: ToolResult) -> None:
        """To the results before it, if it follows some."""
        role, parts = self._turns[-1] if self._turns else ("assistant", [])
        if role == "user" and parts and isinstance(parts[-1], ToolResult):
            parts.append(result)
        else:
            self._turns.append(("user", [result]))


def _content(content: Any, field: str) -> tuple[Part, ...]:
    if isinstance(content, str):
        return (Text(content),)
    if not isinstance(content, list):
        raise members.wrong(field, "a string or an array of parts", content)
    return tuple(
        read_part(members.as_record(part, f"{field}[{index}]"), f"{field}[{index}]")
        for index, part in enumerate(content)
    )


def _call(item: dict[str, Any], field: str) -> ToolCall:
    own, signature = signed_ids.split(members.needed_text(item, "call_id", field))
    return ToolCall(
        id=own,
        name=members.needed_text(item, "name", field),
        arguments=members.needed_text(item, "arguments", field) or "{}",
        signature=signature,
    )


def _result(item: dict[str, Any], field: str) -> ToolResult:
    own, _ = signed_ids.split(members.needed_text(item, "call_id", field))
    parts: list[Text | Image | Document] = []
    if "output" not in item:
        raise members.wrong(f"{field}.output", "a string or an array of parts", None)
    for index, part in enumerate(_content(item["output"], f"{field}.output")):
        if not isinstance(part, Text | Image | Document):
            raise members.unknown_value(f"{field}.output[{index}].type", str(item["output"][index]["type"]))
        parts.append(part)
    return ToolResult(own, tuple(parts), name=members.text(item, "name", field))


def _joined(item: dict[str, Any], name: str, field: str) -> str:
    """The paragraphs of a thought."""
    texts = [members.text(part, "text", where) for where, part in members.records(item, name, field)]
    return "\n\n".join(text for text in texts if text)
