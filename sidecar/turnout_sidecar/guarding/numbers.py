"""Numbers with a meaning: cards, phones, national ids and IPv4 addresses, found in runs of digits.

One pass over the shape finds runs of digits with their separators; at the start of each group of digits the detectors are asked
in turn, the most specific first, and what one of them takes is passed over.

Rules: linear, since a detector looks at a bounded stretch; whoever needs a word before the number says so; a card needs
its issuer's range, its length and its Luhn digit.
"""

import re
from collections.abc import Iterator

from turnout_sidecar.guarding.checksums import luhn
from turnout_sidecar.guarding.findings import Claim
from turnout_sidecar.guarding.identities import ANY_ID, BY_SHAPE
from turnout_sidecar.guarding.page import Page
from turnout_sidecar.guarding.phones import phone_at

RUN = re.compile(rb"[0+(][0 .()\-/\n+]{5,}")
_STARTS = re.compile(rb"(?<![0a])(?:[+(]+0|00|0[ .\-/]0?[0(]|0\.0{1,3}\.0)")
_SEPARATOR = rb"[ .\-]?\n?"
_CARDS = (
    re.compile(rb"0000" + _SEPARATOR + rb"0000" + _SEPARATOR + rb"0000" + _SEPARATOR + rb"0000(?![0a])"),
    re.compile(rb"0000" + _SEPARATOR + rb"000000" + _SEPARATOR + rb"0{4,5}(?![0a])"),
    re.compile(rb"0000(?:" + _SEPARATOR + rb"0000){3}" + _SEPARATOR + rb"000(?![0a])"),
    re.compile(rb"0{12,19}(?![0a])"),
)
_CARD_WORDS = (
    "card",
    "credit",
    "debit",
    "visa",
    "maestro",
    "amex",
    "karte",
    "carte",
    "tarjeta",
    "carta",
    "kort",
    "cartão",
    "cartao",
)
_IPV4 = re.compile(rb"0{1,3}\.0{1,3}\.0{1,3}\.0{1,3}(?![0a_])(?!\.0)")
_VERSION = re.compile(r"(?:\bv|version|release|firmware|build) ?[:=]?\s?$")
_NUMERIC = sorted((known for known in BY_SHAPE if known[0] == "0"), key=len, reverse=True)
_SHAPED = re.compile(b"(?:" + b"|".join(re.escape(known.encode()) for known in _NUMERIC) + b")(?![0a])")
_DIGIT = ord("0")
_PATIENCE = (
    128  # groups of digits in a row that are nothing: from then on it is a table, where only cards are looked for
)
_FEWEST_CARD, _FEWEST_ID, _FEWEST_PHONE = 12, 7, 6
_AMEX, _DINERS, _JCB_OLD = ("34", "37"), ("30", "36", "38", "39"), ("1800", "2131")
_SIXTEEN = re.compile(
    r"4|5[1-5]|2(?:22[1-9]|2[3-9]|[3-6]|7[01]|720|20[0-4])|3(?:52[89]|5[3-8])|6(?:011|4[4-9]|5|2|0|3|7)|81|9792|50|5[678]"
)
_BYTE = 256


def numbers(page: Page) -> Iterator[Claim]:
    """Cards, national ids that begin with a digit, phones and IPv4 addresses."""
    shape = page.shape
    for run in RUN.finditer(shape):
        begin, end = run.span()
        left = run[0].count(b"0")
        dotted = run[0].count(b".") > 2  # noqa: PLR2004 - an IPv4 address has three
        if left < _FEWEST_PHONE and not dotted:
            continue
        at = begin
        patience = _PATIENCE
        while at < end and left >= 4:  # noqa: PLR2004 - the shortest is 1.1.1.1
            start = _STARTS.search(shape, at, end)
            if start is None:
                break
            begin = start.start()
            if patience:
                claim = _number_at(page, begin, left, dotted=dotted)
                patience = _PATIENCE if claim else patience - 1
            else:
                claim = _card_at(page, begin, _CARDS[:1]) if shape[begin] == _DIGIT else None
            at = claim.end if claim else _next_group(shape, start.end(), end)
            left -= shape.count(b"0", begin, at)
            if claim:
                yield claim


