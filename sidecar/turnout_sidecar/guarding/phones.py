"""Phone numbers, in the ways that people write them.

With a country code, in the North American form, with an area code in brackets or with a leading zero in three groups or more, a
number speaks for itself. Any other run of digits is a phone number only behind a word that says so (call, mobile, Telefon ...).

Rules: seven to fifteen digits (E.164), six behind a word; dates, times, versions, amounts and ISBNs are none. What depends on the
shape alone is told of the shape (`sure_phones`, `loose_phones`), the rest by what these name to look at the number.
"""

import re
from collections.abc import Callable, Iterator
from functools import partial

import phonenumbers

from turnout_sidecar.guarding.findings import Claim
from turnout_sidecar.guarding.page import Page
from turnout_sidecar.guarding.words import Words

ANY = b"0123456789+("  # whatever numbers begin with
LOOSE = "phone-after-word"  # the rule of what needs a word before it
Check = Callable[[Page, int, int], Claim | None]  # what looks at one number of a known shape

_SURE = (
    ("phone-international", re.compile(rb"\+0(?:[ .\-/]?[ (]?\(?0\)?){6,14}(?!0)")),
    ("phone-international", re.compile(rb"000?[ .\-]0{1,3}(?:[ .\-]0{2,4}){2,4}(?!0)")),
    ("phone-national", re.compile(rb"(?:0[ .\-])?(?:\(000\)[ \-]?|000[.\-/])000[.\- ]0000(?!0)")),
    ("phone-national", re.compile(rb"000 000[ \-]0000(?!0)")),
    ("phone-national", re.compile(rb"\(0{2,5}\)[ \-]?0{2,5}(?:[ \-]?0{2,4}){1,3}(?!0)")),
    ("phone-national", re.compile(rb"0{2,5}(?:[ .\-/]0{2,4}){2,4}(?!0)")),
    ("phone-00", re.compile(rb"(?:0{3,7}(?:[ .\-/]\(?0{1,8}\)?){1,5}|0{10,15})(?!0)")),
    ("phone-international", re.compile(rb"\(\+0{1,3}\)[ \-]?0(?:[ .\-/]?\(?0\)?){5,13}(?!0)")),
    ("phone-trunk", re.compile(rb"0{3,5}[ /]0{5,8}(?!0)")),
    ("phone-mobile", re.compile(rb"(?:000[ \-]0000[ \-]0000|00 00000-0000)(?!0)")),
)
# which of them can match where a number begins with a sign, or with a group of so many digits
_BEGUN = {ord(sign): tuple(_SURE[index] for index in indices) for sign, indices in (("+", (0,)), ("(", (7, 2, 4)))}
_MANY = 8
_BEGUN_BY_ZEROS = {
    zeros: tuple(_SURE[index] for index in indices)
    for zeros, indices in (
        (1, (2,)),
        (2, (1, 5, 9)),
        (3, (6, 1, 2, 3, 5, 8, 9)),
        (4, (6, 5, 8)),
        (5, (6, 5, 8)),
        (6, (6,)),
        (7, (6,)),
        (_MANY, (6,)),
    )
}
_LOOSE = re.compile(rb"\+?(?:\(0{1,5}+\)[ .\-/]?)?0{1,12}+(?:[ .\-/]{1,2}+0{1,8}+(?!0)){0,5}+(?!0)")
SAID = Words(
    r"phone|\bcall(?:s|ing|back)?\b|\btel\b|mobile|\bmobil\b|\bcell|\bfax|\bdesk|whatsapp|whats app"
    r"|ring mig|no hp|số điện|điện thoại|\bsms\b"
    r"|\btext (?:me|us)"
    r"|messages? to|registered"
    r"|telef|t(?:é|e)l(?:é|e)ph|\bt(?:é|e)l\b|teléf|teleph|\bhandy|rufnummer|durchwahl|ruf(?:e|t)? mich|r(?:ü"
    r"|u)ckruf|ll(?:á|a)m|chiama|joignable|portable|m(?:ó"
    r"|o)vil|celular|\bllam"
    r"|numero di tel|cellulare|puhelin|\btlf|\bgsm\b|contact (?:n|us|at|is|me)|\bcontact\b|(?:can|to|please"
    r"|or) text\b|\bdial\b|\bring (?:me|us)|reach (?:me"
    r"|us|you|him|her|them)"
    r"|hotline|helpline|(?:my|your|his|her|our|their|new|old|work|home|office|emergency|direct|contact|landline"
    r"|callback) number"
    r"|telegram|signal|viber|landline|voicemail|pager|extension|mob\b|\bph\b"
    r"|anruf|erreichbar|appel"
    r"|num(?:é|e)ro de (?:t(?:é|e)l|portable|mobile|fax|gsm|contact)|mon num(?:é|e)ro|mi n(?:ú"
    r"|u)mero|il mio numero|meu n(?:ú|u)mero|chiam|ligar|ligue|telem(?:ó|o)vel|bellen|\bbel\b|mobiel|ringa"
    r"|mobilnummer|nummer (?:är|er"
    r"|ist)|zadzwo|telefon"
    r"|kom(?:ó|o)rk|volej|zavol|h(?:í|i)vj|sun(?:ă|a)|nazov|pozov|ara(?:y|d)|cep tel|hubungi|nomor|callback"
    r"|contacto|s(?:í|i)mi",
    r"电话|電話|мой номер|手机|手機|联系|телефон|моб|звон|тел\.|τηλ|κινητ|전화|휴대폰|연락처|携帯|هاتف|جوال|اتصل|טלפון"
    r"|נייד|โทร|फ़ोन|मोबाइल|điện thoại",
)
_LAST_GROUP = re.compile(rb"[ .\-]0{1,5}\Z")
_EXT_WORD = re.compile(r",? ?;?(?:x|ext\.?|extn\.?|ext=|extension|durchwahl|poste|#) ?\d{1,6}(?!\w)", re.IGNORECASE)
_NOT_PHONE = frozenset(
    [
        "cep",
        "ean",
        "gtin",
        "upc",
        "isbn",
        "issn",
        "version",
        "order",
        "invoice",
        "ticket",
        "policy",
        "tracking",
        "id",
        "build",
        "ref",
        "code",
        "card",
        "account",
        "serial",
        "zip",
        "postal",
        "iban",
        "lat",
        "lon",
        "lng",
        "amount",
        "total",
        "price",
        "usd",
        "eur",
        "year",
        "rfc",
        "port",
        "pin",
        "model",
        "part",
        "batch",
        "sku",
        "row",
        "line",
        "page",
        "ord",
    ]
)
# decimals, digital object identifiers and ISBNs are no phones, whatever is said before
_NOT_LOOSE = re.compile(r"(?!0\d)\d{1,6}\.\d{5,}|10\.\d{4,9}/|97[89][- ]?\d")
_CHECKED = frozenset(("phone-national", "phone-00"))
_ZERO = ord("0")
_AMOUNT = re.compile(r" \d{3}[.]\d\d\Z")
_AMOUNT_SHAPE = re.compile(rb" 000[.]00\Z")
_CALLED = re.compile(
    r" (?:called|rang|texted|phoned|is calling|keeps calling|hat angerufen|rief|llamó|ha chiamato|a appelé|ligou)\b"
)
_MONEY = ("$", "€", "£")
_DATE = re.compile(r"(?:19|20)\d\d[-./ ][01]\d[-./ ][0-3]\d|[0-3]?\d[-./ ][01]?\d[-./ ](?:19|20)\d\d")
_DATE_SHAPE = re.compile(rb"0000[-./ ]00[-./ ]00|00?[-./ ]00?[-./ ]0000")
_DATED = re.compile(rb" 0000([-./])00\100?(?!0)")
_GOES_ON = frozenset((b"a", b"0", b"_"))
_PARTS = frozenset((b"-0", b"-a", b".0", b"/0", b":0"))  # what stands before these is a part of something longer
_FEWEST, _FEWEST_SAID, _FEWEST_CUT, _MOST = 7, 6, 8, 15
_NEAR = 40
_CUTS = 3
_THOUSANDS = b"000 000 000"
_NORTH_AMERICAN_DIGITS = (10, 11)
_NORTH_AMERICAN_SHAPE = re.compile(rb"(?:0[ .\-])?(?:\(000\)|000)[ .\-/]?000[ .\-]0000")
_NORTH_AMERICAN = re.compile(r"(?:\(\d{3}\)|\d{3})[ .\-/]?\d{3}[ .\-]\d{4}")


