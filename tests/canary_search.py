"""Looks for canaries in whatever a gateway leaves behind, in every form that something could have given them on the way.

As they are and in another case, without separators, URL-encoded, escaped as in JSON or HTML, as base64 (of either alphabet, at
every alignment), as hexadecimal digits, compressed, and as the digest that anybody could make again: a keyed one is no leak, a
plain one of a telephone number is.

Rules: a finding names the place, the canary's owner and the form; data is searched in a time that hardly depends on how many
canaries there are, since only those whose first bytes occur are looked for.
"""

import base64
import gzip
import hashlib
import html
import re
import urllib.parse
import zlib
from collections.abc import Iterable, Iterator, Mapping

import msgspec
import numpy as np

from canaries import Canary

_LEAST_COMPACT = 11
_LEAST_PART = 9
_PREFIX = 8
_BITS = 20
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})|\\(.)", re.DOTALL)
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
_ROOM = re.compile(rb"\0{64,}")
"""What databases keep free in their files, tens of megabytes of it."""
_NO_WORD = re.compile(r"[^0-9a-z]+")
_DIGESTS = ("md5", "sha1", "sha256", "sha512", "blake2b")
_ALIGNED = (0, 2, 3)
"""How many characters of base64 depend on what stands 0, 1 or 2 bytes before."""


class Form(msgspec.Struct, frozen=True):
    """What to look for in one view of the data."""

    canary: Canary
    name: str
    needle: bytes


class Search:
    """A search for all of them."""

    def __init__(self, canaries: Iterable[Canary]) -> None:
        self._forms: dict[str, dict[bytes, list[Form]]] = {}
        for canary in canaries:
            for view, form in _forms(canary):
                assert len(form.needle) >= _PREFIX, canary
                self._forms.setdefault(view, {}).setdefault(form.needle[:_PREFIX], []).append(form)

    def found(self, places: Mapping[str, bytes | str]) -> list[str]:
        """What is in these places: "place: owner entity as form"."""
        return sorted({found for place, data in places.items() for found in self._in(place, data)})

    def _in(self, place: str, data: bytes | str) -> Iterator[str]:
        raw = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
        raw = _ROOM.sub(bytes(_PREFIX), raw)
        for view, seen in _views(raw):
            by_prefix = self._forms.get(view, {})
            for prefix in _present(seen, list(by_prefix)):
                for form in by_prefix[prefix]:
                    if form.needle in seen:
                        yield f"{place}: {form.canary.owner} {form.canary.entity} as {form.name}"


def _present(data: bytes, prefixes: list[bytes]) -> list[bytes]:
    """Those of the 8 byte prefixes that occur in the data."""
    if len(data) < _PREFIX or not prefixes:
        return []
    windows = np.lib.stride_tricks.sliding_window_view(np.frombuffer(data, np.uint8), _PREFIX)
    numbers = np.ascontiguousarray(windows).view(np.uint64).ravel()
    wanted = np.frombuffer(b"".join(prefixes), np.uint64)
    likely = np.zeros(1 << _BITS, bool)
    likely[_hash(wanted)] = True
    seen = np.unique(numbers[likely[_hash(numbers)]])
    return [prefix for prefix, there in zip(prefixes, np.isin(wanted, seen), strict=True) if there]


def _hash(numbers: np.ndarray) -> np.ndarray:
    hashed: np.ndarray = (numbers * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(64 - _BITS)
    return hashed


def _forms(canary: Canary) -> Iterator[tuple[str, Form]]:
    """The forms, each with the view that it is looked for in."""
    plain = canary.value.casefold()
    yield "folded", Form(canary, "itself", plain.encode())
    compact = _NO_WORD.sub("", plain)
    if len(compact) >= _LEAST_COMPACT:
        yield "compact", Form(canary, "itself without separators", compact.encode())
    for part in canary.parts:
        if len(part) >= _LEAST_PART:
            yield "folded", Form(canary, "a part", part.casefold().encode())
    for value in {canary.value, plain, compact}:
        data = value.encode()
        yield "folded", Form(canary, "hexadecimal digits", data.hex().encode())
        for name in _DIGESTS:
            yield "folded", Form(canary, f"{name} without a key", hashlib.new(name, data).hexdigest()[:32].encode())
        for before in range(3):
            inner = _base64(data, before)
            if len(inner) >= _PREFIX:
                yield "base64", Form(canary, "base64", inner)


def _base64(data: bytes, before: int) -> bytes:
    """What base64 of the data looks like inside of something longer, with so many bytes before it (modulo 3)."""
    whole = base64.b64encode(bytes(before) + data)
    rest = (before + len(data)) % 3
    return whole[_ALIGNED[before] : -4 + rest if rest else None]


def _views(raw: bytes) -> Iterator[tuple[str, bytes]]:
    """The data as it may be read. A view that many are the same as is searched once."""
    seen = {raw}
    for data in _unpacked(raw):
        text = data.decode("utf-8", "replace")
        yield "base64", _joined(data)
        texts = {text}
        for read in (urllib.parse.unquote_plus, urllib.parse.unquote, _unescaped, html.unescape):
            texts |= {read(each) for each in list(texts)}
        for each in texts:
            folded = each.casefold()
            encoded = folded.encode("utf-8", "replace")
            if encoded not in seen:
                seen.add(encoded)
                yield "folded", encoded
            compact = _NO_WORD.sub("", folded).encode()
            if compact not in seen:
                seen.add(compact)
                yield "compact", compact
        yield "folded", text.casefold().encode("utf-8", "replace")


def _joined(data: bytes) -> bytes:
    """Base64 of both alphabets in one, with its line breaks taken out."""
    return data.translate(bytes.maketrans(b"-_", b"+/"), b"\r\n \t")


def _unpacked(raw: bytes) -> Iterator[bytes]:
    yield raw
    for read in (gzip.decompress, zlib.decompress):
        try:
            yield read(raw)
        except (OSError, EOFError, zlib.error):
            continue


def _unescaped(text: str) -> str:
    """As a JSON string is read, wherever it is."""
    return _ESCAPE.sub(lambda m: chr(int(m[1], 16)) if m[1] else _ESCAPED.get(m[2], m[2]), text)
