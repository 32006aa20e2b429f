"""Is this a call of the Messages API? The checks of what the gateway itself reads, and what a call asks for and holds.

For every call of /v1/messages, also where its bytes go to Anthropic as they came. Rules: only what some stage acts upon is
checked, and an unknown member passes; what else may be wrong is for the provider to say, in its own words. Every refusal is a
400 that names the field. The other functions take a body that was checked.
"""

from collections.abc import Iterator
from typing import Any, Final

import orjson

from turnout_sidecar.exchange.errors import bad_request
from turnout_sidecar.wire.members import wrong

MAX_MODEL: Final = 256
MAX_MESSAGES: Final = 100_000
ROLES: Final = frozenset({"user", "assistant", "system"})
CANNOT_CHANGE_THE_ANSWER: Final = frozenset(
    {
        "model",  # a name for the rule and its backends, which are in the key
        "stream",  # how the answer travels
        "metadata",  # whom the provider may blame
        "user_profile_id",
        "cache_control",  # where the provider keeps its own prefix cache
        "diagnostics",  # what the provider tells of that cache
    }
)

_NUMBER: Final = (int, float)
_OPTIONS: Final[dict[str, tuple[tuple[type, ...], str]]] = {
    "stream": ((bool,), "a boolean"),
    "max_tokens": ((int,), "a whole number"),
    "temperature": (_NUMBER, "a number"),
    "top_p": (_NUMBER, "a number"),
    "top_k": ((int,), "a whole number"),
    "stop_sequences": ((list,), "an array"),
    "tools": ((list,), "an array"),
    "tool_choice": ((dict,), "an object"),
    "thinking": ((dict,), "an object"),
    "output_config": ((dict,), "an object"),
    "output_format": ((dict,), "an object"),
    "metadata": ((dict,), "an object"),
    "prompt": ((dict,), "an object"),
}


def check(body: dict[str, Any]) -> None:
    """Raises CallError (400) unless this is a body of /v1/messages; messages may be missing where a prompt brings them."""
    model = body.get("model")
    if model.__class__ is not str:
        raise wrong("model", "a string", model)
    if not 0 < len(model) <= MAX_MODEL:
        raise bad_request(f"model must be 1 to {MAX_MODEL} characters long.", param="model")
    for name, (kinds, wanted) in _OPTIONS.items():
        value = body.get(name)
        if value is not None and value.__class__ not in kinds:
            raise wrong(name, wanted, value)
    if body.get("system") is not None:
        _check_content(body["system"], "system")
    messages = body.get("messages")
    if messages is None:
        return
    if messages.__class__ is not list:
        raise wrong("messages", "an array", messages)
    if len(messages) > MAX_MESSAGES:
        raise bad_request(f"messages must hold at most {MAX_MESSAGES} messages.", param="messages")
    for index, message in enumerate(messages):
        _check_message(message, index)


def _check_message(message: Any, index: int) -> None:
    if message.__class__ is not dict:
        raise wrong(f"messages[{index}]", "an object", message)
    role = message.get("role")
    if role.__class__ is not str:
        raise wrong(f"messages[{index}].role", "a string", role)
    if role not in ROLES:
        field = f"messages[{index}].role"
        raise bad_request(f"{field} must be one of {', '.join(sorted(ROLES))}.", param=field)
    content = message.get("content")
    if content.__class__ is not str:
        _check_content(content, f"messages[{index}].content")


def _check_content(content: Any, field: str) -> None:
    if content.__class__ is str:
        return
    if content.__class__ is not list:
        raise wrong(field, "a string or an array of blocks", content)
    for place, block in enumerate(content):
        if block.__class__ is not dict:
            raise wrong(f"{field}[{place}]", "an object", block)
        kind = block.get("type")
        if kind.__class__ is not str:
            raise wrong(f"{field}[{place}].type", "a string", kind)
        if kind == "tool_result" and block.get("content") is not None:
            _check_content(block["content"], f"{field}[{place}].content")


def output_limit(body: dict[str, Any]) -> int | None:
    """The most tokens of output that the call asks for."""
    limit = body.get("max_tokens")
    return limit if limit.__class__ is int else None


def needs(body: dict[str, Any]) -> frozenset[str]:
    """The capabilities that a model must have to answer, beside Chat."""
    found: set[str] = set()
    if body.get("tools"):
        found.add("Tools")
    config = body.get("output_config")
    if body.get("output_format") or (config and config.get("format")):
        found.add("JSONSchema")
    if any(block["type"] == "image" for block in _blocks(body)):
        found.add("Vision")
    return frozenset(found)


def question(body: dict[str, Any]) -> tuple[str | None, dict[str, Any]]:
    """The last message's text, if it is a user's and nothing but one text, and the body with None in its place.

    (None, the body itself) where it is anything else.
    """
    messages = body.get("messages")
    last = messages[-1] if messages else None
    if last is None or last["role"] != "user":
        return None, body
    content = last["content"]
    if content.__class__ is str:
        return (content, _ending(body, {**last, "content": None})) if content.strip() else (None, body)
    if len(content) != 1 or content[0]["type"] != "text":
        return None, body
    text = content[0].get("text")
    if text.__class__ is not str or not text.strip():
        return None, body
    return text, _ending(body, {**last, "content": [{**content[0], "text": None}]})


def _ending(body: dict[str, Any], last: dict[str, Any]) -> dict[str, Any]:
    return {**body, "messages": [*body["messages"][:-1], last]}


def texts(body: dict[str, Any]) -> Iterator[str]:
    """All text that a model is given to read: messages, the system's words, tools and their results. For estimates."""
    yield from _texts(body.get("system"))
    for message in body.get("messages") or ():
        yield from _texts(message["content"])
    for tool in body.get("tools") or ():
        yield orjson.dumps(tool).decode()


def _texts(content: Any) -> Iterator[str]:
    if content.__class__ is str:
        yield content
    elif content.__class__ is list:
        for block in content:
            for name in ("text", "thinking", "title"):
                if block.get(name).__class__ is str:
                    yield block[name]
            if block["type"] == "tool_use":
                yield orjson.dumps([block.get("name"), block.get("input")]).decode()
            elif block["type"] == "tool_result":
                yield from _texts(block.get("content"))
            elif block["type"] == "document":
                yield from _of_document(block.get("source"))


def _of_document(source: Any) -> Iterator[str]:
    """The text of a document that is text; of a file nobody here knows how much it holds."""
    if source.__class__ is dict and source.get("type") == "text" and source.get("data").__class__ is str:
        yield source["data"]


def _blocks(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every block of every message, and of the results of tools."""
    for message in body.get("messages") or ():
        content = message["content"]
        if content.__class__ is not list:
            continue
        for block in content:
            yield block
            inner = block.get("content") if block["type"] == "tool_result" else None
            if inner.__class__ is list:
                yield from inner
