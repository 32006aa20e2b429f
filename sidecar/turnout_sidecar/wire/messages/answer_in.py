"""A whole answer of the Messages API, read into parts.

Rules: blocks that the gateway has no part for (a search that Anthropic ran, its results) are passed over, the texts around them
are kept, without their citations; a tool's input stays the JSON text that came; an answer without a message in it is none.
"""

from typing import Any, Final

import msgspec

from turnout_sidecar.wire import lenient, signed_ids
from turnout_sidecar.wire.canonical import Answer, NotAnAnswer, Part, Text, Thinking, ToolCall
from turnout_sidecar.wire.messages.stops import read_stop
from turnout_sidecar.wire.messages.usage import read_tier, read_usage


class _Block(msgspec.Struct):
    type: Any = None
    text: Any = None
    thinking: Any = None
    signature: Any = None
    data: Any = None
    id: Any = None
    name: Any = None
    input: msgspec.Raw = msgspec.field(default_factory=lambda: msgspec.Raw(b""))


class _Message(msgspec.Struct):
    content: list[_Block]
    type: Any = None
    id: Any = None
    model: Any = None
    stop_reason: Any = None
    stop_sequence: Any = None
    usage: Any = None


_MESSAGE: Final = msgspec.json.Decoder(_Message)


def read_answer(body: bytes) -> Answer:
    """The answer. Raises NotAnAnswer."""
    try:
        message = lenient.decode(_MESSAGE, body)
    except msgspec.ValidationError as error:
        raise NotAnAnswer(f"the reply is no message: {error}") from error
    if message.type == "error":
        raise NotAnAnswer("the reply is an error")
    answer_id = lenient.label(message.id)
    parts = [part for index, block in enumerate(message.content) for part in _parts(block, answer_id, index)]
    sequence = message.stop_sequence
    return Answer(
        parts=tuple(parts),
        finish=read_stop(message.stop_reason, calls_tools=any(isinstance(part, ToolCall) for part in parts)),
        id=answer_id,
        model=lenient.label(message.model),
        raw_finish=lenient.label(message.stop_reason),
        stop_sequence=sequence if isinstance(sequence, str) else None,
        usage=read_usage(message.usage),
        service_tier=read_tier(message.usage),
    )


def call_id(answer_id: str | None, index: int) -> str:
    """An id for a call that came without one; the same for the same answer and place, and no other's."""
    return signed_ids.made(f"{answer_id}\n{index}".encode("utf-8", "surrogatepass"))


def _parts(block: _Block, answer_id: str | None, index: int) -> list[Part]:
    """The part of a block: one, or none."""
    if block.type == "text":
        return [Text(block.text)] if isinstance(block.text, str) and block.text else []
    if block.type == "thinking":
        thought = Thinking(_text(block.thinking), signature=_text(block.signature) or None)
        return [thought] if thought.text or thought.signature else []
    if block.type == "redacted_thinking":
        return [Thinking(redacted=block.data)] if isinstance(block.data, str) and block.data else []
    if block.type == "tool_use":
        arguments = bytes(block.input).decode() or "{}"
        return [ToolCall(_text(block.id) or call_id(answer_id, index), _text(block.name), arguments)]
    return []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
