"""Numbers with a meaning: cards, phones, national ids and IPv4 addresses, found in runs of digits.

What a run of digits could be depends on its shape alone: the shape of a run, with what touches it, is asked once for its
candidates and the answer kept, since the same few shapes (a date, a card, a price) make up most texts. Only check digits,
issuers and words around are left for each number itself.

Rules: linear: a long run is cut into windows, a candidate is a bounded stretch, the plans kept are bounded in number and size
and hold shapes, never digits; candidates are tried in order, the most specific first, and what one takes is passed over; a card
needs its issuer's range, its length and its Luhn digit.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from turnout_sidecar.guarding.checksums import luhn
from turnout_sidecar.guarding.findings import Claim
from turnout_sidecar.guarding.identities import ANY_ID, BY_SHAPE, HINTS, SSN, Identity
from turnout_sidecar.guarding.page import Page, alone
from turnout_sidecar.guarding.phones import (
    SAID,
    begins_with_zero,
    loose_phones,
    phone_after_word,
    sure_phone,
    sure_phones,
)
from turnout_sidecar.guarding.words import Words

_RUN = re.compile(rb"[0+(](?<![0a]0)[0 .()\-/\n+\t_]{4,}0(?:[a_:\-./(][a0_)]{0,5})?")
_STARTS = re.compile(rb"(?<![0a])(?:[+(]+0|00|0[ .\-/]0?[0(]|0\.0{1,3}\.0)")
_SEPARATOR = rb"[ .\-/_\t]{0,2}\n?"
_CARDS = (
    re.compile(rb"0000" + _SEPARATOR + rb"0000" + _SEPARATOR + rb"0000" + _SEPARATOR + rb"0000(?![0a])"),
    re.compile(rb"0000" + _SEPARATOR + rb"000000" + _SEPARATOR + rb"0{4,5}(?![0a])"),
    re.compile(rb"0000(?:" + _SEPARATOR + rb"0000){3}" + _SEPARATOR + rb"000(?![0a])"),
    re.compile(rb"0{12,19}(?![0a])"),
    re.compile(rb"0000" + _SEPARATOR + rb"0000" + _SEPARATOR + rb"0000" + _SEPARATOR + rb"0(?![0a])"),
    re.compile(rb"0(?:[ .\-]0){12,18}(?![0a])"),
)
_CARD_WORDS = Words(
    r"card|credit|debit|visa|maestro|amex|karte|carte|tarjeta|carta|kort\b|cart(?:ã|a)o|kaart|karta|kart\b|kredit",
    r"карт|カード|卡|카드|κάρτ|بطاقة|כרטיס",
)
_IPV4 = re.compile(rb"0{1,3}\.0{1,3}\.0{1,3}\.0{1,3}(?![0a_])(?!\.0)")
_OCTETS = re.compile(
    r"(?!0\.|127\.|255\.)(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)){3}"
)
_VERSIONS = ("version", "release", "firmware", "build", "rev", "section", "chapter", "§")
_NUMERIC = sorted((known for known in BY_SHAPE if known[0] == "0"), key=len, reverse=True)
_SHAPED = re.compile(b"(?:" + b"|".join(re.escape(known.encode()) for known in _NUMERIC) + b")(?![0a])")
_BY_SHAPE = {shape.encode(): rules for shape, rules in BY_SHAPE.items()}
# the rules of a shape that need no word, by the identity of the tuple of all
_SURE = {id(rules): tuple(rule for rule in rules if rule.sure) for rules in BY_SHAPE.values()}
_TOUCHES = frozenset(bytes((code,)) for code in b".-+/$_0a")
_DIGIT = ord("0")
_WINDOW, _BEHIND = 48, 40
_PATIENCE = 512  # candidates in a row that are nothing: from then on it is a table, where only cards are looked for
_FEWEST, _GROUPS = 4, 2
_AMEX, _DINERS, _JCB_OLD = ("34", "37"), ("30", "36", "38", "39"), ("1800", "2131")
_SIXTEEN = re.compile(
    r"4|5[1-5]|2(?:22[1-9]|2[3-9]|[3-6]|7[01]|720|20[0-4])|3(?:52[89]|5[3-8])|6(?:011|4[4-9]|5|2|0|3|7)|81|9792"
    r"|50|5[678]"
)
_BRACKETS = (" (", "(")
_OWN, _CALL = 48, 40
_ENDURANCE = 1024  # numbers in a row that are no ids: no text has so many and one more that only its words tell
_CLOSE, _NUMBER = 16, 5  # so near a word belongs to the number; so many digits between have taken it already
_DIGITS = re.compile(r"\d")
_AFTER = re.compile(r" ?\(([^\W\d][\w .\-]{1,24})\)")
_FEW = 3  # so many rules cost less than the look for words that could mean one of them
_SPACES = str.maketrans(dict.fromkeys("\"'_([{=/-<>", " "))
_NOT_ID = frozenset(
    [
        "ticket",
        "order",
        "invoice",
        "policy",
        "isbn",
        "issn",
        "phone",
        "tel",
        "mobile",
        "cell",
        "fax",
        "account",
        "transaction",
        "batch",
        "sku",
        "tracking",
        "booking",
        "serial",
        "model",
        "ord",
        "timestamp",
        "epoch",
        "amount",
        "total",
        "price",
        "qty",
        "port",
        "line",
        "page",
        "row",
        "step",
        "seed",
        "width",
        "height",
        "size",
        "bytes",
        "offset",
        "ts",
        "ms",
        "tickets",
        "orders",
    ]
)
_NOT_DIGITS = b" .()-/\n+\t_"
_CARD, _ID, _IPV4_ADDRESS, _SURE_PHONE, _LOOSE_PHONE, _ZERO_PHONE = range(6)


class Candidate(NamedTuple):
    """What a stretch of a shape could be, as an offset from where the shape begins."""

    start: int
    end: int
    kind: int
    rules: tuple[Identity, ...]
    rule: str


def numbers(page: Page) -> Iterator[Claim]:
    """Cards, national ids that begin with a digit, phones and IPv4 addresses."""
    shape = page.shape
    raw = page.raw
    for run in _RUN.finditer(shape):
        begin, end = run.span()
        taken = begin
        idle = 0
        while begin < end:
            plan = _plan if idle < _PATIENCE else _table
            # what touches a number matters only if it could be a part of it
            lead = begin if shape[begin - 1 : begin] not in _TOUCHES else max(0, begin - 2)
            stop = end if end - begin <= _WINDOW else begin + _WINDOW + _BEHIND
            for offset, last, kind, rules, rule in plan(shape[lead:stop], begin - lead):
                start = lead + offset
                if start < taken or (kind == _ZERO_PHONE and raw[start] != _DIGIT):
                    continue
                idle += 1
                claim = _CHECKS[kind](page, start, lead + last, rules, rule)
                if claim is not None:
                    taken, idle = claim.end, 0
                    yield claim
            begin = end if stop == end else begin + _WINDOW


@lru_cache(maxsize=4096)
def _table(shape: bytes, lead: int) -> tuple[Candidate, ...]:
    """The cards alone that begin in a run of this shape: what is left to look for in a table of numbers."""
    return tuple(
        Candidate(found.start(), found.end(), _CARD, (), "card")
        for found in _CARDS[0].finditer(shape, lead)
        if found.start() < lead + _WINDOW and alone(shape, *found.span())
    )


@lru_cache(maxsize=4096)
def _plan(shape: bytes, lead: int) -> tuple[Candidate, ...]:
    """What begins in a run of this shape, behind so many characters of lead, in the order to be tried."""
    if shape.count(b"0", lead) < _FEWEST:
        return ()
    found: list[Candidate] = []
    last = min(len(shape), lead + _WINDOW)
    begun = _STARTS.search(shape, lead)
    while begun and begun.start() < last:
        at = begun.start()
        found += _candidates(shape, at)
        at = begun.end()
        if shape[begun.start()] != _DIGIT:
            # the digits behind a bracket are looked at for themselves too
            at = shape.index(b"0", begun.start())
            begun = _STARTS.match(shape, at)
            if begun:
                continue
        while at < len(shape) and shape[at] == _DIGIT:
            at += 1
        begun = _STARTS.search(shape, at)
    return tuple(found)


def _candidates(shape: bytes, at: int) -> Iterator[Candidate]:
    if shape[at] == _DIGIT:
        seen = set()
        for pattern in _CARDS:
            found = pattern.match(shape, at)
            if found and found.end() not in seen and _card_stands(shape, at, found.end()):
                seen.add(found.end())
                yield Candidate(at, found.end(), _CARD, (), "card")
        yield from _identities(shape, at)
        found = _IPV4.match(shape, at)
        if found and _address_stands(shape, at):
            yield Candidate(at, found.end(), _IPV4_ADDRESS, (), "ipv4")
    for rule, end in sure_phones(shape, at):
        yield Candidate(at, end, _ZERO_PHONE if begins_with_zero(rule, shape[at:end]) else _SURE_PHONE, (), rule)
    for end in loose_phones(shape, at):
        yield Candidate(at, end, _LOOSE_PHONE, (), "phone-after-word")


def _card_stands(shape: bytes, at: int, end: int) -> bool:
    """A card may also follow a name and an underscore."""
    if shape[at - 2 : at] == b"a_":
        return alone(shape[at:], 0, end - at)
    return alone(shape, at, end)


def _in_series(shape: bytes, at: int, end: int) -> bool:
    """Whether groups split by spaces go on at either side: a part of a card, an account or a phone is no id."""
    if shape.count(b" ", at, end) < _GROUPS:
        return False
    return shape[at - 2 : at] == b"0 " or shape[end : end + 2] == b" 0"


def _identities(shape: bytes, at: int) -> Iterator[Candidate]:
    found = _SHAPED.match(shape, at)
    while found:
        end = found.end()
        if alone(shape, at, end) and not _in_series(shape, at, end):
            yield Candidate(at, end, _ID, _BY_SHAPE[found[0]], "id")
        end -= 1
        while end > at and shape[end] in b"0a":
            end -= 1
        found = _SHAPED.match(shape, at, end) if end > at else None


def _card(page: Page, start: int, end: int, _rules: tuple[Identity, ...], _rule: str) -> Claim | None:
    digits = page.raw[start:end].translate(None, _NOT_DIGITS).decode()
    good = luhn(digits) and _issued(page, digits, start)
    return Claim(4, start, end, "CreditCard", "card") if good else None


def _issued(page: Page, digits: str, at: int) -> bool:
    length = len(digits)
    if length == 16:  # noqa: PLR2004 - most cards
        return _SIXTEEN.match(digits) is not None and len(set(digits)) > 1
    if length == 15:  # noqa: PLR2004 - American Express
        return digits.startswith(_AMEX + _JCB_OLD)
    if length == 14:  # noqa: PLR2004 - Diners
        return digits.startswith(_DINERS)
    if length in {13, 19}:
        if length == 13 and page.unspent(HINTS, at):  # noqa: PLR2004
            return False
        return digits[0] == "4" or (length == 19 and digits[0] == "6")  # noqa: PLR2004
    return length == 12 and page.near(_CARD_WORDS, at)  # noqa: PLR2004  # noqa: PLR2004


def identity_claim(page: Page, start: int, end: int, rules: tuple[Identity, ...], _rule: str = "id") -> Claim | None:
    """A national id of exactly this stretch, whose shape these rules use."""
    raw = page.raw[start:end].translate(None, _NOT_DIGITS)
    upper = True
    if not raw.isdigit():
        if not raw.isalnum() or not raw.isascii():
            return None
        upper = raw == raw.upper()
        raw = raw.upper()
    value = raw.decode()
    if len(rules) > _FEW:
        page.vain += 1
        if page.vain > _ENDURANCE or not _hinted(page, start, end):
            rules = _SURE.get(id(rules), ()) if upper else ()
    said: tuple[str, bool] | None = None
    for identity in rules:
        if not identity.check(value):
            continue
        if identity.sure and upper:
            if value.isdecimal() and identity is not SSN and _said_otherwise(page, start):
                continue
        else:
            said = said or _said(page, start, end)
            if not (said[1] and not identity.weak) and not _speaks(said[0], identity):
                continue
        page.vain = 0
        return Claim(4, start, end, "NationalId", identity.rule)
    return None


def _said_otherwise(page: Page, start: int) -> bool:
    """Whether the words before a number of digits alone say that it is another thing: an order, a phone."""
    return page.last_word(start) in _NOT_ID or page.unspent(SAID, start, _CALL)


def _hinted(page: Page, start: int, end: int) -> bool:
    """Whether anything around could give a number the meaning of an id."""
    if page.text.startswith(_BRACKETS, end):
        return True
    return page.last_word(start) not in _NOT_ID and page.near(HINTS, start)


def _said(page: Page, start: int, end: int) -> tuple[str, bool]:
    """The words before a number, none if they say that it is none of a person, and whether they speak of any id."""
    before = page.before(start).translate(_SPACES)
    following = _AFTER.match(page.text, end)
    named = f" {following[1].lower()} " if following else ""
    if page.last_word(start) in _NOT_ID:
        return named, False
    return before + named, page.unspent(ANY_ID, start)


def _speaks(before: str, identity: Identity) -> bool:
    """Whether the words speak of such a number."""
    near = before[-_OWN:] if identity.weak else before
    for word in identity.words:
        at = near.rfind(word)
        if at >= 0 and (len(near) - at < _CLOSE or len(_DIGITS.findall(near, at)) < _NUMBER):
            return True
    return False


def _address(page: Page, at: int, end: int, _rules: tuple[Identity, ...], _rule: str) -> Claim | None:
    if _OCTETS.fullmatch(page.text, at, end) is None:
        return None
    before = page.text[max(0, at - 12) : at].rstrip(" :=\n").lower()
    if before.endswith(_VERSIONS) or (before.endswith("v") and not before[-2:-1].isalpha()):
        return None
    return Claim(4, at, end, "IPAddress", "ipv4")


def _address_stands(shape: bytes, at: int) -> bool:
    before = shape[at - 1 : at]
    return before not in {b"0", b"a", b"_"} and shape[at - 2 : at] not in {b"0.", b"a.", b"0-"}


def _sure(page: Page, start: int, end: int, _rules: tuple[Identity, ...], rule: str) -> Claim | None:
    return sure_phone(page, rule, start, end)


def _loose(page: Page, start: int, end: int, _rules: tuple[Identity, ...], _rule: str) -> Claim | None:
    return phone_after_word(page, start, end)


_CHECKS = (_card, identity_claim, _address, _sure, _loose, _sure)
