"""Edits a stream of Anthropic's Messages API.

Rules: each block has a channel for each type of its deltas, known or not; a block's texts end with its
`content_block_stop`, thoughts already with their signature, and all with `message_delta`, `message_stop` or an error; a delta
that has come to say nothing is not sent; citations, results of tools and the input that a block starts with come whole.
"""

from collections.abc import Hashable, Mapping
from typing import Any, Final

from turnout_sidecar.answers import json_text, verdicts
from turnout_sidecar.answers.channels import Editor, Open
from turnout_sidecar.answers.frames import with_data
from turnout_sidecar.answers.leaves import Leaf, Step, counted
from turnout_sidecar.wire.sse import SseEvent, write_event

_START, _DELTA, _STOP = "content_block_start", "content_block_delta", "content_block_stop"
_LAST: Final = "message_stop"
_ENDS: Final = frozenset({"message_delta", _LAST, "error"})
_SIGNED: Final = "signature_delta"
_WORDS: Final = {"text": ("text", "text_delta"), "thinking": ("thinking", "thinking_delta")}
"""Members of a block that its deltas go on with, and the deltas' type."""
_DELTA_MEMBERS: Final = frozenset({"type", "index", "delta"})


class MessagesEditor(Editor):
    """See kinds.StreamEditor."""

    def read(self, event: SseEvent, said: dict[str, Any]) -> bytes:
        """See Editor."""
        kind = said.get("type") or event.event
        kind = kind if isinstance(kind, str) else ""
        if kind == _DELTA:
            return self._delta(event, said)
        if kind == _START:
            return self._begun(event, said)
        if kind == _STOP:
            return self._ended(said.get("index")) + self.whole(event)
        if kind in _ENDS or said.get("error"):
            held = self.end()
            return held + (self.verdict() if kind == _LAST else b"") + self.whole(event)
        return self.whole(event)

    def flushed(self, key: Hashable) -> bytes:
        """See Editor."""
        closed = self.close(key)
        if closed is None or not closed[1]:
            return b""
        index, type_, name = closed[0].about
        place = {} if index is None else {"index": index}
        data = {"type": _DELTA, **place, "delta": {"type": type_, name: closed[1]}}
        return write_event(json_text.dumps(data), _DELTA)

    def repeats(self, path: tuple[Step, ...]) -> bool:
        """See Editor."""
        return path[-1:] == ("stop_sequence",)

    def told(self, verdict: Mapping[str, Any]) -> bytes:
        """See Editor."""
        return verdicts.event(verdict)

    def _ended(self, index: Any, type_: str | None = None) -> bytes:
        """Frames of what is held of this block."""
        keys = [key for key, text in self.open.items() if text.about[0] == index and type_ in (None, text.about[1])]
        return b"".join([self.flushed(key) for key in keys])

    def _delta(self, event: SseEvent, said: dict[str, Any]) -> bytes:
        delta = said.get("delta")
        type_ = delta.get("type") if isinstance(delta, dict) else None
        if type_ == _SIGNED:
            return self._ended(said.get("index"), "thinking_delta") + self.whole(event)
        return self._edited(event, said, lambda leaf: self._in_delta(said, type_, leaf))

    def _begun(self, event: SseEvent, said: dict[str, Any]) -> bytes:
        block = said.get("content_block")
        type_ = block.get("type") if isinstance(block, dict) else None
        words = _WORDS.get(type_) if isinstance(type_, str) else None
        return self._edited(event, said, lambda leaf: self._in_start(said, words, leaf))

    def _in_delta(self, said: dict[str, Any], type_: Any, leaf: Leaf) -> Hashable:
        if leaf.path[0] != "delta" or len(leaf.path) != 2 or leaf.once or not isinstance(type_, str):  # noqa: PLR2004
            return None
        return self._text(said, type_, leaf)

    def _in_start(self, said: dict[str, Any], words: tuple[str, str] | None, leaf: Leaf) -> Hashable:
        if words is None or leaf.path != ("content_block", words[0]):
            return None
        return self._text(said, words[1], leaf)

    def _text(self, said: dict[str, Any], type_: str, leaf: Leaf) -> Hashable:
        """The key of the open text of this block and type."""
        index = said.get("index")
        index = index if index.__class__ is int else None
        name = leaf.path[-1]
        key = (index, type_, name)
        self.start(key, leaf.kind, f"content[{'' if index is None else index}].{name}", key)
        return key

    def _edited(self, event: SseEvent, said: dict[str, Any], place: Any) -> bytes:
        data = event.data or b""
        found, count = counted(said)
        if any(leaf.whole for leaf in found):
            return self.whole(event)
        new: dict[int, bytes] = {}
        left = ""
        for leaf in found:
            key = place(leaf)
            if key is None:
                text = self.once(leaf.kind, leaf.text)
            else:
                if len(found) == 1 and said.keys() <= _DELTA_MEMBERS and leaf.path[0] == "delta":
                    self.learn(event, [(leaf.number, key)], count, silent=True)
                text = self.grow(self._open(key), leaf.text)
            left += text
            if text != leaf.text:
                new[leaf.number] = json_text.string(text)
        if not new:
            return event.raw
        if not left and len(found) == 1 and said.keys() <= _DELTA_MEMBERS and "delta" in said:
            return b""
        return with_data(event, json_text.strings_of(data, count).written(new, {}))

    def _open(self, key: Hashable) -> Open:
        return self.open[key]
