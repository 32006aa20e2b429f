"""A request to OpenAI's chat API, read and checked as strictly as the real one checks it.

Unknown fields are taken, since a gateway must pass them on and a test wants to see that it did. Errors name the field as
OpenAI does in `param`.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from turnout_sidecar.simulator.answers import count_tokens
from turnout_sidecar.simulator.dialect import Refusal

_ROLES: Final = frozenset(("system", "developer", "user", "assistant", "tool", "function"))
_CALL: Final = re.compile(r"\bcall\s+([A-Za-z0-9_-]{1,64})")
_MOST_CHOICES: Final = 128
_HOTTEST: Final = 2
_MOST_STOPS: Final = 4
_TOKENS_PER_MESSAGE: Final = 3
_TOKENS_OF_PART: Final = {"image_url": 85, "input_audio": 100, "file": 200}


class Tool(msgspec.Struct, frozen=True):
    """A function that the model may call; `parameters` is its JSON Schema."""

    name: str
    parameters: Any


class ChatRequest(msgspec.Struct, frozen=True):
    """What an answer depends on. `identity` is the request without what only changes its transport."""

    identity: dict[str, Any]
    model: str
    stream: bool
    include_usage: bool
    choices: int
    limit: int | None
    stops: tuple[str, ...]
    question: str
    """The text of the last message, if a user said it."""
    tools: tuple[Tool, ...]
    called: tuple[Tool, ...]
    """The tools that the answer calls, in order."""
    schema: Any
    """The JSON Schema that the answer must follow; None: free text."""
    prompt_tokens: int


def read_body(body: bytes) -> dict[str, Any]:
    """The JSON object of a request's body. Raises Refusal."""
    try:
        value = json.loads(body, parse_constant=_no_such_number)
    except (ValueError, RecursionError):
        raise Refusal(400, "We could not parse the JSON body of your request.") from None
    if not isinstance(value, dict):
        raise Refusal(400, "The JSON body of your request is not an object.")
    return value


