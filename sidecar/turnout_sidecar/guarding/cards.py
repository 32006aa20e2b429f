"""Payment cards: how they are written, whose they are and whether their check digit is right.

A card is told by its shape (groups of four, of four, six and five, single digits, or no groups), by how the cards of its issuer
begin and by its Luhn digit; twelve digits need a word before them besides.

Rules: shapes are written as in `page`; what depends on the shape alone is told of the shape (`cards_in`), the rest by what that
names to look at the number.
"""

import re
from collections.abc import Iterator

from turnout_sidecar.guarding.checksums import luhn_raw
from turnout_sidecar.guarding.findings import Claim
from turnout_sidecar.guarding.identities import HINTS
from turnout_sidecar.guarding.page import Page, alone
from turnout_sidecar.guarding.phones import ANY, Check
from turnout_sidecar.guarding.words import Words

_RANK = 4
_SEPARATOR = rb"[ .\-/_\t+]{0,2}\n?"
_WRITTEN = (
    re.compile(rb"0000" + _SEPARATOR + rb"0000" + _SEPARATOR + rb"0000" + _SEPARATOR + rb"0000(?![0a])"),
    re.compile(rb"0000" + _SEPARATOR + rb"000000" + _SEPARATOR + rb"0{4,5}(?![0a])"),
    re.compile(rb"0000(?:" + _SEPARATOR + rb"0000){3}" + _SEPARATOR + rb"000(?![0a])"),
    re.compile(rb"0{12,19}(?![0a])"),
    re.compile(rb"0000" + _SEPARATOR + rb"0000" + _SEPARATOR + rb"0000" + _SEPARATOR + rb"0(?![0a])"),
)
_SPLIT = (re.compile(rb"0(?:[ .\-]0){12,18}(?![0a])"),)
_CARD_WORDS = Words(
    r"card|credit|debit|visa|maestro|amex|karte|carte|tarjeta|carta|kort\b|cart(?:ã|a)o|kaart|karta|kart\b|kredit",
    r"карт|カード|卡|카드|κάρτ|بطاقة|כרטיס",
)
_SIXTEEN = re.compile(
    rb"4|5[1-5]|2(?:22[1-9]|2[3-9]|[3-6]|7[01]|720|20[0-4])|3(?:52[89]|5[3-8])|6(?:011|4[4-9]|5|2|0|3|7)|81|9792"
    rb"|50|5[678]"
)
_VISA = ord("4")
# how cards of other lengths begin: Maestro, Visa, Diners, American Express and the old JCB; none of 17 or 18
_BEGUN_BY: dict[int, tuple[bytes, ...]] = {
    12: (b"",),
    13: (b"4",),
    14: (b"30", b"36", b"38", b"39"),
    15: (b"34", b"37", b"1800", b"2131"),
    17: (),
    18: (),
    19: (b"4", b"6"),
}
_NOT_DIGITS = b" .()-/\n+\t_"
FEWEST = 12


def cards_in(shape: bytes, at: int, *, whole: bool) -> Iterator[tuple[int, bytes, Check]]:
    """Where cards that begin here could end, what they begin with, and what looks at them."""
    seen = set()
    for pattern in _WRITTEN if shape.startswith(b"0000", at) else _SPLIT:
        found = pattern.match(shape, at)
        if found and found.end() not in seen and _stands(shape, at, found.end()):
            seen.add(found.end())
            length = found[0].count(b"0")
            yield found.end(), _ISSUERS[length] if whole else ANY, _CHECKS[length]


def tabled_cards(shape: bytes, at: int) -> Iterator[tuple[int, int, Check]]:
    """Where cards of sixteen digits stand from here on, and what looks at them."""
    for found in _WRITTEN[0].finditer(shape, at):
        if alone(shape, *found.span()):
            yield found.start(), found.end(), _card_of_16


def _stands(shape: bytes, at: int, end: int) -> bool:
    """A card may also follow a name and an underscore."""
    if shape[at - 2 : at] == b"a_":
        return alone(shape[at:], 0, end - at)
    return alone(shape, at, end)


def _card_of_16(page: Page, start: int, end: int) -> Claim | None:
    digits = page.raw[start:end]
    if end - start > 16:  # noqa: PLR2004 - it has separators
        digits = digits.translate(None, _NOT_DIGITS)
    if luhn_raw(digits):
        first = digits[0]
        # most are Visa's
        issued = first == _VISA or _SIXTEEN.match(digits) is not None
        if issued and digits.count(first) < len(digits):
            return Claim(_RANK, start, end, "CreditCard", "card")
    return None


def _card(page: Page, start: int, end: int) -> Claim | None:
    digits = page.raw[start:end].translate(None, _NOT_DIGITS)
    if digits.startswith(_BEGUN_BY[len(digits)]) and luhn_raw(digits):
        if len(digits) == 13 and page.unspent(HINTS, start):  # noqa: PLR2004 - an id
            return None
        if len(digits) > 12 or page.near(_CARD_WORDS, start):  # noqa: PLR2004 - Maestro
            return Claim(_RANK, start, end, "CreditCard", "card")
    return None


_ISSUERS = {length: b"".join(first[:1] or ANY for first in begun) for length, begun in _BEGUN_BY.items()}
_ISSUERS[16] = b"2345689"
_CHECKS: dict[int, Check] = {length: _card_of_16 if length == 16 else _card for length in _ISSUERS}  # noqa: PLR2004
