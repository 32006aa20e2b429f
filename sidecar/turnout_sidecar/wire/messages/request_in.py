"""The body of /v1/messages, read into a canonical request. Only for calls that go to a backend of another protocol.

Rules: what it does not understand where it matters is a 400 that names the field; members that say something for which there is
no place are named in `Request.unknown`; those that lean on Anthropic's own services (containers, MCP connectors, where
inference happens) are `stateful` or `provider_tools`, so that a backend that lacks them refuses instead of doing without.
"""

from typing import Any, Final

from turnout_sidecar.exchange.errors import bad_request
from turnout_sidecar.wire.canonical import (
    Effort,
    Format,
    Message,
    Part,
    Reasoning,
    Request,
    Tool,
    ToolChoice,
    ToolResult,
)
from turnout_sidecar.wire.members import (
    flag,
    needed_record,
    needed_text,
    number,
    record,
    records,
    strings,
    text,
    untranslatable,
    whole,
)
from turnout_sidecar.wire.messages.blocks_in import Unknown, note_unknown, read_cache, read_content, read_texts

FIELDS: Final = {
    "messages": "messages",
    "parallel_tool_calls": "tool_choice.disable_parallel_tool_use",
    "stop": "stop_sequences",
    "response_format": "output_config.format",
    "reasoning_effort": "output_config.effort",
    "thinking": "thinking.budget_tokens",
    "user": "metadata.user_id",
    "messages (file)": "messages (document)",
    "messages (file id)": "messages (source.file_id)",
    "messages (url)": "messages (source.url)",
    "messages (tool result)": "messages (tool_result)",
}
"""How this API names what chat completions name otherwise."""

_KNOWN: Final = frozenset(
    {
        "model", "messages", "system", "max_tokens", "temperature", "top_p", "top_k", "stop_sequences", "stream", "metadata",
        "tools", "tool_choice", "thinking", "output_config", "output_format", "service_tier", "container", "mcp_servers",
        "thread", "inference_geo",
    }
)  # fmt: skip
_STATEFUL: Final = ("container", "thread", "inference_geo")
_EFFORTS: Final[dict[str, Effort]] = {
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "xhigh",
    "max": "max",
}
_TIERS: Final = {"auto": "auto", "standard_only": "default"}
_CUSTOM: Final = "custom"
_OFF: Final = ("disabled", "between_tools")


def read_request(body: dict[str, Any]) -> Request:
    """The request. Raises CallError (400)."""
    unknown: Unknown = set()
    for name, value in body.items():
        if name not in _KNOWN and value is not None:
            unknown.add(name[:128])
    tools, provider_tools = _tools(body, unknown)
    choice, parallel = _tool_choice(body)
    metadata = record(body, "metadata") or {}
    note_unknown(metadata, frozenset({"user_id"}), "metadata", unknown)
    return Request(
        messages=(*_system(body, unknown), *_messages(body, unknown)),
        tools=tools,
        tool_choice=choice,
        parallel_tool_calls=parallel,
        max_tokens=whole(body, "max_tokens"),
        temperature=number(body, "temperature"),
        top_p=number(body, "top_p"),
        top_k=whole(body, "top_k"),
        stop=strings(body, "stop_sequences"),
        format=_format(body, unknown),
        reasoning=_reasoning(body, unknown),
        service_tier=_tier(body),
        user=text(metadata, "user_id", "metadata"),
        stateful=tuple(name for name in _STATEFUL if body.get(name) is not None),
        provider_tools=provider_tools,
        stream=bool(flag(body, "stream")),
        unknown=tuple(sorted(unknown)),
        fields=FIELDS,
    )


def _system(body: dict[str, Any], unknown: Unknown) -> tuple[Message, ...]:
    if body.get("system") is None:
        return ()
    texts = read_texts(body, "system", "", unknown)
    return (Message("system", texts),) if texts else ()


def _messages(body: dict[str, Any], unknown: Unknown) -> list[Message]:
    messages = []
    for where, message in records(body, "messages"):
        note_unknown(message, frozenset({"role", "content"}), where, unknown)
        role = needed_text(message, "role", where)
        if role == "user":
            messages.append(Message("user", tuple(_of_user(message, where, unknown))))
        elif role == "assistant":
            messages.append(Message("assistant", tuple(_of_assistant(message, where, unknown))))
        elif role == "system":
            messages.append(Message("system", read_texts(message, "content", where, unknown)))
        else:
            raise untranslatable(f"{where}.role", role)
    return messages


