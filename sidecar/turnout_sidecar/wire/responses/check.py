"""Is this a call of the Responses API? The checks of what the gateway itself reads, and what a call asks for.

For every call, also those whose bytes pass as they are: so only members that some stage acts upon are checked, and anything
else is for the provider to refuse, in its own words. Every refusal is a 400 that names the member.
"""

from collections.abc import Iterator
from typing import Any

from turnout_sidecar.exchange.errors import bad_request
from turnout_sidecar.wire import members
from turnout_sidecar.wire.openai_request import MAX_MESSAGES, MAX_MODEL

_NUMBER = (int, float)
_OPTIONS: dict[str, tuple[tuple[type, ...], str]] = {
    "background": ((bool,), "a boolean"),
    "conversation": ((str, dict), "a string or an object"),
    "include": ((list,), "an array"),
    "instructions": ((str,), "a string"),
    "max_output_tokens": ((int,), "a whole number"),
    "metadata": ((dict,), "an object"),
    "previous_response_id": ((str,), "a string"),
    "prompt": ((dict,), "an object"),
    "reasoning": ((dict,), "an object"),
    "store": ((bool,), "a boolean"),
    "stream": ((bool,), "a boolean"),
    "stream_options": ((dict,), "an object"),
    "temperature": (_NUMBER, "a number"),
    "text": ((dict,), "an object"),
    "tool_choice": ((str, dict), "a string or an object"),
    "tools": ((list,), "an array"),
    "top_p": (_NUMBER, "a number"),
    "user": ((str,), "a string"),
}
_INSTEAD_OF_INPUT = ("prompt", "previous_response_id", "conversation")
_PARTS = {"input_image": "Vision", "input_audio": "Audio"}


def check(body: dict[str, Any]) -> None:
    """Raises CallError (400) unless this is a body of /v1/responses."""
    model = body.get("model")
    if model.__class__ is not str:
        raise members.wrong("model", "a string", model)
    if not 0 < len(model) <= MAX_MODEL:
        raise bad_request(f"model must be 1 to {MAX_MODEL} characters long.", param="model")
    for name, value in body.items():
        rule = _OPTIONS.get(name)
        if rule is not None and value is not None and value.__class__ not in rule[0]:
            raise members.wrong(name, rule[1], value)
    shape = (body.get("text") or {}).get("format")
    if shape is not None and shape.__class__ is not dict:
        raise members.wrong("text.format", "an object", shape)
    for index, tool in enumerate(body.get("tools") or ()):
        if tool.__class__ is not dict:
            raise members.wrong(f"tools[{index}]", "an object", tool)
    _check_input(body)


def needs(body: dict[str, Any]) -> frozenset[str]:
    """The capabilities, beside Chat, that a model must have to answer."""
    found = set()
    if body.get("tools"):
        found.add("Tools")
    if ((body.get("text") or {}).get("format") or {}).get("type") == "json_schema":
        found.add("JSONSchema")
    for part in _parts(body.get("input")):
        capability = _PARTS.get(str(part.get("type")))
        if capability is not None:
            found.add(capability)
    return frozenset(found)


def output_limit(body: dict[str, Any]) -> int | None:
    """The most tokens of output that the call asks for, or None."""
    limit = body.get("max_output_tokens")
    return limit if limit.__class__ is int else None


def question(body: dict[str, Any]) -> tuple[str | None, dict[str, Any]]:
    """The text of the last message, if it is a user's and nothing but text, and the body without that text; else (None, body)."""
    given = body.get("input")
    if isinstance(given, str):
        return (given, {**body, "input": None}) if given.strip() else (None, body)
    last = given[-1] if isinstance(given, list) and given else None
    if not isinstance(last, dict) or last.get("role") != "user" or last.get("type", "message") != "message":
        return None, body
    content = last.get("content")
    if isinstance(content, str):
        text, rest = content, None
    elif isinstance(content, list) and len(content) == 1 and _is_plain(content[0]):
        text, rest = content[0]["text"], [{**content[0], "text": None}]
    else:
        return None, body
    if not text.strip():
        return None, body
    return text, {**body, "input": [*body["input"][:-1], {**last, "content": rest}]}


def texts(body: dict[str, Any]) -> Iterator[str]:
    """All text of the request, for estimates; what is binary is left out."""
    if isinstance(body.get("instructions"), str):
        yield body["instructions"]
    given = body.get("input")
    if isinstance(given, str):
        yield given
    for item in given if isinstance(given, list) else ():
        if isinstance(item, dict):
            yield from _texts_of(item)
    if body.get("tools"):
        yield str(body["tools"])


def check_has_input(body: dict[str, Any]) -> None:
    """Raises CallError (400) where nothing is asked at all, on a route that brings no prompt."""
    if body.get("input") is None and all(body.get(name) is None for name in _INSTEAD_OF_INPUT):
        raise members.wrong("input", "a string or an array of items", None)


def _check_input(body: dict[str, Any]) -> None:
    given = body.get("input")
    if given is None or given.__class__ is str:
        return
    if given.__class__ is not list:
        raise members.wrong("input", "a string or an array of items", given)
    if len(given) > MAX_MESSAGES:
        raise bad_request(f"input must hold at most {MAX_MESSAGES} items.", param="input")
    for index, item in enumerate(given):
        _check_item(item, f"input[{index}]")


def _check_item(item: Any, field: str) -> None:
    if item.__class__ is not dict:
        raise members.wrong(field, "an object", item)
    for name in ("type", "role"):
        value = item.get(name)
        if value is not None and value.__class__ is not str:
            raise members.wrong(f"{field}.{name}", "a string", value)
    for name in ("content", "output"):
        for index, part in enumerate(_listed(item.get(name))):
            if part.__class__ is not dict:
                raise members.wrong(f"{field}.{name}[{index}]", "an object", part)


def _listed(value: Any) -> list[Any]:
    return value if value.__class__ is list else []


def _parts(given: Any) -> Iterator[dict[str, Any]]:
    for item in _listed(given):
        yield from _listed(item.get("content"))
        yield from _listed(item.get("output"))


def _is_plain(part: Any) -> bool:
    return isinstance(part, dict) and part.keys() == {"type", "text"} and isinstance(part["text"], str)


def _texts_of(item: dict[str, Any]) -> Iterator[str]:
    for name in ("content", "output", "name", "arguments"):
        value = item.get(name)
        if isinstance(value, str):
            yield value
    for name in ("content", "output", "summary"):
        for part in _listed(item.get(name)):
            if isinstance(part, dict):
                yield from (text for text in (part.get("text"), part.get("refusal")) if isinstance(text, str))
