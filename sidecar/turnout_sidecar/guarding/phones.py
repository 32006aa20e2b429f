"""Phone numbers, in the ways that people write them.

With a country code, in the North American form, with an area code in brackets or with a leading zero in three groups or more, a
number speaks for itself. Any other run of digits is a phone number only behind a word that says so (call, mobile, Telefon ...).

Rules: seven to fifteen digits (E.164), six behind a word; dates, times, versions, amounts and ISBNs are none.
"""

import re

from turnout_sidecar.guarding.findings import Claim
from turnout_sidecar.guarding.page import Page

_SURE = (
    ("phone-international", re.compile(rb"\+0(?:[ .\-/]?[ (]?\(?0\)?){6,14}(?!0)")),
    ("phone-international", re.compile(rb"000?[ .\-]0{1,3}(?:[ .\-]0{2,4}){2,4}(?!0)")),
    ("phone-national", re.compile(rb"(?:0[ .\-])?(?:\(000\)[ \-]?|000[.\-])000[.\- ]0000(?!0)")),
    ("phone-national", re.compile(rb"000 000 0000(?!0)")),
    ("phone-national", re.compile(rb"\(0{2,5}\)[ \-]?0{2,4}(?:[ \-]?0{2,4}){1,3}(?!0)")),
    ("phone-national", re.compile(rb"0{2,5}(?:[ .\-/]0{2,4}){2,4}(?!0)")),
)
_BEGUN = {
    sign: tuple(_SURE[index] for index in indices) for sign, indices in ((43, (0,)), (40, (2, 4)), (48, (1, 2, 3, 5)))
}
_LOOSE = re.compile(rb"(?:\(0{1,5}+\)[ .\-/]?)?0{1,12}+(?:[ .\-/]{1,2}+0{1,8}+){0,5}+(?!0)")
_SAID = (
    "phone|call| tel.| tel:| tel |(tel|'tel|>tel|mobile|mobil:|mobil |cell|fax|desk|whatsapp|sms| text me|"
    " text us|message to|messages to|registered|telef|téléph|teléf|teleph|handy|rufnummer|joignable|portable|"
    "móvil|movil|celular|llam|numero di tel|puhelin|tlf| gsm|contact n|dial |ring me|reach me|reach us|reach you|"
    "hotline|my number|电话|電話|手机|телефон|τηλ|전화"
)
_WORDS = tuple(_SAID.split("|"))
_EXT_WORD = re.compile(r" ?(?:x|ext\.?|extn\.?) ?\d{1,5}(?!\w)")
_NOT_PHONE = re.compile(
    r"(?:isbn|issn|version|order|invoice|ticket|policy|tracking|\bid|build|ref|code|card)\W{0,3}(?:\w{1,6}\W{0,2})?$"
)
_DATE = re.compile(r"(?:19|20)\d\d[-./ ][01]\d[-./ ][0-3]\d|[0-3]\d[-./ ][01]\d[-./ ](?:19|20)\d\d")
_FEWEST, _MOST = 7, 15


def phone_at(page: Page, at: int) -> Claim | None:
    """A phone number that begins here, if one does."""
    if _mid_word(page, at):
        return None
    for rule, pattern in _BEGUN[page.shape[at]]:
        found = pattern.match(page.shape, at)
        if found and _plausible(page, rule, at, found.end()):
            return _claim(page, at, found.end(), rule)
    found = _LOOSE.match(page.shape, at)
    if found is None or not 6 <= found[0].count(b"0") <= _MOST or _goes_on(page, found.end()):  # noqa: PLR2004
        return None
    if (
        not page.says(_WORDS, at, 40)
        or _DATE.match(page.text, at)
        or _NOT_PHONE.search(page.lower, max(0, at - 24), at)
    ):
        return None
    return _claim(page, at, found.end(), "phone-after-word")


def _claim(page: Page, at: int, end: int, rule: str) -> Claim:
    extension = _EXT_WORD.match(page.lower, end)
    return Claim(6, at, extension.end() if extension else end, "Phone", rule)


def _mid_word(page: Page, at: int) -> bool:
    shape = page.shape
    before = shape[at - 1 : at]
    if before in {b"0", b"a", b"_"}:
        return True
    return before in {b".", b"-", b"/", b"+", b"$"} and (before == b"$" or shape[at - 2 : at - 1] in {b"0", b"a"})


def _goes_on(page: Page, end: int) -> bool:
    after = page.shape[end : end + 2]
    if after[:1] in {b"a", b"0", b"_"}:
        return _EXT_WORD.match(page.lower, end) is None
    return after in {b"-0", b"-a", b".0", b"/0", b":0"}


def _plausible(page: Page, rule: str, at: int, end: int) -> bool:
    text = page.text[at:end]
    digits = "".join(filter(str.isdecimal, text))
    if not _FEWEST <= len(digits) <= _MOST or _goes_on(page, end):
        return False
    if rule == "phone-international":
        return text[0] == "+" or digits.startswith("00")
    if text[0] == "(":
        return True
    if len(digits) == 10 and digits[0] in "23456789" and _NORTH_AMERICAN.fullmatch(text):  # noqa: PLR2004
        return " " not in text or digits[3] in "23456789"
    if len(digits) == 11 and digits[0] == "1" and _NORTH_AMERICAN.fullmatch(text[2:]):  # noqa: PLR2004
        return True
    return digits[0] == "0" and len(digits) in {9, 10, 11} and not _DATE.match(text)


_NORTH_AMERICAN = re.compile(r"(?:\(\d{3}\)|\d{3})[ .\-]?\d{3}[ .\-]\d{4}")