def sure_phones(shape: bytes, at: int, *, whole: bool) -> Iterator[tuple[int, bytes, Check]]:
    """Where phone numbers that begin here and speak for themselves could end, what they begin with, and what looks.

    A shape is whole if it has all that touches its numbers: then those are left out that are none whatever their digits.
    """
    begun = _BEGUN.get(shape[at])
    if begun is None:
        zeros = at + 1
        while shape.startswith(b"0", zeros):
            zeros += 1
        begun = _BEGUN_BY_ZEROS[min(zeros - at, _MANY)]
    for rule, pattern in begun:
        found = pattern.match(shape, at)
        if found:
            for end in _ends(shape, at, found.end(), _FEWEST_CUT, _MOST + 2):
                check = _sure_check(rule, shape, at, end) if whole else _SURE_CHECKS[rule]
                if check is not None:
                    yield end, b"0" if _begins_with_zero(rule, shape[at:end]) else ANY, check


def loose_phones(shape: bytes, at: int, *, whole: bool) -> Iterator[tuple[int, bytes, Check]]:
    """The same for phone numbers that need a word before them, of which one at most begins here."""
    found = _LOOSE.match(shape, at)
    if found is None:
        return
    last = found.end()
    for end in (last,) if shape[last : last + 1] == b"a" else _ends(shape, at, last, _FEWEST_SAID, _MOST):
        if _FEWEST_SAID <= shape.count(b"0", at, end) <= _MOST and not (whole and shape[end : end + 2] in _PARTS):
            yield end, ANY, _no_date if _DATE_SHAPE.match(shape, at) else phone_after_word


