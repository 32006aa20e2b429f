"""A Responses request as canonical values, for backends that speak another API.

Rules: every member is read, refused with its name, noted as leaning on the provider (`stateful`, `provider_tools`), or named in
`unknown`; a value that says what every API does anyway (`truncation: disabled`, `background: false`) needs no word; what the
gateway cannot do across protocols though the API promises it (`store: true`) is named, never silently promised.
"""

from typing import Any

from turnout_sidecar.wire import members
from turnout_sidecar.wire.canonical import Effort, Format, Reasoning, Request, Tool, ToolChoice
from turnout_sidecar.wire.responses.read_items import Conversation
from turnout_sidecar.wire.responses.words import FIELDS, stateful_fields

_EFFORTS: dict[str, Effort] = {
    name: name for name in ("none", "minimal", "low", "medium", "high", "xhigh", "max")
}  # fmt: skip
_LOGPROBS = "message.output_text.logprobs"
_ENCRYPTED = "reasoning.encrypted_content"
_READ = frozenset(
    {
        "background",
        "conversation",
        "include",
        "input",
        "instructions",
        "max_output_tokens",
        "max_tool_calls",
        "metadata",
        "model",
        "parallel_tool_calls",
        "previous_response_id",
        "prompt",
        "prompt_cache_key",
        "reasoning",
        "safety_identifier",
        "service_tier",
        "store",
        "stream",
        "stream_options",
        "temperature",
        "text",
        "tool_choice",
        "tools",
        "top_logprobs",
        "top_p",
        "truncation",
        "user",
    }
)


def read_request(body: dict[str, Any]) -> Request:
    """The request. Raises CallError 400 naming the member that is not understood."""
    talk = Conversation()
    talk.add_instructions(members.text(body, "instructions"))
    talk.add_input(body.get("input"))
    tools, others = _tools(body)
    choice, allowed, hosted = _choice(body)
    if allowed is not None:
        tools = tuple(tool for tool in tools if tool.name in allowed)
    text = members.record(body, "text") or {}
    reasoning, lost = _reasoning(body)
    user, user_field = _user(body)
    include = members.strings(body, "include")
    top_logprobs = members.whole(body, "top_logprobs")
    stateful = [name for name in stateful_fields(body) if not name.startswith("input")]
    return Request(
        messages=talk.messages,
        tools=tools,
        tool_choice=choice,
        parallel_tool_calls=members.flag(body, "parallel_tool_calls"),
        max_tokens=members.whole(body, "max_output_tokens"),
        temperature=members.number(body, "temperature"),
        top_p=members.number(body, "top_p"),
        logprobs=True if _LOGPROBS in include or top_logprobs else None,
        top_logprobs=top_logprobs or None,
        format=_format(text),
        reasoning=reasoning,
        verbosity=members.text(text, "verbosity", "text"),
        service_tier=members.text(body, "service_tier"),
        user=user,
        metadata=members.record(body, "metadata") or None,
        prompt_cache_key=members.text(body, "prompt_cache_key"),
        stateful=(*stateful, *talk.stateful),
        provider_tools=(*others, *hosted, *talk.provider_items),
        stream=members.flag(body, "stream") or False,
        unknown=tuple(sorted({*_unknown(body, include), *lost, *talk.lost})),
        fields=FIELDS | {"user": user_field},
    )


def _tools(body: dict[str, Any]) -> tuple[tuple[Tool, ...], list[str]]:
    """The functions, and the types of whatever the provider runs."""
    tools: list[Tool] = []
    others: list[str] = []
    for field, tool in members.records(body, "tools"):
        kind = members.needed_text(tool, "type", field)
        if kind != "function":
            others.append(kind)
            continue
        tools.append(
            Tool(
                name=members.needed_text(tool, "name", field),
                description=members.text(tool, "description", field),
                parameters=members.record(tool, "parameters", field),
                strict=members.flag(tool, "strict", field),
            )
        )
    return tuple(tools), others


