"""Frames that differ from one before them in their texts only, known again without reading them.

Why: nearly all frames of a stream are alike but for a few words, and reading each as JSON costs more than all else that is
done with it. A template is learned from a frame that was read: the bytes around its texts, in which only padding, counts
and the number of the event may be others. Rules: a frame fits if all those bytes are the same and what is between them is the
inside of one JSON string, so it means the same as the one that was read; whatever does not fit is read.
"""

import re
from collections.abc import Hashable
from itertools import pairwise
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
_BUDGET: Final = 48

Text = tuple[int, Hashable]
"""The number of a string in the data of a frame, and the text that it is a piece of."""
_Part = tuple[re.Pattern[bytes] | None, bytes]
"""What may vary, None: a text; and the bytes that follow it, the same each time; none after the last."""


class Template:
    """One template. What `fit` finds is there until its next call."""

    __slots__ = (
        "_after",
        "_before",
        "_head",
        "_number",
        "_parts",
        "_spans",
        "_tail",
        "keys",
        "number",
        "numbers",
        "plain",
        "silent",
    )

    def __init__(self, raw: bytes, texts: list[tuple[int, int, Hashable]], *, silent: bool) -> None:
        self.keys = [key for _, _, key in texts]
        self.silent = silent
        """Whether the frame says nothing where its texts are empty."""
        self.number: int | None = None
        self._number = (0, 0)
        self._spans: list[tuple[int, int]] = []
        marks: list[tuple[int, int, re.Pattern[bytes] | None]] = []
        done = 0
        for start, end, _ in texts:
            marks += [*_varying(raw, done, start), (start, end, None)]
            done = end
        marks += _varying(raw, done, len(raw))
        self.numbers = sum(pattern is _DIGITS for _, _, pattern in marks)
        self._head, self._tail = raw[: marks[0][0]], raw[marks[-1][1] :]
        self._parts: list[_Part] = [
            (pattern, raw[end:following]) for (_, end, pattern), (following, _, _) in pairwise(marks)
        ]
        self._parts.append((marks[-1][2], b""))
        self._before, self._after = len(self._head), len(self._tail)
        self.plain = len(marks) == 1
        """Whether it has one text, and nothing else varies."""

    def only(self, raw: bytes) -> str | None:
        """The text of the frame, if it fits: the quick way for plain ones."""
        start, end = self._before, len(raw) - self._after
        if raw[:start] != self._head or raw[end:] != self._tail or start > end:
            return None
        self._spans = [(start, end)]
        return _inside(raw[start:end])

    def fit(self, raw: bytes) -> list[str] | None:
        """The texts of the frame, if it fits."""
        start, last = self._before, len(raw) - self._after
        if raw[:start] != self._head or raw[last:] != self._tail or start > last:
            return None
        texts: list[str] = []
        self._spans = []
        for pattern, literal in self._parts:
            end = raw.find(literal, start, last) if literal else last
            if end < 0:
                return None
            if pattern is None:
                text = _inside(raw[start:end])
                if text is None:
                    return None
                texts.append(text)
                self._spans.append((start, end))
            elif pattern.fullmatch(raw, start, end) is None:
                return None
            elif pattern is _DIGITS:
                self._number = (start, end)
            start = end + len(literal)
        if self.numbers:
            self.number = int(raw[self._number[0] : self._number[1]])
        return texts

    def written(self, raw: bytes, texts: list[str] | None, number: int | None) -> bytes:
        """The frame that was last found to fit, with other texts or another number; None: as they are."""
        changes = [] if number is None else [(*self._number, b"%d" % number)]
        for (start, end), text in zip(self._spans, texts or (), strict=False):
            changes.append((start, end, json_text.string(text)[1:-1]))
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

    __slots__ = ("_budget", "_known", "plain")

    def __init__(self) -> None:
        self._known: list[Template] = []
        self._budget = _BUDGET
        self.plain: Template | None = None
        """The one used last, if it is plain."""

    def fit(self, raw: bytes) -> tuple[Template, list[str]] | None:
        """The template that fits, and the texts of the frame."""
        for place, template in enumerate(self._known):
            texts = template.fit(raw)
            if texts is not None:
                if place:
                    self._first(self._known.pop(place))
                elif self._budget < _BUDGET:
                    self._budget += 1
                return template, texts
        return None

    def learn(self, event: SseEvent, texts: list[Text], count: int, *, silent: bool) -> None:
        """Take a frame with `count` strings that says nothing but these texts, and what says nothing."""
        data = event.data
        end_of_data = 0 if data is None else event.raw.rfind(data) + len(data)
        if self._budget <= 0 or data is None or event.raw[end_of_data:] not in _LINE_ENDS:
            return
        self._budget -= 1
        spans = json_text.Strings(data).spans
        if len(spans) != count:
            return
        before = end_of_data - len(data)
        placed = [(before + spans[number][0] + 1, before + spans[number][1] - 1, key) for number, key in texts]
        template = Template(event.raw, placed, silent=silent)
        if template.numbers <= 1:
            self._first(template)
            del self._known[_MOST:]

    def _first(self, template: Template) -> None:
        self._known.insert(0, template)
        self.plain = template if template.plain else None
