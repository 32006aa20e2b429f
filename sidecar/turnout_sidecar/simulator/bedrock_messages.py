"""The messages of a request to Bedrock's Converse, checked as strictly as the real one checks them.

Rules of the real one that are kept here: the first message is a user's, and roles alternate; no blank text; a block is one
thing; every call of a tool has its result in the next message, and no result is there without a call; a document comes with a
text; thinking comes back with its signature, and before the calls that it led to.
"""

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec

from turnout_sidecar.simulator.answers import count_tokens
from turnout_sidecar.simulator.dialect import Refusal
from turnout_sidecar.simulator.fields import as_list, as_object, as_one_of, as_text, only, refuse
from turnout_sidecar.simulator.prompt_cache import Segment, Ttl
from turnout_sidecar.simulator.signatures import sealed, signed

KIND: Final = "anthropic"  # Claude signs alike wherever it is offered
_ID: Final = re.compile(r"[a-zA-Z0-9_.:-]{1,64}")
NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_DOCUMENT_NAME: Final = re.compile(r"(?!.*\s\s)[a-zA-Z0-9\s\-()\[\]]{1,200}")
_FORMATS: Final = {
    "image": ("png", "jpeg", "gif", "webp"),
    "document": ("pdf", "csv", "doc", "docx", "xls", "xlsx", "html", "txt", "md"),
    "video": ("mkv", "mov", "mp4", "webm", "flv", "mpeg", "mpg", "wmv", "three_gp"),
    "audio": (
        "mp3",
        "opus",
        "wav",
        "aac",
        "flac",
        "mp4",
        "ogg",
        "mkv",
        "mka",
        "x-aac",
        "m4a",
        "mpeg",
        "mpga",
        "pcm",
        "webm",
    ),
}
_HEAVY: Final = {"image": 1200, "document": 1500, "video": 3000, "audio": 500}
_MEMBERS: Final = {
    "image": ("format", "source"),
    "document": ("format", "name", "source", "context", "citations"),
    "video": ("format", "source"),
    "audio": ("format", "source"),
}
_MESSAGE_TOKENS: Final = 3

Block = dict[str, Any]


class Message(msgspec.Struct, frozen=True):
    """One message: its blocks, and the tokens of each."""

    role: str
    blocks: tuple[Block, ...]
    tokens: tuple[int, ...]
    place: str

    def ids(self, kind: str) -> list[str]:
        """The ids of its tool uses or tool results."""
        return [block[kind]["toolUseId"] for block in self.blocks if kind in block]


def read_conversation(value: Any, *, thinking: bool) -> tuple[Message, ...]:
    """The messages. Raises Refusal."""
    messages = tuple(
        _message(given, f"messages.{index}") for index, given in enumerate(as_list(value, "messages", filled=True))
    )
    if messages[0].role != "user":
        why = "A conversation must start with a user message. Try again with a conversation that starts with a user message."
        raise Refusal(400, why)
    for index, message in enumerate(messages):
        if index and messages[index - 1].role == message.role:
            why = (
                "A conversation must alternate between user and assistant roles. Make sure the conversation alternates between "
                "user and assistant roles and try again."
            )
            raise Refusal(400, why)
        _check_results(message, messages[index - 1].ids("toolUse") if index else [])
    if messages[-1].ids("toolUse"):
        raise refuse(messages[-1].place, "the last message calls tools, and nothing answers them")
    if thinking:
        _check_thinking(messages)
    return messages


def _message(value: Any, place: str) -> Message:
    message = as_object(value, place)
    only(message, ("role", "content"), place)
    role = as_one_of(message.get("role"), f"{place}.role", ("user", "assistant"))
    content = as_list(message.get("content"), f"{place}.content")
    if not content:
        raise Refusal(
            400,
            f"The content field in the Message object at {place} is empty. Add a ContentBlock object to the content field and "
            "try again.",
        )
    tokens = tuple(read_block(block, f"{place}.content.{index}", role) for index, block in enumerate(content))
    if any("document" in block for block in content) and not any("text" in block for block in content):
        raise Refusal(400, f"A text block is required in the message at {place} that has a document.")
    return Message(role, tuple(content), tokens, place)


