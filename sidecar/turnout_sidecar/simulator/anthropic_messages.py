"""The messages of a request to Anthropic, checked as strictly as the real API checks them.

Messages of one role that follow each other are one turn. Rules of the real one that are kept here: no empty text; results of
tools directly after their calls, first in their message, one for each call; ids of calls used once; thinking that comes back
has the signature it was given, and a turn that calls tools and goes on while thinking is on starts with it.
"""

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import msgspec

from turnout_sidecar.simulator.answers import count_tokens
from turnout_sidecar.simulator.fields import as_flag, as_list, as_object, as_one_of, as_text, only, refuse
from turnout_sidecar.simulator.prompt_cache import Segment, Ttl
from turnout_sidecar.simulator.signatures import sealed, signed

KIND: Final = "anthropic"
IMAGE_TOKENS: Final = 1200
DOCUMENT_TOKENS: Final = 1500
_MESSAGE_TOKENS: Final = 3
_IMAGES: Final = frozenset(("image/jpeg", "image/png", "image/gif", "image/webp"))
_ID: Final = re.compile(r"[a-zA-Z0-9_-]+")
_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_THOUGHTS: Final = frozenset(("thinking", "redacted_thinking"))

Block = dict[str, Any]
Checker = Callable[[Block, str], int]


class Turn(msgspec.Struct, frozen=True):
    """Messages of one role in a row: their blocks, each with its place and its tokens."""

    role: str
    blocks: tuple[tuple[Block, str, int], ...]


def read_turns(value: Any, *, thinking: bool) -> tuple[Turn, ...]:
    """The turns of `messages`. Raises Refusal."""
    turns: list[Turn] = []
    messages = as_list(value, "messages")
    if not messages:
        raise refuse("messages", "at least one message is required")
    for index, given in enumerate(messages):
        place = f"messages.{index}"
        message = as_object(given, place)
        only(message, ("role", "content"), place)
        role = as_one_of(message.get("role"), f"{place}.role", ("user", "assistant"))
        blocks = tuple(_blocks(message.get("content"), place, final=index == len(messages) - 1 and role == "assistant"))
        if turns and turns[-1].role == role:
            turns[-1] = Turn(role, (*turns[-1].blocks, *blocks))
        else:
            turns.append(Turn(role, blocks))
    if turns[0].role != "user":
        raise refuse("messages", 'first message must use the "user" role')
    _check_tools(turns)
    if thinking:
        _check_thinking(turns)
    return tuple(turns)


def _blocks(content: Any, place: str, *, final: bool) -> Iterator[tuple[Block, str, int]]:
    if isinstance(content, str):
        if not content and not final:
            raise refuse(
                place, "all messages must have non-empty content except for the optional final assistant message"
            )
        if content:
            block = {"type": "text", "text": content}
            yield block, place, _text(block, place)
        return
    blocks = as_list(content, f"{place}.content")
    if not blocks and not final:
        raise refuse(place, "all messages must have non-empty content except for the optional final assistant message")
    for index, given in enumerate(blocks):
        inner = f"{place}.content.{index}"
        block = as_object(given, inner)
        yield block, inner, read_block(block, inner)


def read_block(block: Block, place: str) -> int:
    """Its tokens. Raises Refusal."""
    kind = block.get("type")
    check = _CHECKS.get(kind) if isinstance(kind, str) else None
    if check is None:
        raise refuse(
            f"{place}.type", f"Input tag {str(kind)[:60]!r} found using 'type' does not match any expected tag"
        )
    return check(block, place)


def _text(block: Block, place: str) -> int:
    only(block, ("type", "text", "cache_control", "citations"), place)
    text = as_text(block.get("text"), f"{place}.text", filled=False)
    if not text:
        raise refuse(place, "text content blocks must be non-empty")
    if not text.strip():
        raise refuse(place, "text content blocks must contain non-whitespace text")
    return count_tokens(text)


def _image(block: Block, place: str) -> int:
    only(block, ("type", "source", "cache_control"), place)
    _source(block, f"{place}.source", {"base64": _IMAGES, "url": None, "file": None})
    return IMAGE_TOKENS


