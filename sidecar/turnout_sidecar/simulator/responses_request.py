"""A request to OpenAI's responses API, read and checked as strictly as the real one checks it.

Unknown members are taken as in chat, but not those that only chat knows: a gateway that sends them mixed up two APIs. Rules
of the real one that are kept here: outputs of tools have their calls before them and calls their outputs after them; a
reasoning item is followed by what was reasoned for, and its encrypted content is one that was made here.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from turnout_sidecar.simulator.answers import count_tokens
from turnout_sidecar.simulator.dialect import Refusal
from turnout_sidecar.simulator.openai_request import (
    called_by,
    check_length,
    check_name,
    check_short,
    flag,
    number,
    read_model,
    thinks,
    tools_tokens,
    whole,
)
from turnout_sidecar.simulator.prompt_cache import Segment
from turnout_sidecar.simulator.signatures import sealed
from turnout_sidecar.simulator.turns import Task, Tool

KIND: Final = "responses"
_CHAT_ONLY: Final = (
    "messages", "max_tokens", "max_completion_tokens", "response_format", "stop", "n", "seed", "frequency_penalty",
    "presence_penalty", "logit_bias", "functions", "function_call", "reasoning_effort", "logprobs", "verbosity",
)  # fmt: skip
_SPOKEN: Final = {
    "user": ("input_text", "input_image", "input_file", "input_audio"),
    "system": ("input_text", "input_image", "input_file"),
    "developer": ("input_text", "input_image", "input_file"),
    "assistant": ("output_text", "refusal"),
}
_TEXTS: Final = {"input_text": "text", "output_text": "text", "refusal": "refusal"}
_PART_TOKENS: Final = {"input_image": 85, "input_audio": 100, "input_file": 200}
_ITEM_TOKENS: Final = 3
_LONGEST_CALL_ID: Final = 64
_HOTTEST: Final = 2
_LEAST_OUTPUT: Final = 16
_SUMMARIES: Final = ("auto", "concise", "detailed", None)

Item = dict[str, Any]


class ResponsesRequest(msgspec.Struct, frozen=True):
    """What an answer depends on. `items`: all that was said, in earlier responses too."""

    body: dict[str, Any]
    identity: dict[str, Any]
    model: str
    stream: bool
    obfuscates: bool
    task: Task
    items: tuple[Item, ...]
    segments: tuple[Segment, ...]
    summarises: bool
    encrypts: bool
    stores: bool


def bad(place: str, why: str, code: str | None = None) -> Refusal:
    """400, naming the field."""
    return Refusal(400, f"{why}: '{place}'.", param=place, code=code)


def read_responses(body: dict[str, Any], models: tuple[str, ...], earlier: tuple[Item, ...]) -> ResponsesRequest:
    """The request of `body`; `earlier` is what came up to its `previous_response_id`. Raises Refusal."""
    for name in _CHAT_ONLY:
        if name in body:
            raise bad(name, "Unsupported parameter", "unsupported_parameter")
    model = read_model(body, models)
    check_short(body)
    number(body, "temperature", 0, _HOTTEST)
    number(body, "top_p", 0, 1)
    items = (*earlier, *_items(body))
    _check_order(items)
    tools = tuple(_tools(body))
    reasoning = _member(body, "reasoning")
    if reasoning.get("summary") not in _SUMMARIES:
        raise bad("reasoning.summary", "Invalid value")
    include = body.get("include") or []
    return ResponsesRequest(
        body=body,
        identity={name: value for name, value in body.items() if name not in ("stream", "stream_options")},
        model=model,
        stream=flag(body, "stream"),
        obfuscates=_member(body, "stream_options").get("include_obfuscation") is not False,
        task=_task(body, items, tools, reasons=thinks(reasoning.get("effort"), "reasoning.effort")),
        items=items,
        segments=tuple(_segments(body, tools, items)),
        summarises=reasoning.get("summary") is not None,
        encrypts=isinstance(include, list) and "reasoning.encrypted_content" in include,
        stores=body.get("store") is not False,
    )


def _task(body: dict[str, Any], items: tuple[Item, ...], tools: tuple[Tool, ...], *, reasons: bool) -> Task:
    results: list[str] = []
    for item in reversed(items):
        if item["type"] != "function_call_output":
            break
        results.insert(0, _said(item["output"]))
    last = items[-1] if items else {}
    question = _said(last["content"]) if last.get("role") == "user" else ""
    return Task(
        question=question,
        results=tuple(results),
        calls=called_by(body, tools, question, nested=None),
        schema=_schema(body),
        schema_place="text.format.schema",
        limit=whole(body, "max_output_tokens", _LEAST_OUTPUT, None),
        thinks=reasons,
    )


def _member(body: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = body.get(name)
    if value is not None and not isinstance(value, dict):
        raise bad(name, "Invalid type, expected an object")
    return value or {}


def _items(body: Mapping[str, Any]) -> Iterator[Item]:
    given = body.get("input")
    if isinstance(given, str):
        yield {"type": "message", "role": "user", "content": given}
        return
    if not isinstance(given, list) or not given:
        raise bad("input", "Invalid type, expected a string or an array that is not empty")
    for index, item in enumerate(given):
        place = f"input[{index}]"
        if not isinstance(item, dict):
            raise bad(place, "Invalid type, expected an object")
        yield _item(item, place)


def _item(item: Item, place: str) -> Item:
    kind = item.get("type", "message" if "role" in item else None)
    match kind:
        case "message":
            _message(item, place)
        case "function_call":
            _texts(item, place, "call_id", "name", "arguments")
            check_length(item["call_id"], f"{place}.call_id", _LONGEST_CALL_ID)
        case "function_call_output":
            _texts(item, place, "call_id")
            if not isinstance(item.get("output"), str):
                _parts(item.get("output"), f"{place}.output", _SPOKEN["user"])
        case "reasoning":
            _texts(item, place, "id")
            content = item.get("encrypted_content")
            if content is not None and not (isinstance(content, str) and sealed(KIND, content)):
                raise bad(
                    f"{place}.encrypted_content", "Encrypted content could not be verified", "invalid_encrypted_content"
                )
        case _:
            raise bad(f"{place}.type", f"Invalid value {str(kind)[:60]!r}", "invalid_value")
    return item | {"type": kind}


def _texts(item: Item, place: str, *names: str) -> None:
    for name in names:
        if not isinstance(item.get(name), str) or (not item[name] and name != "arguments"):
            raise bad(f"{place}.{name}", "Missing required parameter", "missing_required_parameter")


def _message(item: Item, place: str) -> None:
    role = item.get("role")
    if not isinstance(role, str) or role not in _SPOKEN:
        raise bad(f"{place}.role", "Invalid value", "invalid_value")
    if not isinstance(item.get("content"), str):
        _parts(item.get("content"), f"{place}.content", _SPOKEN[role])


def _parts(parts: Any, place: str, allowed: tuple[str, ...]) -> None:
    if not isinstance(parts, list):
        raise bad(place, "Invalid type, expected a string or an array")
    for index, part in enumerate(parts):
        inner = f"{place}[{index}]"
        if not isinstance(part, dict) or part.get("type") not in allowed:
            kind = part.get("type") if isinstance(part, dict) else part
            raise bad(
                f"{inner}.type",
                f"Invalid value {str(kind)[:60]!r}, supported are {', '.join(allowed)}",
                "invalid_value",
            )
        if part["type"] in _TEXTS and not isinstance(part.get(_TEXTS[part["type"]]), str):
            raise bad(f"{inner}.{_TEXTS[part['type']]}", "Missing required parameter", "missing_required_parameter")
        if part["type"] == "input_image" and not isinstance(part.get("image_url", part.get("file_id")), str):
            raise bad(f"{inner}.image_url", "Invalid type, expected a string")
        if part["type"] == "input_file" and not any(part.get(name) for name in ("file_data", "file_url", "file_id")):
            raise bad(f"{inner}.file_data", "Missing required parameter", "missing_required_parameter")


def _check_order(items: tuple[Item, ...]) -> None:
    called: set[str] = set()
    answered = {item["call_id"] for item in items if item["type"] == "function_call_output"}
    for index, item in enumerate(items):
        if item["type"] == "function_call":
            if item["call_id"] in called:
                raise bad("input", f"Duplicate call_id {item['call_id'][:80]!r}")
            called.add(item["call_id"])
            if item["call_id"] not in answered:
                raise Refusal(400, f"No tool output found for function call {item['call_id'][:80]}.", param="input")
        if item["type"] == "function_call_output" and item["call_id"] not in called:
            why = f"No tool call found for function call output with call_id {item['call_id'][:80]}."
            raise Refusal(400, why, param="input")
        if item["type"] == "reasoning":
            following = items[index + 1] if index + 1 < len(items) else {"type": "nothing"}
            if following["type"] not in ("function_call", "reasoning") and following.get("role") != "assistant":
                why = f"Item '{item['id'][:80]}' of type 'reasoning' was provided without its required following item."
                raise Refusal(400, why, param="input")


def _tools(body: Mapping[str, Any]) -> Iterator[Tool]:
    given = body.get("tools") or []
    if not isinstance(given, list):
        raise bad("tools", "Invalid type, expected an array")
    for index, tool in enumerate(given):
        place = f"tools[{index}]"
        if not isinstance(tool, dict) or not isinstance(tool.get("type"), str):
            raise bad(f"{place}.type", "Missing required parameter", "missing_required_parameter")
        if tool["type"] != "function":
            continue
        _texts(tool, place, "name")
        check_name(tool["name"], f"{place}.name")
        parameters = tool.get("parameters")
        yield Tool(tool["name"], {"type": "object", "properties": {}} if parameters is None else parameters)


def _schema(body: Mapping[str, Any]) -> Any:
    wanted = _member(_member(body, "text"), "format")
    kind = wanted.get("type", "text")
    if kind == "text":
        return None
    if kind == "json_object":
        return {"type": "object", "properties": {"answer": {"type": "string"}}}
    if kind != "json_schema":
        raise bad("text.format.type", "Invalid value", "invalid_value")
    _texts(wanted, "text.format", "name")
    if not isinstance(wanted.get("schema"), dict):
        raise bad("text.format.schema", "Missing required parameter", "missing_required_parameter")
    return wanted["schema"]


def _said(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(part[_TEXTS[part["type"]]] for part in content if part["type"] in _TEXTS)


def _segments(body: Mapping[str, Any], tools: tuple[Tool, ...], items: tuple[Item, ...]) -> Iterator[Segment]:
    yield Segment([[tool.name, tool.parameters] for tool in tools], tools_tokens(tools) + _ITEM_TOKENS)
    instructions = body.get("instructions")
    if instructions is not None:
        if not isinstance(instructions, str):
            raise bad("instructions", "Invalid type, expected a string")
        yield Segment(instructions, count_tokens(instructions) + _ITEM_TOKENS)
    for item in items:
        yield Segment(item, _item_tokens(item))


def _item_tokens(item: Item) -> int:
    match item["type"]:
        case "function_call":
            return _ITEM_TOKENS + count_tokens(item["name"]) + count_tokens(item["arguments"])
        case "reasoning":
            return count_tokens(json.dumps(item.get("summary") or []))
    content = item["content"] if item["type"] == "message" else item["output"]
    heavy = 0 if isinstance(content, str) else sum(_PART_TOKENS.get(part["type"], 0) for part in content)
    return _ITEM_TOKENS + count_tokens(_said(content)) + heavy
