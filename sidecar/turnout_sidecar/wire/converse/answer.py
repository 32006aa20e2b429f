"""What Converse answers: a body to an answer, and what both it and the streams share.

Rules: arguments go on as the JSON text that they are; citations are text; what a model says beside that (pictures, results of
tools that the provider ran) has no place in the APIs that ask here and is passed over.
"""

from typing import Any, Final

from turnout_sidecar.wire import lenient, signed_ids
from turnout_sidecar.wire.canonical import Answer, FinishReason, NotAnAnswer, Part, Text, Thinking, ToolCall
from turnout_sidecar.wire.converse.usage import read_usage

_REASONS: Final[dict[str, FinishReason]] = {
    "end_turn": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "stop_sequence": "stop_sequence",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
    "malformed_model_output": "error",
    "malformed_tool_use": "error",
    "model_context_window_exceeded": "context_window",
    "refusal": "refusal",
    "pause_turn": "pause",
}


def finish_of(raw: str | None, *, calls: bool) -> FinishReason:
    """What a stopReason means. `calls`: the answer calls tools."""
    reason = _REASONS.get(raw or "", "other")
    if calls:
        return "tool_calls" if reason in ("stop", "other") else reason
    return "stop" if reason == "tool_calls" else reason


def made_id(seed: bytes, place: int) -> str:
    """An id for a call that came without one."""
    return signed_ids.made(seed + str(place).encode())


def stop_sequence_of(said: dict[str, Any]) -> str | None:
    """The word that stopped it, where the model tells it among its own fields."""
    return lenient.label(lenient.mapping(said.get("additionalModelResponseFields")).get("stop_sequence"))


def read_answer(body: bytes) -> Answer:
    """A whole answer. Raises NotAnAnswer."""
    said = lenient.load(body)
    message = lenient.mapping(said.get("output")).get("message")
    raw = lenient.label(said.get("stopReason"))
    if not isinstance(message, dict) or raw is None:
        raise NotAnAnswer("the reply holds no answer")
    content = message.get("content")
    parts: list[Part] = []
    for place, block in enumerate(content if isinstance(content, list) else ()):
        part = _part(body, place, lenient.mapping(block))
        if part is not None:
            parts.append(part)
    return Answer(
        parts=tuple(parts),
        finish=finish_of(raw, calls=any(isinstance(part, ToolCall) for part in parts)),
        raw_finish=raw,
        stop_sequence=stop_sequence_of(said),
        usage=read_usage(said.get("usage")),
        service_tier=lenient.label(lenient.mapping(said.get("serviceTier")).get("type")),
    )


def _part(body: bytes, place: int, block: dict[str, Any]) -> Part | None:
    if isinstance(block.get("text"), str):
        return Text(block["text"]) if block["text"] else None
    if isinstance(block.get("toolUse"), dict):
        use = block["toolUse"]
        arguments = lenient.raw_at(body, "output", "message", "content", place, "toolUse", "input")
        identity = lenient.label(use.get("toolUseId")) or made_id(body, place)
        return ToolCall(identity, lenient.text(use.get("name")) or "", arguments or "{}")
    if isinstance(block.get("reasoningContent"), dict):
        return _thought(block["reasoningContent"])
    cited = lenient.mappings(lenient.mapping(block.get("citationsContent")).get("content"))
    text = "".join(lenient.text(item.get("text")) or "" for item in cited)
    return Text(text) if text else None


def _thought(content: dict[str, Any]) -> Thinking | None:
    redacted = lenient.text(content.get("redactedContent"))
    said = lenient.mapping(content.get("reasoningText"))
    text, signature = lenient.text(said.get("text")) or "", lenient.text(said.get("signature")) or None
    return Thinking(text, signature, redacted) if text or signature or redacted else None
