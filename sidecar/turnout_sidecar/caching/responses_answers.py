"""Answers of the Responses API as they are kept: which may be, where a stream holds one, how one is replayed.

Rules: only a completed answer that speaks for itself is kept: messages of text, and the reasoning before them; it keeps its
id, by which its provider may know it; the last event of a stream holds the whole answer, and nothing else is put together.
"""

from collections.abc import Iterator
from itertools import count
from typing import Any

import orjson

from turnout_sidecar.caching.replay import pieces_of
from turnout_sidecar.wire.sse import SseParser, write_event

_COMPLETED = "response.completed"
_SPOKEN = {"output_text": "text", "refusal": "refusal"}


def speaks_for_itself(answer: dict[str, Any]) -> bool:
    """Whether a whole answer may be kept."""
    output = answer.get("output")
    if answer.get("status") != "completed" or answer.get("error") or not isinstance(output, list):
        return False
    kinds = [item.get("type") if isinstance(item, dict) else None for item in output]
    if "message" not in kinds or not set(kinds) <= {"message", "reasoning"}:
        return False
    return all(_is_spoken(item) for item in output if item["type"] == "message")


def _is_spoken(item: dict[str, Any]) -> bool:
    content = item.get("content")
    return (
        isinstance(content, list)
        and bool(content)
        and all(isinstance(part, dict) and isinstance(part.get(_SPOKEN.get(str(part.get("type")), "")), str) for part in content)
    )  # fmt: skip


def collected(frames: bytes) -> bytes | None:
    """The answer that a whole stream brought; None where it brought none."""
    parser = SseParser()
    for event in [*parser.feed(frames), *parser.finish()]:
        if event.data is None or _COMPLETED.encode() not in event.data:
            continue
        try:
            data = orjson.loads(event.data)
        except orjson.JSONDecodeError:
            return None
        if isinstance(data, dict) and data.get("type") == _COMPLETED and isinstance(data.get("response"), dict):
            return orjson.dumps(data["response"])
    return None


def frames(body: bytes) -> Iterator[bytes]:
    """The answer as the events of a stream."""
    answer = orjson.loads(body)
    number = count()

    def event(kind: str, **data: Any) -> bytes:
        return write_event(orjson.dumps({"type": kind, "sequence_number": next(number), **data}), event=kind)

    begun = {**answer, "status": "in_progress", "output": [], "usage": None}
    yield event("response.created", response=begun)
    yield event("response.in_progress", response=begun)
    for index, item in enumerate(answer["output"]):
        started = {**item, "status": "in_progress", "content": []} if item["type"] == "message" else item
        yield event("response.output_item.added", output_index=index, item=started)
        if item["type"] == "message":
            for at, part in enumerate(item["content"]):
                yield from _part(event, {"item_id": item.get("id"), "output_index": index, "content_index": at}, part)
        yield event("response.output_item.done", output_index=index, item=item)
    yield event(_COMPLETED, response=answer)


def _part(event: Any, place: dict[str, Any], part: dict[str, Any]) -> Iterator[bytes]:
    kind = part["type"]
    name = _SPOKEN[kind]
    logprobs: dict[str, Any] = {"logprobs": []} if kind == "output_text" else {}
    yield event("response.content_part.added", **place, part={**part, name: ""})
    for piece in pieces_of(part[name]):
        yield event(f"response.{kind}.delta", **place, delta=piece, **logprobs)
    yield event(f"response.{kind}.done", **place, **{name: part[name]}, **logprobs)
    yield event("response.content_part.done", **place, part=part)
