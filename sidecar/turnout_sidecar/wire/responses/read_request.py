"""A Responses request as canonical values, for backends that speak another API.

Rules: every member is read, refused with its name, noted as leaning on the provider (`stateful`, `provider_tools`), or named in
`unknown`; a value that says what every API does anyway (`truncation: disabled`, `background: false`) needs no word; what the
gateway cannot do across protocols though the API promises it (`store: true`) is named, never silently promised.
"""

from typing import Any

from turnout_sidecar.wire.canonical import Effort, Format, Reasoning, Request, Tool, ToolChoice
from turnout_sidecar.wire.responses import fields
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
    talk.add_instructions(fields.text(body, "instructions", "instructions"))
    talk.add_input(body.get("input"))
    tools, others = _tools(body)
    choice, allowed, hosted = _choice(body)
    if allowed is not None:
        tools = tuple(tool for tool in tools if tool.name in allowed)
    text = fields.mapping(body, "text", "text") or {}
    reasoning, lost = _reasoning(body)
    user, user_field = _user(body)
    include = fields.array(body, "include", "include")
    top_logprobs = fields.whole(body, "top_logprobs", "top_logprobs")
    stateful = [name for name in stateful_fields(body) if not name.startswith("input")]
    return Request(
        messages=tuple(talk.messages),
        tools=tools,
        tool_choice=choice,
        parallel_tool_calls=fields.flag(body, "parallel_tool_calls", "parallel_tool_calls"),
        max_tokens=fields.whole(body, "max_output_tokens", "max_output_tokens"),
        temperature=fields.number(body, "temperature", "temperature"),
        top_p=fields.number(body, "top_p", "top_p"),
        logprobs=True if _LOGPROBS in include or top_logprobs else None,
        top_logprobs=top_logprobs or None,
        format=_format(text),
        reasoning=reasoning,
        verbosity=fields.text(text, "verbosity", "text.verbosity"),
        service_tier=fields.text(body, "service_tier", "service_tier"),
        user=user,
        metadata=fields.mapping(body, "metadata", "metadata") or None,
        prompt_cache_key=fields.text(body, "prompt_cache_key", "prompt_cache_key"),
        stateful=(*stateful, *talk.stateful),
        provider_tools=(*others, *hosted, *talk.provider_items),
        stream=fields.flag(body, "stream", "stream") or False,
        unknown=tuple(sorted({*_unknown(body, include), *lost, *talk.lost})),
        fields=FIELDS | {"user": user_field},
    )


def _tools(body: dict[str, Any]) -> tuple[tuple[Tool, ...], list[str]]:
    """The functions, and the types of whatever the provider runs."""
    tools: list[Tool] = []
    others: list[str] = []
    for index, given in enumerate(fields.array(body, "tools", "tools")):
        field = f"tools[{index}]"
        tool = fields.an_object(given, field)
        kind = fields.needed(tool, "type", f"{field}.type")
        if kind != "function":
            others.append(kind)
            continue
        tools.append(
            Tool(
                name=fields.needed(tool, "name", f"{field}.name"),
                description=fields.text(tool, "description", f"{field}.description"),
                parameters=fields.mapping(tool, "parameters", f"{field}.parameters"),
                strict=fields.flag(tool, "strict", f"{field}.strict"),
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
    choice = fields.mapping(body, "tool_choice", "tool_choice") or {}
    kind = fields.needed(choice, "type", "tool_choice.type")
    if kind == "function":
        return ToolChoice("tool", fields.needed(choice, "name", "tool_choice.name")), None, ()
    if kind != "allowed_tools":
        return None, None, (kind,)
    mode = _mode(fields.needed(choice, "mode", "tool_choice.mode"), "tool_choice.mode")
    names = []
    for index, given_tool in enumerate(fields.array(choice, "tools", "tool_choice.tools")):
        field = f"tool_choice.tools[{index}]"
        tool = fields.an_object(given_tool, field)
        kind = fields.needed(tool, "type", f"{field}.type")
        if kind != "function":
            return None, None, (kind,)
        names.append(fields.needed(tool, "name", f"{field}.name"))
    return ToolChoice(mode), frozenset(names), ()


def _mode(word: str, field: str) -> Any:
    if word not in ("auto", "none", "required"):
        raise fields.not_understood(field, word)
    return word


def _format(text: dict[str, Any]) -> Format | None:
    given = fields.mapping(text, "format", "text.format")
    if given is None:
        return None
    kind = fields.needed(given, "type", "text.format.type")
    if kind == "text":
        return Format("text")
    if kind == "json_object":
        return Format("json_object")
    if kind != "json_schema":
        raise fields.not_understood("text.format.type", kind)
    schema = fields.mapping(given, "schema", "text.format.schema")
    if schema is None:
        raise fields.wrong("text.format.schema", "an object", None, given="schema" in given)
    return Format(
        "json_schema",
        name=fields.text(given, "name", "text.format.name"),
        schema=schema,
        strict=fields.flag(given, "strict", "text.format.strict"),
        description=fields.text(given, "description", "text.format.description"),
    )


def _reasoning(body: dict[str, Any]) -> tuple[Reasoning | None, set[str]]:
    """How much to think, and the members of it that have no place elsewhere."""
    given = fields.mapping(body, "reasoning", "reasoning")
    if given is None:
        return None, set()
    said = fields.text(given, "effort", "reasoning.effort")
    if said is not None and said not in _EFFORTS:
        raise fields.not_understood("reasoning.effort", said)
    shown = [fields.text(given, name, f"reasoning.{name}") for name in ("summary", "generate_summary")]
    lost = {
        f"reasoning.{name}"[:64]
        for name, value in given.items()
        if name not in ("effort", "summary", "generate_summary") and value not in (None, "auto", "standard")
    }
    effort = None if said is None else _EFFORTS[said]
    return Reasoning(effort=effort, shown=True if any(shown) else None), lost


def _user(body: dict[str, Any]) -> tuple[str | None, str]:
    """Whom the provider may blame, and the member that says it."""
    safety = fields.text(body, "safety_identifier", "safety_identifier")
    user = fields.text(body, "user", "user")
    return (user, "user") if safety is None else (safety, "safety_identifier")


def _unknown(body: dict[str, Any], include: list[Any]) -> set[str]:
    """What is said and has no place."""
    lost = {name[:64] for name, value in body.items() if name not in _READ and value is not None}
    if fields.flag(body, "store", "store"):
        lost.add("store")
    if body.get("truncation") not in (None, "disabled"):
        lost.add("truncation")
    if fields.whole(body, "max_tool_calls", "max_tool_calls") is not None:
        lost.add("max_tool_calls")
    if any(name not in (_LOGPROBS, _ENCRYPTED) for name in include):
        lost.add("include")
    if (fields.mapping(body, "stream_options", "stream_options") or {}).get("include_obfuscation"):
        lost.add("stream_options.include_obfuscation")
    if body.get("user") is not None and body.get("safety_identifier") not in (None, body["user"]):
        lost.add("user")
    if body.get("prompt") is not None and "prompt" not in stateful_fields(body):
        lost.add("prompt")
    return lost
