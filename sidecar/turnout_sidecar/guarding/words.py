"""Words that give what stands after them a meaning: phone, IBAN, password, and their like in many languages.

A list is written as one pattern, for reading, and taken apart into the beginnings of words that it stands for: a look before a
place is then one look-up for each word that stands there, however long the list is. What is looked at before a place is split
into its words once, for all lists that are asked about that place.

Rules: a pattern knows letters, (?:a|b), a?, [ab] and word boundaries, no more; an entry begins where a word or a part of one in
camel case begins; entries of other scripts, which do not part their words, are looked for as they are.
"""

import re
import unicodedata
from typing import NamedTuple

_TOKENS = re.compile(r"[A-Z]?[a-zà-ÿ]+|[A-ZÀ-Þ]+|[^\W\d_A-Za-zÀ-ÿ]+|[.]")
_KEY = 2
_MARKS = ":.,;=?!"
_ATOM = re.compile(r"\\b|\\(.)|\[([^\]]+)\]|(\(\?:)|(.)", re.DOTALL)


class Before(NamedTuple):
    """The characters before a place: where they begin, in lower case, and their words: where and with what each begins."""

    start: int
    text: str
    words: list[tuple[int, str]]


def before(text: str, start: int, window: int) -> Before:
    """What stands in so many characters before a place."""
    low = max(0, start - window)
    said = text[low:start]
    lower = said.lower()
    if len(lower) != len(said):
        lower = "".join(char.lower() if len(char.lower()) == 1 else char for char in said)
    lower = lower.replace("\n", " ") if "\n" in lower else lower
    words: list[tuple[int, str]] = []
    end = len(lower)
    for word in reversed(lower.split(" ")):
        place = end - len(word)
        plain = word.rstrip(_MARKS)
        if plain.isalpha() and (said[place + 1 : end].islower() or plain.isascii() is False or len(plain) < _KEY):
            words.append((place, lower[place : place + _KEY]))
        elif word:
            inner = [found.start() for found in _TOKENS.finditer(said, place, end)]
            words += [(at, lower[at : at + _KEY]) for at in reversed(inner)]
        end = place - 1
    return Before(low, lower, words)


class Words:
    """A list of words."""

    __slots__ = ("_by_beginning", "_other")

    def __init__(self, latin: str, other: str = "") -> None:
        listed: dict[str, dict[tuple[str, bool], None]] = {}
        for entry in sorted(_expanded(latin) if latin else ()):
            bounded = entry.endswith("\b")
            word = entry.strip("\b")
            if word:
                listed.setdefault(word[:_KEY], {})[word, bounded] = None
        self._by_beginning = {key: tuple(found) for key, found in listed.items()}
        plain = "".join(char for char in other if unicodedata.category(char) != "Mn")  # as texts are normalised
        # both cases are listed, since a pattern that ignores case is searched for far more slowly
        words = [word for word in plain.split("|") if word]
        words += [word[0].upper() + word[1:] for word in words if word[0].upper() != word[0]]
        self._other = re.compile("|".join(words)) if words else None

    def last(self, said: Before, text: str, *, foreign: bool) -> int:
        """Where the last of these words before a place ends, or -1."""
        lower = said.text
        listed = self._by_beginning
        end = -1
        for place, key in said.words:
            entries = listed.get(key)
            if entries is None:
                continue
            for word, bounded in entries:
                if lower.startswith(word, place):
                    stop = place + len(word)
                    if stop > end and not (bounded and lower[stop : stop + 1].isalnum()):
                        end = stop
            if end >= 0:
                break
        end = end + said.start if end >= 0 else -1
        if foreign and self._other is not None:
            for found in self._other.finditer(text, said.start, said.start + len(lower)):
                end = max(end, found.end())
        return end

    def ends(self, text: str) -> list[int]:
        """Where such words of other scripts end in a whole text, in order."""
        return [found.end() for found in self._other.finditer(text)] if self._other else []


def _expanded(pattern: str) -> set[str]:
    """All strings that a pattern stands for; a word boundary is written as \\b."""
    found, at = _alternatives(pattern, 0)
    if at != len(pattern):
        message = f"a list of words is not closed: {pattern[at:]}"
        raise ValueError(message)
    return {entry.lower() for entry in found}


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
