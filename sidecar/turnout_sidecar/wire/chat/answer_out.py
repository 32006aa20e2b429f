"""A canonical answer as a whole chat completion.

Rules: texts are one text, in their order; a caller of the old `functions` gets its `function_call`; what a provider signed rides
on ids of calls and in `reasoning_details`; the id and the model are the provider's where it named them.
"""

from collections.abc import Sequence
from typing import Any

import orjson

from turnout_sidecar.wire import signed_ids
from turnout_sidecar.wire.canonical import Answer, Part, Refusal, Text, Thinking, ToolCall
from turnout_sidecar.wire.chat import finish, reasoning, usage_out
from turnout_sidecar.wire.formats import Asked


def write_answer(answer: Answer, asked: Asked) -> bytes:
    """The body."""
    message = _message(answer.parts, legacy=legacy(asked))
    calls = any(isinstance(part, ToolCall) for part in answer.parts)
    word = finish.written(answer.finish, calls=calls, refused=message["refusal"] is not None)
    choice = {
        "index": 0,
        "message": message,
        "logprobs": answer.logprobs,
        "finish_reason": finish_word(word, legacy=legacy(asked)),
    }
    body: dict[str, Any] = {
        "id": answer.id or asked.id,
        "object": "chat.completion",
        "created": asked.created if answer.created is None else answer.created,
        "model": answer.model or asked.model,
        "choices": [choice],
    }
    usage = usage_out.written(answer.usage)
    if usage is not None:
        body["usage"] = usage
    if answer.service_tier is not None:
        body["service_tier"] = answer.service_tier
    return orjson.dumps(body)


def legacy(asked: Asked) -> bool:
    """Whether the caller knows `functions` and no tools."""
    return bool(asked.body.get("functions")) and not asked.body.get("tools")


def finish_word(word: str, *, legacy: bool) -> str:
    """The word as the caller knows it."""
    return "function_call" if legacy and word == "tool_calls" else word


def _message(parts: Sequence[Part], *, legacy: bool) -> dict[str, Any]:
    text = "".join(part.text for part in parts if isinstance(part, Text))
    refusal = "".join(part.text for part in parts if isinstance(part, Refusal))
    calls = [part for part in parts if isinstance(part, ToolCall)]
    message: dict[str, Any] = {
        "role": "assistant",
        "content": text if text or not (calls or refusal) else None,
        "refusal": refusal or None,
        **reasoning.written([part for part in parts if isinstance(part, Thinking)]),
    }
    if calls and legacy:
        message["function_call"] = {"name": calls[0].name, "arguments": calls[0].arguments or "{}"}
    elif calls:
        message["tool_calls"] = [_call(call) for call in calls]
    return message


def _call(call: ToolCall) -> dict[str, Any]:
    function = {"name": call.name, "arguments": call.arguments or "{}"}
    return {"id": signed_ids.join(call.id, call.signature), "type": "function", "function": function}
