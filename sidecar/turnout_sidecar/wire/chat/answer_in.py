"""A whole chat completion, as any compatible server gives it, to a canonical answer.

Rules: the first choice is the answer (several are never asked for across protocols); members that are missing or of another
type are as good as absent; `content` may be a string or parts (Mistral's thoughts are parts); a call without an id gets one that
no other answer has. What has no choice in it is no answer.
"""

from typing import Any, Final

import orjson

from turnout_sidecar.wire import lenient, openai, openai_errors, signed_ids
from turnout_sidecar.wire.canonical import (
    Answer,
    NotAnAnswer,
    Part,
    ProviderError,
    Refusal,
    Text,
    Thinking,
    ToolCall,
)
from turnout_sidecar.wire.chat import finish
from turnout_sidecar.wire.chat.reasoning import thoughts

_MOST_TEXT: Final = 256


def read_answer(body: bytes) -> Answer:
    """The answer. Raises NotAnAnswer."""
    reply = lenient.load(body)
    choice = first_choice(reply)
    message = choice.get("message") if choice is not None else None
    if choice is None or not isinstance(message, dict):
        raise NotAnAnswer("the reply holds no choice with a message")
    calls = _calls(message, body)
    word = short(choice.get("finish_reason"))
    said = [*thoughts(message), *contents(message.get("content")), *_refusal(message)]
    refused = any(isinstance(part, Refusal) for part in said)
    return Answer(
        parts=(*said, *calls),
        finish=finish.read(word, calls=bool(calls), refused=refused),
        id=short(reply.get("id")),
        model=short(reply.get("model")),
        created=seconds(reply.get("created")),
        raw_finish=word,
        usage=openai.read_usage(reply.get("usage")),
        service_tier=short(reply.get("service_tier")),
        logprobs=sound(choice.get("logprobs")),
    )


def read_error(status: int, body: bytes) -> ProviderError:  # noqa: ARG001  the shape is the same for each status
    """The error in a provider's body; some wrap it in an array (Google), some say `detail` (FastAPI)."""
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        return ProviderError()
    if isinstance(parsed, list):
        parsed = parsed[0] if parsed else None
    if not isinstance(parsed, dict):
        return ProviderError()
    found = openai_errors.of_object(parsed.get("error") or parsed)
    detail = parsed.get("detail")
    return openai_errors.of_object(detail) if found == ProviderError() and isinstance(detail, str) else found


def first_choice(reply: dict[str, Any]) -> dict[str, Any] | None:
    """The choice with the least index; one without an index, or a negative one, is the first."""
    choices = reply.get("choices")
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, dict):
            index = choice.get("index")
            if index.__class__ is not int or index <= 0:
                return choice
    return None


def contents(content: Any) -> list[Part]:
    """The parts that a message's or a delta's `content` holds."""
    if isinstance(content, str):
        return [Text(content)] if content else []
    found: list[Part] = []
    for part in content if isinstance(content, list) else ():
        if not isinstance(part, dict):
            continue
        if isinstance(part.get("text"), str) and part["text"]:
            found.append(Text(part["text"]))
        elif part.get("type") == "thinking":
            text = _thinking(part.get("thinking"))
            found += [Thinking(text)] if text else []
        elif part.get("type") == "refusal" and isinstance(part.get("refusal"), str):
            found.append(Refusal(part["refusal"]))
    return found


def _thinking(said: Any) -> str:
    if isinstance(said, str):
        return said
    parts = said if isinstance(said, list) else []
    texts = [part.get("text") for part in parts if isinstance(part, dict)]
    return "".join(text for text in texts if isinstance(text, str))


def _refusal(message: dict[str, Any]) -> list[Part]:
    refusal = message.get("refusal")
    return [Refusal(refusal)] if isinstance(refusal, str) and refusal else []


def _calls(message: dict[str, Any], body: bytes) -> list[ToolCall]:
    found: list[ToolCall] = []
    said = message.get("tool_calls")
    for call in said if isinstance(said, list) else ():
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(function, dict):
            identity = short(call.get("id")) or made_id(body, len(found))
            found.append(
                ToolCall(identity, short(function.get("name")) or "", arguments(function.get("arguments")) or "{}")
            )
    legacy = message.get("function_call")
    if not found and isinstance(legacy, dict):
        name = short(legacy.get("name")) or ""
        found.append(ToolCall(made_id(body, 0), name, arguments(legacy.get("arguments")) or "{}"))
    return found


def made_id(seed: bytes, index: int) -> str:
    """An id for a call that has none: never the same for two answers."""
    return signed_ids.made(b"%d:%b" % (index, seed))


def arguments(said: Any) -> str:
    """Arguments as JSON text; some servers give the object itself."""
    if isinstance(said, str):
        return said
    return orjson.dumps(sound(said) or {}).decode() if isinstance(said, dict) else ""


def sound(value: Any) -> Any:
    """An object that can be written again, or None: a provider may nest it deeper than that."""
    if not isinstance(value, dict):
        return None
    try:
        orjson.dumps({"": [value]})
    except TypeError:
        return None
    return value


def short(value: Any) -> str | None:
    """A text of a bounded length that is not empty, or None."""
    return value[:_MOST_TEXT] if isinstance(value, str) and value else None


def seconds(value: Any) -> int | None:
    """Unix seconds, or None; some servers give a fraction."""
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= lenient.MAX_COUNT:
        return int(value)
    return None
