"""Frames that differ from one before them in one text only, known again without reading them.

Why: nearly all frames of a stream are alike but for a few words, and reading each as JSON costs more than all else that is
done with it. A template is learned from a frame that was read: the bytes before and after its text, in which only padding and
the number of the event may be others. Rules: a frame fits if all those bytes are the same and what is between them is the
inside of one JSON string, so it means the same as the one that was read; whatever does not fit is read.
"""

import re
from collections.abc import Hashable
from typing import Final

import orjson

from turnout_sidecar.answers import json_text
from turnout_sidecar.wire.sse import SseEvent

_INSIDE: Final = re.compile(rb'[^"\\\x00-\x1f]*+(?:\\["\\/bfnrtu][^"\\\x00-\x1f]*+)*+')
_DIGITS: Final = re.compile(rb"\d{1,15}")
_VARYING: Final = re.compile(rb'"obfuscation"\s*:\s*"()|"sequence_number"\s*:\s*(?=\d)')
_TEXT, _PADDING, _NUMBER = 0, 1, 2
_MOST: Final = 4
_BUDGET: Final = 24


class Fit:
    """A frame that fits: its text, and the number of its event if it has one."""

    __slots__ = ("_end", "_number_end", "_number_start", "_start", "key", "number", "raw", "text")

    def __init__(self, raw: bytes, key: Hashable, text: str, spans: list[tuple[int, int]], kinds: list[int]) -> None:
        self.raw = raw
        self.key = key
        self.text = text
        self._start, self._end = spans[kinds.index(_TEXT)]
        self._number_start = self._number_end = 0
        self.number: int | None = None
        if _NUMBER in kinds:
            self._number_start, self._number_end = spans[kinds.index(_NUMBER)]
            self.number = int(raw[self._number_start : self._number_end])

    def written(self, text: str, number: int | None) -> bytes:
        """The frame with this text and number."""
        changes = []
        if text != self.text:
            changes.append((self._start, self._end, json_text.string(text)[1:-1]))
        if number is not None and number != self.number:
            changes.append((self._number_start, self._number_end, b"%d" % number))
        raw = self.raw
        for start, end, new in sorted(changes, reverse=True):
            raw = raw[:start] + new + raw[end:]
        return raw


class _Template:
    __slots__ = ("_kinds", "_last", "_parts", "key")

    def __init__(self, raw: bytes, start: int, end: int, key: Hashable) -> None:
        self.key = key
        self._parts: list[tuple[bytes, int]] = []
        self._kinds: list[int] = []
        done = self._varying(raw, 0, start)
        self._part(raw[done:start], _TEXT)
        done = self._varying(raw, end, len(raw))
        self._last = raw[done:]

    def _part(self, literal: bytes, kind: int) -> None:
        self._parts.append((literal, kind))
        self._kinds.append(kind)

    def _varying(self, raw: bytes, start: int, end: int) -> int:
        """Take in what may vary between the two places; where the last of it ends."""
        done = start
        for mark in _VARYING.finditer(raw, start, end):
            kind = _NUMBER if mark[1] is None else _PADDING
            if kind == _NUMBER and _NUMBER in self._kinds:
                continue
            value = (_DIGITS if kind == _NUMBER else _INSIDE).match(raw, mark.end())
            if value is not None:
                self._part(raw[done : mark.end()], kind)
                done = value.end()
        return done

    def fit(self, raw: bytes) -> Fit | None:
        """What the frame says, if it fits."""
        at = 0
        spans = []
        text = b""
        for literal, kind in self._parts:
            if not raw.startswith(literal, at):
                return None
            at += len(literal)
            value = (_DIGITS if kind == _NUMBER else _INSIDE).match(raw, at)
            if value is None:
                return None
            spans.append((at, value.end()))
            at = value.end()
            if kind == _TEXT:
                text = value[0]
        if len(raw) != at + len(self._last) or not raw.endswith(self._last):
            return None
        try:
            said = orjson.loads(b'"%b"' % text) if b"\\" in text else text.decode()
        except ValueError:
            return None
        return Fit(raw, self.key, said, spans, self._kinds)


class Templates:
    """The templates of one stream, those used last first."""

    __slots__ = ("_budget", "_known")

    def __init__(self) -> None:
        self._known: list[_Template] = []
        self._budget = _BUDGET

    def fit(self, raw: bytes) -> Fit | None:
        """What the frame says, if any template fits."""
        for place, template in enumerate(self._known):
            fit = template.fit(raw)
            if fit is not None:
                if place:
                    self._known.insert(0, self._known.pop(place))
                elif self._budget < _BUDGET:
                    self._budget += 1
                return fit
        return None

    def learn(self, event: SseEvent, number: int, count: int, key: Hashable) -> None:
        """Take a frame that says nothing but the text of its string `number` of `count`."""
        data = event.data
        if self._budget <= 0 or data is None or not event.raw.endswith(data + b"\n\n"):
            return
        self._budget -= 1
        strings = json_text.Strings(data)
        if len(strings.spans) != count:
            return
        start, end = strings.spans[number]
        before = len(event.raw) - len(data) - 2
        self._known.insert(0, _Template(event.raw, before + start + 1, before + end - 1, key))
        del self._known[_MOST:]
