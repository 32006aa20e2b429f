"""A request to Bedrock's Converse, read and checked as strictly as the real one checks it.

What a model wants beyond Converse's own members comes in `additionalModelRequestFields`: thinking is asked for there, as for
Anthropic's models.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from turnout_sidecar.simulator.answers import count_tokens
from turnout_sidecar.simulator.bedrock_messages import (
    NAME,
    Message,
    constraint,
    marked,
    pieces_of,
    read_block,
    read_conversation,
    result_text,
)
from turnout_sidecar.simulator.dialect import Refusal
from turnout_sidecar.simulator.fields import (
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
from turnout_sidecar.simulator.prompt_cache import Segment
from turnout_sidecar.simulator.turns import Task, Tool, chosen

_BODY: Final = frozenset(
    ("messages", "system", "inferenceConfig", "toolConfig", "guardrailConfig", "additionalModelRequestFields",
     "promptVariables", "additionalModelResponseFieldPaths", "requestMetadata", "performanceConfig", "serviceTier",
     "outputConfig")
)  # fmt: skip
_MOST_MARKS: Final = 4
_LEAST_BUDGET: Final = 1024


class ConverseRequest(msgspec.Struct, frozen=True):
    """What an answer depends on."""

    identity: dict[str, Any]
    task: Task
    segments: tuple[Segment, ...]
    """The prompt; its tokens are all that the request counts."""


def read_converse(body: dict[str, Any]) -> ConverseRequest:
    """The request of `body`. Raises Refusal."""
    only(body, _BODY, "")
    config = as_object(body.get("inferenceConfig", {}), "inferenceConfig")
    limit, stops = _inference(config)
    thinks = _thinking(as_object(body.get("additionalModelRequestFields", {}), "additionalModelRequestFields"), limit)
    messages = read_conversation(body.get("messages"), thinking=thinks)
    tool_config = as_object(body["toolConfig"], "toolConfig") if "toolConfig" in body else None
    if tool_config is None and any(message.ids("toolUse") or message.ids("toolResult") for message in messages):
        why = "The toolConfig field must be defined when using toolUse and toolResult content blocks."
        raise Refusal(400, why)
    tools = tuple(_tools(tool_config or {"tools": []}))
    prompt = tuple(marked(_prompt(body, tool_config or {}, messages)))
    if sum(segment.keep is not None for segment in prompt) > _MOST_MARKS:
        raise Refusal(400, f"At most {_MOST_MARKS} cachePoint blocks may be provided.")
    return ConverseRequest(body, _task(body, messages, tools, tool_config or {}, limit, stops, thinks=thinks), prompt)


def _task(
    body: Mapping[str, Any],
    messages: tuple[Message, ...],
    tools: tuple[Tool, ...],
    tool_config: Mapping[str, Any],
    limit: int | None,
    stops: tuple[str, ...],
    *,
    thinks: bool,
) -> Task:
    last = messages[-1]
    blocks = last.blocks if last.role == "user" else ()
    results = tuple(result_text(block) for block in blocks if "toolResult" in block)
    question = "\n".join(block["text"] for block in blocks if "text" in block)
    return Task(
        question=question,
        results=results,
        calls=_called(tool_config, tools, "" if results else question, thinks=thinks),
        lead=True,
        schema=_schema(body),
        schema_place="outputConfig.textFormat.structure.jsonSchema.schema",
        tools_place="toolConfig.tools",
        stops=stops,
        limit=limit,
        thinks=thinks,
    )


def _inference(config: Mapping[str, Any]) -> tuple[int | None, tuple[str, ...]]:
    only(config, ("maxTokens", "temperature", "topP", "stopSequences"), "inferenceConfig")
    for name in ("temperature", "topP"):
        if name in config:
            as_number(config[name], f"inferenceConfig.{name}", 0, 1)
    limit = as_whole(config["maxTokens"], "inferenceConfig.maxTokens", 1) if "maxTokens" in config else None
    return limit, texts(config.get("stopSequences"), "inferenceConfig.stopSequences")


def _thinking(fields: Mapping[str, Any], limit: int | None) -> bool:
    name = "thinking" if "thinking" in fields else "reasoning_config"
    if name not in fields:
        return False
    thinking = as_object(fields[name], f"additionalModelRequestFields.{name}")
    kind = as_one_of(
        thinking.get("type"), f"additionalModelRequestFields.{name}.type", ("enabled", "disabled", "adaptive")
    )
    if kind == "enabled":
        place = f"additionalModelRequestFields.{name}.budget_tokens"
        budget = as_whole(thinking.get("budget_tokens"), place, _LEAST_BUDGET)
        if limit is not None and limit <= budget:
            raise Refusal(
                400, "The model returned the following errors: `max_tokens` must be greater than `budget_tokens`."
            )
    return kind != "disabled"


def _tools(config: Mapping[str, Any]) -> Iterator[Tool]:
    only(config, ("tools", "toolChoice"), "toolConfig")
    names: set[str] = set()
    for index, given in enumerate(as_list(config.get("tools"), "toolConfig.tools", filled="toolChoice" in config)):
        place = f"toolConfig.tools.{index}"
        tool = as_object(given, place)
        if len(tool) != 1 or next(iter(tool)) not in ("toolSpec", "systemTool", "cachePoint"):
            raise refuse(place, "one of toolSpec, systemTool, cachePoint")
        if "toolSpec" not in tool:
            continue
        made = _spec(as_object(tool["toolSpec"], f"{place}.toolSpec"), f"{place}.toolSpec")
        if made.name in names:
            raise Refusal(400, f"The tool name {made.name} is defined more than once in toolConfig.tools.")
        names.add(made.name)
        yield made


def _spec(spec: dict[str, Any], place: str) -> Tool:
    only(spec, ("name", "description", "inputSchema", "strict"), place)
    name, description = spec.get("name"), spec.get("description", "-")
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise constraint(f"{place}.name", "Member must satisfy regular expression pattern: [a-zA-Z0-9_-]{1,64}")
    if not isinstance(description, str) or not description:
        raise constraint(f"{place}.description", "Member must have length greater than or equal to 1")
    schema = as_object(spec.get("inputSchema"), f"{place}.inputSchema")
    only(schema, ("json",), f"{place}.inputSchema")
    parameters = as_object(schema.get("json"), f"{place}.inputSchema.json")
    if parameters.get("type") != "object":
        raise Refusal(400, f"The value at {place}.inputSchema.json.type must be one of the following: object.")
    return Tool(name, parameters)


def _called(config: Mapping[str, Any], tools: tuple[Tool, ...], question: str, *, thinks: bool) -> tuple[Tool, ...]:
    choice = as_object(config.get("toolChoice", {"auto": {}}), "toolConfig.toolChoice")
    if len(choice) != 1 or next(iter(choice)) not in ("auto", "any", "tool"):
        raise refuse("toolConfig.toolChoice", "one of auto, any, tool")
    ((kind, inner),) = choice.items()
    as_object(inner, f"toolConfig.toolChoice.{kind}")
    if thinks and kind != "auto":
        why = "The model returned the following errors: Thinking may not be enabled when tool_choice forces tool use."
        raise Refusal(400, why)
    if kind == "tool":
        name = as_text(inner.get("name"), "toolConfig.toolChoice.tool.name")
        tools = tuple(tool for tool in tools if tool.name == name)
        if not tools:
            raise refuse("toolConfig.toolChoice.tool.name", "it names none of toolConfig.tools")
    return chosen(tools, question, forced=kind != "auto")


def _schema(body: Mapping[str, Any]) -> Any:
    if "outputConfig" not in body:
        return None
    place = "outputConfig.textFormat"
    wanted = as_object(as_object(body["outputConfig"], "outputConfig").get("textFormat"), place)
    as_one_of(wanted.get("type"), f"{place}.type", ("json_schema",))
    structure = as_object(wanted.get("structure"), f"{place}.structure")
    told = as_object(structure.get("jsonSchema"), f"{place}.structure.jsonSchema").get("schema")
    text = as_text(told, f"{place}.structure.jsonSchema.schema")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise refuse(f"{place}.structure.jsonSchema.schema", "it must be a text that is JSON") from None


def _prompt(
    body: Mapping[str, Any], tool_config: Mapping[str, Any], messages: tuple[Message, ...]
) -> Iterator[tuple[Any, Any, int]]:
    """The prompt for `marked`: the tools, the system's words, the messages."""
    for tool in tool_config.get("tools", []):
        if "cachePoint" in tool:
            read_block(tool, "toolConfig.tools", "user")
        yield ["tool", tool], tool, count_tokens(json.dumps(tool))
    for index, given in enumerate(as_list(body.get("system", []), "system")):
        block = as_object(given, f"system.{index}")
        if not block.keys() <= {"text", "cachePoint", "guardContent"}:
            raise refuse(f"system.{index}", "one of text, cachePoint, guardContent")
        if block.get("text") == "":
            raise constraint(f"system.{index}.text", "Member must have length greater than or equal to 1")
        yield ["system", block], block, read_block(block, f"system.{index}", "user")
    yield from pieces_of(messages)
