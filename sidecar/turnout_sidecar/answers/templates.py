"""Frames that differ from one before them in one text only, known again without reading them.

Why: nearly all frames of a stream are alike but for a few words, and reading each as JSON costs more than all else that is
done with it. A template is learned from a frame that was read: the bytes before and after its text, in which only padding,
counts and the number of the event may be others. Rules: a frame fits if all those bytes are the same and what is between them
is the inside of one JSON string, so it means the same as the one that was read; whatever does not fit is read.
"""

import re
from collections.abc import Callable, Hashable
from typing import Final

import orjson

from turnout_sidecar.answers import json_text
from turnout_sidecar.wire.sse import SseEvent

_INSIDE: Final = re.compile(rb'[^"\\\x00-\x1f]*+(?:\\["\\/bfnrtu][^"\\\x00-\x1f]*+)*+')
_DIGITS: Final = re.compile(rb"\d{1,15}")
_COUNTS: Final = re.compile(rb'\{(?:[^{}"]|"[^"\\]*"|\{(?:[^{}"]|"[^"\\]*")*\})*\}')
_VARYING: Final = re.compile(rb'"(?:obfuscation"\s*:\s*"()|sequence_number"\s*:\s*(?=\d)|usage"\s*:\s*(?=(\{)))')
_QUOTE, _ESCAPE = b'"\\'
_LINE_ENDS: Final = (b"\n\n", b"\r\n\r\n")
_MOST: Final = 4
_BUDGET: Final = 24

Find = Callable[[bytes, int], re.Match[bytes] | None]


class Template:
    """One template. What `fit` finds is there until its next call."""

    __slots__ = (
        "_end",
        "_head",
        "_number",
        "_parts",
        "_plain",
        "_start",
        "_tail",
        "key",
        "number",
        "numbers",
        "silent",
    )

    def __init__(self, raw: bytes, start: int, end: int, key: Hashable, *, silent: bool) -> None:
        self.key = key
        self.silent = silent
        """Whether the frame says nothing where its text is empty."""
        self.number: int | None = None
        self._start = self._end = 0
        self._number = (0, 0)
        marks = [*_varying(raw, 0, start), (start, end, _INSIDE, False), *_varying(raw, end, len(raw))]
        self._head = raw[: marks[0][0]]
        ends = [*(mark[0] for mark in marks[1:]), len(raw)]
        self._parts: list[tuple[Find, bytes, bool, bool]] = [
            (mark[2].match, raw[mark[1] : after], mark[0] == start, mark[3])
            for mark, after in zip(marks, ends, strict=True)
        ]
        self._tail = self._parts[-1][1]
        self._plain = len(marks) == 1
        self.numbers = sum(mark[3] for mark in marks)

    def fit(self, raw: bytes) -> str | None:
        """The text of the frame, if it fits."""
        head = self._head
        if self._plain:
            tail = self._tail
            if raw[: len(head)] != head or raw[-len(tail) :] != tail or len(raw) < len(head) + len(tail):
                return None
            text = raw[len(head) : -len(tail)]
            if _QUOTE not in text and _ESCAPE not in text:
                try:
                    said = text.decode()
                except ValueError:
                    return None
                if said.isprintable():
                    self._start, self._end = len(head), len(raw) - len(tail)
                    return said
        return self._found(raw)

    def _found(self, raw: bytes) -> str | None:
        head = self._head
        if not (raw.startswith(head) and raw.endswith(self._tail)):
            return None
        at = len(head)
        for find, literal, is_text, is_number in self._parts:
            found = find(raw, at)
            if found is None:
                return None
            end = found.end()
            if not raw.startswith(literal, end):
                return None
            if is_text:
                self._start, self._end = at, end
            elif is_number:
                self._number = (at, end)
                self.number = int(raw[at:end])
            at = end + len(literal)
        if at != len(raw):
            return None
        text = raw[self._start : self._end]
        try:
            return str(orjson.loads(b'"%b"' % text)) if b"\\" in text else text.decode()
        except ValueError:
            return None

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


def _varying(raw: bytes, start: int, end: int) -> list[tuple[int, int, re.Pattern[bytes], bool]]:
    """What may vary between the two places."""
    found = []
    done = start
    for mark in _VARYING.finditer(raw, start, end):
        number = mark[1] is None and mark[2] is None
        pattern = _DIGITS if number else _INSIDE if mark[1] is not None else _COUNTS
        value = pattern.match(raw, mark.end(), end)
        if value is not None and mark.start() >= done:
            found.append((value.start(), value.end(), pattern, number))
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
