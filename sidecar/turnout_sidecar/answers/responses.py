"""Edits a stream of the Responses API.

Rules: a text is told by the type of its deltas and its place in the output, since ids may move; it ends with its own `.done`, or
with that of its part or item, or with the response; what was held goes out as one more delta before that. What the end of
a text, part, item or response repeats is what the deltas said in all. Events are numbered: after a frame was left out or added
all others are numbered anew, so that there is no gap.
"""

import re
from collections.abc import Hashable, Mapping
from typing import Any, Final

from turnout_sidecar.answers import json_text, verdicts, whole
from turnout_sidecar.answers.channels import Editor, changed
from turnout_sidecar.answers.kinds import Edit, Kind, Last, Make
from turnout_sidecar.answers.leaves import Step, counted
from turnout_sidecar.answers.templates import Template
from turnout_sidecar.wire.json_edit import replace_members
from turnout_sidecar.wire.sse import SseEvent, write_event

_DELTA, _DONE = ".delta", ".done"
SEQUENCE: Final = "sequence_number"
_NUMBERED: Final = re.compile(rb'"sequence_number"\s*:\s*(\d+)')
_ENDS: Final = frozenset({"response.completed", "response.incomplete", "response.failed", "error"})
_PARTS: Final = frozenset({"response.output_item", "response.content_part", "response.reasoning_summary_part"})
_INDEXES: Final = ("output_index", "content_index", "summary_index")
_PLACE: Final = ("item_id", *_INDEXES)
_WORDLESS: Final = re.compile(r"(?:audio|image)\.delta\Z")
_SILENT: Final = frozenset({"type", SEQUENCE, *_PLACE, "delta", "logprobs", "obfuscation"})


REPEATS: Final = frozenset(
    {
        "instructions",
        "metadata",
        "tools",
        "text",
        "prompt",
        "user",
        "safety_identifier",
        "prompt_cache_key",
        "reasoning",
        "input",
    }
)
"""Members of a response that repeat the call."""


class ResponsesEditor(Editor):
    """See kinds.StreamEditor."""

    remembers = True

    def __init__(self, make: Make, last: Last | None = None, edit: Edit | None = None, *, echo: bool = True) -> None:
        super().__init__(make, last, edit, echo=echo)
        self._shift = 0  # by how much the events are numbered otherwise than they came
        self._next: int | None = None  # the number of the next event, as it will come

    def read(self, event: SseEvent, said: dict[str, Any]) -> bytes:
        """See Editor."""
        kind = said.get("type") or event.event
        kind = kind if isinstance(kind, str) else ""
        number = said.get(SEQUENCE)
        number = number if number.__class__ is int else None
        if number is not None:
            self._next = number
        if _WORDLESS.search(kind) is not None:
            return self._out(event, event.data or b"", number)
        if kind.endswith(_DELTA) and isinstance(said.get("delta"), str):
            return self._delta(event, said, kind, number)
        held = b""
        if kind.endswith(_DONE):
            held = self._ended(kind.removesuffix(_DONE), said)
        elif kind in _ENDS or said.get("error"):
            held = self.end() + (self.verdict() if kind in _ENDS and kind != "error" else b"")
        return held + self._out(event, self.whole_data(event, _kind(kind.removesuffix(_DONE))), number)

    def flushed(self, key: Hashable) -> bytes:
        """See Editor."""
        closed = self.close(key)
        if closed is None or not closed[1]:
            return b""
        about: dict[str, Any] = dict(closed[0].about)
        about["delta"] = closed[1]
        if "logprobs" in about:
            about["logprobs"] = []
        about.update(self._added())
        return write_event(json_text.dumps(about), about["type"])

    def repeats(self, path: tuple[Step, ...]) -> bool:
        """See Editor."""
        return len(path) > 1 and path[0] == "response" and path[1] in REPEATS

    def told(self, verdict: Mapping[str, Any]) -> bytes:
        """See Editor."""
        return verdicts.event(verdict, self._added())

    def _added(self) -> dict[str, int]:
        """The number of a frame that did not come, and is sent here."""
        if self._next is None:
            return {}
        self._shift += 1
        return {SEQUENCE: self._next + self._shift - 1}

    def fits(self, raw: bytes, template: Template, texts: list[str]) -> bytes:
        """See Editor."""
        number = template.number
        if number is not None:
            self._next = number + 1
        out = [self.grow(self.open[key], text) for key, text in zip(template.keys, texts, strict=True)]
        if out != texts and not any(out):
            self._shift -= number is not None
            return b""
        if number is not None:
            number = number + self._shift if self._shift else None
        if out == texts:
            return raw if number is None else template.written(raw, None, number)
        return template.written(raw, out, number)

    def _delta(self, event: SseEvent, said: dict[str, Any], kind: str, number: int | None) -> bytes:
        data = event.data or b""
        if not said["delta"]:
            return self._out(event, self.whole_data(event), number)
        if number is not None:
            self._next = number + 1
        base = kind.removesuffix(_DELTA)
        key = (base, *_indexes(said))
        about = {name: value for name, value in said.items() if name in _SILENT and name != "obfuscation"}
        text = self.start(key, _kind(base), _named(base, said), {**about, "type": kind})
        found, count = counted(said, _kind(base))
        silent = len(found) == 1 and said.keys() <= _SILENT
        if silent and not said.get("logprobs"):
            self.learn(event, [(found[0].number, key)], count, silent=True)
        new: dict[int, bytes] = {}
        for leaf in found:
            grows = leaf.path == ("delta",)
            out = self.grow(text, leaf.text) if grows else self.once(leaf.kind, leaf.text)
            if grows and silent and not out:
                self._shift -= number is not None
                return b""
            if out != leaf.text:
                new[leaf.number] = json_text.string(out)
        if new:
            data = json_text.strings_of(data, count).written(new, whole.spelled(said))
        return self._out(event, data, number)

    def _ended(self, base: str, said: dict[str, Any]) -> bytes:
        """Frames of what is held of the texts that end with this event."""
        own = _indexes(said)
        frames = []
        for key in [key for key in self.open if isinstance(key, tuple)]:
            same = all(mine is None or mine == other for mine, other in zip(own, key[1:], strict=True))
            if same and (base == key[0] or base in _PARTS):
                frames.append(self.flushed(key))
        return b"".join(frames)

    def _out(self, event: SseEvent, data: bytes, number: int | None) -> bytes:
        """The event with this data, and numbered as it is now."""
        if number is not None:
            self._next = number + 1
            if self._shift:
                data = renumbered(data, number + self._shift)
        return changed(event, data)


def renumbered(data: bytes, number: int) -> bytes:
    """The data of an event with another number."""
    marks = list(_NUMBERED.finditer(data))
    if len(marks) == 1:
        return b"%b%d%b" % (data[: marks[0].start(1)], number, data[marks[0].end(1) :])
    return replace_members(data, {SEQUENCE: b"%d" % number})


def _indexes(said: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(value if (value := said.get(name)).__class__ is int else None for name in _INDEXES)


def _kind(base: str) -> Kind:
    """The kind of a text by the type of its events."""
    if base.endswith("_arguments"):
        return "arguments"
    if "reasoning" in base:
        return "reasoning"
    return "refusal" if base.endswith(".refusal") else "content"


def _named(base: str, said: dict[str, Any]) -> str:
    """The place in words."""
    known = [str(value) for value in _indexes(said) if value is not None]
    return f"output[{']['.join(known)}].{base.removeprefix('response.')}"
