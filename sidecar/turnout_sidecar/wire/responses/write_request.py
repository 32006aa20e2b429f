"""A canonical request as a Responses request.

Rules: `settle` decides first, so that what is written is what the table promises; nothing is stored at the provider (the
default there is that it is), so thoughts are asked for in encrypted form and come back with the next turn; `strict` is always
said, since the default there is the opposite of the default elsewhere.
"""

from typing import Any

import orjson

from turnout_sidecar.wire.canonical import Effort, Format, Request, Tool, ToolChoice
from turnout_sidecar.wire.formats import Model, Written
from turnout_sidecar.wire.responses.support import SUPPORT, TITLE
from turnout_sidecar.wire.responses.write_items import Items
from turnout_sidecar.wire.support import settle

PATH = "/responses"

_LOW_BUDGET = 4_096
_MEDIUM_BUDGET = 16_384
_TIERS = {tier: tier for tier in ("auto", "default", "flex", "scale", "priority", "fast", "ultrafast")} | {
    "standard_only": "default"
}
_NO_PARAMETERS: dict[str, Any] = {"type": "object", "properties": {}}


def write_request(request: Request, model: Model) -> Written:
    """The request. Raises Untranslatable for what this API cannot say."""
    dropped = set(settle(request, SUPPORT, TITLE))
    items = Items(thoughts=model.reasoning)
    for message in request.messages:
        items.add(message)
    if items.left_out:
        dropped.add(request.fields.get("messages (thinking)", "messages (thinking)"))
    body: dict[str, Any] = {"model": model.name, "input": items.items, "store": False}
    _set(body, "stream", request.stream or None)
    _set_tools(body, request)
    _set(body, "max_output_tokens", request.max_tokens)
    _set(body, "temperature", request.temperature)
    _set(body, "top_p", request.top_p)
    _set(body, "text", _text(request))
    _set(body, "user", request.user)
    _set(body, "metadata", request.metadata)
    _set(body, "prompt_cache_key", request.prompt_cache_key)
    dropped |= _set_reasoning(body, request, model) | _set_tier(body, request)
    _set_include(body, request, model)
    return Written(PATH, orjson.dumps(body), tuple(sorted(dropped)))


def _set(body: dict[str, Any], name: str, value: Any) -> None:
    if value is not None:
        body[name] = value


def _set_tools(body: dict[str, Any], request: Request) -> None:
    if not request.tools:
        return  # a choice among none is an error
    body["tools"] = [_tool(tool) for tool in request.tools]
    _set(body, "tool_choice", _choice(request.tool_choice))
    _set(body, "parallel_tool_calls", request.parallel_tool_calls)


def _tool(tool: Tool) -> dict[str, Any]:
    written: dict[str, Any] = {"type": "function", "name": tool.name}
    _set(written, "description", tool.description or None)
    written["parameters"] = _NO_PARAMETERS if tool.parameters is None else tool.parameters
    written["strict"] = bool(tool.strict)
    return written


def _choice(choice: ToolChoice | None) -> Any:
    if choice is None:
        return None
    return {"type": "function", "name": choice.name or ""} if choice.mode == "tool" else choice.mode


def _text(request: Request) -> dict[str, Any] | None:
    text: dict[str, Any] = {}
    if request.format is not None:
        text["format"] = _format(request.format)
    _set(text, "verbosity", request.verbosity)
    return text or None


def _format(shape: Format) -> dict[str, Any]:
    if shape.kind != "json_schema":
        return {"type": shape.kind}
    written: dict[str, Any] = {"type": "json_schema", "name": shape.name or "answer", "schema": shape.schema or {}}
    _set(written, "strict", shape.strict)
    _set(written, "description", shape.description)
    return written


def _set_reasoning(body: dict[str, Any], request: Request, model: Model) -> set[str]:
    """Names what is left out because the model does not think."""
    asked = request.reasoning
    if asked is None:
        return set()
    if not model.reasoning:
        named = ("thinking", asked.budget), ("reasoning_effort", asked.effort)
        return {request.fields.get(name, name) for name, said in named if said not in (None, "none")}
    effort = asked.effort or ("none" if asked.enabled is False else _near(asked.budget))
    reasoning: dict[str, Any] = {}
    _set(reasoning, "effort", effort)
    if asked.shown:
        reasoning["summary"] = "auto"
    _set(body, "reasoning", reasoning or None)
    return set()


def _set_tier(body: dict[str, Any], request: Request) -> set[str]:
    """Names a tier that this API does not have."""
    tier = _TIERS.get(request.service_tier or "")
    _set(body, "service_tier", tier)
    unknown = request.service_tier is not None and tier is None
    return {request.fields.get("service_tier", "service_tier")} if unknown else set()


def _near(budget: int | None) -> Effort | None:
    if budget is None:
        return None
    if budget <= _LOW_BUDGET:
        return "low"
    return "medium" if budget <= _MEDIUM_BUDGET else "high"


def _set_include(body: dict[str, Any], request: Request, model: Model) -> None:
    include = ["reasoning.encrypted_content"] if model.reasoning else []
    if request.logprobs or request.top_logprobs:
        include.append("message.output_text.logprobs")
    _set(body, "include", include or None)
    _set(body, "top_logprobs", request.top_logprobs)
