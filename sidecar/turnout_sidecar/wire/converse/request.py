"""A call as Converse takes it.

The table comes first (`settle`). Rules: the model stands in the path alone, percent-encoded, ARNs too; tools have a name and a
schema, a description only where it says something; messages that hold calls need tools beside them, so those that were called
are declared where a caller gives none.
"""

import re
from typing import Any, Final
from urllib.parse import quote

import orjson

from turnout_sidecar.wire.canonical import Request, Tool
from turnout_sidecar.wire.converse.family import caches, family_of
from turnout_sidecar.wire.converse.history import History, cache_point, write_history
from turnout_sidecar.wire.converse.support import SUPPORT, TITLE
from turnout_sidecar.wire.converse.thinking import add_thinking
from turnout_sidecar.wire.formats import Model, Written
from turnout_sidecar.wire.support import Untranslatable, settle

_TIERS: Final = {
    "default": "default", "standard_only": "default", "flex": "flex", "priority": "priority", "reserved": "reserved",
}  # fmt: skip
_CHOICES: Final[dict[str, dict[str, Any]]] = {"auto": {"auto": {}}, "required": {"any": {}}}
_METADATA: Final = re.compile(r"[a-zA-Z0-9\s:_@$#=/+,.\-]{1,256}")
_MOST_METADATA: Final = 16
_NO_ARGUMENTS: Final = {"type": "object", "properties": {}}
_NOT_OFFERED: Final = "Was called earlier in this conversation; it is not offered now."


def write_request(request: Request, model: Model) -> Written:
    """The request. Raises Untranslatable."""
    lost = set(settle(request, SUPPORT, TITLE))
    caching = caches(model.name)
    history = write_history(request, thinking=model.reasoning, caching=caching)
    body: dict[str, Any] = {"messages": history.messages}
    if history.system:
        body["system"] = history.system
    settings = _settings(request)
    if settings:
        body["inferenceConfig"] = settings
    tools = _tools(request, history, caching=caching)
    if tools:
        body["toolConfig"] = tools
    if request.format is not None and request.format.kind == "json_schema":
        body["outputConfig"] = {"textFormat": _format(request)}
    fields = _own_fields(request, model, lost)
    lost |= history.lost | add_thinking(request, model, body, fields)
    if not settings:  # thinking has taken the last of them away
        body.pop("inferenceConfig", None)
    if fields:
        body["additionalModelRequestFields"] = fields
    if request.stop and family_of(model.name) == "claude":
        body["additionalModelResponseFieldPaths"] = ["/stop_sequence"]
    _add_metadata(request, body, lost)
    if not caching and _has_marks(request):
        lost.add(request.fields.get("cache_control", "cache_control"))
    operation = "converse-stream" if request.stream else "converse"
    return Written(f"/model/{quote(model.name, safe='')}/{operation}", orjson.dumps(body), tuple(sorted(lost)))


def _settings(request: Request) -> dict[str, Any]:
    said = {
        "maxTokens": request.max_tokens,
        "temperature": request.temperature,
        "topP": request.top_p,
        "stopSequences": [word for word in request.stop if word] or None,
    }
    return {name: value for name, value in said.items() if value is not None}


def _tools(request: Request, history: History, *, caching: bool) -> dict[str, Any]:
    choice = request.tool_choice
    offered = request.tools
    if choice is not None and choice.mode == "none":
        if history.tools:
            field = request.fields.get("tool_choice", "tool_choice")
            raise Untranslatable(field, TITLE, "none cannot be asked for where the messages hold calls of tools")
        offered = ()
    specs: list[dict[str, Any]] = []
    for tool in offered:
        if tool.name:
            specs.append(_spec(tool))
            if tool.cache is not None and caching:
                specs.append(cache_point(tool.cache))
    if not specs:
        specs = [_spec(Tool(name, _NOT_OFFERED)) for name in history.tools]
        return {"tools": specs} if specs else {}
    if choice is not None and choice.mode != "none":
        return {"tools": specs, "toolChoice": _CHOICES.get(choice.mode) or {"tool": {"name": choice.name}}}
    return {"tools": specs}


def _spec(tool: Tool) -> dict[str, Any]:
    spec: dict[str, Any] = {"name": tool.name, "inputSchema": {"json": tool.parameters or _NO_ARGUMENTS}}
    if tool.description and tool.description.strip():
        spec["description"] = tool.description
    if tool.strict is not None:
        spec["strict"] = tool.strict
    return {"toolSpec": spec}


def _format(request: Request) -> dict[str, Any]:
    wanted = request.format
    schema: dict[str, Any] = {"schema": orjson.dumps((wanted and wanted.schema) or {}).decode()}
    if wanted is not None and wanted.name:
        schema["name"] = wanted.name
    if wanted is not None and wanted.description:
        schema["description"] = wanted.description
    return {"type": "json_schema", "structure": {"jsonSchema": schema}}


def _own_fields(request: Request, model: Model, lost: set[str]) -> dict[str, Any]:
    """What is said to the model's maker alone."""
    if request.top_k is None:
        return {}
    family = family_of(model.name)
    if family == "claude":
        return {"top_k": request.top_k}
    if family == "nova":
        return {"inferenceConfig": {"topK": request.top_k}}
    lost.add(request.fields.get("top_k", "top_k"))
    return {}


def _add_metadata(request: Request, body: dict[str, Any], lost: set[str]) -> None:
    tier = request.service_tier
    if tier in _TIERS:
        body["serviceTier"] = {"type": _TIERS[tier]}
    elif tier is not None and tier != "auto":
        lost.add(request.fields.get("service_tier", "service_tier"))
    given = request.metadata or {}
    legal = {
        name: value
        for name, value in given.items()
        if isinstance(value, str) and _METADATA.fullmatch(name) and (not value or _METADATA.fullmatch(value))
    }
    if len(legal) < len(given) or len(given) > _MOST_METADATA:
        lost.add(request.fields.get("metadata", "metadata"))
    if legal:
        body["requestMetadata"] = dict(sorted(legal.items())[:_MOST_METADATA])


def _has_marks(request: Request) -> bool:
    parts = (part for message in request.messages for part in message.parts)
    return any(tool.cache is not None for tool in request.tools) or any(
        getattr(part, "cache", None) is not None for part in parts
    )
