"""The messages of a call as Converse's `messages` and `system`.

Rules: turns of one role are one; results of tools stand first in the user's; blank texts, which Converse refuses, are left
out; ids that another provider made are turned into legal ones, the same way in call and result; thoughts go back where they
are signed, and unchanged; a mark for the cache becomes a point behind what it marks.
"""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from turnout_sidecar.wire.canonical import (
    Audio,
    Document,
    Image,
    Part,
    Refusal,
    Request,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from turnout_sidecar.wire.converse.media import Media
from turnout_sidecar.wire.converse.support import TITLE
from turnout_sidecar.wire.gemini.signatures import MARK as OF_GEMINI
from turnout_sidecar.wire.signed_ids import legal
from turnout_sidecar.wire.support import arguments_object

_INSTRUCTIONS: Final = ("system", "developer")
_NAMELESS: Final = "unnamed"
_FOREIGN: Final = (OF_GEMINI, "responses:")
"""Marks of signatures that only their own provider takes."""
_Wire = dict[str, Any]


class History(msgspec.Struct):
    """What the messages became. `tools` are the names of tools that were called; `lost` names what was left out."""

    system: list[_Wire]
    messages: list[_Wire]
    tools: dict[str, None]
    lost: set[str]


def cache_point(ttl: str) -> _Wire:
    """A point up to which the provider should keep the prefix."""
    point = {"type": "default"}
    if ttl == "1h":  # five minutes is what it does anyway
        point["ttl"] = ttl
    return {"cachePoint": point}


def write_history(request: Request, *, thinking: bool, caching: bool) -> History:
    """`thinking`: the model has thoughts; `caching`: it takes marks for the cache. Raises Untranslatable."""
    history = History([], [], {}, set())
    writer = _Writer(history, thinking=thinking, caching=caching)
    for message in request.messages:
        blocks = [block for part in message.parts for block in writer.write(part)]
        if message.role in _INSTRUCTIONS:
            history.system += [block for block in blocks if "text" in block or "cachePoint" in block]
        elif blocks and history.messages and history.messages[-1]["role"] == message.role:
            history.messages[-1]["content"] += blocks
        elif blocks:
            history.messages.append({"role": message.role, "content": blocks})
    for turn in history.messages:
        if turn["role"] == "user":
            turn["content"] = _results_first(turn["content"])
    if not history.messages and history.system:  # a call must hold a turn
        history.messages.append({"role": "user", "content": history.system})
        history.system = []
    return history


def _results_first(blocks: list[_Wire]) -> list[_Wire]:
    """Results before the rest, each with the point that stands behind it."""
    groups: list[list[_Wire]] = []
    for block in blocks:
        if "cachePoint" in block and groups:
            groups[-1].append(block)
        else:
            groups.append([block])
    groups.sort(key=lambda group: "toolResult" not in group[0])
    return [block for group in groups for block in group]


class _Writer:
    """Writes parts."""

    def __init__(self, history: History, *, thinking: bool, caching: bool) -> None:
        self._history = history
        self._thinking = thinking
        self._caching = caching
        self._media = Media()

    def write(self, part: Part) -> Iterator[_Wire]:
        """The blocks of a part. Raises Untranslatable."""
        block = self._block(part)
        if block is not None:
            yield block
            cache = None if isinstance(part, Thinking | Refusal | Audio) else part.cache
            if cache is not None and self._caching:
                yield cache_point(cache)

    def _block(self, part: Part) -> _Wire | None:
        match part:
            case Text() | Refusal():
                return {"text": part.text} if part.text.strip() else None
            case Image() | Document() | Audio():
                return self._media.write(part)
            case Thinking():
                return self._thought(part)
            case ToolCall():
                name = part.name or _NAMELESS
                self._history.tools[name] = None
                return {
                    "toolUse": {
                        "toolUseId": legal(part.id),
                        "name": name,
                        "input": arguments_object(part.arguments, TITLE),
                    }
                }
            case ToolResult():
                return self._result(part)

    def _thought(self, part: Thinking) -> _Wire | None:
        proof = part.redacted or part.signature
        if not self._thinking or not proof or proof.startswith(_FOREIGN):
            self._history.lost.add("messages (thinking)")
            return None
        if part.redacted:
            return {"reasoningContent": {"redactedContent": proof}}
        return {"reasoningContent": {"reasoningText": {"text": part.text, "signature": proof}}}

    def _result(self, part: ToolResult) -> _Wire:
        content = [
            {"text": inner.text} if isinstance(inner, Text) else self._media.write(inner)
            for inner in part.parts
            if not isinstance(inner, Text) or inner.text.strip()
        ]
        result: _Wire = {"toolUseId": legal(part.id), "content": content}
        if part.is_error:
            result["status"] = "error"
        return {"toolResult": result}
