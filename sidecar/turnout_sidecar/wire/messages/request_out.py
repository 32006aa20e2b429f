"""A canonical request written as the body of /messages, for a backend that speaks Anthropic's API.

`settle` is asked first, then what the table says can be said is written. Rules beyond the table's: what a model of this
generation would answer with a 400 for, though the same call means the same without it, is left out and named; a conversation
that holds calls of tools declares tools, if only those it names and with none to be called.
"""

from typing import Any, Final

import orjson

from turnout_sidecar.wire.canonical import Request, Tool, ToolCall
from turnout_sidecar.wire.formats import Model, Written
from turnout_sidecar.wire.messages.blocks_out import mark, write_conversation
from turnout_sidecar.wire.messages.generations import is_claude, takes_sampling
from turnout_sidecar.wire.messages.support import SUPPORT, TITLE
from turnout_sidecar.wire.messages.thinking_out import Thought, think
from turnout_sidecar.wire.support import Untranslatable, settle

PATH: Final = "/messages"
DEFAULT_MAX_TOKENS: Final = 4096

_NO_ARGUMENTS: Final = {"type": "object", "properties": {}}
_TIERS: Final = {"auto": "auto", "default": "standard_only"}
_MODES: Final = {"auto": "auto", "required": "any", "none": "none", "tool": "tool"}


def write_request(request: Request, model: Model) -> Written:
    """The request. Raises Untranslatable."""
    dropped = set(settle(request, SUPPORT, TITLE))
    max_tokens = request.max_tokens
    if max_tokens is None:
        max_tokens = model.max_output_tokens or DEFAULT_MAX_TOKENS
    thought = think(request, model, max_tokens)
    conversation = write_conversation(request.messages, thoughts=model.reasoning)
    dropped.update(thought.dropped, conversation.dropped)
    body: dict[str, Any] = {"model": model.name, "max_tokens": max_tokens}
    if conversation.system is not None:
        body["system"] = conversation.system
    body |= _tools(request)
    body["messages"] = conversation.messages
    body |= _sampling(request, model, thought, dropped)
    body |= _output(request, thought)
    if request.stop:
        body["stop_sequences"] = _stop(request)
    if request.user is not None:
        body["metadata"] = {"user_id": request.user}
    if request.service_tier is not None:
        if request.service_tier in _TIERS:
            body["service_tier"] = _TIERS[request.service_tier]
        else:
            dropped.add(request.fields.get("service_tier", "service_tier"))
    if request.stream:
        body["stream"] = True
    return Written(PATH, orjson.dumps(body), tuple(sorted(dropped)))


def _tools(request: Request) -> dict[str, Any]:
    if not request.tools:
        named = _named(request)
        return {"tools": named, "tool_choice": {"type": "none"}} if named else _choice(request)
    return {"tools": [_tool(tool) for tool in request.tools], **_choice(request)}


def _tool(tool: Tool) -> dict[str, Any]:
    schema = tool.parameters or _NO_ARGUMENTS
    written: dict[str, Any] = {"name": tool.name}
    if tool.description:
        written["description"] = tool.description
    written["input_schema"] = schema if "type" in schema else {"type": "object", **schema}
    if tool.strict:
        written["strict"] = True
    return mark(written, tool.cache)


def _named(request: Request) -> list[dict[str, Any]]:
    """The tools that a conversation without declared ones has called."""
    names = (part.name for message in request.messages for part in message.parts if isinstance(part, ToolCall))
    return [{"name": name, "input_schema": _NO_ARGUMENTS} for name in dict.fromkeys(names)]


def _choice(request: Request) -> dict[str, Any]:
    choice = request.tool_choice
    mode = "auto" if choice is None else choice.mode
    if not request.tools and mode in ("auto", "none"):
        return {}
    written: dict[str, Any] = {"type": _MODES[mode]}
    if choice is not None and choice.name is not None:
        written["name"] = choice.name
    if request.parallel_tool_calls is not None and mode != "none":
        written["disable_parallel_tool_use"] = not request.parallel_tool_calls
    elif choice is None:
        return {}
    return {"tool_choice": written}


def _sampling(request: Request, model: Model, thought: Thought, dropped: set[str]) -> dict[str, Any]:
    said = {name: getattr(request, name) for name in ("temperature", "top_p", "top_k")}
    said = {name: value for name, value in said.items() if value is not None}
    left_out: set[str] = set()
    if thought.on or not takes_sampling(model.name):
        left_out = set(said)
    elif "temperature" in said and is_claude(model.name):
        left_out = {"top_p"} & said.keys()
    dropped |= {request.fields.get(name, name) for name in left_out}
    kept = {name: value for name, value in said.items() if name not in left_out}
    if kept.get("temperature", 0) > 1:
        kept["temperature"] = 1
    return kept


def _output(request: Request, thought: Thought) -> dict[str, Any]:
    written: dict[str, Any] = {}
    if thought.thinking is not None:
        written["thinking"] = thought.thinking
    config: dict[str, Any] = {}
    if thought.effort is not None:
        config["effort"] = thought.effort
    if request.format is not None and request.format.kind == "json_schema":
        config["format"] = {"type": "json_schema", "schema": request.format.schema or {}}
    return {**written, "output_config": config} if config else written


def _stop(request: Request) -> list[str]:
    if any(not word.strip() for word in request.stop):
        raise Untranslatable(request.fields.get("stop", "stop"), TITLE, "each must hold more than white space there.")
    return list(request.stop)
