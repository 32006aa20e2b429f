"""A chat completions body to a canonical request, for a backend that speaks something else.

Rules: what the gateway does not understand is a 400 that names the field; members that no canonical value holds are named in
`unknown`; what a provider itself must do (its tools, its moderation) or has kept is named, so that every target refuses it;
members that say what goes without saying (`store: false`) are nothing.
"""

from typing import Any, Final, get_args

import msgspec

from turnout_sidecar.exchange.errors import bad_request
from turnout_sidecar.wire import members
from turnout_sidecar.wire.canonical import Effort, Format, Reasoning, Request, Tool, ToolChoice
from turnout_sidecar.wire.chat import messages_in, parts_in

_EFFORTS: Final = frozenset(get_args(Effort))
_CHOICES: Final = {"auto": ToolChoice("auto"), "none": ToolChoice("none"), "required": ToolChoice("required")}
_READ: Final = frozenset(
    {
        "messages", "model", "audio", "frequency_penalty", "function_call", "functions", "logit_bias", "logprobs",
        "max_completion_tokens", "max_tokens", "metadata", "modalities", "moderation", "n", "parallel_tool_calls",
        "presence_penalty", "prompt", "prompt_cache_key", "reasoning_effort", "response_format", "safety_identifier", "seed",
        "service_tier", "stop", "stream", "stream_options", "temperature", "tool_choice", "tools", "top_k", "top_logprobs",
        "top_p", "user", "verbosity", "web_search_options",
    }
)  # fmt: skip
_NOTHING: Final = ("store",)
"""Members that mean nothing when they are false."""
_FOREIGN: Final = ("web_search_options", "moderation")


class _Tools(msgspec.Struct):
    tools: tuple[Tool, ...] = ()
    choice: ToolChoice | None = None
    parallel: bool | None = None
    foreign: list[str] = []
    fields: dict[str, str] = {}


def read_request(body: dict[str, Any]) -> Request:
    """The call. Raises CallError (400)."""
    messages = messages_in.read(body)
    tools = _tools(body)
    fields = dict(tools.fields)
    foreign = [*tools.foreign, *messages.foreign, *_foreign(body, fields)]
    return Request(
        messages=tuple(messages.messages),
        tools=tools.tools,
        tool_choice=tools.choice,
        parallel_tool_calls=tools.parallel,
        max_tokens=_max_tokens(body, fields),
        temperature=members.number(body, "temperature"),
        top_p=members.number(body, "top_p"),
        top_k=members.whole(body, "top_k"),
        stop=_stop(body),
        seed=members.whole(body, "seed"),
        n=members.whole(body, "n"),
        presence_penalty=members.number(body, "presence_penalty"),
        frequency_penalty=members.number(body, "frequency_penalty"),
        logit_bias=members.record(body, "logit_bias"),
        logprobs=members.flag(body, "logprobs"),
        top_logprobs=members.whole(body, "top_logprobs"),
        format=_format(body),
        reasoning=_reasoning(body),
        verbosity=members.text(body, "verbosity"),
        service_tier=members.text(body, "service_tier"),
        user=_user(body, fields),
        metadata=members.record(body, "metadata"),
        prompt_cache_key=members.text(body, "prompt_cache_key"),
        audio_output=_speaks(body),
        stateful=tuple(messages.stateful),
        provider_tools=tuple(dict.fromkeys(foreign)),
        stream=members.flag(body, "stream") or False,
        unknown=tuple(sorted(name for name, value in body.items() if name not in _READ and _says(name, value))),
        fields=fields,
    )


def _foreign(body: dict[str, Any], fields: dict[str, str]) -> list[str]:
    """What the provider itself must do beside its tools."""
    found = [name for name in _FOREIGN if body.get(name) is not None]
    fields.update({f"tools ({name})": name for name in found})
    return found


def _says(name: str, value: Any) -> bool:
    return value is not None and not (name in _NOTHING and value is False)


def _max_tokens(body: dict[str, Any], fields: dict[str, str]) -> int | None:
    most = members.whole(body, "max_completion_tokens")
    if most is not None:
        fields["max_tokens"] = "max_completion_tokens"
        return most
    return members.whole(body, "max_tokens")


def _user(body: dict[str, Any], fields: dict[str, str]) -> str | None:
    """The end user's id: `safety_identifier` has taken the place of `user`."""
    user, newer = members.text(body, "user"), members.text(body, "safety_identifier")
    if newer is None:
        return user
    fields["user"] = "safety_identifier"
    return newer


def _speaks(body: dict[str, Any]) -> bool:
    modalities = body.get("modalities")
    if modalities is not None and modalities.__class__ is not list:
        raise members.wrong("modalities", "an array", modalities)
    return members.record(body, "audio") is not None or "audio" in (modalities or ())


