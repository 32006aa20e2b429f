"""A request to OpenAI's chat API, read and checked as strictly as the real one checks it.

Unknown fields are taken, since a gateway must pass them on and a test wants to see that it did. Errors name the field as
OpenAI does in `param`.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from turnout_sidecar.simulator.answers import count_tokens
from turnout_sidecar.simulator.dialect import Refusal
from turnout_sidecar.simulator.prompt_cache import Segment
from turnout_sidecar.simulator.turns import Tool, chosen

_ROLES: Final = frozenset(("system", "developer", "user", "assistant", "tool", "function"))
_EFFORTS: Final = frozenset(("none", "minimal", "low", "medium", "high", "xhigh"))
_WITHOUT_THOUGHT: Final = frozenset(("none", "minimal", None))
_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_SHORT: Final = ("user", "safety_identifier", "prompt_cache_key")
_LONGEST_SHORT: Final = 64
_LONGEST_CALL_ID: Final = 40
_MOST_CHOICES: Final = 128
_HOTTEST: Final = 2
_MOST_STOPS: Final = 4
_TOKENS_PER_MESSAGE: Final = 3
_TOKENS_OF_PART: Final = {"image_url": 85, "input_audio": 100, "file": 200}


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
    results: tuple[str, ...]
    """What the tools gave, where the last messages tell that."""
    called: tuple[Tool, ...]
    """The tools that the answer calls, in order."""
    schema: Any
    """The JSON Schema that the answer must follow; None: free text."""
    thinks: bool
    logprobs: bool
    audio_tokens: int
    segments: tuple[Segment, ...]
    """The prompt; its tokens are all that the request counts."""
    cache_key: str


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
    check_short(body)
    messages = _messages(body)
    check_order(messages)
    number(body, "temperature", 0, _HOTTEST)
    number(body, "top_p", 0, 1)
    stream = flag(body, "stream")
    tools = _tools(body)
    last = messages[-1]
    question = text_of(last.get("content")) if last["role"] == "user" else ""
    limit = whole(body, "max_completion_tokens", 1, None) or whole(body, "max_tokens", 1, None)
    return ChatRequest(
        identity={name: value for name, value in body.items() if name not in ("stream", "stream_options")},
        model=model,
        stream=stream,
        include_usage=_include_usage(body, stream=stream),
        choices=whole(body, "n", 1, _MOST_CHOICES) or 1,
        limit=limit,
        stops=_stops(body),
        question=question,
        results=_results(messages),
        called=called_by(body, tools, question, nested="function"),
        schema=_schema(body),
        thinks=thinks(body.get("reasoning_effort"), "reasoning_effort"),
        logprobs=flag(body, "logprobs"),
        audio_tokens=sum(map(_audio_tokens, messages)),
        segments=tuple(_segments(messages, tools)),
        cache_key=str(body.get("prompt_cache_key", "")),
    )


def check_short(body: Mapping[str, Any]) -> None:
    """The names that a request gives its user and its cache are no longer than OpenAI takes. Raises Refusal."""
    for name in _SHORT:
        check_length(body.get(name), name, _LONGEST_SHORT)


def check_length(value: Any, place: str, most: int) -> None:
    """A text, if it is one, is at most so long. Raises Refusal."""
    if isinstance(value, str) and len(value) > most:
        why = f"Expected a string with maximum length {most}, but got a string with length {len(value)} instead."
        raise Refusal(400, f"Invalid '{place}': string too long. {why}", param=place, code="string_above_max_length")


def check_name(name: str, place: str) -> None:
    """A name that a function can have. Raises Refusal."""
    if not _NAME.fullmatch(name):
        why = "string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]{1,64}$'."
        raise Refusal(400, f"Invalid '{place}': {why}", param=place, code="invalid_value")


def thinks(effort: Any, place: str) -> bool:
    """Whether this effort makes the model reason. Raises Refusal."""
    if effort is not None and (not isinstance(effort, str) or effort not in _EFFORTS):
        raise Refusal(400, f"Invalid value for '{place}'.", param=place)
    return effort not in _WITHOUT_THOUGHT


def _segments(messages: list[dict[str, Any]], tools: tuple[Tool, ...]) -> Iterator[Segment]:
    yield Segment([[tool.name, tool.parameters] for tool in tools], tools_tokens(tools) + _TOKENS_PER_MESSAGE)
    for message in messages:
        yield Segment(message, _message_tokens(message))


def check_order(messages: list[dict[str, Any]]) -> None:
    """Results of tools follow their calls, and every call has its result. Raises Refusal."""
    waiting: set[str] = set()
    for index, message in enumerate(messages):
        place = f"messages[{index}]"
        if message["role"] == "tool":
            if not isinstance(message.get("tool_call_id"), str) or message["tool_call_id"] not in waiting:
                raise Refusal(
                    400,
                    "Invalid parameter: messages with role 'tool' must be a response to a preceding message with "
                    "'tool_calls'.",
                    param=f"{place}.role",
                )
            waiting.discard(message["tool_call_id"])
            continue
        _all_answered(waiting, place)
        waiting = _call_ids(message, place)
    _all_answered(waiting, f"messages[{len(messages)}]")


def _all_answered(waiting: set[str], place: str) -> None:
    if waiting:
        raise Refusal(
            400,
            "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. "
            f"The following tool_call_ids did not have response messages: {', '.join(sorted(waiting))[:200]}",
            param=f"{place}.role",
        )


def _call_ids(message: Mapping[str, Any], place: str) -> set[str]:
    calls = message.get("tool_calls")
    if calls is None or message["role"] != "assistant":
        return set()
    if not isinstance(calls, list) or not calls:
        raise Refusal(400, f"Invalid '{place}.tool_calls': an array that is not empty.", param=f"{place}.tool_calls")
    for position, call in enumerate(calls):
        function = call.get("function") if isinstance(call, dict) and isinstance(call.get("id"), str) else None
        said = (function.get("name"), function.get("arguments")) if isinstance(function, dict) else (None, None)
        if not said[0] or not all(isinstance(each, str) for each in said):
            inner = f"{place}.tool_calls[{position}]"
            raise Refusal(400, f"Invalid '{inner}': an id, and a function with name and arguments.", param=inner)
        check_length(call["id"], f"{place}.tool_calls[{position}].id", _LONGEST_CALL_ID)
    return {call["id"] for call in calls}


def _results(messages: list[dict[str, Any]]) -> tuple[str, ...]:
    results: list[str] = []
    for message in reversed(messages):
        if message["role"] != "tool":
            break
        results.insert(0, text_of(message.get("content")))
    return tuple(results)


def _messages(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise Refusal(400, "Invalid 'messages': expected an array that is not empty.", param="messages")
    for index, message in enumerate(messages):
        place = f"messages[{index}]"
        if not isinstance(message, dict):
            raise Refusal(400, f"Invalid type for '{place}': expected an object.", param=place)
        if not isinstance(message.get("role"), str) or message["role"] not in _ROLES:
            raise Refusal(400, f"Invalid value for '{place}.role'.", param=f"{place}.role")
        content = message.get("content")
        if content is not None and not isinstance(content, str | list):
            wanted = "expected a string or an array of objects"
            raise Refusal(400, f"Invalid type for '{place}.content': {wanted}.", param=f"{place}.content")
        if isinstance(content, list) and not all(isinstance(part, dict) and "type" in part for part in content):
            raise Refusal(400, f"Invalid value in '{place}.content': a part has a type.", param=f"{place}.content")
    return messages


def text_of(content: Any) -> str:
    """All text of a message's content."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "\n".join(part["text"] for part in parts if isinstance(part.get("text"), str))


