"""The scan of one text: normalise, look with each detector that could find something, settle overlaps.

Detectors see the plain form of the text (full-width digits, escapes and the like resolved) and, one level deep, what long base64
words decode to; findings always speak of the original. A detector is asked only if the one character or shape that all its matches
have is there, so that ordinary prose costs little.

Rules: pure and deterministic; linear in the length of the text; all entities are looked for and settled together, then those
that were not asked for are left out: a card is no phone even where cards do not matter.
"""

import binascii
import re
from collections.abc import Iterator

from turnout_sidecar.guarding.accounts import ibans
from turnout_sidecar.guarding.addresses import emails, machines, urls
from turnout_sidecar.guarding.findings import SECRET, Claim, Finding, settle
from turnout_sidecar.guarding.identities import BY_SHAPE
from turnout_sidecar.guarding.leaks import assigned, hooks, private_keys, words
from turnout_sidecar.guarding.normal import Plain, normalise
from turnout_sidecar.guarding.numbers import identity_claim, numbers
from turnout_sidecar.guarding.page import Page

ENTITIES = frozenset(
    {
        "Email",
        "Phone",
        "CreditCard",
        "IBAN",
        "NationalId",
        "IPAddress",
        "MACAddress",
        "CryptoWallet",
        "URLCredentials",
        SECRET,
    }
)
_LONG = 16
_LETTERED = tuple(shape.encode() for shape in BY_SHAPE if shape[0] == "a")
_WORDS = bytes(32 if code <= ord(" ") or code in b"\"'`<>(){}[],;&@\\" else 120 for code in range(256))
_LONG_WORD = b"x" * _LONG
_BASE64 = re.compile(r"[A-Za-z0-9+/_\-]{20,}={0,2}")
_URL_SAFE = str.maketrans("-_", "+/")
_LONGEST_BASE64 = 65_536


def scan(text: str, entities: frozenset[str] = ENTITIES) -> tuple[Finding, ...]:
    """What of the entities is in a text, by position, without overlaps."""
    plain = normalise(text)
    return tuple(
        Finding(*plain.original(claim.start, claim.end), claim.entity, claim.rule)
        for claim in settle(_claims(plain, entities))
        if claim.entity in entities
    )


def _claims(plain: Plain, entities: frozenset[str], *, decode: bool = True) -> list[Claim]:
    page = Page(plain.text)
    claims: list[Claim] = []
    digits = b"0" in page.shape
    if digits:
        claims += numbers(page)
        claims += _lettered(page)
        claims += ibans(page)
    text = page.text
    if "@" in text or "at)" in text or "at]" in text:
        claims += emails(page)
    if "://" in text:
        claims += urls(page, entities)
    if ":" in text or digits:
        claims += machines(page)
    claims += _secrets(page, entities, decode=decode)
    return claims


def _lettered(page: Page) -> Iterator[Claim]:
    """National ids that begin with a letter."""
    for shape in _LETTERED:
        at = page.shape.find(shape)
        while at >= 0:
            end = at + len(shape)
            claim = identity_claim(page, at, end) if page.alone(at, end) else None
            if claim:
                yield claim
            at = page.shape.find(shape, end)


def _secrets(page: Page, entities: frozenset[str], *, decode: bool) -> Iterator[Claim]:
    yield from private_keys(page)
    yield from assigned(page)
    yield from hooks(page)
    flat = page.shape.translate(_WORDS) + b" "

    at = flat.find(_LONG_WORD)
    while at >= 0:
        end = flat.find(b" ", at)
        stretch = page.text[at:end]
        yield from words(page, stretch, at)
        if decode:
            yield from _decoded(stretch, at, entities)
        at = flat.find(_LONG_WORD, end)


def _decoded(stretch: str, offset: int, entities: frozenset[str]) -> Iterator[Claim]:
    """Base64 words that hold something, as a whole."""
    for found in _BASE64.finditer(stretch):
        inner = _plain_of(found[0])
        if inner is None:
            continue
        for claim in settle(_claims(normalise(inner), entities, decode=False)):
            if claim.entity in entities:
                yield Claim(2, offset + found.start(), offset + found.end(), claim.entity, f"base64-{claim.rule}")
                break


def _plain_of(word: str) -> str | None:
    """What a base64 word says, if it is text."""
    word = word.rstrip("=").translate(_URL_SAFE)
    try:
        if not _is_text(binascii.a2b_base64(word[:16])):
            return None
        raw = binascii.a2b_base64(word[: len(word) // 4 * 4] if len(word) % 4 == 1 else word + "=" * (-len(word) % 4))
        text = raw[:_LONGEST_BASE64].decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    return text if _is_text(raw[:64]) else None


def _is_text(raw: bytes) -> bool:
    return raw.isascii() and raw.translate(None, b"\t\n\r").decode().isprintable()
