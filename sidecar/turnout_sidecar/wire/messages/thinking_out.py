"""How much a model is to think, written as the Messages API wants it of this model; and what may not stand beside it.

Rules, each of them a 400 of the API if broken: a budget is at least 1024 and below max_tokens; nobody is forced to call a tool
or to go on with a given beginning while thinking; a thinking model takes no temperature and no top_k; by budget, a turn of the
assistant whose tools have just answered begins with its thoughts, so where they are lost thinking is off for this call.
What is left out for one of these is named.
"""

import re
from typing import Any, Final

import msgspec

from turnout_sidecar.wire.canonical import Message, Reasoning, Request, Text, Thinking, ToolResult
from turnout_sidecar.wire.formats import Model
from turnout_sidecar.wire.messages.generations import thinks_by_budget

LEAST_BUDGET: Final = 1024
BUDGETS: Final = {
    "minimal": 1024,
    "low": 1024,
    "medium": 4096,
    "high": 16_384,
    "xhigh": 24_576,
    "max": 32_768,
}
"""Tokens of thought for an effort, for models that know only budgets."""

_EFFORTS: Final = {"minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "xhigh", "max": "max"}
_DEFAULT_EFFORT: Final = "medium"
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]+={0,2}")


class Thought(msgspec.Struct, frozen=True):
    """What a request says of thinking: the two members, None where nothing is said, and the names of what is left out."""

    thinking: dict[str, Any] | None = None
    effort: str | None = None
    dropped: tuple[str, ...] = ()

    @property
    def on(self) -> bool:
        """Whether the model will think."""
        return self.thinking is not None and self.thinking["type"] != "disabled"


def think(request: Request, model: Model, max_tokens: int) -> Thought:
    """The members for this request and model."""
    wanted = request.reasoning
    if wanted is None or wanted == Reasoning():
        return Thought()
    field = _field(request, wanted)
    off = wanted.enabled is False or wanted.effort == "none"
    if not model.reasoning:
        return Thought(dropped=() if off else (field,))
    if off:
        return Thought({"type": "disabled"})
    forced = request.tool_choice is not None and request.tool_choice.mode in ("required", "tool")
    if forced or _prefilled(request.messages):
        return Thought(dropped=(field,))
    if thinks_by_budget(model.name):
        return _by_budget(request, wanted, max_tokens, field)
    return Thought({"type": "adaptive", **_display(wanted)}, _effort(wanted))


def _by_budget(request: Request, wanted: Reasoning, max_tokens: int, field: str) -> Thought:
    if max_tokens <= LEAST_BUDGET:
        return Thought(dropped=(field,))
    if thoughts_are_lost(request.messages):
        return Thought(dropped=("thinking",))
    budget = wanted.budget or BUDGETS[wanted.effort or _DEFAULT_EFFORT]
    budget = max(LEAST_BUDGET, min(budget, max_tokens * 3 // 4))
    hidden = {"display": "omitted"} if wanted.shown is False else {}  # older models show their thoughts of themselves
    return Thought({"type": "enabled", "budget_tokens": budget, **hidden})


def thoughts_are_lost(messages: tuple[Message, ...]) -> bool:
    """Whether tools have just answered a turn of the assistant that has no thought to begin with."""
    rest = [message for message in messages if message.role in ("user", "assistant")]
    answered = False
    while rest and rest[-1].role == "user":
        answered = answered or any(isinstance(part, ToolResult) for part in rest.pop().parts)
    turn = None
    while rest and rest[-1].role == "assistant":
        turn = rest.pop()
    return answered and turn is not None and not (turn.parts and is_own(turn.parts[0]))


def is_own(part: Any) -> bool:
    """Whether this is a thought that the API takes back: signed or hidden, and not by another provider.

    Those mark what they sign, `gemini.` or `responses:`, or give their thoughts ids; what Anthropic signs is base64.
    """
    if not isinstance(part, Thinking) or part.item is not None:
        return False
    return _BASE64.fullmatch(part.signature or part.redacted or "") is not None


def _effort(wanted: Reasoning) -> str | None:
    if wanted.effort is not None:
        return _EFFORTS[wanted.effort]
    if wanted.budget is None:
        return None
    return next((name for name in ("low", "medium", "high", "xhigh") if wanted.budget <= BUDGETS[name]), "max")


def _display(wanted: Reasoning) -> dict[str, str]:
    if wanted.shown is None:
        return {}
    return {"display": "summarized" if wanted.shown else "omitted"}


def _field(request: Request, wanted: Reasoning) -> str:
    name = "reasoning_effort" if wanted.effort is not None else "thinking"
    return request.fields.get(name, name)


def _prefilled(messages: tuple[Message, ...]) -> bool:
    if not messages or messages[-1].role != "assistant":
        return False
    return all(isinstance(part, Text) for part in messages[-1].parts)