def _next_group(shape: bytes, at: int, end: int) -> int:
    while at < end and shape[at] == _DIGIT:
        at += 1
    return at


def _number_at(page: Page, at: int, left: int, *, dotted: bool) -> Claim | None:
    """What begins here, with so many digits left in the run."""
    found = None
    if page.shape[at] == _DIGIT:
        if left >= _FEWEST_CARD:
            found = _card_at(page, at)
        if not found and left >= _FEWEST_ID:
            found = _identity_at(page, at)
        if not found and dotted:
            found = _ipv4_at(page, at)
    return found or (phone_at(page, at) if left >= _FEWEST_PHONE else None)


def _card_at(page: Page, at: int, patterns: tuple[re.Pattern[bytes], ...] = _CARDS) -> Claim | None:
    for pattern in patterns:
        found = pattern.match(page.shape, at)
        if found is None:
            continue
        end = found.end()
        digits = "".join(filter(str.isdecimal, page.text[at:end]))
        if luhn(digits) and page.alone(at, end) and _issued(page, digits, at):
            return Claim(4, at, end, "CreditCard", "card")
    return None


def _issued(page: Page, digits: str, at: int) -> bool:
    length = len(digits)
    if length == 16:  # noqa: PLR2004 - most cards
        return _SIXTEEN.match(digits) is not None and len(set(digits)) > 1
    if length == 15:  # noqa: PLR2004 - American Express
        return digits.startswith(_AMEX + _JCB_OLD)
    if length == 14:  # noqa: PLR2004 - Diners
        return digits.startswith(_DINERS)
    if length in {13, 19}:
        return digits[0] == "4" or (length == 19 and digits[0] == "6")  # noqa: PLR2004
    return digits.startswith(("50", "56", "57", "58", "6")) or page.says(_CARD_WORDS, at)


def _identity_at(page: Page, at: int) -> Claim | None:
    shape = page.shape
    found = _SHAPED.match(shape, at)
    while found:
        end = found.end()
        claim = identity_claim(page, at, end) if page.alone(at, end) else None
        if claim:
            return claim
        end -= 1
        while end > at and shape[end] in b"0a":
            end -= 1
        found = _SHAPED.match(shape, at, end) if end - at >= _FEWEST_ID else None
    return None


def identity_claim(page: Page, start: int, end: int) -> Claim | None:
    """A national id of exactly this stretch, whose shape some country uses."""
    raw = page.text[start:end]
    value = "".join(filter(str.isalnum, raw)).upper()
    if not value.isascii():
        return None
    upper = raw == raw.upper()
    spoken: bool | None = None
    for identity in BY_SHAPE[page.shape[start:end].decode()]:
        if not identity.check(value):
            continue
        if not (identity.sure and upper) and not page.says(identity.words, start):
            spoken = page.says(ANY_ID, start) if spoken is None else spoken
            if not spoken:
                continue
        return Claim(4, start, end, "NationalId", identity.rule)
    return None


def _ipv4_at(page: Page, at: int) -> Claim | None:
    found = _IPV4.match(page.shape, at)
    if found is None:
        return None
    end = found.end()
    parts = page.text[at:end].split(".")
    if any(int(part) >= _BYTE or (len(part) > 1 and part[0] == "0") for part in parts) or not _stands(page, at):
        return None
    if parts[0] in {"0", "127", "255"} or _VERSION.search(page.lower, max(0, at - 12), at):
        return None
    return Claim(4, at, end, "IPAddress", "ipv4")


def _stands(page: Page, at: int) -> bool:
    before = page.shape[at - 1 : at]
    return before not in {b"0", b"a", b"_"} and page.shape[at - 2 : at] not in {b"0.", b"a.", b"0-"}
