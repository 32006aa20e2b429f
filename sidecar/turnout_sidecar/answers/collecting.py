"""The whole answer that the frames of a stream brought, calls of tools included, as a plain call would have got it.

Why not the cache's: that keeps plain words only, and so says nothing of other answers. Rules: a stream that did not end as it
should, or that is none of its format, brought no answer; what is not known of a piece is left out.
"""

import json
from typing import Any, Final

from turnout_sidecar.answers import json_text
from turnout_sidecar.caching.replay import with_usage
from turnout_sidecar.exchange.usage import Usage
from turnout_sidecar.wire.openai_collect import Collected
from turnout_sidecar.wire.sse import SseParser

_ENDS: Final = frozenset({"response.completed", "response.incomplete", "response.failed"})
_JOINED: Final = {"text_delta": "text", "thinking_delta": "thinking", "signature_delta": "signature"}
_ARGUMENTS: Final = "partial_json"


def chat(frames: bytes, usage: Usage | None = None) -> bytes | None:
    """A `chat.completion`; the usage is put in where the stream told none."""
    taken = Collected()
    taken.feed(frames)
    body = taken.answer()
    return None if body is None else with_usage(body, usage)


def responses(frames: bytes, usage: Usage | None = None) -> bytes | None:
    """The response that the last event holds."""
    del usage
    found = None
    for said in _events(frames):
        if str(said.get("type")) in _ENDS and isinstance(said.get("response"), dict):
            found = json_text.dumps(said["response"])
    return found


def messages(frames: bytes, usage: Usage | None = None) -> bytes | None:
    """A `message`."""
    del usage
    answer: dict[str, Any] | None = None
    blocks: dict[Any, dict[str, Any]] = {}
    arguments: dict[Any, str] = {}
    for said in _events(frames):
        kind = said.get("type")
        index = said.get("index")
        index = index if index.__class__ is int else None
        if kind == "message_start" and isinstance(said.get("message"), dict):
            answer = dict(said["message"])
        elif kind == "content_block_start" and isinstance(said.get("content_block"), dict):
            blocks[index] = dict(said["content_block"])
        elif kind == "content_block_delta" and index in blocks and isinstance(said.get("delta"), dict):
            _add(blocks[index], said["delta"])
            arguments[index] = arguments.get(index, "") + str(said["delta"].get(_ARGUMENTS) or "")
        elif kind == "message_delta" and answer is not None:
            _end(answer, said)
        elif kind == "message_stop" and answer is not None:
            for place, text in arguments.items():
                _call(blocks[place], text)
            return json_text.dumps({**answer, "content": list(blocks.values())})
    return None


def _add(block: dict[str, Any], delta: dict[str, Any]) -> None:
    name = _JOINED.get(str(delta.get("type")))
    if name is not None and isinstance(delta.get(name), str):
        block[name] = (block.get(name) or "") + delta[name]
    elif isinstance(delta.get("citation"), dict):
        block["citations"] = [*(block.get("citations") or ()), delta["citation"]]


def _call(block: dict[str, Any], text: str) -> None:
    """Input that is no JSON stays text: it is what the model said."""
    if not text:
        return
    try:
        block["input"] = json.loads(text)
    except (ValueError, RecursionError):
        block["input"] = text


def _end(answer: dict[str, Any], said: dict[str, Any]) -> None:
    if isinstance(said.get("delta"), dict):
        answer.update(said["delta"])
    if isinstance(said.get("usage"), dict):
        answer["usage"] = {**(answer.get("usage") or {}), **said["usage"]}


def _events(frames: bytes) -> list[dict[str, Any]]:
    parser = SseParser()
    found = []
    for event in [*parser.feed(frames), *parser.finish()]:
        if event.data is None:
            continue
        try:
            said = json_text.loads(event.data)
        except ValueError:
            continue
        if isinstance(said, dict):
            found.append({"type": event.event, **said} if event.event else said)
    return found
