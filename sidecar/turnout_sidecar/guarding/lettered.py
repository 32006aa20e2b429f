"""What begins with letters and goes on with digits: IBANs, national ids of such a shape, and the numbers of documents.

One linear search of the shape finds each place where an IBAN or a lettered id could begin. Passports and driving licences have no
shape of their own: any short code is one right behind a word that says so.

Rules: a document's number has at least four digits, and stands within a few words of what names the document.
"""

import re
from collections.abc import Iterator

import re2

from turnout_sidecar.guarding.findings import Claim
from turnout_sidecar.guarding.ibans import iban_at
from turnout_sidecar.guarding.id_claims import identity_claim
from turnout_sidecar.guarding.identities import BY_SHAPE, Identity
from turnout_sidecar.guarding.page import LATIN, Page
from turnout_sidecar.guarding.words import Words

_BY_SHAPE: dict[bytes, tuple[Identity, ...]] = {
    shape.encode(): rules for shape, rules in BY_SHAPE.items() if shape[0] == "a"
}
_LONGEST_FIRST = sorted(_BY_SHAPE, key=len, reverse=True)
_SHAPED = re.compile(b"(?:" + b"|".join(map(re.escape, _LONGEST_FIRST)) + b")(?![0a])")
_IBAN = b"aa00"
_BEGINS = re2.compile(
    b"(?:^|[^0a_])(?:aa00[ a0.\\-]|" + b"|".join(re.escape(shape) for shape in _LONGEST_FIRST) + b")", LATIN
)
DOCUMENTS = (
    r"passport|reisepass|passeport|pasaporte|passaporto|passaporte|paspoort|pass-?nr|passnummer|paszport"
    r"|cestovn(?:í|i) pas"
    r"|driver'?s?'? licen[cs]e|driving licen[cs]e|f(?:ü|u)hrerschein|permis de conduire|licencia de conducir"
    r"|patente di guida"
    r"|carteira de motorista|rijbewijs|personalausweis\w*|ausweisnummer|ausweis-?nr|identity card"
    r"|identiteitskaart|carte d'identit(?:é|e)"
    r"|carta d'identit(?:à|a)|documento de identidad|dow(?:ó|o)d osobisty|dowodu osobistego|ob(?:č|c)ansk(?:ý"
    r"|y) pr(?:ů|u)kaz"
    r"|kimlik seri|pasaport|rg n|cnh\b|green card|alien registration|a-number|medicare beneficiary|\bmbi\b"
    r"|residence permit|aufenthaltstitel"
)
_FOREIGN_DOCUMENTS = Words(
    "",
    r"паспорт|护照|護照|パスポート|여권|διαβατ|ταυτότητας|جواز|דרכון|在留カード|運転免許|驾驶证",
)
# each of these words has one of these letters in each of its forms: single letters are found in no time, words are not
_TELLING = "пП照ポ권βΒόΌجכ留免驶"
_NUMBER = re.compile(
    r"(?:[ \t]*(?:no|nr|number|nummer|num|número|numero|numéro|n°|nº|№|id|code|is|ist|est|es|è|je|lautet|:|=|-"
    r"|#|\(|号码?|番号|は|\uff1a)"
    r"[.:]?){0,4}[ \t\"']*(?P<value>[A-Z]{0,3}[ \-]?\d{2}[ ]?\d{4,7}[A-Z]{0,2}\d?|[A-Z0-9]{8,12}"
    r"|[A-Z]\d{3}-\d{4}-\d{4}|[A-Z]\d{12,14}"
    r"|[A-Z]{5}\d{6}[A-Z0-9]{5})(?![\w\-])",
    re.IGNORECASE,
)
_FEWEST_DIGITS = 4


def lettered(page: Page) -> Iterator[Claim]:
    """IBANs, national ids that begin with a letter, and document numbers behind their words."""
    shape = page.shape
    taken = 0
    for found in _BEGINS.finditer(shape):
        at = found.start()
        at += shape[at] != _LETTER
        if at < taken:
            continue
        claim = iban_at(page.text, at) if shape.startswith(_IBAN, at) else None
        claim = claim or _identity(page, at)
        if claim:
            taken = claim.end
            yield claim
    if page.foreign and any(map(page.text.__contains__, _TELLING)):
        for end in _FOREIGN_DOCUMENTS.ends(page.text):
            claim = document(page, end)
            if claim:
                yield claim


def document(page: Page, end: int) -> Claim | None:
    """The number of a document behind the words that name it, which end here."""
    number = _NUMBER.match(page.text, end)
    if number is None or page.shape.count(b"0", *number.span("value")) < _FEWEST_DIGITS:
        return None
    return Claim(5, *number.span("value"), "NationalId", "id-document")


_LETTER = ord("a")


def _identity(page: Page, at: int) -> Claim | None:
    found = _SHAPED.match(page.shape, at)
    if found is None or not page.alone(at, found.end()):
        return None
    return identity_claim(_BY_SHAPE[found[0]], page, at, found.end())
