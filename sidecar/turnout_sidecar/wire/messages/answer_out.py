"""A whole answer, written as a `message` of the Messages API.

Rules: texts that are empty are no blocks; a thought without a signature has an empty one, since the API always has the member; a
tool call's own signature travels in its id; a count that nobody knows is 0.
"""

from typing import Any

import orjson

from turnout_sidecar.wire import signed_ids
from turnout_sidecar.wire.canonical import Answer, Part, Refusal, Text, Thinking, ToolCall
from turnout_sidecar.wire.formats import Asked
from turnout_sidecar.wire.messages.blocks_out import input_of
from turnout_sidecar.wire.messages.stops import write_stop
from turnout_sidecar.wire.messages.usage import write_usage


def write_answer(answer: Answer, asked: Asked) -> bytes:
    """The JSON body."""
    calls_tools = any(isinstance(part, ToolCall) for part in answer.parts)
    reason = write_stop(answer.finish, calls_tools=calls_tools)
    message = opening(answer.id or asked.id, answer.model or asked.model)
    return orjson.dumps(
        {
            **message,
            "content": [block for part in answer.parts for block in _blocks(part)],
            "stop_reason": reason,
            "stop_sequence": answer.stop_sequence if reason == "stop_sequence" else None,
            "usage": write_usage(answer.usage, answer.service_tier),
        }
    )


def opening(message_id: str, model: str) -> dict[str, Any]:
    """A message that holds nothing yet; its usage is missing."""
    return {
        "id": message_id,
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
    }


def _blocks(part: Part) -> list[dict[str, Any]]:
    if isinstance(part, Text | Refusal):
        return [{"type": "text", "text": part.text}] if part.text else []
    if isinstance(part, Thinking):
        if part.redacted:
            return [{"type": "redacted_thinking", "data": part.redacted}]
        return [{"type": "thinking", "thinking": part.text, "signature": part.signature or ""}]
    if isinstance(part, ToolCall):
        name = signed_ids.join(part.id, part.signature)
        return [{"type": "tool_use", "id": name, "name": part.name, "input": input_of(part.arguments)}]
    return []
