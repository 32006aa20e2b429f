"""How random a word looks: what tells a key from a name, a version, a hash or a word of a language.

Rules: pure; entropy is Shannon's over the word's own characters; a hash or an id in its usual form is random too, and told apart
by its form.
"""

import re
from math import log2

UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_HEX = re.compile(r"[0-9a-fA-F]{16,}")
UUID_LENGTH = 36
_DIGESTS = frozenset((32, 40, 56, 64, 96, 128))
_SAID_HASH = re.compile(
    r"sha\d{1,3}[:\-](?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{56}|[0-9a-f]{64}|[0-9a-f]{96}|[0-9a-f]{128})"
)
_WORDY = re.compile(r"[A-Za-z]+(?:[_\-.][A-Za-z]+)*[_\-.]?\d{0,4}|v?\d+(?:[.\-]\d+)*")
_HUMPS = re.compile(r"[a-z][A-Z].*[a-z][A-Z]")
_BITS = (0.0, *(count * log2(count) for count in range(1, 513)))
_ROUNDING = 1e-9
_DIGITS, _SMALL = b"0123456789", b"abcdefghijklmnopqrstuvwxyz"
_NUMBERS = bytes(code if code in _DIGITS else ord(" ") for code in range(256))
_LONG_WORD = re.compile(r"[a-z]{6}|[A-Z][a-z]{4}")


def entropy(text: str) -> float:
    """Bits a character, by the text's own frequencies (Shannon)."""
    length = len(text)
    if length >= len(_BITS):
        text, length = text[: len(_BITS) - 1], len(_BITS) - 1
    return log2(length) - sum(map(_BITS.__getitem__, map(text.count, set(text)))) / length


def has_entropy(text: str, least: float) -> bool:
    """Whether the entropy of a text is at least so many bits a character; how many characters differ mostly tells."""
    length, kinds = len(text), len(set(text))
    if length < len(_BITS):
        if log2(kinds) < least:
            return False
        # no text has less than one whose characters are all different but for one that is repeated
        if log2(length) - _BITS[length - kinds + 1] / length >= least + _ROUNDING:
            return True
    return entropy(text) >= least


def _digits(value: str) -> int:
    return len(value) - len(value.encode("ascii", "replace").translate(None, _DIGITS))


def is_uuid(value: str) -> bool:
    """Whether this is a UUID as it is written most often."""
    return len(value) == UUID_LENGTH and UUID.fullmatch(value) is not None


def is_hash(value: str) -> bool:
    """Whether this has the form of a digest or a UUID, which names a thing rather than opens one."""
    if value.isalnum():
        return len(value) in _DIGESTS and not value.encode("ascii", "replace").translate(None, b"0123456789abcdef")
    return _SAID_HASH.fullmatch(value) is not None or is_uuid(value)


def is_wordy(value: str) -> bool:
    """Whether this is words joined by signs, with a number at the end at most, or a version."""
    return _WORDY.fullmatch(value) is not None


def is_random(value: str, *, least: float) -> bool:
    """Whether letters and digits are mixed as no word, name or version is."""
    digits = _digits(value)
    if digits == len(value):
        return False
    if not digits:
        capitals = sum(map(str.isupper, value))
        return (
            len(value) // 3 < capitals < len(value) and has_entropy(value, least) and _HUMPS.search(value) is not None
        )
    if _WORDY.fullmatch(value) or (value.islower() and not _HEX.fullmatch(value) and digits < len(value) // 10):
        return False
    return has_entropy(value, least)


def is_key(value: str) -> bool:
    """Whether a word of ASCII is so mixed that it speaks for itself: capitals, small letters and digits all through."""
    raw = value.encode()
    length = len(raw)
    if raw.islower() or raw.isupper():
        return False
    digits = length - len(raw.translate(None, _DIGITS))
    if digits < 3 or digits * 3 > length * 2:  # noqa: PLR2004
        return False
    small = length - len(raw.translate(None, _SMALL))
    if small < length // 8 or length - small - digits < length // 8:
        return False
    groups = len(raw.translate(_NUMBERS).split())
    return groups > 1 and has_entropy(value, 3.6) and len(_LONG_WORD.findall(value)) * 16 < length
