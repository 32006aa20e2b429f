"""How much a text looks like an attempt to turn a model against its instructions: a cheap signal, not a wall.

Signs of several families (overriding instructions, personas without limits, asking for the prompt, instructions hidden in
documents, forged turns, encoded payloads, leading data out by links) are looked for in the plain form of the text; what each is
worth is put together as independent evidence: 1 minus the product of what each leaves open.

Rules: deterministic and linear in the text; which signs could be there at all is judged by single words first, so that ordinary
text is cheap; base64 words are decoded once; a sign counts once, however often it occurs; who paraphrases is not found, and a
text about attacks may be.
"""

import binascii
import re
from collections.abc import Collection, Iterator, Set
from typing import Any, NamedTuple

import re2

from turnout_sidecar.checks import injection_hidden, injection_languages, injection_signs
from turnout_sidecar.checks.injection_words import SCRIPTS, Sign
from turnout_sidecar.guarding.normal import Plain, normalise

_BASE64 = re.compile(r"[A-Za-z0-9+/]{32,}={0,2}")
_SCRIPTS = re.compile("[\u0400-\u04ff\u3040-\u9fff\uac00-\ud7af\U0001f512\U0001f513]")
_LONG = b"x" * 32
_ALPHABET = bytes(120 if chr(code).isascii() and (chr(code).isalnum() or code in b"+/") else 32 for code in range(256))
_MOST_WORDS = 8
_WINDOW, _STEP = 80, 48
"""In words. The words of a sign without a mark stand together; a window reaches further than any such sign."""
_EVERYWHERE = frozenset(
    (
        b"a about all an and any as create do for from here if in is it like me my no not now of on or so that "
        b"the this to use what with without write you your"
    ).split()
)
_COMMON = frozenset(
    (
        b"about access act actual always another answer before begin character code content data different "
        b"earlier else email end even first following give important include information just language last "
        b"list make message mode model more must never normal now old only open other out print put read real "
        b"role second show standard start system tell text two up user word write"
    ).split()
)
_LONGEST_WORD = 16_384
_MIB = 1_048_576


class Assessment(NamedTuple):
    """`score` 0 to 1; `families` of the signs, sorted."""

    score: float
    families: tuple[str, ...]


_NONE = Assessment(0.0, ())


def score(text: str) -> float:
    """How much a text looks like an attack, 0 to 1."""
    return assess(text).score


def assess(text: str, plain: Plain | None = None) -> Assessment:
    """Score and families. `plain`: the plain form, if the caller has it already."""
    whole = (normalise(text) if plain is None else plain).text
    found = set(_signs(whole))
    for inner in _decoded(whole):
        found.update(_signs(inner))
    if not found:
        return _NONE
    left = 1.0
    for sign in sorted(found):
        left *= 1.0 - sign.weight
    return Assessment(round(1.0 - left, 4), tuple(sorted({sign.family for sign in found})))


_GAPS = (("~~~", r"(?:\W{1,6}\w+){0,6}?\W{1,6}"), ("~~", r"(?:\W{1,6}\w+){0,3}?\W{1,6}"), ("~", r"(?:[\W_]{1,6})"))
_WIDE = re.compile(r"\\x\{")
_UPPER = re.compile(r"(\\(?:x\{\w+\}|[pP].|.))|([A-Z]+)", re.DOTALL)


def _compiled(pattern: str) -> Any:
    """Searches what is lower case already; byte by byte where the sign is written in ASCII, which takes far fewer states."""
    options = re2.Options()
    options.never_capture = True
    options.max_mem = 16 * _MIB
    if not _WIDE.search(pattern):
        options.encoding = re2.Options.Encoding.LATIN1
    for sign, gap in _GAPS:
        pattern = pattern.replace(sign, gap)
    lowered = _UPPER.sub(lambda found: found[1] or found[2].lower(), pattern)
    return re2.compile(lowered.encode(), options)


class _Ready(NamedTuple):
    """A sign, ready to be looked for."""

    sign: Sign
    words: tuple[frozenset[bytes], ...]
    marks: tuple[bytes, ...]
    program: Any


def _ready(sign: Sign) -> _Ready:
    words = tuple(frozenset(group.encode().split()) for group in sign.words)
    marks = tuple(mark.encode() for mark in sign.marks.split(" ") if mark != SCRIPTS)
    return _Ready(sign, words, marks, _compiled(sign.pattern))


