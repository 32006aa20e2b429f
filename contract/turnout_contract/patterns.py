"""Patterns that must not occur in texts: which ones may be used, and how far one of them reaches.

The operator refuses a pattern with the same words with which the gateway would, so that a policy that is Accepted runs.

Rules: the syntax is RE2's, which matches in time linear in the text; a pattern is bounded in what it compiles to as well, since
the factor counts; messages name what is wrong with the pattern and never hold a text that was searched; a pattern sees
characters, never bytes; everything here is pure.
"""

import re
from collections.abc import Sequence
from typing import Any

import re2

MAX_LENGTH = 1024
MAX_STEPS = 5_000
"""Of the compiled program: at worst each is taken for each character of a text."""

_MIB = 1_048_576
_SENTENCES = (
    (b"invalid perl operator", "look-around and other extensions of Perl are not part of RE2"),
    (b"invalid escape sequence", "is an escape that RE2 does not know (back-references are none of it)"),
    (b"too large", "is too large when compiled"),
)
_QUOTED = re.compile(r"\\Q(.*?)(\\E|\Z)|\\(.)", re.DOTALL)
_REPEAT = re.compile(r"([*+?]|\{(\d+)(,(\d*))?\})\??")
_GROUP = re.compile(r"\((?:\?(?:P?<\w+>|[imsU]*(?:-[imsU]+)?(?P<end>[:)])))?")
_ESCAPE = re.compile(r"\\(?:[pP](?:\{[^}]*\}|.)|x(?:\{[0-9A-Fa-f]+\}|[0-9A-Fa-f]{2})|[0-7]{1,3}|.)", re.DOTALL)
_CLASS = re.compile(r"\[\^?\]?(?:\[:\^?\w+:\]|\\[pP]\{[^}]*\}|\\x\{[^}]*\}|\\.|[^\]\\])*\]", re.DOTALL)


class PatternError(ValueError):
    """A pattern that cannot be used, and why, in a sentence."""


def compiled(pattern: str) -> Any:
    """The pattern, ready to search encoded text. Raises PatternError."""
    if len(pattern) > MAX_LENGTH:
        raise PatternError(f"is longer than {MAX_LENGTH} characters")
    try:
        found = re2.compile(pattern.encode(), _options())
    except UnicodeEncodeError:
        raise PatternError("holds half of a surrogate pair, which is no text") from None
    except re2.error as error:
        raise PatternError(_said(error)) from None
    if found.programsize > MAX_STEPS:
        raise PatternError(f"is too large: it compiles to {found.programsize} steps, at most {MAX_STEPS} are taken")
    for quoted in _QUOTED.finditer(pattern):
        if quoted[3] == "C":
            raise PatternError(r"\C matches part of a character")
        if quoted[1] is not None and not quoted[2]:
            raise PatternError(r"\Q is never closed by \E")
    if _width(pattern, edge=0) == 0:
        raise PatternError("can match nothing but the empty text")
    return found


def any_of(patterns: Sequence[str]) -> Any:
    """One program that matches where any of the patterns does; None where that would be too large."""
    try:
        program = re2.compile("|".join(f"(?:{one})" for one in patterns).encode(), _options())
    except re2.error:
        return None
    return program if program.programsize <= MAX_STEPS else None


def problem(pattern: str) -> str | None:
    """What is wrong with a pattern, in words that go after its name; None where it can be used."""
    try:
        compiled(pattern)
    except PatternError as error:
        return str(error)
    return None


def widest(pattern: str) -> int | None:
    """How many characters decide about one match, at most: those that it covers and one for each word boundary.

    None where there is no bound, or where the match depends on where the text begins or ends.
    """
    return _width(pattern, edge=1)


def _options() -> re2.Options:
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    options.max_mem = 8 * _MIB
    return options


def _said(error: re2.error) -> str:
    """RE2 tells the part of the pattern that it stumbled over; that is the author's own text."""
    raw = error.args[0] if error.args else b""
    said = raw if isinstance(raw, bytes) else str(raw).encode()
    for sign, sentence in _SENTENCES:
        if sign in said:
            part = said.rpartition(b": ")[2].decode(errors="replace")
            return sentence if sign == b"too large" else f"{part}: {sentence}"
    return f"is not an RE2 expression: {said.decode(errors='replace')}"


def _width(pattern: str, *, edge: int) -> int | None:
    try:
        reader = _Reader(pattern, edge)
        width = reader.alternatives()
    except _Unreadable:
        return None
    return width if reader.at == len(pattern) else None


class _Unreadable(Exception):  # noqa: N818 - no error: the answer is "no bound"
    """The pattern has no bound, or is written in a way that is not followed here."""


class _Reader:
    """Reads an expression from left to right and adds up how wide it can become."""

    def __init__(self, pattern: str, edge: int) -> None:
        self._text = pattern
        self._edge = edge
        self._depth = 0
        self.at = 0

    def alternatives(self) -> int:
        """The widest of the alternatives from here to the end of the group."""
        widest = width = 0
        while self.at < len(self._text) and self._text[self.at] != ")":
            if self._text[self.at] == "|":
                self.at += 1
                widest, width = max(widest, width), 0
                continue
            width += self._repeated(self._one())
        return max(widest, width)

    def _one(self) -> int:
        char = self._text[self.at]
        if char == "(":
            return self._group()
        if char == "[":
            return self._taken(_CLASS, 1)
        if char == "\\":
            return self._escape()
        if char in "^$":
            raise _Unreadable
        self.at += 1
        return 1

    def _taken(self, shape: re.Pattern[str], width: int) -> int:
        found = shape.match(self._text, self.at)
        if found is None:
            raise _Unreadable
        self.at = found.end()
        return width

    def _group(self) -> int:
        found = _GROUP.match(self._text, self.at)
        if found is None or self._depth >= 100:  # noqa: PLR2004 - deeper is nobody's pattern
            raise _Unreadable
        self.at = found.end()
        if found["end"] == ")":
            return 0
        self._depth += 1
        width = self.alternatives()
        self._depth -= 1
        if self.at >= len(self._text):
            raise _Unreadable
        self.at += 1
        return width

    def _escape(self) -> int:
        letter = self._text[self.at + 1 : self.at + 2]
        if letter == "Q":
            start = self.at + 2
            end = self._text.find("\\E", start)
            if end < 0 or _REPEAT.match(self._text, end + 2):
                raise _Unreadable
            self.at = end + 2
            return end - start
        if letter in "bB":
            return self._taken(_ESCAPE, self._edge)
        if letter in "AzC":
            raise _Unreadable
        return self._taken(_ESCAPE, 1)

    def _repeated(self, width: int) -> int:
        """A width, times what is asked for after it."""
        found = _REPEAT.match(self._text, self.at)
        if found is None:
            return width
        self.at = found.end()
        sign = found[1]
        if sign == "?":
            return width
        most = found[4] if found[3] else found[2]
        if not most:
            if width:
                raise _Unreadable
            return 0
        return self._repeated(width * int(most))
