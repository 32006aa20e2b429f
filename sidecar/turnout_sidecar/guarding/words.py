"""Words that give what stands after them a meaning: phone, IBAN, password, and their like in many languages.

A list is written as one pattern, for reading, and taken apart into the words and phrases that it stands for: a look before a place
is then one look-up for each word that stands there, however long the list is. What stands before a place is split into its words
once, for all lists that are asked about that place; numbers among them are kept, so that a word that has its number already can be
told from one that has none.

Rules: a pattern knows letters, (?:a|b), a?, [ab] and word boundaries, no more; an entry begins where a word or a part of one in
camel case begins, and the last word of it may go on unless a boundary ends it; entries of other scripts, which do not part their
words, are looked for as they are.
"""

import re
import unicodedata
from string import ascii_lowercase, ascii_uppercase

_HUMPS = re.compile(rb"(?<=[a-z])(?=[A-Z])")
# lower case as a, capitals as A: a fixed run is found far sooner than a pattern
_CASES = bytes(
    97 if chr(code) in ascii_lowercase else 65 if chr(code) in ascii_uppercase else 32 for code in range(256)
)
# letters in lower case, digits as they are, a space for all else
_PLAIN = bytes(
    ord(chr(code).lower()) if chr(code).isalpha() else code if code in b"0123456789" else ord(" ")
    for code in range(256)
)
_KEY = 3
_ATOM = re.compile(r"\\b|\\(.)|\[([^\]]+)\]|(\(\?:)|(.)", re.DOTALL)
_DIGITS = "0123456789"


def tokens(raw: bytes) -> list[str]:
    """The words and numbers of a short text in Latin-1, in lower case; letters that Latin-1 does not know part words."""
    return spaced(raw).split()


def spaced(raw: bytes) -> str:
    """The same before it is split: spaces between words, one more where a capital begins one within a word."""
    if b"aA" in raw.translate(_CASES):
        raw = _HUMPS.sub(b" ", raw)
    return raw.translate(_PLAIN).decode("latin-1")


def keys_of(said: list[str]) -> list[str]:
    """How each of the words begins, which is what lists are asked by."""
    return [token[:_KEY] for token in said]


class Words:
    """A list of words."""

    __slots__ = ("_ascii", "_beginnings", "_exact", "_keys", "_other", "_phrases")

    def __init__(self, latin: str, other: str = "") -> None:
        beginnings: dict[str, set[str]] = {}
        phrases: dict[str, set[tuple[tuple[str, ...], str, bool]]] = {}
        exact: set[str] = set()
        for entry in _expanded(latin) if latin else ():
            bounded = entry.endswith("\b")
            parts = tokens(entry.encode("latin-1", "replace"))
            if not parts:
                continue
            if len(parts) > 1:
                phrases.setdefault(parts[0], set()).add((tuple(parts[1:-1]), parts[-1], bounded))
            elif bounded or len(parts[0]) < _KEY:
                exact.add(parts[0])
            else:
                beginnings.setdefault(parts[0][:_KEY], set()).add(parts[0])
        self._exact = frozenset(exact - {""})
        self._beginnings = {key: tuple(sorted(found)) for key, found in beginnings.items()}
        self._phrases = {key: tuple(sorted(found)) for key, found in phrases.items()}
        # how entries begin, so that most of what is said is passed over at one look; numbers are no words
        begun = {word[:_KEY] for word in (*self._exact, *self._beginnings, *self._phrases)}
        self._keys = frozenset(key for key in begun if key[0] not in _DIGITS)
        plain = "".join(char for char in other if unicodedata.category(char) != "Mn")  # as texts are normalised
        # both cases are listed, since a pattern that ignores case is searched for far more slowly
        words = [word for word in plain.split("|") if word]
        words += [form for word in words for form in (word[0].upper() + word[1:], word.upper()) if form != word]
        self._other = _any_of(words)
        self._ascii = tuple(word for word in words if word.isascii())

    def last(self, said: list[str], keys: list[str]) -> int:
        """How many digits follow the last of these words in what is said, or -1 if none of them is.

        The keys are those of what is said; they are asked first, since mostly no entry begins as any of them.
        """
        mine = self._keys
        if mine.isdisjoint(keys):
            return -1
        at = len(keys)
        for key in reversed(keys):
            at -= 1
            if key in mine and self._begins(said, at, key):
                return sum([len(token) for token in said[at + 1 :] if token[0] in _DIGITS])
        return -1

    def _begins(self, said: list[str], at: int, key: str) -> bool:
        """Whether an entry begins with the word at this place, and goes on as it should."""
        token = said[at]
        if token in self._exact or token.startswith(self._beginnings.get(key, ())):
            return True
        for middle, end, bounded in self._phrases.get(token, ()):
            if self._goes_on(said, at + 1, middle, end, bounded=bounded):
                return True
        return False

    @staticmethod
    def _goes_on(said: list[str], at: int, middle: tuple[str, ...], end: str, *, bounded: bool) -> bool:
        """Whether a phrase goes on here as it should."""
        stop = at + len(middle)
        if stop >= len(said) or tuple(said[at:stop]) != middle:
            return False
        return said[stop] == end or (not bounded and said[stop].startswith(end))

    def ends(self, text: str, start: int = 0, end: int | None = None) -> list[int]:
        """Where such words of other scripts end in a text, in order."""
        stretch = text[start:end]
        # few of them are written in ASCII, and most stretches of a text are
        if self._other is None or (stretch.isascii() and not _has_any(stretch, self._ascii)):
            return []
        return [start + found.end() for found in self._other.finditer(stretch)]


def _has_any(text: str, words: tuple[str, ...]) -> bool:
    for word in words:  # noqa: SIM110 - any() takes twice as long for so few
        if word in text:
            return True
    return False


def _any_of(words: list[str]) -> re.Pattern[str] | None:
    return re.compile("|".join(words)) if words else None


def _expanded(pattern: str) -> set[str]:
    """All strings that a pattern stands for; a word boundary is written as \\b."""
    found, at = _alternatives(pattern, 0)
    if at != len(pattern):
        message = f"a list of words is not closed: {pattern[at:]}"
        raise ValueError(message)
    return {entry.lower() for entry in found if entry}


def _alternatives(pattern: str, at: int) -> tuple[set[str], int]:
    """The strings of one group, and where it ends."""
    found: set[str] = set()
    heads = {""}
    while at < len(pattern) and pattern[at] != ")":
        if pattern[at] == "|":
            found |= heads
            heads = {""}
            at += 1
            continue
        tails, at = _atom(pattern, at)
        if pattern[at : at + 1] == "?":
            tails = tails | {""}
            at += 1
        heads = {head + tail for head in heads for tail in tails}
    return found | heads, at


def _atom(pattern: str, at: int) -> tuple[set[str], int]:
    atom = _ATOM.match(pattern, at)
    if atom is None:
        return {""}, len(pattern)
    if atom[3]:
        inner, end = _alternatives(pattern, atom.end())
        return inner, end + 1
    if atom[2]:
        return set(atom[2].replace("\\", "")), atom.end()
    return {atom[1] or atom[4] or "\b"}, atom.end()
