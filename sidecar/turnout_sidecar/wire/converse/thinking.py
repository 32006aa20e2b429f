"""How a model behind Converse is asked to think: each family has its own words, in `additionalModelRequestFields`.

Rules: a model without the capability Reasoning is told nothing; what cannot be said to a family is dropped and named; where a
Claude thinks, the settings that its API refuses beside it go, named; and thinking itself goes, named, where a tool must be
called, where max_tokens leaves no room, and where a turn with tools was begun without thoughts.
"""

from typing import Any, Final

from turnout_sidecar.wire.canonical import Effort, Reasoning, Request
from turnout_sidecar.wire.converse.family import family_of, thinks_adaptively
from turnout_sidecar.wire.formats import Model
from turnout_sidecar.wire.messages.thinking_out import thoughts_are_lost

_BUDGETS: Final[dict[Effort, int]] = {
    "minimal": 1024, "low": 2048, "medium": 8192, "high": 16384, "xhigh": 32000, "max": 32000,
}  # fmt: skip
_EFFORTS: Final[dict[Effort, str]] = {
    "minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "xhigh", "max": "max",
}  # fmt: skip
_THREE: Final = {"low": "low", "medium": "medium", "high": "high", "xhigh": "high", "max": "high"}
_LEAST: Final = 1024
_LEAST_TOP_P: Final = 0.95


def add_thinking(request: Request, model: Model, body: dict[str, Any], fields: dict[str, Any]) -> set[str]:
    """Say it in the body and in the model's own fields; the names of what got lost."""
    asked = request.reasoning
    if asked is None or not _wanted(asked):
        return set()
    family = family_of(model.name)
    if not model.reasoning or family == "other":
        return _named(request, asked)
    if family == "claude":
        return _add_to_claude(request, model, body, fields)
    effort = _THREE[_EFFORTS[asked.effort or "medium"]]
    if family == "openai":
        fields["reasoning_effort"] = effort
        return set()
    settings = body.get("inferenceConfig", {})
    if effort == "high" and {"temperature", "topP", "maxTokens"} & set(settings):
        effort = "medium"  # its highest takes none of them
    fields["reasoningConfig"] = {"type": "enabled", "maxReasoningEffort": effort}
    return set()


def _wanted(asked: Reasoning) -> bool:
    if asked.enabled is False or asked.effort == "none":
        return False
    return bool(asked.enabled or asked.budget or asked.effort)


def _named(request: Request, asked: Reasoning) -> set[str]:
    names = {"reasoning_effort": asked.effort is not None, "thinking": bool(asked.budget or asked.enabled)}
    return {request.fields.get(name, name) for name, said in names.items() if said}


def _add_to_claude(request: Request, model: Model, body: dict[str, Any], fields: dict[str, Any]) -> set[str]:
    asked = request.reasoning or Reasoning()
    adaptive = thinks_adaptively(model.name)
    if adaptive and asked.effort is not None:
        body.setdefault("outputConfig", {})["effort"] = _EFFORTS[asked.effort]
    forced = request.tool_choice is not None and request.tool_choice.mode in ("required", "tool")
    if forced or (not adaptive and thoughts_are_lost(request.messages)):
        return {request.fields.get("thinking", "thinking")} if adaptive else _named(request, asked)
    if adaptive:
        shown = asked.shown if asked.shown is not None else bool(asked.enabled or asked.budget)
        fields["thinking"] = {"type": "adaptive", **({"display": "summarized"} if shown else {})}
        return _without_conflicts(request, body, fields)
    budget = max(_LEAST, asked.budget or _BUDGETS[asked.effort or "medium"])
    most = body.get("inferenceConfig", {}).get("maxTokens") or model.max_output_tokens
    if most is not None and budget >= most:
        budget = most - 1
    if budget < _LEAST:
        return _named(request, asked)
    fields["thinking"] = {"type": "enabled", "budget_tokens": budget}
    return _without_conflicts(request, body, fields)


def _without_conflicts(request: Request, body: dict[str, Any], fields: dict[str, Any]) -> set[str]:
    settings = body.get("inferenceConfig", {})
    lost = set()
    if settings.get("temperature", 1) != 1:
        del settings["temperature"]
        lost.add("temperature")
    if settings.get("topP", 1) < _LEAST_TOP_P:
        del settings["topP"]
        lost.add("top_p")
    if fields.pop("top_k", None) is not None:
        lost.add("top_k")
    return {request.fields.get(name, name) for name in lost}
