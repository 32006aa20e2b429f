"""A text made ready for detectors: its bytes, its shape and the words before a place.

The raw form has one byte a character (what Latin-1 does not know is written ?), so that linear searches of RE2 over it speak of
places in the text. The shape is the raw form with each digit written 0 and each letter written a: what looks alike is the same
key, and what is said of one date, card or version holds for all.

Rules: raw form and shape are as long as the text; letters outside Latin-1 are no letters in the shape: a number beside them counts
as standing alone. Words of other scripts are looked for in the text itself, and only where there are any.
"""

import re

import re2

from turnout_sidecar.guarding.normal import look
from turnout_sidecar.guarding.words import Words, keys_of, spaced, tokens

LATIN = re2.Options()
LATIN.encoding = re2.Options.Encoding.LATIN1
LATIN.log_errors = False

_DIGITS = b"0123456789"
_HIGH = 0xC0
_SHAPES = bytes.maketrans(
    bytes(range(256)),
    bytes(
        48
        if code in _DIGITS
        else 97
        if (chr(code).isascii() and chr(code).isalpha()) or (code >= _HIGH and code not in {0xD7, 0xF7})
        else code
        for code in range(256)
    ),
)
WINDOW = 56
_NUMBER = 5  # so many digits are a number of their own
_JOINED_BY = frozenset(("or", "and", "oder", "und", "ou", "y", "o", "e", "et", "или", "и"))


def linear(pattern: str) -> "re2._Regexp":
    """A pattern of RE2 over raw forms; letters that Latin-1 does not know stand there as ?."""
    return re2.compile("".join(char if char < "\u0100" else r"\?" for char in pattern).encode("latin-1"), LATIN)


class Page:
    """One text under scan."""

    __slots__ = ("_keys", "_said", "foreign", "raw", "shape", "text", "vain")

    def __init__(self, text: str, seen: tuple[bytes, bool, str] | None = None) -> None:
        """A text, and what look() says of it where that is known."""
        if seen is None:
            seen = (text.encode(), False, "") if text.isascii() else look(text)
        self.text = text
        self.raw, self.foreign, _ = seen
        self.shape = self.raw.translate(_SHAPES)
        self.vain = 0  # numbers in a row that could have been ids and were none
        self._said: tuple[int, int, str, list[str]] = (-1, 0, "", [])
        self._keys: list[str] | None = None  # of what was said last

    def alone(self, start: int, end: int) -> bool:
        """Whether no letter, digit or joining sign goes on at either side."""
        return alone(self.shape, start, end)

    def near(self, words: Words, start: int, window: int = WINDOW) -> bool:
        """Whether one of the words ends in the characters before a place."""
        return self.last(words, start, window) >= 0

    def unspent(self, words: Words, start: int, window: int = WINDOW) -> bool:
        """Whether one of the words does, and has no other number yet, or one that is joined to this by an `or`."""
        digits = self.last(words, start, window)
        return 0 <= digits < _NUMBER or (digits > 0 and self.said(start, window)[-1] in _JOINED_BY)

    def last(self, words: Words, start: int, window: int = WINDOW) -> int:
        """How many digits follow the last of the words in the characters before a place, or -1 if there is none."""
        said = self.said(start, window)
        keys = self._keys
        if keys is None:
            keys = self._keys = keys_of(said)
        digits = words.last(said, keys)
        if self.foreign:
            ends = words.ends(self.text, max(0, start - window), start)
            if ends:
                after = self.shape.count(b"0", ends[-1], start)
                return after if digits < 0 else min(after, digits)
        return digits

    def said(self, start: int, window: int = WINDOW) -> list[str]:
        """The words and numbers in the characters before a place, in lower case; split once for all that ask."""
        place, width, spaces, said = self._said
        if place != start or width != window:
            if place == start and window < width and len(spaces) == min(start, width):
                # as long as what was written: of fewer characters it is the end
                spaces = spaces[max(0, len(spaces) - window) :]
            else:
                spaces = spaced(self.raw[start - window if start > window else 0 : start])
            said = spaces.split()
            self._said = (start, window, spaces, said)
            self._keys = None
        return said

    def last_word(self, start: int, window: int = WINDOW) -> str:
        """The word before a place; `no`, `number` and the like are passed over."""
        return _last_word(self.said(start, window))

    def before(self, start: int, window: int = WINDOW) -> str:
        """The characters before a place in lower case, on one line; a space where the text begins."""
        if start > window:
            return self.text[start - window : start].lower().replace("\n", " ")
        return " " + self.text[:start].lower().replace("\n", " ")


def plain(pattern: str) -> re.Pattern[str]:
    """The same for re, for raw forms in lower case."""
    return re.compile("".join(char if char < "\u0100" else r"\?" for char in pattern))


_GOES_ON = {b"0", b"a", b"_"}
_JOINED = {b"-0", b"-a", b".0", b"/0"}
_DIGIT, _LETTER, _PLUS = b"0a+"


def alone(shape: bytes, start: int, end: int) -> bool:
    """Whether in this shape no letter, digit or joining sign goes on at either side."""
    before = shape[start - 1] if start else 32
    if before in b"0a_":
        return False
    # 'card-4111' and 'id/4111' are neighbours, 'be91-5003' and '3.1415' are one word
    if (
        before in b".-+"
        and start > 1
        and (shape[start - 2] == _DIGIT or (before == _PLUS and shape[start - 2] == _LETTER))
    ):
        return False
    after = shape[end : end + 2]
    return after[:1] not in _GOES_ON and after not in _JOINED


_FILLERS = frozenset(("no", "nr", "number", "num", "id", "is", "the", "of"))
_CLOSE = 20


def last_word(before: str) -> str:
    """The word that the text before a place ends with; `no`, `number` and the like are passed over."""
    return _last_word(tokens(before[-_CLOSE:].encode("latin-1", "replace")))


def _last_word(said: list[str]) -> str:
    if not said:
        return ""
    at = len(said) - 1
    while at > 0 and said[at] in _FILLERS:
        at -= 1
    return said[at]
