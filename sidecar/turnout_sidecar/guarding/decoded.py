"""What long words decode to: base64 (also url-safe, without padding, wrapped over lines) and hexadecimal, three deep.

A value that was wrapped into base64 leaves the network as readable as it went in. Words that could hold text are decoded and
scanned; where something is found the whole word is claimed, since no part of it stands for the value alone.

Rules: the first bytes decide cheaply whether a word holds text at all: keys, hashes and pictures fall out there; at most 64 KiB of
each word are decoded.
"""

import binascii
import re
from collections.abc import Iterator

_BASE64 = re.compile(r"[A-Za-z0-9+/_\-]{16,}={0,2}")
_WRAPPED = re.compile(
    r"[A-Za-z0-9+/_\-]{16,}(?:[ \t]{0,4}\r?\n[ \t>]{0,8}[A-Za-z0-9+/_\-]{4,})++={0,2}"
    r"|[A-Za-z0-9+/_\-]{40,}(?:[ \t]{1,4}[A-Za-z0-9+/_\-]{16,})++={0,2}"
)
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/_-"
_FEWEST = 16
_LOGIN = re.compile(r"[\w.@+\-]{2,64}:([!-~]{6,64})")
_BREAKS = re.compile(r"[ \t\r\n>]+")
_URL_SAFE = str.maketrans("-_", "+/")
_LONGEST = 65_536
# what the first six bits of a printable character of ASCII can be
_BEGINS = b"IJKLMNOPQRSTUVWXYZabcdef"
_BEGINS_HEX = b"234567"
_NOTHING = ord("A")
# white space for all that no encoded word has
_ENCODED = bytes(code if code in _LETTERS.encode() else ord(" ") for code in range(256))
_RUNS = bytes(ord("x") if code in _LETTERS.encode() else ord(" ") for code in range(256))
_RUN = b"x" * _FEWEST
_BLANKS = dict.fromkeys(map(ord, "\t\r\n"), " ")
_BEYOND = "\ufffd"  # what is no text is written so
_HEAD = 36  # so much of a wrapped word tells whether it may be text at all
_TRIES = 4  # from so many of its lines on
_PRINTED = 32  # so many digits are the bytes that must be text
_HEX = re.compile(r"((?:[0-9a-fA-F]{2}){10,})")


def inner_texts(stretch: str) -> list[tuple[int, int, str]]:
    """What the words of a stretch without white space decode to, and where they stand."""
    found: list[tuple[int, int, str]] = []
    for encoded in _BASE64.finditer(stretch):
        word = encoded[0]
        if _begins(word[:_FEWEST].encode()):
            text = text_of(word)
            if text is not None:
                found.append((encoded.start(), encoded.end(), text))
    return found


class Wraps:
    """What words hold that go on after white space; how far they go is looked for once, not from each of their lines on."""

    __slots__ = ("_left", "_stop", "_text")

    def __init__(self, text: str) -> None:
        """All of one text."""
        self._text = text
        self._stop = self._left = 0

    def held(self, at: int, end: int) -> tuple[int, int, str, bool] | None:
        """What such a word says, if it is text: where that begins, where it ends, what it is, and whether all of it is text."""
        text = self._text
        at += len(text[at:end].rstrip(_LETTERS))
        if end - at < _FEWEST or not _begins(text[at : at + _FEWEST].encode()):
            return None
        if at >= self._stop:
            found = _WRAPPED.match(text, at)
            if found is None:
                return None
            self._stop, self._left = found.end(), _TRIES
        if not self._left or text_of(_BREAKS.sub("", text[at : at + 2 * _HEAD])[:_HEAD]) is None:
            return None
        self._left -= 1
        inner = text_of(_BREAKS.sub("", text[at : self._stop]))
        if not inner:
            return None
        whole = _BEYOND not in inner and len(inner) < _LONGEST and inner.translate(_BLANKS).isprintable()
        return at, self._stop, inner, whole


def encoded(text: str) -> Iterator[tuple[int, int, str]]:
    """What words of a text say in base64 or hexadecimal, alone or with the lines that follow, and where they stand."""
    if len(text) < _FEWEST or _RUN not in text.encode("ascii", "replace").translate(_RUNS):
        return
    wraps = Wraps(text)
    for start, end, inner in inner_texts(text):
        yield start, end, inner
        held = wraps.held(start, end)
        if held is not None:
            yield held[:3]


def may_hold_text(stretch: bytes, *, plain: bool) -> bool:
    """Whether one of the words in a stretch could stand for text; plain: it is one long word of letters and digits."""
    if plain:
        return _begins(stretch)
    # a loop: a generator costs more than all that is asked
    for word in stretch.translate(_ENCODED).split():  # noqa: SIM110
        if len(word) >= _FEWEST and _begins(word):
            return True
    return False


def _begins(word: bytes) -> bool:
    """Whether the first characters of a word could stand for text in base64 or hexadecimal."""
    first = word[0]
    if first in _BEGINS:
        # in UTF-16 each second byte of such a text is nothing
        return word[8] in _BEGINS and (
            (word[4] in _BEGINS and word[12] in _BEGINS) or (word[4] == _NOTHING and word[12] == _NOTHING)
        )
    if first in _BEGINS_HEX:
        return word[2] in _BEGINS_HEX and word[4] in _BEGINS_HEX
    return word.startswith(b"0x")


def is_login(inner: str) -> bool:
    """Whether this is a name and a password as HTTP's basic authentication joins them."""
    found = _LOGIN.fullmatch(inner)
    return found is not None and any(map(str.isdecimal, found[1])) and not found[1].isdecimal()


def text_of(word: str) -> str | None:
    """What a word says in base64 or hexadecimal, if that is text."""
    if word.startswith("0x"):
        word = word[2:]
        if len(word) <= _FEWEST:
            return None
    begun = word[:_FEWEST].encode()
    if begun[0] in _BEGINS:
        return _base64_text(word) if _begins(begun) else None
    if begun[0] in _BEGINS_HEX and _begins(begun) and not word[:_PRINTED:2].strip("0234567"):
        # the first half of each byte of text is one of these: a digest is left here
        found = _HEX.fullmatch(word)
        return _text(bytes.fromhex(found[1][: 2 * _LONGEST])) if found else None
    return None


def _base64_text(word: str) -> str | None:
    word = word.rstrip("=").translate(_URL_SAFE)[: _LONGEST * 4 // 3]
    try:
        if not _encoding(binascii.a2b_base64(word[:16])):
            return None
        left = len(word) % 4
        return _text(binascii.a2b_base64(word[:-1] if left == 1 else word + "=" * (-left % 4)))
    except binascii.Error:
        return None


def _text(raw: bytes) -> str | None:
    encoding = _encoding(raw[:16])
    return raw.decode(encoding, errors="replace") if encoding else None


def _encoding(raw: bytes) -> str:
    """What a text is written in that begins so, or nothing if it is none."""
    if _is_text(raw):
        return "utf-8"
    # as scripts are handed over to shells of Windows
    return "utf-16-le" if not raw[1::2].strip(b"\0") and _is_text(raw[::2]) else ""


def _is_text(raw: bytes) -> bool:
    return raw.isascii() and raw.translate(None, b"\t\n\r").decode().isprintable()
