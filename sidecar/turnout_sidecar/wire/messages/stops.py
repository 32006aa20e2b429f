"""Why an answer ended: the Messages API's words and ours, both ways.

Rules: an answer that calls tools and ended of itself ended for them, whatever its provider says; one that was cut off keeps
saying so, since its last call may be half a call; where we have a word that the API lacks, the API's nearest legal one is said.
"""

from typing import Any, Final

from turnout_sidecar.wire.canonical import FinishReason

_READ: Final[dict[str, FinishReason]] = {
    "end_turn": "stop",
    "stop_sequence": "stop_sequence",
    "max_tokens": "length",
    "tool_use": "tool_calls",
    "refusal": "refusal",
    "pause_turn": "pause",
    "model_context_window_exceeded": "context_window",
}
_WRITTEN: Final[dict[FinishReason, str]] = {
    "stop": "end_turn",
    "stop_sequence": "stop_sequence",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
    "refusal": "refusal",
    "pause": "pause_turn",
    "context_window": "model_context_window_exceeded",
    "error": "end_turn",
    "other": "end_turn",
}
_OF_ITSELF: Final = frozenset({"stop", "tool_calls", "other"})


def read_stop(word: Any, *, calls_tools: bool) -> FinishReason:
    """Our word for a `stop_reason`."""
    reason = _READ.get(word, "other") if isinstance(word, str) else "other"
    return "tool_calls" if calls_tools and reason in _OF_ITSELF else reason


def write_stop(reason: FinishReason, *, calls_tools: bool) -> str:
    """The API's word."""
    return "tool_use" if calls_tools and reason in _OF_ITSELF else _WRITTEN[reason]
