"""Why an answer ended, in the words of chat completions and in canonical ones.

Rules: a call of a tool is a call of a tool, whatever the provider says of the end (Ollama says `stop`), unless the answer was
cut; a word that nobody knows is "other", and its own is kept beside it; what is written is one of the five words of the API.
"""

from typing import Final

from turnout_sidecar.wire.canonical import FinishReason

_READ: Final[dict[str, FinishReason]] = {
    "stop": "stop",
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "tool_use": "tool_calls",
    "content_filter": "content_filter",
    "refusal": "refusal",
    "error": "error",
}
_WRITTEN: Final[dict[FinishReason, str]] = {
    "stop": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
    "refusal": "content_filter",
    "pause": "stop",
    "context_window": "length",
    "error": "content_filter",  # there was content, and it was of no use
    "other": "stop",
}
_WHOLE: Final = frozenset({"stop", "stop_sequence", "other", "pause"})
"""Ends that say nothing against the answer."""


def read(word: str | None, *, calls: bool, refused: bool = False) -> FinishReason:
    """The canonical reason. `calls`: whether the answer calls tools; `refused`: whether it holds the words of a refusal."""
    reason = _READ.get(word or "", "other")
    if refused and reason == "stop":
        return "refusal"
    return "tool_calls" if calls and reason in _WHOLE else reason


def written(reason: FinishReason, *, calls: bool, refused: bool = False) -> str:
    """The API's word. `refused`: the answer holds the words of a refusal, and is whole with them."""
    if calls and reason in _WHOLE:
        return "tool_calls"
    if refused and reason == "refusal":
        return "stop"
    return _WRITTEN[reason]