def _choice(body: dict[str, Any]) -> tuple[ToolChoice | None, frozenset[str] | None, tuple[str, ...]]:
    """The choice, the names of the only functions that may be called, and the type of a tool that the provider runs."""
    given = body.get("tool_choice")
    if given is None:
        return None, None, ()
    if isinstance(given, str):
        return ToolChoice(_mode(given, "tool_choice")), None, ()
    choice = members.record(body, "tool_choice") or {}
    kind = members.needed_text(choice, "type", "tool_choice")
    if kind == "function":
        return ToolChoice("tool", members.needed_text(choice, "name", "tool_choice")), None, ()
    if kind != "allowed_tools":
        return None, None, (kind,)
    mode = _mode(members.needed_text(choice, "mode", "tool_choice"), "tool_choice.mode")
    names = []
    for field, tool in members.records(choice, "tools", "tool_choice"):
        kind = members.needed_text(tool, "type", field)
        if kind != "function":
            return None, None, (kind,)
        names.append(members.needed_text(tool, "name", field))
    return ToolChoice(mode), frozenset(names), ()


def _mode(word: str, field: str) -> Any:
    if word not in ("auto", "none", "required"):
        raise members.unknown_value(field, word)
    return word


def _format(text: dict[str, Any]) -> Format | None:
    given = members.record(text, "format", "text")
    if given is None:
        return None
    kind = members.needed_text(given, "type", "text.format")
    if kind == "text":
        return Format("text")
    if kind == "json_object":
        return Format("json_object")
    if kind != "json_schema":
        raise members.unknown_value("text.format.type", kind)
    return Format(
        "json_schema",
        name=members.text(given, "name", "text.format"),
        schema=members.needed_record(given, "schema", "text.format"),
        strict=members.flag(given, "strict", "text.format"),
        description=members.text(given, "description", "text.format"),
    )


def _reasoning(body: dict[str, Any]) -> tuple[Reasoning | None, set[str]]:
    """How much to think, and the members of it that have no place elsewhere."""
    given = members.record(body, "reasoning")
    if given is None:
        return None, set()
    said = members.text(given, "effort", "reasoning")
    if said is not None and said not in _EFFORTS:
        raise members.unknown_value("reasoning.effort", said)
    shown = [members.text(given, name, f"reasoning.{name}") for name in ("summary", "generate_summary")]
    lost = {
        f"reasoning.{name}"[:64]
        for name, value in given.items()
        if name not in ("effort", "summary", "generate_summary") and value not in (None, "auto", "standard")
    }
    effort = None if said is None else _EFFORTS[said]
    return Reasoning(effort=effort, shown=True if any(shown) else None), lost


def _user(body: dict[str, Any]) -> tuple[str | None, str]:
    """Whom the provider may blame, and the member that says it."""
    safety = members.text(body, "safety_identifier")
    user = members.text(body, "user")
    return (user, "user") if safety is None else (safety, "safety_identifier")


def _unknown(body: dict[str, Any], include: tuple[str, ...]) -> set[str]:
    """What is said and has no place."""
    lost = {name[:64] for name, value in body.items() if name not in _READ and value is not None}
    if members.flag(body, "store"):
        lost.add("store")
    if body.get("truncation") not in (None, "disabled"):
        lost.add("truncation")
    if members.whole(body, "max_tool_calls") is not None:
        lost.add("max_tool_calls")
    if any(name not in (_LOGPROBS, _ENCRYPTED) for name in include):
        lost.add("include")
    if (members.record(body, "stream_options") or {}).get("include_obfuscation"):
        lost.add("stream_options.include_obfuscation")
    if body.get("user") is not None and body.get("safety_identifier") not in (None, body["user"]):
        lost.add("user")
    if body.get("prompt") is not None and "prompt" not in stateful_fields(body):
        lost.add("prompt")
    return lost