def _stop(body: dict[str, Any]) -> tuple[str, ...]:
    stop = body.get("stop")
    if stop is None:
        return ()
    if stop.__class__ is str:
        return (stop,)
    if stop.__class__ is not list:
        raise members.wrong("stop", "a string or an array of strings", stop)
    for index, item in enumerate(stop):
        if item.__class__ is not str:
            raise members.wrong(f"stop[{index}]", "a string", item)
    return tuple(stop)


def _reasoning(body: dict[str, Any]) -> Reasoning | None:
    said = members.text(body, "reasoning_effort")
    if said is None:
        return None
    if said not in _EFFORTS:
        raise members.unknown_value("reasoning_effort", said)
    effort: Effort = msgspec.convert(said, Effort)
    return Reasoning(effort, enabled=False if effort == "none" else None)


def _format(body: dict[str, Any]) -> Format | None:
    said = members.record(body, "response_format")
    if said is None:
        return None
    kind = members.needed_text(said, "type", "response_format")
    if kind == "text":
        return Format("text")
    if kind == "json_object":
        return Format("json_object")
    if kind != "json_schema":
        raise members.unknown_value("response_format.type", kind)
    where = "response_format.json_schema"
    schema = members.needed_record(said, "json_schema", "response_format")
    return Format(
        "json_schema",
        members.text(schema, "name", where),
        members.record(schema, "schema", where),
        members.flag(schema, "strict", where),
        members.text(schema, "description", where),
    )


def _tools(body: dict[str, Any]) -> _Tools:
    found = _Tools(parallel=members.flag(body, "parallel_tool_calls"))
    tools = []
    for where, tool in members.records(body, "tools"):
        kind = members.needed_text(tool, "type", where)
        if kind == "function":
            function = members.needed_record(tool, "function", where)
            tools.append(_function(function, f"{where}.function", parts_in.cache_of(tool, where)))
        else:
            found.foreign.append(kind)
    found.tools = tuple(tools)
    found.choice = _choice(body, found)
    if not tools and body.get("functions"):
        _legacy(body, found)
    return found


def _function(function: dict[str, Any], where: str, cache: str | None = None) -> Tool:
    return Tool(
        members.needed_text(function, "name", where),
        members.text(function, "description", where),
        members.record(function, "parameters", where),
        members.flag(function, "strict", where),
        cache,
    )


def _legacy(body: dict[str, Any], found: _Tools) -> None:
    """`functions` and `function_call`, of which a turn makes one at most."""
    found.tools = tuple(_function(function, where) for where, function in members.records(body, "functions"))
    found.parallel = False
    found.fields = {"tools": "functions", "tool_choice": "function_call", "parallel_tool_calls": "functions"}
    call = body.get("function_call")
    if call.__class__ is dict:
        found.choice = ToolChoice("tool", members.needed_text(call, "name", "function_call"))
    elif call is not None:
        said = members.needed_text(body, "function_call")
        if said not in ("auto", "none"):
            raise members.unknown_value("function_call", said)
        found.choice = _CHOICES[said]


def _choice(body: dict[str, Any], found: _Tools) -> ToolChoice | None:
    said = body.get("tool_choice")
    if said is None:
        return None
    if said.__class__ is str:
        if said not in _CHOICES:
            raise members.unknown_value("tool_choice", said)
        return _CHOICES[said]
    if said.__class__ is not dict:
        raise members.wrong("tool_choice", "a string or an object", said)
    kind = members.needed_text(said, "type", "tool_choice")
    if kind == "function":
        function = members.needed_record(said, "function", "tool_choice")
        return ToolChoice("tool", members.needed_text(function, "name", "tool_choice.function"))
    if kind == "allowed_tools":
        return _allowed(members.needed_record(said, "allowed_tools", "tool_choice"), found)
    if kind == "custom":
        found.foreign.append(kind)
        return None
    raise members.unknown_value("tool_choice.type", kind)


def _allowed(said: dict[str, Any], found: _Tools) -> ToolChoice:
    """Some of the tools alone may be called: the others are not told of."""
    where = "tool_choice.allowed_tools"
    mode = members.needed_text(said, "mode", where)
    if mode not in ("auto", "required"):
        raise members.unknown_value(f"{where}.mode", mode)
    names = set()
    for field, tool in members.records(said, "tools", where):
        if members.needed_text(tool, "type", field) != "function":
            found.foreign.append(tool["type"])
            continue
        function = members.needed_record(tool, "function", field)
        names.add(members.needed_text(function, "name", f"{field}.function"))
    missing = names - {tool.name for tool in found.tools}
    if missing:
        raise bad_request(f"{where}.tools: {min(missing)[:64]!r} is not among tools.", param=f"{where}.tools")
    found.tools = tuple(tool for tool in found.tools if tool.name in names)
    return _CHOICES[mode]
