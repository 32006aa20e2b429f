"""Placeholders put back while a text comes in pieces.

A placeholder may be cut anywhere, also within an escape. What may still become one is kept until it is one or is none; of that,
only what may become one of this very call's is held back from the client, all else goes out at once.

Rules: for every way of cutting, what comes out is what the whole text would give, and what it would count; the pieces that come
out never show a part of a placeholder that is put back; a piece of prose costs a few string operations.
"""

from typing import Protocol

from turnout_sidecar.masking.placeholders import WORDS, Form, lookalikes

_BEGINNINGS = frozenset(word[:end].lower() for word in WORDS for end in range(1, len(word) + 1))
_NAMES = tuple(f"{word.lower()}_" for word in WORDS)
_LETTERS = "_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_MARKS = frozenset("<&;\\_")
_LONGEST = 64  # more than a placeholder takes in any form


class Values(Protocol):
    """Where the values are."""

    def resolve(self, placeholder: str, *, as_json: bool) -> str | None:
        """The value to put in, or None; counted."""

    def expects(self, begun: str, *, whole: bool) -> bool:
        """Whether something that can be put back begins so, or is so if it is whole."""


class Restorer:
    """One channel of a stream: feed its pieces in order, flush at its end, however it ends."""

    __slots__ = ("_as_json", "_form", "_given", "_left", "_open", "_values")

    def __init__(self, values: Values, form: Form, *, as_json: bool) -> None:
        self._values = values
        self._form = form
        self._as_json = as_json
        self._open = ""  # the end of what came, if a placeholder may be under way in it
        self._given = 0  # how much of it went out already: it may be one, but none that is put back
        self._left = ""  # the character before it

    @property
    def held(self) -> str:
        """What came and has not gone out yet."""
        return self._open[self._given :]

    def feed(self, text: str) -> str:
        """What can go out after one more piece."""
        if not text:
            return ""
        text = self._open + text
        if not self._is_plain(text):
            return self._read(text, last=False)
        if self._open:
            text = text[self._given :]
            self._open, self._given = "", 0
        self._left = text[-1]
        return text

    def flush(self) -> str:
        """What was held back."""
        return self._read(self._open, last=True) if self._open else ""

    def _is_plain(self, text: str) -> bool:
        """Whether a piece surely neither ends nor begins a placeholder; in doubt not."""
        if "_" in text or (self._as_json and "\\" in text):
            return False
        last = text[-1]
        if not (last.isascii() and last.isalnum()):
            return last not in _MARKS
        word = text[text.rfind(" ") + 1 :]
        return word.isalpha() and word.isascii() and word.lower() not in _BEGINNINGS

    def _read(self, text: str, *, last: bool) -> str:
        source = self._left + text
        at = len(self._left)  # what is before is written
        given = at + self._given
        end, fresh = (len(source), True) if last else self._decided(source, at)
        out: list[str] = []
        for found in lookalikes(source, self._form, at):
            if found.start >= end:
                break
            value = self._values.resolve(found.name, as_json=self._as_json)
            if value is not None and found.start >= given:
                out += (source[max(at, given) : found.start], value)
                at = found.end
        free = self._free(source, end)
        out.append(source[max(at, given) : free])
        self._open, self._given = source[end:], max(free, given, end) - end
        self._left = "" if fresh else source[max(0, end - 1) : end]
        return "".join(out)

    def _decided(self, source: str, at: int) -> tuple[int, bool]:
        """Up to where nothing that is yet to come changes what is one, and whether what follows stands alone."""
        end = len(source)
        if not (source[-1].isalnum() or source[-1] in _MARKS):
            return end, False
        head = source.rstrip(_LETTERS)
        if len(head) < end and head[-1:] not in {"&", "\\"}:
            word = source[len(head) :].lower()
            if word not in _BEGINNINGS and not word.startswith(_NAMES):
                return end, False
        begin = max(at, source.rfind(" ") + 1, source.rfind("\n") + 1, end - _LONGEST)
        while begin > at and source[begin - 1] == "\\":
            begin -= 1
        done = -1
        for match in self._form.stream.finditer(source, begin):
            if match["part"] is not None:
                return match.start(), done == match.start()
            done = match.end()
        return end, done == end

    def _free(self, source: str, at: int) -> int:
        """From where on something that is put back may be under way."""
        found = self._form.partial.search(source, at)
        while found:
            groups = found.groupdict()
            half = groups["half"]
            if half is not None:
                begun = half.replace("\\", "").lower()
                if self._values.expects(begun, whole=groups.get("closing") is not None):
                    return found.start() if groups["begun"] else found.start("half")
            elif groups["head"] is not None and self._values.expects("", whole=False):
                return found.start()
            found = self._form.partial.search(source, found.start() + 1)
        return len(source)
