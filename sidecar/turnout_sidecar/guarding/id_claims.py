"""Whether a number of the shape of national ids is one: by its check digits and the words around it.

A shape is used by the ids of several countries, whose rules are tried in order. One that needs no word is found unless the words
before it say that the number is another thing; the others need a word of their own, or one that speaks of any id where the rule
is not weak.

Rules: pure but for the count of numbers that were none, which bounds what a text made of numbers alone can cost; a word that has
its number already gives none to the next.
"""

import re
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from turnout_sidecar.guarding.findings import Claim
from turnout_sidecar.guarding.identities import ANY_ID, HINTS, SSN, Identity
from turnout_sidecar.guarding.page import Page
from turnout_sidecar.guarding.phones import SAID, Check

_SSN = SSN.rule
_BRACKETS = (" (", "(")
_OWN, _CALL = 48, 40
_ENDURANCE = 1024  # numbers in a row that are no ids: no text has so many and one more that only its words tell
_CLOSE, _NUMBER = 16, 5  # so near a word belongs to the number; so many digits between have taken it already
_DIGITS = re.compile(r"\d")
_AFTER = re.compile(r" ?\(([^\W\d][\w .\-]{1,24})\)")
_FEW = 3  # so many rules cost less than the look for words that could mean one of them
_FEW_CHECKS = 5
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


def identity_claim(rules: tuple[Identity, ...], page: Page, start: int, end: int) -> Claim | None:
    """A national id of exactly this stretch, whose shape these rules use."""
    raw = page.raw[start:end].translate(None, _NOT_DIGITS)
    if not raw.isalnum() or not raw.isascii():
        return None
    written = raw.decode()
    value = written.upper()
    if len(rules) > _FEW and not _may_be_any(page, start, end):
        rules = tuple(rule for rule in rules if rule.sure and value == written)
    return _first(rules, page, start, end, value, sure=value == written)


class _Many(NamedTuple):
    """The rules of a shape that many countries use; mostly a number of it is none of them."""

    rules: tuple[Identity, ...]
    sure: tuple[Identity, ...]
    solid: bool
    # where these are few: the checks of all rules but the weak, and parts of the words that the weak ones need
    checks: tuple[Callable[[str], bool], ...]
    words: tuple[str, ...]


def number_check(shape: str, rules: tuple[Identity, ...]) -> Check:
    """What looks whether a number of this shape, which begins with a digit, is an id of these rules."""
    if "a" in shape:
        return partial(identity_claim, rules)
    solid = shape.isdigit()
    if len(rules) <= _FEW:
        return partial(_solid_claim if solid else _split_claim, rules)
    checks = tuple(rule.check for rule in rules if not rule.weak)
    words = {max(word.split(), key=len) for rule in rules if rule.weak for word in rule.words}
    least = tuple(sorted(word for word in words if not any(other in word for other in words - {word})))
    sure = tuple(rule for rule in rules if rule.sure)
    return partial(_one_of_many, _Many(rules, sure, solid, checks if len(checks) <= _FEW_CHECKS else (), least))


def _solid_claim(rules: tuple[Identity, ...], page: Page, start: int, end: int) -> Claim | None:
    return _first(rules, page, start, end, page.text[start:end])


def _split_claim(rules: tuple[Identity, ...], page: Page, start: int, end: int) -> Claim | None:
    return _first(rules, page, start, end, page.raw[start:end].translate(None, _NOT_DIGITS).decode())


def _one_of_many(many: _Many, page: Page, start: int, end: int) -> Claim | None:
    rules, sure, solid, checks, _ = many
    if checks and solid and _is_none(many, page, start, end):
        page.vain += 1
        return None
    if not _may_be_any(page, start, end):
        rules = sure
        if not rules:
            return None
    return (_solid_claim if solid else _split_claim)(rules, page, start, end)


def _is_none(many: _Many, page: Page, start: int, end: int) -> bool:
    """Whether a number is no id by check digits and a few words alone, which cost less than a look for any word."""
    if page.text.startswith(_BRACKETS, end):
        return False
    value = page.text[start:end]
    for check in many.checks:
        if check(value):
            return False
    return not any(map(page.before(start).__contains__, many.words))


def _may_be_any(page: Page, start: int, end: int) -> bool:
    """Whether a number could be an id that needs a word."""
    page.vain += 1
    return page.vain <= _ENDURANCE and _hinted(page, start, end)


def _first(
    rules: tuple[Identity, ...], page: Page, start: int, end: int, value: str, *, sure: bool = True
) -> Claim | None:
    """The first of these ids that a value in capitals is; where it was not written so, all of them need a word."""
    said: tuple[str, bool] | None = None
    for rule, check, words, certain, weak in rules:
        if not check(value):
            continue
        if certain and sure:
            if rule != _SSN and value.isdecimal() and _said_otherwise(page, start):
                continue
        else:
            said = said or _said(page, start, end)
            if not (said[1] and not weak) and not _speaks(said[0], words, weak=weak):
                continue
        page.vain = 0
        return Claim(4, start, end, "NationalId", rule)
    return None


def _said_otherwise(page: Page, start: int) -> bool:
    """Whether the words before a number of digits alone say that it is another thing: an order, a phone."""
    return page.last_word(start) in _NOT_ID or page.unspent(SAID, start, _CALL)


def _hinted(page: Page, start: int, end: int) -> bool:
    """Whether anything around could give a number the meaning of an id."""
    if page.text.startswith(_BRACKETS, end):
        return True
    return page.near(HINTS, start) and page.last_word(start) not in _NOT_ID


def _said(page: Page, start: int, end: int) -> tuple[str, bool]:
    """The words before a number, none if they say that it is none of a person, and whether they speak of any id."""
    before = page.before(start).translate(_SPACES)
    following = _AFTER.match(page.text, end)
    named = f" {following[1].lower()} " if following else ""
    if page.last_word(start) in _NOT_ID:
        return named, False
    return before + named, page.unspent(ANY_ID, start)


def _speaks(before: str, words: tuple[str, ...], *, weak: bool) -> bool:
    """Whether one of its words speaks of such a number."""
    near = before[-_OWN:] if weak else before
    for word in words:
        at = near.rfind(word)
        if at >= 0 and (len(near) - at < _CLOSE or len(_DIGITS.findall(near, at)) < _NUMBER):
            return True
    return False
