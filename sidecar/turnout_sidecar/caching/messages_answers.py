"""Answers of Anthropic's Messages API as they are kept: which may be, how a stream is put together, how one is replayed.

Rules: only an answer that ended its turn and speaks for itself is kept: text, and the thoughts before it; blocks and their
members stay as they came (citations, signatures); a stream with an event that is not understood is not kept, since nobody
knows what it adds.
"""

from collections.abc import Iterator
from typing import Any

import orjson

from turnout_sidecar.caching.replay import pieces_of
from turnout_sidecar.wire.json_edit import replace_members
from turnout_sidecar.wire.sse import SseParser, write_event

_ENDS = frozenset({"end_turn", "stop_sequence"})
_THOUGHTS = frozenset({"thinking", "redacted_thinking"})
_TEXTS = {"text_delta": "text", "thinking_delta": "thinking", "signature_delta": "signature"}
_START, _PART, _DELTA, _PART_END = "message_start", "content_block_start", "content_block_delta", "content_block_stop"
_MESSAGE_DELTA, _END, _PING = "message_delta", "message_stop", "ping"


def speaks_for_itself(answer: dict[str, Any]) -> bool:
    """Whether a whole answer may be kept."""
    content = answer.get("content")
    if answer.get("type") != "message" or answer.get("stop_reason") not in _ENDS or not isinstance(content, list):
        return False
    kinds = [block.get("type") if isinstance(block, dict) else None for block in content]
    return "text" in kinds and all(kind == "text" or kind in _THOUGHTS for kind in kinds)


def collected(frames: bytes) -> bytes | None:
    """The answer that a whole stream brought, as a plain call would have got it; None where that is not known."""
    answer: dict[str, Any] | None = None
    parser = SseParser()
    for event in [*parser.feed(frames), *parser.finish()]:
        if event.data is None:
            continue
        try:
            data = orjson.loads(event.data)
        except orjson.JSONDecodeError:
            return None
        if not isinstance(data, dict):
            return None
        kind = data.get("type")
        if kind == _START and isinstance(data.get("message"), dict):
            answer = {**data["message"], "content": []}
        elif kind == _END:
            return None if answer is None else orjson.dumps(answer)
        elif kind != _PING and (answer is None or not _add(answer, kind, data)):
            return None
    return None


def _add(answer: dict[str, Any], kind: Any, data: dict[str, Any]) -> bool:
    """Take in one event; False where it is not understood."""
    content: list[dict[str, Any]] = answer["content"]
    if kind == _PART and isinstance(data.get("content_block"), dict) and data.get("index") == len(content):
        content.append(dict(data["content_block"]))
        return True
    if kind == _PART_END:
        return True
    delta = data.get("delta")
    if not isinstance(delta, dict):
        return False
    if kind == _MESSAGE_DELTA:
        answer.update(delta)
        usage = data.get("usage")
        if isinstance(usage, dict):
            answer["usage"] = {**(answer.get("usage") or {}), **usage}
        return True
    name = _TEXTS.get(str(delta.get("type")))
    index = data.get("index")
    if kind != _DELTA or name is None or not isinstance(index, int) or not 0 <= index < len(content):
        return False
    text = delta.get(name)
    if not isinstance(text, str):
        return False
    content[index][name] = (content[index].get(name) or "") + text
    return True


def renewed(body: bytes, call_id: str) -> bytes:
    """The answer with an id of its own, all else as it was."""
    return replace_members(body, {"id": orjson.dumps(f"msg_{call_id}")})


def frames(body: bytes) -> Iterator[bytes]:
    """The answer as the events of a stream."""
    answer = orjson.loads(body)
    usage = answer.get("usage")
    head = {**answer, "content": [], "stop_reason": None, "stop_sequence": None}
    yield _event(_START, {"message": head})
    for index, block in enumerate(answer["content"]):
        yield from _block(index, block)
    ending = {"stop_reason": answer.get("stop_reason"), "stop_sequence": answer.get("stop_sequence")}
    yield _event(_MESSAGE_DELTA, {"delta": ending, **({} if usage is None else {"usage": usage})})
    yield _event(_END, {})


def _block(index: int, block: dict[str, Any]) -> Iterator[bytes]:
    """Texts in pieces, signatures whole, all else with the block's start."""
    streamed = [(kind, name) for kind, name in _TEXTS.items() if isinstance(block.get(name), str)]
    empty = {**block, **{name: "" for _, name in streamed}}
    yield _event(_PART, {"index": index, "content_block": empty})
    for kind, name in streamed:
        whole = block[name]
        for piece in [whole] if name == "signature" else pieces_of(whole):
            yield _event(_DELTA, {"index": index, "delta": {"type": kind, name: piece}})
    yield _event(_PART_END, {"index": index})


def _event(kind: str, data: dict[str, Any]) -> bytes:
    return write_event(orjson.dumps({"type": kind, **data}), event=kind)