def _audio_tokens(message: Mapping[str, Any]) -> int:
    content = message.get("content")
    parts = content if isinstance(content, list) else []
    return sum(_TOKENS_OF_PART["input_audio"] for part in parts if part["type"] == "input_audio")


def _message_tokens(message: Mapping[str, Any]) -> int:
    content = message.get("content")
    parts = content if isinstance(content, list) else []
    heavy = sum(_TOKENS_OF_PART.get(part["type"], 0) for part in parts if isinstance(part["type"], str))
    calls = message.get("tool_calls")
    called = count_tokens(json.dumps(calls)) if calls else 0
    return _TOKENS_PER_MESSAGE + count_tokens(text_of(content)) + heavy + called


def tools_tokens(tools: tuple[Tool, ...]) -> int:
    """What the definitions of the tools count as."""
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
    return flag(options, "include_usage", place="stream_options.include_usage")


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
        check_name(function["name"], f"tools[{index}].function.name")
        parameters = function.get("parameters")
        tools.append(Tool(function["name"], {"type": "object", "properties": {}} if parameters is None else parameters))
    return tuple(tools)


def called_by(
    body: Mapping[str, Any], tools: tuple[Tool, ...], question: str, *, nested: str | None
) -> tuple[Tool, ...]:
    """The tools that the answer calls. `nested`: the member of `tool_choice` that names one. Raises Refusal."""
    choice = body.get("tool_choice", "auto")
    by_name = {tool.name: tool for tool in tools}
    if isinstance(choice, dict):
        named = choice.get(nested) if nested else choice
        name = named.get("name") if isinstance(named, dict) else None
        if not isinstance(name, str) or name not in by_name:
            raise Refusal(400, "Invalid 'tool_choice': it names none of 'tools'.", param="tool_choice")
        return (by_name[name],)
    if choice not in ("auto", "none", "required", None):
        raise Refusal(400, "Invalid value for 'tool_choice'.", param="tool_choice")
    if choice == "required" and not tools:
        raise Refusal(400, "'tool_choice' is only allowed when 'tools' are specified.", param="tool_choice")
    if choice == "none":
        return ()
    parallel = body.get("parallel_tool_calls", True) is not False
    return chosen(tools, question, forced=choice == "required", parallel=parallel)


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


def flag(body: Mapping[str, Any], name: str, place: str = "") -> bool:
    """A boolean; absent is false. Raises Refusal."""
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise Refusal(400, f"Invalid type for '{place or name}': expected a boolean.", param=place or name)
    return bool(value)


def whole(body: Mapping[str, Any], name: str, least: int, most: int | None) -> int | None:
    """A whole number within bounds, or None. Raises Refusal."""
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < least or (most is not None and value > most):
        bounds = f"at least {least}" if most is None else f"from {least} to {most}"
        raise Refusal(400, f"Invalid '{name}': expected an integer, {bounds}.", param=name)
    return value


def number(body: Mapping[str, Any], name: str, least: float, most: float) -> None:
    """A number within bounds, if there is one. Raises Refusal."""
    value = body.get(name)
    if value is None:
        return
    if not isinstance(value, int | float) or isinstance(value, bool) or not least <= value <= most:
        raise Refusal(400, f"Invalid '{name}': expected a number from {least} to {most}.", param=name)