def _ends(shape: bytes, at: int, end: int, fewest: int, most: int) -> list[int]:
    """Where a phone of so many digits could end that ends here at the latest; of fewer if nothing has to be cut off."""
    ends = [end]
    for _ in range(_CUTS):
        after = shape[end : end + 2]
        if after[:1] == b"a":
            # what is a number and a unit behind it ('35s') is no part of it
            shorter = _LAST_GROUP.search(shape, at, end)
            left = shape[at : shorter.start() if shorter else at]
        elif (
            after in _PARTS
            or after[:1] == b"_"
            or shape.count(b"0", at, end) > most
            or _AMOUNT_SHAPE.search(shape, at, end)
        ):
            # nor is a time, a date or an amount behind a space
            dated = _DATED.search(shape, at, end)
            left = shape[at : dated.start()] if dated else shape[at:end].rpartition(b" ")[0]
        else:
            break
        left = left.rstrip()
        if left.endswith(b")") and b"(" not in left:
            left = left[:-1]
        if left.count(b"0") < fewest:
            break
        end = at + len(left)
        ends.append(end)
    return ends


def _sure_check(rule: str, shape: bytes, at: int, end: int) -> Check | None:
    """What has to be looked at in a number of this shape; none if it is no phone whatever its digits are."""
    digits = shape.count(b"0", at, end)
    after = shape[end : end + 2]
    if not _FEWEST <= digits <= _MOST + 2 or after in _PARTS or _AMOUNT_SHAPE.search(shape, at, end):
        return None
    if shape[at] != _ZERO and digits <= _MOST and after[:1] not in _GOES_ON:
        return _SIGNED[rule]
    return _SURE_CHECKS[rule]


def _begins_with_zero(rule: str, shape: bytes) -> bool:
    """Whether numbers of this shape are only phones if they begin with a zero."""
    if rule in {"phone-00", "phone-trunk"}:
        return True
    if shape.count(b"0") not in _NORTH_AMERICAN_DIGITS:
        return rule == "phone-national" and not shape.startswith(b"(")
    return rule == "phone-national" and not shape.startswith(b"(") and _NORTH_AMERICAN_SHAPE.fullmatch(shape) is None


def _signed_phone(rule: str, page: Page, at: int, end: int) -> Claim | None:
    """The phone number in this stretch, whose shape says that it is one."""
    raw = page.raw
    if end < len(raw) and raw[end] in _MAY_EXTEND:
        return _claim(page, at, end, rule)
    return Claim(6, at, end, "Phone", rule)