def read_block(value: Any, place: str, role: str) -> int:
    """Its tokens. Raises Refusal."""
    block = as_object(value, place)
    if len(block) != 1:
        raise refuse(place, f"a block has one member, this one: {', '.join(sorted(block))[:100] or 'none'}")
    ((kind, inner),) = block.items()
    if kind in _FORMATS:
        return _media(kind, inner, f"{place}.{kind}")
    check = _CHECKS.get(kind)
    if check is None:
        raise refuse(f"{place}.{kind[:60]}", "there is no such block")
    if (kind == "toolResult" and role != "user") or (kind in ("toolUse", "reasoningContent") and role != "assistant"):
        raise refuse(place, f"a message of the {role} has no {kind}")
    return check(inner, f"{place}.{kind}")


def _text(value: Any, place: str) -> int:
    text = as_text(value, place, filled=False)
    if not text.strip():
        at = place.removesuffix(".text")
        why = f"The text field in the ContentBlock object at {at} is blank. Add text to the text field, and try again."
        raise Refusal(400, why)
    return count_tokens(text)


def _media(kind: str, value: Any, place: str) -> int:
    media = as_object(value, place)
    only(media, _MEMBERS[kind], place)
    if kind != "document" or "format" in media:
        as_one_of(media.get("format"), f"{place}.format", _FORMATS[kind])
    source = as_object(media.get("source"), f"{place}.source")
    allowed = ("bytes", "s3Location", *(("text", "content") if kind == "document" else ()))
    if len(source) != 1 or next(iter(source)) not in allowed:
        raise refuse(f"{place}.source", f"one of {', '.join(allowed)}")
    if "bytes" in source:
        try:
            base64.b64decode(as_text(source["bytes"], f"{place}.source.bytes"), validate=True)
        except (binascii.Error, ValueError):
            raise refuse(f"{place}.source.bytes", "not base64") from None
    if kind == "document" and not _DOCUMENT_NAME.fullmatch(as_text(media.get("name"), f"{place}.name")):
        raise refuse(f"{place}.name", "letters, digits, single blanks, hyphens, parentheses and square brackets only")
    return _HEAVY[kind]


def _tool_use(value: Any, place: str) -> int:
    use = as_object(value, place)
    only(use, ("toolUseId", "name", "input", "type"), place)
    _identity(use, place)
    if not NAME.fullmatch(as_text(use.get("name"), f"{place}.name")):
        raise constraint(f"{place}.name", "Member must satisfy regular expression pattern: [a-zA-Z0-9_-]+")
    if not isinstance(use.get("input"), dict):
        raise Refusal(
            400,
            f"The format of the value at {place}.input is invalid. Provide a json object for the field and try again.",
        )
    return count_tokens(use["name"]) + count_tokens(json.dumps(use["input"]))


def _tool_result(value: Any, place: str) -> int:
    result = as_object(value, place)
    only(result, ("toolUseId", "content", "status", "type"), place)
    _identity(result, place)
    if "status" in result:
        as_one_of(result["status"], f"{place}.status", ("success", "error"))
    tokens = 0
    for index, block in enumerate(as_list(result.get("content"), f"{place}.content")):
        inner = f"{place}.content.{index}"
        if isinstance(block, dict) and list(block) == ["json"]:
            tokens += count_tokens(json.dumps(as_object(block["json"], f"{inner}.json")))
            continue
        if isinstance(block, dict) and not block.keys() <= {"text", "image", "document", "video"}:
            raise refuse(inner, "a result holds text, json, image, document or video")
        tokens += read_block(block, inner, "user")
    return tokens


def _identity(value: Block, place: str) -> None:
    if not _ID.fullmatch(as_text(value.get("toolUseId"), f"{place}.toolUseId")):
        raise constraint(f"{place}.toolUseId", "Member must satisfy regular expression pattern: [a-zA-Z0-9_.:-]{1,64}")