def _document(block: Block, place: str) -> int:
    only(block, ("type", "source", "cache_control", "citations", "context", "title"), place)
    allowed = {"base64": frozenset(("application/pdf",)), "text": frozenset(("text/plain",))}
    source = _source(block, f"{place}.source", {**allowed, "url": None, "file": None, "content": None})
    return count_tokens(source["data"]) if source["type"] == "text" else DOCUMENT_TOKENS


def _source(block: Block, place: str, kinds: Mapping[str, frozenset[str] | None]) -> Block:
    source = as_object(block.get("source"), place)
    kind = as_one_of(source.get("type"), f"{place}.type", kinds)
    media = kinds[kind]
    if media is not None:
        only(source, ("type", "media_type", "data"), place)
        as_one_of(source.get("media_type"), f"{place}.media_type", media)
        data = as_text(source.get("data"), f"{place}.data")
        if kind == "base64":
            _decoded(data, f"{place}.data")
    elif kind != "content":
        name = "url" if kind == "url" else "file_id"
        only(source, ("type", name), place)
        as_text(source.get(name), f"{place}.{name}")
    return source


def _decoded(data: str, place: str) -> None:
    try:
        base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise refuse(place, "invalid base64 data") from None


def _thinking(block: Block, place: str) -> int:
    only(block, ("type", "thinking", "signature"), place)
    text = as_text(block.get("thinking"), f"{place}.thinking", filled=False)
    signature = as_text(block.get("signature"), f"{place}.signature")
    if not signed(KIND, text, signature) and not (not text and sealed(KIND, signature)):
        raise refuse(place, "Invalid `signature` in `thinking` block")
    return count_tokens(text)


def _redacted(block: Block, place: str) -> int:
    only(block, ("type", "data"), place)
    if not sealed(KIND, as_text(block.get("data"), f"{place}.data")):
        raise refuse(place, "Invalid `data` in `redacted_thinking` block")
    return 0


def _tool_use(block: Block, place: str) -> int:
    only(block, ("type", "id", "name", "input", "cache_control", "caller"), place)
    if not _ID.fullmatch(as_text(block.get("id"), f"{place}.id")):
        raise refuse(f"{place}.id", "String should match pattern '^[a-zA-Z0-9_-]+$'")
    name = as_text(block.get("name"), f"{place}.name")
    if not _NAME.fullmatch(name):
        raise refuse(f"{place}.name", "String should match pattern '^[a-zA-Z0-9_-]{1,128}$'")
    return count_tokens(name) + count_tokens(json.dumps(as_object(block.get("input"), f"{place}.input")))


def _tool_result(block: Block, place: str) -> int:
    only(block, ("type", "tool_use_id", "content", "is_error", "cache_control", "toolset_name"), place)
    as_text(block.get("tool_use_id"), f"{place}.tool_use_id")
    as_flag(block.get("is_error"), f"{place}.is_error")
    content = block.get("content", "")
    if isinstance(content, str):
        return count_tokens(content)
    tokens = 0
    for index, given in enumerate(as_list(content, f"{place}.content")):
        inner = as_object(given, f"{place}.content.{index}")
        as_one_of(inner.get("type"), f"{place}.content.{index}.type", _IN_RESULTS)
        tokens += read_block(inner, f"{place}.content.{index}")
    return tokens


def _opaque(block: Block, _: str) -> int:
    return count_tokens(json.dumps(block))


_CHECKS: Final[dict[str, Checker]] = {
    "text": _text,
    "image": _image,
    "document": _document,
    "thinking": _thinking,
    "redacted_thinking": _redacted,
    "tool_use": _tool_use,
    "tool_result": _tool_result,
    "search_result": _opaque,
    "server_tool_use": _opaque,
    "web_search_tool_result": _opaque,
    "web_fetch_tool_result": _opaque,
}
_IN_RESULTS: Final = frozenset(("text", "image", "document", "search_result"))