def _of_user(message: dict[str, Any], where: str, unknown: Unknown) -> list[Part]:
    parts = list(read_content(message, where, unknown))
    for index, block in enumerate(message["content"] if message["content"].__class__ is list else ()):
        if block["type"] in ("tool_use", "thinking", "redacted_thinking"):
            raise _misplaced(f"{where}.content[{index}].type", block["type"], "an assistant's")
    return parts


def _of_assistant(message: dict[str, Any], where: str, unknown: Unknown) -> list[Part]:
    parts = list(read_content(message, where, unknown))
    for index, part in enumerate(parts):
        if isinstance(part, ToolResult):
            raise _misplaced(f"{where}.content[{index}].type", "tool_result", "a user's")
    return parts


def _misplaced(field: str, kind: str, whose: str) -> Exception:
    return bad_request(f"{field}: {kind!r} belongs into {whose} message.", param=field)


def _tools(body: dict[str, Any], unknown: Unknown) -> tuple[tuple[Tool, ...], tuple[str, ...]]:
    """The application's own tools, and the types of those that Anthropic defines."""
    tools: list[Tool] = []
    provided: list[str] = []
    for where, tool in records(body, "tools"):
        kind = text(tool, "type", where)
        if kind is not None and kind != _CUSTOM:
            provided.append(kind)
            continue
        note_unknown(tool, frozenset({"name", "description", "input_schema", "strict"}), where, unknown)
        tools.append(
            Tool(
                needed_text(tool, "name", where),
                text(tool, "description", where),
                record(tool, "input_schema", where),
                flag(tool, "strict", where),
                read_cache(tool, where),
            )
        )
    if body.get("mcp_servers"):
        provided.append("mcp_servers")
    return tuple(tools), tuple(provided)


def _tool_choice(body: dict[str, Any]) -> tuple[ToolChoice | None, bool | None]:
    choice = record(body, "tool_choice")
    if choice is None:
        return None, None
    single = flag(choice, "disable_parallel_tool_use", "tool_choice")
    parallel = None if single is None else not single
    kind = needed_text(choice, "type", "tool_choice")
    if kind == "tool":
        return ToolChoice("tool", needed_text(choice, "name", "tool_choice")), parallel
    if kind == "auto":
        return ToolChoice("auto"), parallel
    if kind == "any":
        return ToolChoice("required"), parallel
    if kind == "none":
        return ToolChoice("none"), parallel
    raise untranslatable("tool_choice.type", kind)


def _format(body: dict[str, Any], unknown: Unknown) -> Format | None:
    """`output_config.format`, or `output_format`, as betas of the API called it."""
    config = record(body, "output_config") or {}
    note_unknown(config, frozenset({"effort", "format"}), "output_config", unknown)
    where, wanted = "output_config.format", record(config, "format", "output_config")
    if wanted is None:
        where, wanted = "output_format", record(body, "output_format")
    if wanted is None:
        return None
    kind = needed_text(wanted, "type", where)
    if kind != "json_schema":
        raise untranslatable(f"{where}.type", kind)
    return Format("json_schema", name="answer", schema=needed_record(wanted, "schema", where), strict=True)


def _reasoning(body: dict[str, Any], unknown: Unknown) -> Reasoning | None:
    word = text(record(body, "output_config") or {}, "effort", "output_config")
    if word is not None and word not in _EFFORTS:
        raise untranslatable("output_config.effort", word)
    effort = None if word is None else _EFFORTS[word]
    thinking = record(body, "thinking")
    if thinking is None:
        return None if effort is None else Reasoning(effort=effort)
    kind = needed_text(thinking, "type", "thinking")
    note_unknown(thinking, frozenset({"budget_tokens", "display"}), "thinking", unknown)
    if kind in _OFF:
        if effort is not None:  # elsewhere it would switch thinking on
            unknown.add("output_config.effort")
        return Reasoning(enabled=False)
    if kind not in ("enabled", "adaptive"):
        raise untranslatable("thinking.type", kind)
    shown = text(thinking, "display", "thinking") != "omitted"
    return Reasoning(effort, whole(thinking, "budget_tokens", "thinking"), enabled=True, shown=shown)


def _tier(body: dict[str, Any]) -> str | None:
    tier = text(body, "service_tier")
    return None if tier is None else _TIERS.get(tier, tier)