def _reasoning(value: Any, place: str) -> int:
    reasoning = as_object(value, place)
    if list(reasoning) == ["redactedContent"]:
        if not sealed(KIND, as_text(reasoning["redactedContent"], f"{place}.redactedContent")):
            raise Refusal(400, f"{place}.redactedContent: Invalid `data` in `redacted_thinking` block")
        return 0
    only(reasoning, ("reasoningText",), place)
    told = as_object(reasoning.get("reasoningText"), f"{place}.reasoningText")
    only(told, ("text", "signature"), f"{place}.reasoningText")
    text = as_text(told.get("text"), f"{place}.reasoningText.text", filled=False)
    if not signed(KIND, text, as_text(told.get("signature"), f"{place}.reasoningText.signature")):
        raise Refusal(400, f"{place}: Invalid `signature` in `thinking` block")
    return count_tokens(text)


def _cache_point(value: Any, place: str) -> int:
    point = as_object(value, place)
    only(point, ("type", "ttl"), place)
    as_one_of(point.get("type"), f"{place}.type", ("default",))
    if "ttl" in point:
        as_one_of(point["ttl"], f"{place}.ttl", ("5m", "1h"))
    return 0


def _opaque(value: Any, place: str) -> int:
    return count_tokens(json.dumps(as_object(value, place)))


_CHECKS: Final[dict[str, Callable[[Any, str], int]]] = {
    "text": _text,
    "toolUse": _tool_use,
    "toolResult": _tool_result,
    "reasoningContent": _reasoning,
    "cachePoint": _cache_point,
    "guardContent": _opaque,
    "citationsContent": _opaque,
    "searchResult": _opaque,
}


def constraint(place: str, why: str) -> Refusal:
    """400 as the checks of the service's own model say it."""
    return Refusal(
        400, f"1 validation error detected: Value at '{place}' failed to satisfy constraint: {why}", param=place
    )


def _check_results(message: Message, called: list[str]) -> None:
    given = message.ids("toolResult")
    missing = [each for each in called if each not in given]
    if missing:
        raise Refusal(
            400, f"Expected toolResult blocks at {message.place}.content for the following Ids: {', '.join(missing)}"
        )
    if len(given) > len(called) or set(given) - set(called):
        raise Refusal(
            400,
            f"The number of toolResult blocks at {message.place}.content exceeds the number of toolUse blocks of previous turn.",
        )
    uses = message.ids("toolUse")
    if len(set(uses)) != len(uses):
        raise Refusal(400, f"The toolUseId values at {message.place}.content must be unique.")


def _check_thinking(messages: tuple[Message, ...]) -> None:
    last = next((message for message in reversed(messages) if message.role == "assistant"), None)
    if last is None or not (last is messages[-1] or last.ids("toolUse")) or "reasoningContent" in last.blocks[0]:
        return
    if last is messages[-1] or messages[-1].ids("toolResult"):
        found = "tool_use" if "toolUse" in last.blocks[0] else "text"
        raise Refusal(
            400,
            f"The model returned the following errors: {last.place}.content.0.type: Expected `thinking` or `redacted_thinking`, "
            f"but found `{found}`. When `thinking` is enabled, a final `assistant` message must start with a thinking block.",
        )


def result_text(block: Block) -> str:
    """What a tool gave, in words."""
    told = []
    for inner in block["toolResult"]["content"]:
        ((kind, value),) = inner.items()
        told.append(value if kind == "text" else json.dumps(value) if kind == "json" else f"[{kind}]")
    return "\n".join(told)


def marked(pairs: Iterator[tuple[Any, Any, int]]) -> Iterator[Segment]:
    """Pieces of the prompt, of (what counts, the block, its tokens); a cache point is a mark on the piece before it."""
    waiting: Segment | None = None
    for value, block, tokens in pairs:
        if isinstance(block, dict) and "cachePoint" in block:
            if waiting is not None:
                keep: Ttl = "1h" if block["cachePoint"].get("ttl") == "1h" else "5m"
                yield msgspec.structs.replace(waiting, keep=keep)
                waiting = None
            continue
        if waiting is not None:
            yield waiting
        waiting = Segment(value, tokens)
    if waiting is not None:
        yield waiting


def pieces_of(messages: tuple[Message, ...]) -> Iterator[tuple[Any, Any, int]]:
    """The messages for `marked`."""
    for message in messages:
        for index, (block, tokens) in enumerate(zip(message.blocks, message.tokens, strict=True)):
            yield [message.role, block], block, tokens + (0 if index else _MESSAGE_TOKENS)
