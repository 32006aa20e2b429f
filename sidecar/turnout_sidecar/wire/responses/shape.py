"""The response object and its items as this API has them, for whole answers and for streams alike.

A response repeats much of its request. Rules: what was asked is repeated as it was asked, and what was not is what the API has
there for "not said"; nothing is stored and nothing runs in the background, whatever was asked, and the response says so; words
of a closed list that the API does not have are left away rather than invented.
"""

from typing import Any

from turnout_sidecar.wire import lenient, signed_ids
from turnout_sidecar.wire.canonical import FinishReason, Thinking
from turnout_sidecar.wire.formats import Asked
from turnout_sidecar.wire.responses.ids import response_id

_TIERS = frozenset({"auto", "default", "flex", "scale", "priority", "fast", "ultrafast"})
_OTHER_TIERS = {"standard": "default"}
_REPEATED = (
    "instructions",
    "max_output_tokens",
    "max_tool_calls",
    "prompt_cache_key",
    "prompt_cache_retention",
    "safety_identifier",
    "temperature",
    "top_logprobs",
    "top_p",
    "user",
)
_INCOMPLETE: dict[FinishReason, str] = {
    "length": "max_output_tokens",
    "context_window": "max_output_tokens",
    "pause": "max_output_tokens",  # there is more to come, which is what a client must know
    "content_filter": "content_filter",
}


def end_of(finish: FinishReason, *, refused: bool) -> tuple[str, str | None]:
    """(status, reason of incompleteness). `refused`: the answer holds the words of a refusal, and is whole with them."""
    if finish == "error":
        return "failed", None
    reason = "content_filter" if finish == "refusal" and not refused else _INCOMPLETE.get(finish)
    return ("completed", None) if reason is None else ("incomplete", reason)


class Shape:
    """What all snapshots of one response have in common."""

    def __init__(self, asked: Asked) -> None:
        self.id = response_id(asked.id)
        self.model = asked.model
        self.created = asked.created
        self.tier: str | None = None
        self._echo = _echo(asked.body)

    def begin(self, model: str | None, created: int | None, tier: str | None) -> None:
        """What the provider says of itself."""
        self.model = model or self.model
        self.created = self.created if created is None else created
        tier = _OTHER_TIERS.get(tier or "", tier)
        self.tier = tier if tier in _TIERS else None

    def response(
        self,
        status: str,
        output: list[dict[str, Any]],
        *,
        usage: dict[str, Any] | None = None,
        reason: str | None = None,
        error: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """The object."""
        return {
            "id": self.id,
            "object": "response",
            "created_at": self.created,
            "status": status,
            "background": False,
            "completed_at": None,
            "error": error,
            "incomplete_details": None if reason is None else {"reason": reason},
            "model": self.model,
            "output": output,
            "previous_response_id": None,
            "service_tier": self.tier,
            "store": False,
            "usage": usage,
            **self._echo,
        }


def _echo(body: dict[str, Any]) -> dict[str, Any]:
    text = lenient.mapping(body.get("text"))
    reasoning = lenient.mapping(body.get("reasoning"))
    parallel = body.get("parallel_tool_calls")
    return {
        **{name: body.get(name) for name in _REPEATED},
        "metadata": body.get("metadata") or {},
        "parallel_tool_calls": True if parallel is None else parallel,
        "reasoning": {"effort": reasoning.get("effort"), "summary": reasoning.get("summary")},
        "text": {**text, "format": text.get("format") or {"type": "text"}},
        "tool_choice": body.get("tool_choice") or "auto",
        "tools": [_tool(tool) for tool in lenient.mappings(body.get("tools"))],
        "truncation": "disabled",
    }


def _tool(tool: dict[str, Any]) -> dict[str, Any]:
    if tool.get("type") != "function":
        return tool
    return {"description": None, "parameters": None, "strict": None, **tool}


def message_item(own: str, content: list[dict[str, Any]], status: str) -> dict[str, Any]:
    """A message of the model."""
    return {"id": own, "type": "message", "status": status, "role": "assistant", "content": content}


def text_part(text: str, logprobs: list[dict[str, Any]]) -> dict[str, Any]:
    """Text in a message."""
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": logprobs}


def refusal_part(text: str) -> dict[str, Any]:
    """A refusal in a message."""
    return {"type": "refusal", "refusal": text}


def call_item(own: str, call: tuple[str, str, str | None], arguments: str, status: str) -> dict[str, Any]:
    """A call of a function: (id, name, signature); the signature travels in the id."""
    given, name, signature = call
    return {
        "id": own,
        "type": "function_call",
        "status": status,
        "call_id": signed_ids.join(given, signature),
        "name": name,
        "arguments": arguments,
    }


def thought_item(own: str, text: str, sealed: str | None) -> dict[str, Any]:
    """A thought: its words, and what the client must bring back with them."""
    item: dict[str, Any] = {
        "id": own,
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": text}] if text else [],
    }
    if sealed is not None:
        item["encrypted_content"] = sealed
    return item


def thought_id(thought: Thinking, made: str) -> str:
    """The provider's own id of a thought where it is one of this API."""
    return thought.item if thought.item is not None and thought.item.startswith("rs_") else made
