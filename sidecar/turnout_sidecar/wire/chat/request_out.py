"""A canonical request to a chat completions body, as OpenAI and every compatible server takes it.

Rules: `support.settle` comes first, so that what is not said here was named or refused there; what depends on the model is
decided here and named as well: thinking only for models with the capability Reasoning, which take `max_completion_tokens`
where all others know `max_tokens` (OpenAI's reasoning models refuse that name, and many servers know no other). Usage is asked for
in every stream, since it is paid for.
"""

from hashlib import sha256
from typing import Any, Final

import orjson

from turnout_sidecar.wire.canonical import Format, Request, Tool, ToolChoice
from turnout_sidecar.wire.chat import messages_out
from turnout_sidecar.wire.chat.support import SUPPORT, TITLE
from turnout_sidecar.wire.formats import Model, Written
from turnout_sidecar.wire.support import settle

PATH: Final = "/chat/completions"
_TIERS: Final = {tier: tier for tier in ("auto", "default", "flex", "scale", "priority", "fast")} | {
    "standard_only": "default"
}
_SAME: Final = (
    "temperature", "top_p", "seed", "n", "presence_penalty", "frequency_penalty", "logit_bias", "logprobs", "top_logprobs",
    "verbosity",
)  # fmt: skip
_SCHEMA_NAME: Final = "answer"
LONGEST_USER: Final = 64
_LOW: Final = 4096
_MEDIUM: Final = 16384


def write_request(request: Request, model: Model) -> Written:
    """The body and what it lacks. Raises Untranslatable."""
    dropped = set(settle(request, SUPPORT, TITLE))
    body: dict[str, Any] = {"model": model.name, "messages": messages_out.write(request.messages)}
    if request.tools:
        body["tools"] = [_tool(tool) for tool in request.tools]
        if request.tool_choice is not None:
            body["tool_choice"] = _choice(request.tool_choice)
        if request.parallel_tool_calls is not None:
            body["parallel_tool_calls"] = request.parallel_tool_calls
    if request.max_tokens is not None:
        most = min(request.max_tokens, model.max_output_tokens or request.max_tokens)
        body["max_completion_tokens" if model.reasoning else "max_tokens"] = most
    for name in _SAME:
        value = getattr(request, name)
        if value is not None:
            body[name] = value
    if request.user is not None:
        body["user"] = user_of(request.user)
    if request.stop:
        body["stop"] = list(request.stop)
    if request.format is not None:
        body["response_format"] = _format(request.format)
    dropped |= _reasoning(request, model, body) | _tier(request, body)
    if request.stream:
        body["stream"] = True
        body["stream_options"] = {"include_usage": True}
    return Written(PATH, orjson.dumps(body), tuple(sorted(dropped)))


def _reasoning(request: Request, model: Model, body: dict[str, Any]) -> set[str]:
    """Write how much to think; the names of what could not be."""
    asked = request.reasoning
    if asked is None:
        return set()
    effort = asked.effort or effort_of(asked.budget)
    if effort is not None and model.reasoning:
        body["reasoning_effort"] = effort
        return set()
    if effort is None and asked.enabled is not False:
        return set()
    field = "reasoning_effort" if asked.effort is not None else "thinking"
    return {request.fields.get(field, field)}


def effort_of(budget: int | None) -> str | None:
    """The effort that means about as many tokens of thought; None: nothing was said."""
    if budget is None:
        return None
    if budget <= _LOW:
        return "low"
    return "medium" if budget <= _MEDIUM else "high"


def user_of(user: str) -> str:
    """The end user's id, which OpenAI takes up to 64 characters of: a longer one by its digest."""
    return user if len(user) <= LONGEST_USER else sha256(user.encode()).hexdigest()


def _tier(request: Request, body: dict[str, Any]) -> set[str]:
    if request.service_tier is None:
        return set()
    tier = _TIERS.get(request.service_tier)
    if tier is None:
        return {request.fields.get("service_tier", "service_tier")}
    body["service_tier"] = tier
    return set()


def _tool(tool: Tool) -> dict[str, Any]:
    function: dict[str, Any] = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    if tool.parameters is not None:
        function["parameters"] = tool.parameters
    if tool.strict is not None:
        function["strict"] = tool.strict
    return {"type": "function", "function": function}


def _choice(choice: ToolChoice) -> str | dict[str, Any]:
    if choice.mode != "tool":
        return choice.mode
    return {"type": "function", "function": {"name": choice.name or ""}}


def _format(wanted: Format) -> dict[str, Any]:
    if wanted.kind != "json_schema":
        return {"type": wanted.kind}
    schema: dict[str, Any] = {"name": wanted.name or _SCHEMA_NAME}
    if wanted.description is not None:
        schema["description"] = wanted.description
    schema["schema"] = wanted.schema or {}
    if wanted.strict is not None:
        schema["strict"] = wanted.strict
    return {"type": "json_schema", "json_schema": schema}
