"""Is this a call of the OpenAI API? The checks of what the gateway itself reads, and what a call asks for.

Rules: only fields that some stage acts upon are checked, and an unknown one passes; what else may be wrong is for the
provider to say, in its own words. Every refusal is a 400 that names the field.
"""

from typing import Any

from turnout_sidecar.exchange.errors import CallError, bad_request
from turnout_sidecar.wire.json_body import kind_of

MAX_MODEL = 256
MAX_MESSAGES = 100_000
MAX_INPUTS = 100_000
ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})

_NUMBER = (int, float)
_CHAT_OPTIONS: dict[str, tuple[tuple[type, ...], str]] = {
    "stream": ((bool,), "a boolean"),
    "stream_options": ((dict,), "an object"),
    "tools": ((list,), "an array"),
    "response_format": ((dict,), "an object"),
    "temperature": (_NUMBER, "a number"),
    "top_p": (_NUMBER, "a number"),
    "max_tokens": ((int,), "a whole number"),
    "max_completion_tokens": ((int,), "a whole number"),
    "n": ((int,), "a whole number"),
    "user": ((str,), "a string"),
    "prompt": ((dict,), "an object"),
    "modalities": ((list,), "an array"),
}


def check_chat(body: dict[str, Any]) -> None:
    """Raises CallError (400) unless this is a body of /v1/chat/completions; see also `check_has_messages`."""
    _check_model(body)
    _check_options(body)
    messages = body.get("messages")
    if messages is None:
        return
    if messages.__class__ is not list:
        raise _wrong("messages", "an array", messages)
    if len(messages) > MAX_MESSAGES:
        raise bad_request(f"messages must hold at most {MAX_MESSAGES} messages.", param="messages")
    for index, message in enumerate(messages):
        if message.__class__ is not dict or not _role(message.get("role")) or not _content(message.get("content")):
            raise _bad_message(index, message)


def check_has_messages(body: dict[str, Any]) -> None:
    """Raises CallError (400) where a chat has neither messages nor a prompt, on a route that brings none."""
    if body.get("prompt") is not None or body.get("messages"):
        return
    if body.get("messages") is None:
        raise _wrong("messages", "an array", None, given="messages" in body)
    raise bad_request("messages must hold at least one message.", param="messages")


def check_embeddings(body: dict[str, Any]) -> None:
    """Raises CallError (400) unless this is a body of /v1/embeddings."""
    _check_model(body)
    given = body.get("input")
    if given.__class__ is str:
        if given == "":
            raise bad_request("input must not be empty.", param="input")
        return
    if given.__class__ is not list:
        raise _wrong("input", "a string or an array", given, given="input" in body)
    if not given:
        raise bad_request("input must not be empty.", param="input")
    if len(given) > MAX_INPUTS:
        raise bad_request(f"input must hold at most {MAX_INPUTS} items.", param="input")
    first = given[0].__class__
    if first not in (str, int, list) or any(item.__class__ is not first for item in given):
        raise bad_request("input must be strings, or token numbers, or arrays of token numbers.", param="input")


def asks_for_usage(body: dict[str, Any]) -> bool:
    """Whether the client itself asked for the chunk with usage."""
    options = body.get("stream_options")
    return options is not None and options.get("include_usage") is True


def output_limit(body: dict[str, Any]) -> int | None:
    """The most tokens of output that the call asks for, or None."""
    limit = body.get("max_completion_tokens")
    found = body.get("max_tokens") if limit is None else limit
    return found if found.__class__ is int else None


def needs(body: dict[str, Any], base: str) -> frozenset[str]:
    """The capabilities that a model must have to answer: `base` (Chat or Embeddings) and what the body uses."""
    if base != "Chat":
        return _ONLY.get(base) or frozenset((base,))
    found = {base}
    if body.get("tools") or body.get("functions"):
        found.add("Tools")
    response_format = body.get("response_format")
    if response_format and response_format.get("type") == "json_schema":
        found.add("JSONSchema")
    modalities = body.get("modalities")
    if (modalities and "audio" in modalities) or body.get("audio"):
        found.add("Audio")
    for message in body.get("messages") or ():
        content = message.get("content")
        if content.__class__ is list:
            _add_parts(found, content)
    return _ONLY[base] if len(found) == 1 else frozenset(found)


_ONLY = {name: frozenset((name,)) for name in ("Chat", "Embeddings")}
_PARTS = {"image_url": "Vision", "input_image": "Vision", "input_audio": "Audio"}


def _add_parts(found: set[str], content: list[Any]) -> None:
    for part in content:
        capability = _PARTS.get(part.get("type"))
        if capability is not None:
            found.add(capability)


def _check_model(body: dict[str, Any]) -> None:
    model = body.get("model")
    if model.__class__ is not str:
        raise _wrong("model", "a string", model, given="model" in body)
    if not 0 < len(model) <= MAX_MODEL:
        raise bad_request(f"model must be 1 to {MAX_MODEL} characters long.", param="model")


def _check_options(body: dict[str, Any]) -> None:
    for name, value in body.items():
        rule = _CHAT_OPTIONS.get(name)
        if rule is not None and value is not None and value.__class__ not in rule[0]:
            raise _wrong(name, rule[1], value)
    options = body.get("stream_options")
    asked = options.get("include_usage") if options else None
    if asked is not None and asked.__class__ is not bool:
        raise _wrong("stream_options.include_usage", "a boolean", asked)
    modalities = body.get("modalities")
    if modalities and any(item.__class__ is not str for item in modalities):
        raise bad_request("modalities must hold strings.", param="modalities")


def _role(role: Any) -> bool:
    return role.__class__ is str and role in ROLES


def _content(content: Any) -> bool:
    kind = content.__class__
    if kind is str or content is None:
        return True
    if kind is not list:
        return False
    return all(part.__class__ is dict and part.get("type").__class__ is str for part in content)


def _bad_message(index: int, message: Any) -> CallError:
    field = f"messages[{index}]"
    if not isinstance(message, dict):
        return _wrong(field, "an object", message)
    role = message.get("role")
    if not isinstance(role, str):
        return _wrong(f"{field}.role", "a string", role, given="role" in message)
    if role not in ROLES:
        return bad_request(f"{field}.role must be one of {', '.join(sorted(ROLES))}.", param=f"{field}.role")
    content = message.get("content")
    if not isinstance(content, list):
        return _wrong(f"{field}.content", "a string or an array of parts", content)
    for place, part in enumerate(content):
        if not isinstance(part, dict):
            return _wrong(f"{field}.content[{place}]", "an object", part)
        if not isinstance(part.get("type"), str):
            name = f"{field}.content[{place}].type"
            return _wrong(name, "a string", part.get("type"), given="type" in part)
    return bad_request(f"{field}.content is not understood.", param=f"{field}.content")


def _wrong(field: str, wanted: str, value: Any, *, given: bool = True) -> CallError:
    if not given:
        return bad_request(f"{field} is missing; it must be {wanted}.", param=field, code="missing_field")
    return bad_request(f"{field} must be {wanted}, not {kind_of(value)}.", param=field, code="invalid_type")
