"""Frames that differ from one before them in one text only, known again without reading them.

Why: nearly all frames of a stream are alike but for a few words, and reading each as JSON costs more than all else that is
done with it. A template is learned from a frame that was read: the bytes before and after its text, in which only padding,
counts and the number of the event may be others. Rules: a frame fits if all those bytes are the same and what is between them
is the inside of one JSON string, so it means the same as the one that was read; whatever does not fit is read.
"""

import re
from collections.abc import Hashable
from typing import Final

import orjson

from turnout_sidecar.answers import json_text
from turnout_sidecar.wire.sse import SseEvent

_INSIDE: Final = re.compile(rb'[^"\\\x00-\x1f]*+(?:\\["\\/bfnrtu][^"\\\x00-\x1f]*+)*+')
_DIGITS: Final = re.compile(rb"\d{1,15}")
_LETTERS: Final = re.compile(rb"[0-9A-Za-z]*")
_COUNTS: Final = re.compile(rb'\{(?:[^{}"]|"[^"\\]*"|\{(?:[^{}"]|"[^"\\]*")*\})*\}')
_VARYING: Final = re.compile(rb'"(obfuscation"\s*:\s*"|sequence_number"\s*:\s*(?=\d)|usage"\s*:\s*(?=\{))')
_PATTERNS: Final = {b"o": _LETTERS, b"s": _DIGITS, b"u": _COUNTS}
_QUOTE, _ESCAPE = b'"\\'
_LINE_ENDS: Final = (b"\n\n", b"\r\n\r\n")
_MOST: Final = 4
_BUDGET: Final = 24

Part = tuple[bytes, re.Pattern[bytes]]
"""Bytes that are the same each time, and what stands before them (left of the text) or after them (right of it)."""


class Template:
    """One template. What `fit` finds is there until its next call."""

    __slots__ = ("_end", "_head", "_left", "_number", "_right", "_start", "_tail", "key", "number", "numbers", "silent")

    def __init__(self, raw: bytes, start: int, end: int, key: Hashable, *, silent: bool) -> None:
        self.key = key
        self.silent = silent
        """Whether the frame says nothing where its text is empty."""
        self.number: int | None = None
        self._start = self._end = 0
        self._number = (0, 0)
        before, after = _varying(raw, 0, start), _varying(raw, end, len(raw))
        self.numbers = sum(pattern is _DIGITS for _, _, pattern in (*before, *after))
        heads = [*(first for first, _, _ in before), start]
        self._head = raw[: heads[0]]
        self._left: list[Part] = [
            (raw[last:following], pattern) for (_, last, pattern), following in zip(before, heads[1:], strict=True)
        ]
        tails = [end, *(last for _, last, _ in after)]
        self._tail = raw[tails[-1] :]
        self._right: list[Part] = [
            (raw[previous:first], pattern) for (first, _, pattern), previous in zip(after, tails[:-1], strict=True)
        ]
        self._right.reverse()

    def fit(self, raw: bytes) -> str | None:
        """The text of the frame, if it fits."""
        start, end = len(self._head), len(raw) - len(self._tail)
        if raw[:start] != self._head or raw[end:] != self._tail or start > end:
            return None
        for literal, pattern in self._left:
            found = raw.find(literal, start, end)
            if found < 0 or pattern.fullmatch(raw, start, found) is None:
                return None
            if pattern is _DIGITS:
                self._number = (start, found)
            start = found + len(literal)
        for literal, pattern in self._right:
            found = raw.rfind(literal, start, end)
            if found < 0 or pattern.fullmatch(raw, found + len(literal), end) is None:
                return None
            if pattern is _DIGITS:
                self._number = (found + len(literal), end)
            end = found
        if self.numbers:
            self.number = int(raw[self._number[0] : self._number[1]])
        self._start, self._end = start, end
        return _inside(raw[start:end])

    def written(self, raw: bytes, text: str | None, number: int | None) -> bytes:
        """The frame that was last found to fit, with another text or number; None: as it is."""
        changes = []
        if text is not None:
            changes.append((self._start, self._end, json_text.string(text)[1:-1]))
        if number is not None:
            changes.append((*self._number, b"%d" % number))
        for start, end, new in sorted(changes, reverse=True):
            raw = raw[:start] + new + raw[end:]
        return raw


def _inside(text: bytes) -> str | None:
    """What these bytes say as the inside of one JSON string; None where they are no such thing."""
    try:
        if _QUOTE not in text and _ESCAPE not in text:
            said = text.decode()
            if said.isprintable():
                return said
        if _INSIDE.fullmatch(text) is None:
            return None
        return str(orjson.loads(b'"%b"' % text))
    except ValueError:
        return None


def _varying(raw: bytes, start: int, end: int) -> list[tuple[int, int, re.Pattern[bytes]]]:
    """What may vary between the two places."""
    found = []
    done = start
    for mark in _VARYING.finditer(raw, start, end):
        pattern = _PATTERNS[mark[1][:1]]
        value = pattern.match(raw, mark.end(), end)
        if value is not None and mark.start() >= done:
            found.append((value.start(), value.end(), pattern))
            done = value.end()
    return found


class Templates:
    """The templates of one stream, those used last first."""

    __slots__ = ("_budget", "_known")

    def __init__(self) -> None:
        self._known: list[Template] = []
        self._budget = _BUDGET

    def fit(self, raw: bytes) -> tuple[Template, str] | None:
        """The template that fits, and the text of the frame."""
        for place, template in enumerate(self._known):
            text = template.fit(raw)
            if text is not None:
                if place:
                    self._known.insert(0, self._known.pop(place))
                elif self._budget < _BUDGET:
                    self._budget += 1
                return template, text
        return None

    def learn(self, event: SseEvent, number: int, count: int, key: Hashable, *, silent: bool) -> None:
        """Take a frame that says nothing but the text of its string `number` of `count`, and what says nothing."""
        data = event.data
        end_of_data = 0 if data is None else event.raw.rfind(data) + len(data)
        if self._budget <= 0 or data is None or event.raw[end_of_data:] not in _LINE_ENDS:
            return
        self._budget -= 1
        strings = json_text.Strings(data)
        if len(strings.spans) != count:
            return
        start, end = strings.spans[number]
        before = end_of_data - len(data)
        template = Template(event.raw, before + start + 1, before + end - 1, key, silent=silent)
        if template.numbers <= 1:
            self._known.insert(0, template)
            del self._known[_MOST:]
