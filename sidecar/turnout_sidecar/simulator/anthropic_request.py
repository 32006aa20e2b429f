"""A request to Anthropic's messages API, read and checked as strictly as the real one checks it.

Unlike OpenAI, Anthropic refuses what it does not know; with a header `anthropic-beta` it takes unknown members here, since
betas are where they come from.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from turnout_sidecar.simulator.answers import count_tokens
from turnout_sidecar.simulator.anthropic_messages import Turn, kept, read_turns, result_text, segments
from turnout_sidecar.simulator.dialect import Asked, Refusal
from turnout_sidecar.simulator.fields import (
    as_flag,
    as_list,
    as_number,
    as_object,
    as_one_of,
    as_text,
    as_whole,
    only,
    refuse,
    texts,
)
from turnout_sidecar.simulator.openai_request import read_body
from turnout_sidecar.simulator.prompt_cache import Segment
from turnout_sidecar.simulator.turns import Task, Tool, chosen

_COUNTED: Final = frozenset(
    ("messages", "model", "cache_control", "output_config", "speed", "system", "thinking", "tool_choice", "tools")
)
_KNOWN: Final = _COUNTED | {
    "max_tokens", "container", "inference_geo", "metadata", "service_tier", "stop_sequences", "stream", "temperature",
    "top_k", "top_p", "context_management", "user_profile_id", "workspace_id", "diagnostics",
}  # fmt: skip
_TOOL: Final = frozenset(
    ("name", "description", "input_schema", "cache_control", "type", "strict", "defer_loading", "allowed_callers",
     "eager_input_streaming", "input_examples")
)  # fmt: skip
_EFFORTS: Final = ("low", "medium", "high", "xhigh", "max")
_TOOL_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_LEAST_BUDGET: Final = 1024
_MOST_MARKS: Final = 4
REDACT: Final = "ANTHROPIC_MAGIC_STRING_TRIGGER_REDACTED_THINKING"
REFUSE: Final = "ANTHROPIC_MAGIC_STRING_TRIGGER_REFUSAL"


class MessagesRequest(msgspec.Struct, frozen=True):
    """What an answer depends on. `identity` is the request without what only changes its transport."""

    identity: dict[str, Any]
    model: str
    stream: bool
    task: Task
    segments: tuple[Segment, ...]
    """The prompt; its tokens are all that the request counts."""
    shows_thinking: bool
    redacts: bool
    refuses: bool


def read_messages(asked: Asked, *, counting: bool = False) -> MessagesRequest:
    """The request to `/v1/messages`, or to count its tokens. Raises Refusal."""
    body = read_body(asked.body)
    if "anthropic-beta" not in asked.headers:
        only(body, _COUNTED if counting else _KNOWN, "")
    model = as_text(body.get("model"), "model")
    if asked.models and model not in asked.models:
        raise Refusal(404, f"model: {model[:200]}")
    limit = None if counting else as_whole(body.get("max_tokens"), "max_tokens", 1)
    thinks = _thinking(body, limit)
    tools = tuple(_tools(body))
    turns = read_turns(body.get("messages"), thinking=thinks)
    _numbers(body, thinks=thinks)
    task = _task(body, turns, tools, thinks=thinks, limit=limit)
    if not tools and not body.get("tools") and any(_is_about_tools(turn) for turn in turns):
        raise refuse("tools", "Requests which include `tool_use` or `tool_result` blocks must define tools")
    prompt = (*_first_segments(body), *segments(turns))
    return MessagesRequest(
        identity={name: value for name, value in body.items() if name != "stream"},
        model=model,
        stream=as_flag(body.get("stream"), "stream"),
        task=task,
        segments=_marked(body, prompt),
        shows_thinking=not (thinks and body["thinking"].get("display") == "omitted"),
        redacts=REDACT in task.question,
        refuses=REFUSE in task.question,
    )


def _task(
    body: dict[str, Any], turns: tuple[Turn, ...], tools: tuple[Tool, ...], *, thinks: bool, limit: int | None
) -> Task:
    last = turns[-1]
    blocks = [block for block, _, _ in last.blocks] if last.role == "user" else []
    results = tuple(result_text(block) for block in blocks if block["type"] == "tool_result")
    question = "\n".join(block["text"] for block in blocks if block["type"] == "text")
    return Task(
        question=question,
        results=results,
        calls=_called(body, tools, "" if results else question, thinks=thinks),
        lead=True,
        schema=_schema(body),
        schema_place="output_config.format.schema",
        stops=_stops(body),
        limit=limit,
        thinks=thinks,
    )


def _is_about_tools(turn: Turn) -> bool:
    return any(block["type"] in ("tool_use", "tool_result") for block, _, _ in turn.blocks)


def _thinking(body: Mapping[str, Any], limit: int | None) -> bool:
    if body.get("thinking") is None:
        return False
    thinking = as_object(body["thinking"], "thinking")
    kind = as_one_of(thinking.get("type"), "thinking.type", ("enabled", "disabled", "adaptive"))
    only(thinking, ("type", "budget_tokens", "display") if kind == "enabled" else ("type", "display"), "thinking")
    if kind == "enabled":
        budget = as_whole(thinking.get("budget_tokens"), "thinking.enabled.budget_tokens", _LEAST_BUDGET)
        if limit is not None and limit <= budget:
            raise refuse("", "`max_tokens` must be greater than `thinking.budget_tokens`")
    return kind != "disabled"


def _numbers(body: Mapping[str, Any], *, thinks: bool) -> None:
    for name in ("temperature", "top_p"):
        if body.get(name) is not None:
            as_number(body[name], name, 0, 1)
    if body.get("top_k") is not None:
        as_whole(body["top_k"], "top_k", 0)
    if thinks and body.get("temperature") not in (None, 1):
        raise refuse("temperature", "`temperature` may only be set to 1 when thinking is enabled")
    if thinks and body.get("top_k") is not None:
        raise refuse("top_k", "`top_k` must be unset when thinking is enabled")
    if body.get("service_tier") is not None:
        as_one_of(body["service_tier"], "service_tier", ("auto", "standard_only"))
    if body.get("metadata") is not None:
        only(as_object(body["metadata"], "metadata"), ("user_id",), "metadata")


def _tools(body: Mapping[str, Any]) -> Iterator[Tool]:
    names: set[str] = set()
    for index, given in enumerate(as_list(body["tools"], "tools") if body.get("tools") is not None else []):
        place = f"tools.{index}"
        tool = as_object(given, place)
        name = as_text(tool.get("name"), f"{place}.name")
        if not _TOOL_NAME.fullmatch(name):
            raise refuse(f"{place}.name", "String should match pattern '^[a-zA-Z0-9_-]{1,128}$'")
        if name in names:
            raise refuse("tools", "Tool names must be unique.")
        names.add(name)
        if tool.get("type") not in (None, "custom"):
            continue
        only(tool, _TOOL, place)
        if tool.get("description") is not None:
            as_text(tool["description"], f"{place}.description", filled=False)
        schema = as_object(tool.get("input_schema"), f"{place}.input_schema")
        if schema.get("type") != "object":
            raise refuse(f"{place}.input_schema.type", "Input should be 'object'")
        yield Tool(name, schema)


def _called(body: Mapping[str, Any], tools: tuple[Tool, ...], question: str, *, thinks: bool) -> tuple[Tool, ...]:
    if body.get("tool_choice") is None:
        return chosen(tools, question)
    choice = as_object(body["tool_choice"], "tool_choice")
    kind = as_one_of(choice.get("type"), "tool_choice.type", ("auto", "any", "tool", "none"))
    named = ("name",) if kind == "tool" else ()
    only(choice, ("type", *named, *(() if kind == "none" else ("disable_parallel_tool_use",))), "tool_choice")
    if not body.get("tools"):
        raise refuse("tool_choice", "`tool_choice` may only be specified while providing `tools`.")
    if thinks and kind in ("any", "tool"):
        raise refuse("", "Thinking may not be enabled when tool_choice forces tool use.")
    parallel = not as_flag(choice.get("disable_parallel_tool_use"), "tool_choice.disable_parallel_tool_use")
    if kind == "none":
        return ()
    if kind == "tool":
        name = as_text(choice.get("name"), "tool_choice.tool.name")
        tools = tuple(tool for tool in tools if tool.name == name)
        if not tools:
            raise refuse("tool_choice.tool", f"Tool '{name[:100]}' not found in provided tools")
    return chosen(tools, question, forced=kind != "auto", parallel=parallel)


def _schema(body: Mapping[str, Any]) -> Any:
    if body.get("output_config") is None:
        return None
    config = as_object(body["output_config"], "output_config")
    only(config, ("effort", "format"), "output_config")
    if config.get("effort") is not None:
        as_one_of(config["effort"], "output_config.effort", _EFFORTS)
    if config.get("format") is None:
        return None
    wanted = as_object(config["format"], "output_config.format")
    only(wanted, ("type", "schema"), "output_config.format")
    as_one_of(wanted.get("type"), "output_config.format.type", ("json_schema",))
    return as_object(wanted.get("schema"), "output_config.format.schema")


def _stops(body: Mapping[str, Any]) -> tuple[str, ...]:
    stops = texts(body.get("stop_sequences"), "stop_sequences")
    if not all(stop.strip() for stop in stops):
        raise refuse("stop_sequences", "each stop sequence must contain non-whitespace")
    return stops


def _first_segments(body: Mapping[str, Any]) -> Iterator[Segment]:
    """What stands before the messages in the prompt: the tools, then the system's words."""
    given = body.get("tools") or []
    for index, tool in enumerate(given):
        plain = {name: value for name, value in tool.items() if name != "cache_control"}
        yield Segment(["tool", plain], count_tokens(json.dumps(plain)), kept(tool, f"tools.{index}"))
    system = body.get("system")
    if system is None:
        return
    for index, given_block in enumerate(
        [{"type": "text", "text": system}] if isinstance(system, str) else as_list(system, "system")
    ):
        block = as_object(given_block, f"system.{index}")
        as_one_of(block.get("type"), f"system.{index}.type", ("text",))
        text = as_text(block.get("text"), f"system.{index}.text", filled=False)
        if not text.strip() and not isinstance(system, str):
            raise refuse("system", "text content blocks must be non-empty")
        yield Segment(["system", text], count_tokens(text), kept(block, f"system.{index}"))


def _marked(body: Mapping[str, Any], prompt: tuple[Segment, ...]) -> tuple[Segment, ...]:
    """The prompt with the mark that stands at the top of the request, which is one on its last piece."""
    overall = kept(body, "")
    if overall is not None and prompt:
        prompt = (*prompt[:-1], msgspec.structs.replace(prompt[-1], keep=overall))
    marks = [segment.keep for segment in prompt if segment.keep]
    if len(marks) > _MOST_MARKS:
        raise refuse("", f"A maximum of 4 blocks with cache_control may be provided. Found {len(marks)}.")
    if "5m" in marks and "1h" in marks[marks.index("5m") :]:
        raise refuse("", "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block.")
    return prompt