def _no_such_number(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def read_model(body: Mapping[str, Any], models: tuple[str, ...]) -> str:
    """The model that is asked for. Raises Refusal (400, or 404 where it is none of `models`)."""
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise Refusal(400, "you must provide a model parameter", param="model")
    if models and model not in models:
        raise Refusal(
            404, f"The model `{model[:200]}` does not exist or you do not have access to it.", code="model_not_found"
        )
    return model


def read_chat(body: dict[str, Any], models: tuple[str, ...]) -> ChatRequest:
    """The request of `body`. Raises Refusal."""
    model = read_model(body, models)
    messages = _messages(body)
    _number(body, "temperature", 0, _HOTTEST)
    _number(body, "top_p", 0, 1)
    stream = _flag(body, "stream")
    tools = _tools(body)
    last = messages[-1]
    question = _text(last.get("content")) if last["role"] == "user" else ""
    limit = _whole(body, "max_completion_tokens", 1, None) or _whole(body, "max_tokens", 1, None)
    return ChatRequest(
        identity={name: value for name, value in body.items() if name not in ("stream", "stream_options")},
        model=model,
        stream=stream,
        include_usage=_include_usage(body, stream=stream),
        choices=_whole(body, "n", 1, _MOST_CHOICES) or 1,
        limit=limit,
        stops=_stops(body),
        question=question,
        tools=tools,
        called=_called(body, tools, question),
        schema=_schema(body),
        prompt_tokens=sum(map(_message_tokens, messages)) + _tools_tokens(tools) + _TOKENS_PER_MESSAGE,
    )


def _messages(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise Refusal(400, "Invalid 'messages': expected an array that is not empty.", param="messages")
    for index, message in enumerate(messages):
        place = f"messages[{index}]"
        if not isinstance(message, dict):
            raise Refusal(400, f"Invalid type for '{place}': expected an object.", param=place)
        if message.get("role") not in _ROLES:
            raise Refusal(400, f"Invalid value for '{place}.role'.", param=f"{place}.role")
        content = message.get("content")
        if content is not None and not isinstance(content, str | list):
            wanted = "expected a string or an array of objects"
            raise Refusal(400, f"Invalid type for '{place}.content': {wanted}.", param=f"{place}.content")
        if isinstance(content, list) and not all(isinstance(part, dict) and "type" in part for part in content):
            raise Refusal(400, f"Invalid value in '{place}.content': a part has a type.", param=f"{place}.content")
    return messages


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "\n".join(part["text"] for part in parts if isinstance(part.get("text"), str))


def _message_tokens(message: Mapping[str, Any]) -> int:
    content = message.get("content")
    parts = content if isinstance(content, list) else []
    heavy = sum(_TOKENS_OF_PART.get(part["type"], 0) for part in parts if isinstance(part["type"], str))
    calls = message.get("tool_calls")
    called = count_tokens(json.dumps(calls)) if calls else 0
    return _TOKENS_PER_MESSAGE + count_tokens(_text(content)) + heavy + called


def _tools_tokens(tools: tuple[Tool, ...]) -> int:
    return sum(count_tokens(tool.name) + count_tokens(json.dumps(tool.parameters)) for tool in tools)


def _include_usage(body: Mapping[str, Any], *, stream: bool) -> bool:
    options = body.get("stream_options")
    if options is None:
        return False
    if not stream:
        raise Refusal(
            400, "The 'stream_options' parameter is only allowed when 'stream' is enabled.", param="stream_options"
        )
    if not isinstance(options, dict):
        raise Refusal(400, "Invalid type for 'stream_options': expected an object.", param="stream_options")
    return _flag(options, "include_usage", place="stream_options.include_usage")


def _tools(body: Mapping[str, Any]) -> tuple[Tool, ...]:
    given = body.get("tools")
    if given is None:
        return ()
    if not isinstance(given, list):
        raise Refusal(400, "Invalid type for 'tools': expected an array.", param="tools")
    tools = []
    for index, each in enumerate(given):
        function = each.get("function") if isinstance(each, dict) and each.get("type") == "function" else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str) or not function["name"]:
            raise Refusal(400, f"Invalid 'tools[{index}]': expected a function with a name.", param=f"tools[{index}]")
        parameters = function.get("parameters")
        tools.append(Tool(function["name"], {"type": "object", "properties": {}} if parameters is None else parameters))
    return tuple(tools)


def _called(body: Mapping[str, Any], tools: tuple[Tool, ...], question: str) -> tuple[Tool, ...]:
    choice = body.get("tool_choice", "auto")
    by_name = {tool.name: tool for tool in tools}
    if isinstance(choice, dict):
        function = choice.get("function")
        name = function.get("name") if isinstance(function, dict) else None
        if name not in by_name:
            raise Refusal(400, "Invalid 'tool_choice': it names none of 'tools'.", param="tool_choice")
        return (by_name[name],)
    if choice not in ("auto", "none", "required", None):
        raise Refusal(400, "Invalid value for 'tool_choice'.", param="tool_choice")
    if choice == "required" and not tools:
        raise Refusal(400, "'tool_choice' is only allowed when 'tools' are specified.", param="tool_choice")
    if choice == "none":
        return ()
    named = tuple(by_name[name] for name in dict.fromkeys(_CALL.findall(question)) if name in by_name)
    parallel = body.get("parallel_tool_calls", True)
    return (named if parallel else named[:1]) or (tools[:1] if choice == "required" else ())


def _schema(body: Mapping[str, Any]) -> Any:
    wanted = body.get("response_format")
    if wanted is None:
        return None
    kind = wanted.get("type") if isinstance(wanted, dict) else None
    if kind == "text":
        return None
    if kind == "json_object":
        return {"type": "object", "properties": {"answer": {"type": "string"}}}
    named = wanted.get("json_schema") if kind == "json_schema" else None
    if not isinstance(named, dict) or not isinstance(named.get("name"), str) or "schema" not in named:
        raise Refusal(
            400,
            "Invalid 'response_format': expected text, json_object or a named json_schema.",
            param="response_format",
        )
    return named["schema"]


def _stops(body: Mapping[str, Any]) -> tuple[str, ...]:
    stop = body.get("stop")
    stops = [stop] if isinstance(stop, str) else [] if stop is None else stop
    if not isinstance(stops, list) or len(stops) > _MOST_STOPS or not all(isinstance(each, str) for each in stops):
        raise Refusal(400, "Invalid 'stop': expected a string or up to 4 strings.", param="stop")
    return tuple(each for each in stops if each)


def _flag(body: Mapping[str, Any], name: str, place: str = "") -> bool:
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise Refusal(400, f"Invalid type for '{place or name}': expected a boolean.", param=place or name)
    return bool(value)


def _whole(body: Mapping[str, Any], name: str, least: int, most: int | None) -> int | None:
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < least or (most is not None and value > most):
        bounds = f"at least {least}" if most is None else f"from {least} to {most}"
        raise Refusal(400, f"Invalid '{name}': expected an integer, {bounds}.", param=name)
    return value


def _number(body: Mapping[str, Any], name: str, least: float, most: float) -> None:
    value = body.get(name)
    if value is None:
        return
    if not isinstance(value, int | float) or isinstance(value, bool) or not least <= value <= most:
        raise Refusal(400, f"Invalid '{name}': expected a number from {least} to {most}.", param=name)
