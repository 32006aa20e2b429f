"""Phone numbers, in the ways that people write them.

With a country code, in the North American form, with an area code in brackets or with a leading zero in three groups or more, a
number speaks for itself. Any other run of digits is a phone number only behind a word that says so (call, mobile, Telefon ...).

Rules: seven to fifteen digits (E.164), six behind a word; dates, times, versions, amounts and ISBNs are none. What depends on the
shape alone is told of the shape (`sure_phones`, `loose_phones`), the rest of the number.
"""

import re
from collections.abc import Iterator

import phonenumbers

from turnout_sidecar.guarding.findings import Claim
from turnout_sidecar.guarding.page import Page
from turnout_sidecar.guarding.words import Words

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
_BEGUN = {
    sign: tuple(_SURE[index] for index in indices)
    for sign, indices in ((43, (0,)), (40, (7, 2, 4)), (48, (6, 1, 2, 3, 5, 8, 9)))
}
_LOOSE = re.compile(rb"\+?(?:\(0{1,5}+\)[ .\-/]?)?0{1,12}+(?:[ .\-/]{1,2}+0{1,8}+){0,5}+(?!0)")
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
_CALLED = re.compile(
    r" (?:called|rang|texted|phoned|is calling|keeps calling|hat angerufen|rief|llamó|ha chiamato|a appelé|ligou)\b"
)
_MONEY = ("$", "€", "£")
_DATE = re.compile(r"(?:19|20)\d\d[-./ ][01]\d[-./ ][0-3]\d|[0-3]?\d[-./ ][01]?\d[-./ ](?:19|20)\d\d")
_FEWEST, _FEWEST_SAID, _MOST = 7, 6, 15
_NEAR = 40
_NORTH_AMERICAN_SHAPE = re.compile(rb"(?:0[ .\-])?(?:\(000\)|000)[ .\-/]?000[ .\-]0000")
_NORTH_AMERICAN = re.compile(r"(?:\(\d{3}\)|\d{3})[ .\-/]?\d{3}[ .\-]\d{4}")


def sure_phones(shape: bytes, at: int) -> Iterator[tuple[str, int]]:
    """By what rule a shape that begins here could be a phone number that speaks for itself, and where it would end."""
    if _mid_word(shape, at):
        return
    for rule, pattern in _BEGUN[shape[at]]:
        found = pattern.match(shape, at)
        if found:
            end = found.end()
            yield rule, end
            if shape[end : end + 1] == b"a":
                # what is a number and a unit behind it ('35s') is no part of it
                shorter = _LAST_GROUP.search(shape, at, end)
                if shorter:
                    yield rule, shorter.start()


def loose_phones(shape: bytes, at: int) -> Iterator[int]:
    """Where a phone number would end that begins here and needs a word before it."""
    if _mid_word(shape, at):
        return
    found = _LOOSE.match(shape, at)
    if found and _FEWEST_SAID <= found[0].count(b"0") <= _MOST:
        yield found.end()


def begins_with_zero(rule: str, shape: bytes) -> bool:
    """Whether numbers of this shape are only phones if they begin with a zero."""
    if rule in {"phone-00", "phone-trunk"}:
        return True
    return rule == "phone-national" and not shape.startswith(b"(") and _NORTH_AMERICAN_SHAPE.fullmatch(shape) is None


def sure_phone(page: Page, rule: str, at: int, end: int) -> Claim | None:
    """The phone number in this stretch, if its digits can be one."""
    if not _plausible(page, rule, at, end) or (
        rule in _CHECKED and page.raw[at] == _ZERO and page.last_word(at, _NEAR) in _NOT_PHONE
    ):
        return None
    return _claim(page, at, end, rule)


def phone_after_word(page: Page, at: int, end: int) -> Claim | None:
    """The phone number in this stretch, if a word before it says so."""
    text = page.text
    if _goes_on(page, end) or _DATE.match(text, at) or _NOT_LOOSE.match(text, at):
        return None
    if not page.unspent(SAID, at, _NEAR) and not (text.startswith(" ", end) and _CALLED.match(text, end)):
        return None
    if page.last_word(at, _NEAR) in _NOT_PHONE or page.text[max(0, at - 2) : at].rstrip().endswith(_MONEY):
        return None
    return _claim(page, at, end, "phone-after-word")


def _claim(page: Page, at: int, end: int, rule: str) -> Claim:
    if _EXTENDS.match(page.raw, end):
        extension = _EXT_WORD.match(page.text, end)
        end = extension.end() if extension else end
    return Claim(6, at, end, "Phone", rule)


_EXTENDS = re.compile(rb"[, ;]{0,3}[xXeEdDpP#]")


def _mid_word(shape: bytes, at: int) -> bool:
    before = shape[at - 1 : at] if at else b""
    if before in {b"0", b"a", b"_"}:
        return True
    return before in {b".", b"-", b"/", b"+", b"$"} and (before == b"$" or shape[at - 2 : at - 1] in {b"0", b"a"})


def _goes_on(page: Page, end: int) -> bool:
    after = page.shape[end : end + 2]
    if after[:1] in {b"a", b"0", b"_"}:
        return _EXT_WORD.match(page.text, end) is None
    return after in {b"-0", b"-a", b".0", b"/0", b":0"}


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
    return digits[0] == "0" and len(digits) in {9, 10, 11} and not _DATE.match(text)
