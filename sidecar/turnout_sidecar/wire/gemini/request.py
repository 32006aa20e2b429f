"""A call as Gemini's generateContent takes it.

The table comes first (`settle`), so that nothing is sent that it does not name. Rules: the model stands in the path alone,
percent-encoded; a schema goes as JSON Schema (`parametersJsonSchema`, `responseJsonSchema`), which takes all of it, and not
as Gemini's own dialect; nothing about thinking goes to a model without the capability Reasoning.
"""

from typing import Any, Final
from urllib.parse import quote

import orjson

from turnout_sidecar.wire.canonical import Reasoning, Request, Tool
from turnout_sidecar.wire.formats import Model, Written
from turnout_sidecar.wire.gemini.generation import resource, signs
from turnout_sidecar.wire.gemini.history import write_history
from turnout_sidecar.wire.gemini.support import SUPPORT, TITLE
from turnout_sidecar.wire.support import Untranslatable, settle

_MODES: Final = {"auto": "AUTO", "none": "NONE", "required": "ANY", "tool": "ANY"}
_LEVELS: Final = {
    "none": "MINIMAL", "minimal": "MINIMAL", "low": "LOW", "medium": "MEDIUM", "high": "HIGH", "xhigh": "HIGH", "max": "HIGH",
}  # fmt: skip
_BUDGETS: Final = {
    "none": 0, "minimal": 1024, "low": 1024, "medium": 8192, "high": 24576, "xhigh": 24576, "max": 24576,
}  # fmt: skip
_TIERS: Final = {"flex": "flex", "priority": "priority", "default": "standard", "standard_only": "standard"}
_DYNAMIC: Final = -1
_LEAST_OF_PRO: Final = 128
"""Tokens that Gemini 2.5 Pro thinks at least: it cannot be told not to."""
_SEED_BITS: Final = 0x7FFFFFFF


def write_request(request: Request, model: Model) -> Written:
    """The request. Raises Untranslatable."""
    lost = set(settle(request, SUPPORT, TITLE))
    signing = signs(model.name)
    history = write_history(request, signing=signing, thinking=model.reasoning)
    body: dict[str, Any] = {"contents": history.contents}
    if history.system:
        body["systemInstruction"] = {"parts": history.system}
    body |= _tools(request)
    config = _config(request, signing=signing)
    thinking = _thinking(request, model, lost)
    if thinking:
        config["thinkingConfig"] = thinking
    if config:
        body["generationConfig"] = config
    _add_tier(request, body, lost)
    operation = "streamGenerateContent?alt=sse" if request.stream else "generateContent"
    path = f"/{quote(resource(model.name), safe='/')}:{operation}"
    return Written(path, orjson.dumps(body), tuple(sorted(lost | history.lost)))


def _tools(request: Request) -> dict[str, Any]:
    written: dict[str, Any] = {}
    if request.tools:
        written["tools"] = [{"functionDeclarations": [_declaration(tool) for tool in request.tools]}]
    choice = request.tool_choice
    if choice is not None and request.tools:
        calling: dict[str, Any] = {"mode": _MODES[choice.mode]}
        if choice.mode == "tool":
            calling["allowedFunctionNames"] = [choice.name]
        written["toolConfig"] = {"functionCallingConfig": calling}
    return written


def _declaration(tool: Tool) -> dict[str, Any]:
    declared: dict[str, Any] = {"name": tool.name}
    if tool.description:
        declared["description"] = tool.description
    if tool.parameters and (tool.parameters.get("properties") or set(tool.parameters) - {"type", "properties"}):
        declared["parametersJsonSchema"] = tool.parameters
    return declared


def _config(request: Request, *, signing: bool) -> dict[str, Any]:
    said = {
        "maxOutputTokens": request.max_tokens,
        "temperature": request.temperature,
        "topP": request.top_p,
        "topK": request.top_k,
        "stopSequences": list(request.stop) or None,
        "seed": None if request.seed is None else request.seed & _SEED_BITS,
        "presencePenalty": request.presence_penalty or None,  # some models refuse the very setting
        "frequencyPenalty": request.frequency_penalty or None,
        "responseLogprobs": True if request.logprobs or request.top_logprobs is not None else None,
        "logprobs": request.top_logprobs,
    }
    config: dict[str, Any] = {name: value for name, value in said.items() if value is not None}
    wanted = request.format
    if wanted is None or wanted.kind == "text":
        return config
    if request.tools and not signing:
        field = request.fields.get("response_format", "response_format")
        raise Untranslatable(field, TITLE, "models before Gemini 3 cannot be held to a format while they have tools")
    config["responseMimeType"] = "application/json"
    if wanted.kind == "json_schema" and wanted.schema is not None:
        config["responseJsonSchema"] = wanted.schema
    return config


def _thinking(request: Request, model: Model, lost: set[str]) -> dict[str, Any]:
    asked = request.reasoning
    if asked is None:
        return {}
    if not model.reasoning:
        lost |= _not_thought(request, asked)
        return {}
    config = _in_levels(asked, model.name) if signs(model.name) else _in_tokens(asked, model.name)
    shown = asked.shown
    if shown is None and (asked.enabled or asked.budget):
        shown = True
    if shown is not None:
        config["includeThoughts"] = shown
    return config


def _not_thought(request: Request, asked: Reasoning) -> set[str]:
    """What a model that cannot think is not told, by name."""
    names = {
        "reasoning_effort": asked.effort not in (None, "none"),
        "thinking": bool(asked.budget or asked.enabled),
    }
    return {request.fields.get(name, name) for name, said in names.items() if said}


def _in_levels(asked: Reasoning, model: str) -> dict[str, Any]:
    if asked.budget:
        return {"thinkingBudget": asked.budget}  # the API takes one of the two
    effort = "none" if asked.enabled is False or asked.budget == 0 else asked.effort
    if effort is None:
        return {}
    level = _LEVELS[effort]
    if level == "MINIMAL" and "-pro" in model:
        level = "LOW"  # the least that a Pro does
    return {"thinkingLevel": level}


def _in_tokens(asked: Reasoning, model: str) -> dict[str, Any]:
    if asked.enabled is False:
        budget = 0
    elif asked.budget is not None:
        budget = asked.budget
    elif asked.effort is not None:
        budget = _BUDGETS[asked.effort]
    elif asked.enabled:
        budget = _DYNAMIC
    else:
        return {}
    if budget == 0 and "-pro" in model:
        budget = _LEAST_OF_PRO
    return {"thinkingBudget": budget}


def _add_tier(request: Request, body: dict[str, Any], lost: set[str]) -> None:
    tier = request.service_tier
    if tier is None or tier == "auto":
        return
    if tier in _TIERS:
        body["serviceTier"] = _TIERS[tier]
    else:
        lost.add(request.fields.get("service_tier", "service_tier"))