def _check_tools(turns: list[Turn]) -> None:
    used: set[str] = set()
    for index, turn in enumerate(turns):
        called = [
            block["id"] for block, _, _ in turn.blocks if block["type"] == "tool_use" and turn.role == "assistant"
        ]
        if len(set(called)) != len(called) or used & set(called):
            raise refuse("messages", "`tool_use` ids must be unique")
        used |= set(called)
        if called:
            _check_answered(called, turns[index + 1] if index + 1 < len(turns) else None, turn.blocks[0][1])
        before = turns[index - 1].blocks if index else ()
        _check_results(turn, [block["id"] for block, _, _ in before if block["type"] == "tool_use"])


def _check_answered(called: list[str], following: Turn | None, place: str) -> None:
    blocks = following.blocks if following is not None else ()
    answered = [block["tool_use_id"] for block, _, _ in blocks if block["type"] == "tool_result"]
    missing = [each for each in called if each not in answered]
    if missing:
        raise refuse(
            place,
            f"`tool_use` ids were found without `tool_result` blocks immediately after: {', '.join(missing)[:200]}. "
            "Each `tool_use` block must have a corresponding `tool_result` block in the next message.",
        )


def _check_results(turn: Turn, called: list[str]) -> None:
    given: set[str] = set()
    other = False
    for block, place, _ in turn.blocks:
        if block["type"] != "tool_result":
            other = True
            if block["type"] in ("tool_use", *_THOUGHTS) and turn.role == "user":
                raise refuse(place, f"`{block['type']}` blocks can only be in `assistant` messages")
            continue
        if turn.role == "assistant":
            raise refuse(place, "`tool_result` blocks can only be in `user` messages")
        if block["tool_use_id"] not in called:
            raise refuse(
                place,
                f"unexpected `tool_use_id` found in `tool_result` blocks: {block['tool_use_id'][:100]}. Each `tool_result` "
                "block must have a corresponding `tool_use` block in the previous message.",
            )
        if block["tool_use_id"] in given:
            raise refuse(
                place, f"each `tool_use` must have a single result. Found multiple: {block['tool_use_id'][:100]}"
            )
        if other:
            raise refuse(place, "`tool_result` blocks must come first in the message that answers `tool_use` blocks")
        given.add(block["tool_use_id"])


def _check_thinking(turns: list[Turn]) -> None:
    """The turn that is being continued, if it calls tools or is the last, starts with what was thought."""
    last = next((turn for turn in reversed(turns) if turn.role == "assistant"), None)
    if last is None or not last.blocks:
        return
    goes_on = turns[-1] is last or any(block["type"] == "tool_result" for block, _, _ in turns[-1].blocks)
    block, place, _ = last.blocks[0]
    if goes_on and block["type"] not in _THOUGHTS:
        raise refuse(
            f"{place}.type",
            f"Expected `thinking` or `redacted_thinking`, but found `{block['type']}`. When `thinking` is enabled, a final "
            "`assistant` message must start with a thinking block (preceding the lastmost set of `tool_use` and "
            "`tool_result` blocks).",
        )


def result_text(block: Block) -> str:
    """What a tool gave, in words."""
    content = block.get("content", "")
    if isinstance(content, str):
        return content
    return "\n".join(each["text"] if each["type"] == "text" else f"[{each['type']}]" for each in content)


def kept(block: Mapping[str, Any], place: str) -> Ttl | None:
    """For how long a block's `cache_control` wants the prompt up to it kept. Raises Refusal."""
    control = block.get("cache_control")
    if control is None:
        return None
    control = as_object(control, f"{place}.cache_control")
    only(control, ("type", "ttl"), f"{place}.cache_control")
    as_one_of(control.get("type"), f"{place}.cache_control.type", ("ephemeral",))
    return "1h" if as_one_of(control.get("ttl", "5m"), f"{place}.cache_control.ttl", ("5m", "1h")) == "1h" else "5m"


def segments(turns: tuple[Turn, ...]) -> Iterator[Segment]:
    """The messages as pieces of the prompt."""
    for turn in turns:
        for index, (block, place, tokens) in enumerate(turn.blocks):
            plain = {name: value for name, value in block.items() if name != "cache_control"}
            extra = 0 if index else _MESSAGE_TOKENS
            yield Segment([turn.role, plain], tokens + extra, kept(block, place))
