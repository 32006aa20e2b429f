"""Text behind base64 or percent signs: data URLs and files.

Rules: what is text by its bytes is text, whatever its media type claims; what is declared text and is no UTF-8 is read as
Latin-1 and inspected; PDF is binary though it may look like text, since a change would break it; what is not base64 at all is no
media, and its caller inspects it as it stands.
"""

import base64
import binascii
import re
from collections.abc import Callable
from typing import Final, NamedTuple
from urllib.parse import quote, unquote_to_bytes

_DATA_URL = re.compile(r"\s*data:([^,]{0,1024}),", re.IGNORECASE)
_ALPHABET: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=-_\t\n\r\f\v "
_URL_SAFE = bytes.maketrans(b"-_", b"+/")
_SNIFFED = 256
_CONTROLS: Final = bytes(range(9)) + bytes(range(14, 27)) + bytes(range(28, 32)) + b"\x7f"
_PDF: Final = b"%PDF-"
_TEXT_TYPES = ("text/", "application/json", "application/xml", "application/yaml", "application/csv", "image/svg")
_SAFE = "!$&'()*+,;=:@/?-._~"


class Text(NamedTuple):
    """Decoded text, and how to encode another in its place."""

    text: str
    encode: Callable[[str], str]


class Found(NamedTuple):
    """What was found behind it. `text` None: it is binary."""

    text: Text | None


BINARY: Final = Found(None)


def data_url(url: str) -> Found | None:
    """None: it is no data URL, or one whose data is not what it says."""
    found = _DATA_URL.match(url)
    if found is None:
        return None
    head, payload = url[: found.end()], url[found.end() :]
    kind, *parameters = (word.strip().lower() for word in found[1].split(";"))
    charset = next((word[8:].strip("\"'") for word in parameters if word.startswith("charset=")), "")
    declared = kind.startswith(_TEXT_TYPES) or not kind or kind.endswith(("+json", "+xml"))
    if parameters and parameters[-1] == "base64":
        raw = from_base64(payload, whole=declared)
        if raw is None:
            return None
        text = text_of(raw, declared=declared, charset=charset)
        return Found(None if text is None else Text(text.text, _after(head, _in_base64(text.encode_bytes))))
    text = text_of(unquote_to_bytes(payload), declared=declared, charset=charset)
    return Found(None if text is None else Text(text.text, _after(head, _in_percents(text.encode_bytes))))


def file_text(payload: str, media_type: str = "") -> Found | None:
    """The same of bare base64. None: it is not base64."""
    declared = media_type.lower().startswith(_TEXT_TYPES)
    raw = from_base64(payload, whole=declared)
    if raw is None:
        return None
    text = text_of(raw, declared=declared)
    return Found(None if text is None else Text(text.text, _in_base64(text.encode_bytes)))


class Decoded(NamedTuple):
    """Text of bytes, and how to make bytes of another."""

    text: str
    encode_bytes: Callable[[str], bytes]


def from_base64(payload: str, *, whole: bool) -> bytes | None:
    """The bytes, of either alphabet, with or without padding and line breaks; None where it is something else.

    Unless they are asked for as a `whole`, of what begins as no text does only the beginning is decoded.
    """
    if not payload.isascii():
        return None
    raw = payload.encode()
    if raw.translate(None, _ALPHABET):
        return None
    if not whole and len(raw) > 2 * _SNIFFED:
        head = _decoded(b"".join(raw[: 2 * _SNIFFED].split())[:_SNIFFED])
        if head is not None and text_of(head, declared=False, cut=True) is None:
            return head
    return _decoded(b"".join(raw.split()))


def _decoded(raw: bytes) -> bytes | None:
    raw = raw.rstrip(b"=").translate(_URL_SAFE)
    if len(raw) % 4 == 1:
        raw = raw[:-1]
    try:
        return binascii.a2b_base64(raw + b"=" * (-len(raw) % 4))
    except binascii.Error:
        return None


def text_of(raw: bytes, *, declared: bool, charset: str = "", cut: bool = False) -> Decoded | None:
    """The text that bytes are; None: they are binary. `cut`: they are the beginning of more."""
    if raw.startswith(_PDF):
        return None
    wide = _wide(raw)
    for name in (wide, charset.replace("_", "-")):
        found = _in_charset(raw[: len(raw) // 2 * 2] if cut and name is wide else raw, name) if name else None
        if found is not None:
            return found
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        if cut and error.start and error.start >= len(raw) - 3:
            return text_of(raw[: error.start], declared=declared)
        return _in_charset(raw, "latin-1") if declared else None
    return Decoded(text, str.encode) if declared or not _has_controls(raw) else None


def _has_controls(raw: bytes) -> bool:
    return len(raw.translate(None, _CONTROLS)) < len(raw)


def _wide(raw: bytes) -> str:
    """Which UTF-16 it is, by its mark or by the empty halves of its first letters; "" if it is none."""
    if raw.startswith(b"\xff\xfe") or (len(raw) > 3 and not any(raw[1:16:2]) and all(raw[:16:2])):  # noqa: PLR2004
        return "utf-16-le"
    if raw.startswith(b"\xfe\xff") or (len(raw) > 3 and not any(raw[:16:2]) and all(raw[1:16:2])):  # noqa: PLR2004
        return "utf-16-be"
    return ""


def _in_charset(raw: bytes, charset: str) -> Decoded | None:
    """Text of another encoding, if its bytes come back the same."""
    try:
        text = raw.decode(charset)
        if text.encode(charset) != raw:
            return None
    except (LookupError, UnicodeError):
        return None
    return Decoded(text, lambda new: new.encode(charset, "replace"))


def _in_base64(encode: Callable[[str], bytes]) -> Callable[[str], str]:
    return lambda text: base64.b64encode(encode(text)).decode()


def _in_percents(encode: Callable[[str], bytes]) -> Callable[[str], str]:
    return lambda text: quote(encode(text), safe=_SAFE)


def _after(head: str, encode: Callable[[str], str]) -> Callable[[str], str]:
    return lambda text: head + encode(text)