def _sure_phone(rule: str, page: Page, at: int, end: int) -> Claim | None:
    """The phone number in this stretch, if its digits can be one."""
    if not _plausible(page, rule, at, end):
        return None
    if rule in _CHECKED and page.raw[at] == _ZERO:
        # the seconds of a time, and what goes on in a count of thousands, are no area codes
        before = page.shape[max(0, at - 2) : at]
        if before == b"0:" or (before == b"0 " and page.shape[at:end] == _THOUSANDS):
            return None
        if page.last_word(at, _NEAR) in _NOT_PHONE:
            return None
    return _claim(page, at, end, rule)


def phone_after_word(page: Page, at: int, end: int) -> Claim | None:
    """The phone number in this stretch, if a word before it says so."""
    text = page.text
    # mostly no word says so
    if not page.unspent(SAID, at, _NEAR) and not (text.startswith(" ", end) and _CALLED.match(text, end)):
        return None
    if _goes_on(page, end) or _DATE.match(text, at) or _NOT_LOOSE.match(text, at):
        return None
    if page.last_word(at, _NEAR) in _NOT_PHONE or page.text[max(0, at - 2) : at].rstrip().endswith(_MONEY):
        return None
    return _claim(page, at, end, LOOSE)


def _no_date(page: Page, at: int, end: int) -> Claim | None:
    """The same where a date has this shape."""
    return None if _DATE.match(page.text, at) else phone_after_word(page, at, end)


def _claim(page: Page, at: int, end: int, rule: str) -> Claim:
    raw = page.raw
    if _EXTENDS.match(raw, end):
        extension = _EXT_WORD.match(page.text, end)
        end = extension.end() if extension else end
    return Claim(6, at, end, "Phone", rule)


_MAY_EXTEND = frozenset(b", ;xXeEdDpP#")
_EXTENDS = re.compile(rb"[, ;]{0,3}[xXeEdDpP#]")
_SURE_CHECKS: dict[str, Check] = {rule: partial(_sure_phone, rule) for rule, _ in _SURE}
_SIGNED: dict[str, Check] = {rule: partial(_signed_phone, rule) for rule in ("phone-international", "phone-national")}


def mid_word(shape: bytes, at: int) -> bool:
    """Whether a place in a shape is in the middle of a word or of a number."""
    before = shape[at - 1 : at] if at else b""
    if before in {b"0", b"a", b"_"}:
        return True
    return before in {b".", b"-", b"/", b"+", b"$"} and (before == b"$" or shape[at - 2 : at - 1] in {b"0", b"a"})


def _goes_on(page: Page, end: int) -> bool:
    after = page.shape[end : end + 2]
    if after[:1] in _GOES_ON:
        return _EXT_WORD.match(page.text, end) is None
    return after in _PARTS


def _calling_code(digits: str) -> bool:
    """Whether behind 00 the code of a country follows."""
    return any(int(digits[2 : 2 + length]) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE for length in (1, 2, 3))


def _plausible(page: Page, rule: str, at: int, end: int) -> bool:
    text = page.text[at:end]
    digits = page.raw[at:end].translate(None, b" .()-/\n+").decode()
    if text[-3] == "." and _AMOUNT.search(text):
        return False
    if not _FEWEST <= len(digits) <= _MOST + 2 * digits.startswith("00") or _goes_on(page, end):
        return False
    if rule == "phone-international":
        return text[0] in "+(" or digits.startswith("00")
    if rule == "phone-00":
        return digits.startswith("00") and len(digits) > _MOST - 4 and _calling_code(digits)
    return text[0] == "(" or _national(rule, text, digits)


def _national(rule: str, text: str, digits: str) -> bool:
    """The same for numbers without the code of a country."""
    if rule == "phone-trunk":
        return digits[0] == "0" and digits[1] != "0" and len(digits) in {10, 11, 12}
    if rule == "phone-mobile":
        return (digits[0] == "1" and digits[1] in "3456789") or (text[2] == " " and digits[2] == "9")
    if len(digits) == 10 and digits[0] in "23456789" and _NORTH_AMERICAN.fullmatch(text):  # noqa: PLR2004
        return " " not in text or digits[3] in "23456789"
    if len(digits) == 11 and digits[0] == "1" and _NORTH_AMERICAN.fullmatch(text[2:]):  # noqa: PLR2004
        return True
    return digits[0] == "0" and digits[1] != "0" and len(digits) in {9, 10, 11} and not _DATE.match(text)