_SIGNS = (
    *injection_signs.OVERRIDE,
    *injection_signs.PERSONA,
    *injection_signs.EXTRACTION,
    *injection_hidden.HIDDEN,
    *injection_hidden.DELIMITERS,
    *injection_hidden.ENCODED,
    *injection_hidden.EXFILTRATION,
    *injection_languages.OTHER_LANGUAGES,
)
_READY = tuple(_ready(sign) for sign in _SIGNS)
_MARKED = tuple(one for one in _READY if one.marks and not one.words)
_FOREIGN = tuple(one for one in _READY if one.sign.marks == SCRIPTS)
_WORDED = tuple(one for one in _READY if one.words)
_VOCABULARY = frozenset(word for one in _WORDED for group in one.words for word in group)
_LETTERS = bytes(code if chr(code) in "abcdefghijklmnopqrstuvwxyz0123456789" else 32 for code in range(256))


def _commonness(group: frozenset[bytes]) -> int:
    return len(group & _COMMON) + 10 * len(group & _EVERYWHERE)


def _indexed() -> dict[bytes, frozenset[int]]:
    """Which signs (by place) to think of where a word is: the words of each sign's rarest group."""
    found: dict[bytes, set[int]] = {}
    for place, one in enumerate(_WORDED):
        for word in min(one.words, key=_commonness):
            found.setdefault(word, set()).add(place)
    return {word: frozenset(places) for word, places in found.items()}


_INDEX = _indexed()
_INDEXED = frozenset(_INDEX)
_ANY_SIGN = _compiled(rf"\b(?:{'|'.join(sorted(word.decode() for word in _INDEX))})\b")


def _signs(text: str) -> Iterator[Sign]:
    lower = text.lower().encode(errors="replace")
    for one in _candidates(text, lower):
        if (not one.marks or any(mark in lower for mark in one.marks)) and one.program.search(lower) is not None:
            yield one.sign


def _candidates(text: str, lower: bytes) -> Iterator[_Ready]:
    """The signs that could be there, judged by single words."""
    if _ANY_SIGN.search(lower) is not None:
        yield from _worded(lower)
    yield from _MARKED
    if not text.isascii() and _SCRIPTS.search(text) is not None:
        yield from _FOREIGN


def _worded(lower: bytes) -> Iterator[_Ready]:
    known = [(at, word) for at, word in enumerate(lower.translate(_LETTERS).split()) if word in _VOCABULARY]
    present = {word for _, word in known}
    places = {place for word in present & _INDEXED for place in _INDEX[word] if _all(_WORDED[place].words, present)}
    windows = _windows(known) if places and known[-1][0] >= _WINDOW else (present,)
    for place in places:
        one = _WORDED[place]
        if one.marks or any(_all(one.words, window) for window in windows):
            yield one


def _windows(known: list[tuple[int, bytes]]) -> Collection[set[bytes]]:
    """The known words of each stretch of _WINDOW words."""
    found: dict[int, set[bytes]] = {}
    for at, word in known:
        number, beyond = divmod(at, _STEP)
        found.setdefault(number, set()).add(word)
        if beyond < _WINDOW - _STEP:
            found.setdefault(number - 1, set()).add(word)
    return found.values()


def _all(groups: tuple[frozenset[bytes], ...], present: Set[bytes]) -> bool:
    """Whether of each group a word is present."""
    for group in groups:  # noqa: SIM110 - all() costs twice as much here
        if group.isdisjoint(present):
            return False
    return True


def _decoded(text: str) -> Iterator[str]:
    """What base64 words say, where that is text."""
    if _LONG not in text.encode(errors="replace").translate(_ALPHABET):
        return
    for count, found in enumerate(_BASE64.finditer(text)):
        if count == _MOST_WORDS:
            return
        word = found[0].rstrip("=")[:_LONGEST_WORD]
        try:
            said = binascii.a2b_base64(
                word[: len(word) // 4 * 4] if len(word) % 4 == 1 else word + "=" * (-len(word) % 4)
            )
            inner = said.decode()
        except (binascii.Error, UnicodeDecodeError):
            continue
        if " " in inner:
            yield inner
