"""Edits a stream of chat chunks.

Rules: each choice and each member of its delta that is text has a channel of its own, tool calls by their index, whatever the
member's name is; a choice's texts end with its `finish_reason`, in that very chunk where it brings some of them, else in a
chunk before it; a choice that goes on after that (some servers finish each chunk) is held until the stream ends; a chunk
that has come to say nothing is not sent; names, links and notes come whole and are edited so.
"""

from collections.abc import Hashable, Mapping
from typing import Any, Final

from turnout_sidecar.answers import json_text, verdicts
from turnout_sidecar.answers.channels import Editor, nested
from turnout_sidecar.answers.frames import with_data
from turnout_sidecar.answers.kinds import Edit, Last, Make
from turnout_sidecar.answers.leaves import MACHINE, ONCE, Leaf, counted
from turnout_sidecar.answers.whole import edit_object, spelled
from turnout_sidecar.wire.sse import SseEvent, write_event

_DONE: Final = b"[DONE]"
_HEAD: Final = ("id", "object", "created", "model", "service_tier", "system_fingerprint", "provider")
_SILENT: Final = frozenset({*_HEAD, "choices", "obfuscation", "usage"})
_SILENT_IN_CHOICE: Final = frozenset(
    {"index", "delta", "logprobs", "finish_reason", "native_finish_reason", "stop_reason"}
)
_CALLS: Final = "tool_calls"
_IN_DELTA: Final = 4
"""Steps of a path before it is inside of a member of a delta."""

Key = tuple[Any, ...]
"""The choice's index, then the steps inside of its delta; see leaves.Step."""


class _Chunk:
    """One chunk while it is edited."""

    __slots__ = ("before", "leaves", "objects", "strings", "texts")

    def __init__(self) -> None:
        self.before: list[bytes] = []  # frames that go out ahead of it
        self.leaves: dict[int, Leaf] = {}
        self.strings: dict[int, str] = {}  # what each string has become, by its number
        self.texts: dict[Hashable, int] = {}  # the last string of each text that is open
        self.objects: list[Leaf] = []


class ChatEditor(Editor):
    """See kinds.StreamEditor."""

    def __init__(self, make: Make, last: Last | None = None, edit: Edit | None = None, *, echo: bool = True) -> None:
        super().__init__(make, last, edit, echo=echo)
        self._latest: dict[str, Any] = {}
        self._calls: dict[tuple[int, Any], str] = {}
        self._current: dict[int, Any] = {}
        self._finished: set[int] = set()
        self._goes_on: set[int] = set()

    def odd(self, event: SseEvent) -> bytes:
        """The end of the stream, or no JSON at all."""
        if (event.data or b"").strip() == _DONE:
            return self.end() + self.verdict() + event.raw
        return self.whole(event)

    def flushed(self, key: Hashable) -> bytes:
        """See Editor."""
        closed = self.close(key)
        if closed is None or not closed[1]:
            return b""
        choice, *steps = closed[0].about
        delta = nested(steps, closed[1])
        piece = {"index": choice, "delta": delta, "logprobs": None, "finish_reason": None}
        return write_event(json_text.dumps({**self._head(), "choices": [piece]}))

    def told(self, verdict: Mapping[str, Any]) -> bytes:
        """See Editor."""
        return verdicts.chunk(verdict, self._head())

    def _head(self) -> dict[str, Any]:
        return {name: self._latest[name] for name in _HEAD if isinstance(self._latest.get(name), str | int | float)}

    def read(self, event: SseEvent, said: dict[str, Any]) -> bytes:
        """See Editor."""
        choices = said.get("choices")
        if said.get("error") or not isinstance(choices, list):
            return self.end() + self.whole(event)
        if choices:
            self._latest = said
        found, count = counted(said)
        chunk = _Chunk()
        self._grow(chunk, found)
        if found and len(found) == len(chunk.texts) and _is_one_of_many(choices):
            self.learn(event, [(number, key) for key, number in chunk.texts.items()], count, silent=_is_silent(said))
        for choice in choices:
            if isinstance(choice, dict) and choice.get("finish_reason"):
                self._finish(_index(choice), chunk)
        return b"".join([*chunk.before, self._written(event, said, chunk, count)])

    def _grow(self, chunk: _Chunk, found: list[Leaf]) -> None:
        """Feed each text to its channel, in order."""
        for leaf in found:
            if leaf.whole:
                chunk.objects.append(leaf)
                continue
            chunk.leaves[leaf.number] = leaf
            key = self._place(leaf)
            if key is None:
                chunk.strings[leaf.number] = self.once(leaf.kind, leaf.text)
                continue
            self._new_call(leaf, key, chunk)
            if key[0] in self._finished:
                self._goes_on.add(key[0])
            text = self.start(key, leaf.kind, _named(key), key)
            chunk.strings[leaf.number] = self.grow(text, leaf.text)
            chunk.texts[key] = leaf.number

    def _place(self, leaf: Leaf) -> Key | None:
        """The text that this is a piece of; None for what comes whole."""
        path = leaf.path
        if leaf.once or leaf.name or len(path) < _IN_DELTA or path[0] != "choices" or path[2] != "delta":
            return None
        step = path[1]
        found = dict(step).get("index") if isinstance(step, tuple) else None
        choice = found if isinstance(found, int) else 0
        if path[3] != _CALLS or len(path) == _IN_DELTA:
            return (choice, *map(_same, path[3:]))
        step = path[4]
        index = dict(step).get("index") if isinstance(step, tuple) else None
        if index is None:
            index = self._current.get(choice)
        self._current[choice] = index
        return (choice, _CALLS, (("index", index),) if index is not None else (), *map(_same, path[5:]))

    def _new_call(self, leaf: Leaf, key: Key, chunk: _Chunk) -> None:
        """A call with another id under the same index is another call: what was held of the one before is said first."""
        if len(key) <= 2 or key[1] != _CALLS:  # noqa: PLR2004
            return
        step = leaf.path[4]
        identity = dict(step).get("id") if isinstance(step, tuple) else None
        before = self._calls.get((key[0], key[2]))
        if identity is None or identity == before:
            return
        self._calls[key[0], key[2]] = identity
        if before is not None:
            for other in [other for other in self.open if isinstance(other, tuple) and other[:3] == key[:3]]:
                self._end_text(other, chunk)

    def _finish(self, choice: int, chunk: _Chunk) -> None:
        if choice in self._goes_on:
            return
        self._finished.add(choice)
        for key in [key for key in self.open if isinstance(key, tuple) and key[0] == choice]:
            self._end_text(key, chunk)

    def _end_text(self, key: Hashable, chunk: _Chunk) -> None:
        """What was held goes out in this chunk if it has a piece of the text, else before it."""
        number = chunk.texts.pop(key, None)
        if number is None:
            chunk.before.append(self.flushed(key))
            return
        closed = self.close(key)
        if closed is not None:
            chunk.strings[number] += closed[1]

    def _written(self, event: SseEvent, said: dict[str, Any], chunk: _Chunk, count: int) -> bytes:
        changed = {number for number, text in chunk.strings.items() if text != chunk.leaves[number].text}
        if not changed and not chunk.objects:
            return event.raw
        if changed and not any(chunk.strings.values()) and not chunk.objects and _is_silent(said):
            return b""
        data = event.data or b""
        strings = json_text.strings_of(data, count)
        values: dict[int, bytes] = {}
        for leaf in chunk.objects:
            edit_object(strings, leaf, self.once, values)
        if not changed and not values:
            return event.raw
        if changed:
            values.update(spelled(said))
        return with_data(event, strings.written({n: json_text.string(chunk.strings[n]) for n in changed}, values))


def _is_one_of_many(choices: list[Any]) -> bool:
    """Whether others like it may follow: it neither ends a choice nor brings probabilities."""
    return not any(
        choice.get("finish_reason") or choice.get("logprobs") for choice in choices if isinstance(choice, dict)
    )


def _is_silent(said: dict[str, Any]) -> bool:
    """Whether nothing is left of the chunk where its texts are empty."""
    if not said.keys() <= _SILENT or said.get("usage"):
        return False
    for choice in said["choices"]:
        if not isinstance(choice, dict) or not choice.keys() <= _SILENT_IN_CHOICE:
            return False
        if choice.get("finish_reason") or choice.get("native_finish_reason") or choice.get("stop_reason"):
            return False
        if _says(choice.get("delta")):
            return False
    return bool(said["choices"])


def _says(delta: Any) -> bool:
    """Whether a delta says anything but text."""
    stack = [("", delta)]
    while stack:
        name, value = stack.pop()
        if isinstance(value, dict):
            stack.extend(value.items())
        elif isinstance(value, list):
            stack.extend(("", each) for each in value)
        elif isinstance(value, str):
            machine = name in MACHINE or name in ONCE or name == "data" or name.endswith("_id")
            if value and machine and name != "type":
                return True
        elif value is not None and name != "index":
            return True
    return False


def _index(choice: dict[str, Any]) -> int:
    index = choice.get("index")
    return index if index.__class__ is int and index >= 0 else 0


def _same(step: Any) -> Any:
    """What tells an element of a list from others; an id may stand in its first piece only."""
    return tuple(each for each in step if each[0] != "id") if isinstance(step, tuple) else step


def _named(about: Key) -> str:
    """The place in words."""
    parts = [f"choices[{about[0]}]"]
    for step in about[1:]:
        if isinstance(step, str):
            parts.append(f".{step}")
        else:
            known = dict(step) if isinstance(step, tuple) else {"index": step}
            parts.append(f"[{known.get('index', known.get('type', ''))}]")
    return "".join(parts)
