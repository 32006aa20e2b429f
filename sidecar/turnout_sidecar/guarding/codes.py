"""Secrets that are short or made of words: recovery codes, one-time codes, PINs, seed phrases, password columns of tables.

None of them can be told from ordinary text by itself; each has a word right before it that says what follows. The words (`CODES`)
belong into the one search for cues, so that a text without any of them pays nothing; `codes` looks at what follows one.

Rules: what follows a cue is looked at for a bounded stretch, never beyond the text's own leaf; each code, number and cell is one
claim; where the form does not fit there is none: a PIN of six digits is a postcode in India, a code of an error no code at all.
"""

import re
from collections.abc import Iterator

from turnout_contract.snapshot.guards import SECRET
from turnout_sidecar.guarding.findings import Claim
from turnout_sidecar.guarding.page import Page

_LISTS = (
    r"(?:recovery|backup|back-up|rescue|scratch|bypass) (?:codes?|keys?)|(?:2fa|mfa) codes?"
    r"|(?:wiederherstellungs|ersatz|backup|notfall)(?:codes?|schl(?:ü|ue)ssel)"
    r"|codes? de (?:secours|r(?:é|e)cup(?:é|e)ration|respaldo|recuperaci(?:ó|o)n)|codici di (?:recupero|backup)"
)
_ONCE = (
    r"\botp\b|one[- ]time (?:code|password|passcode|pin)"
    r"|(?:verification|security|login|sign-in|authentication|confirmation) code"
    r"|(?:best(?:ä|ae)tigungs|einmal|sicherheits)code|code de (?:v(?:é|e)rification|confirmation|s(?:é|e)curit(?:é|e))"
    r"|c(?:ó|o)digo de (?:verificaci(?:ó|o)n|verifica(?:ç|c)(?:ã|a)o|seguridad|seguran(?:ç|c)a)|codice (?:di verifica|otp)"
    r"|verificatiecode|verifieringskod|kod weryfikacyjny"
)
_CARD = r"\b(?:cvv2?|cvc2?|card security code)\b"
_PIN = r"\b(?:pin|puk)\b(?:[- ](?:code|number|nummer)\b)?|\bcode pin\b|geheimzahl"
_SEEDS = r"(?:seed|recovery|mnemonic|backup|secret) phrase|\bmnemonic\b|seed words|wallet seed"
_TOTP = r"\btotp (?:secret|key|seed)|(?:2fa|mfa|authenticator|two-factor) (?:setup )?(?:key|secret|seed)|\bsetup key"
_LICENCES = (
    r"\blicen[cs]e\b(?: key)?|(?:product|activation|serial|registration|windows) key"
    r"|(?:lizenz|aktivierungs|produkt)schl(?:ü|ue)ssel"
    r"|cl(?:é|e) de (?:licence|produit)|clave de (?:producto|licencia)"
)
_FIELD = (
    r"(?:password|passwort|passwd|pwd|passphrase|kennwort|secret|api[_ -]?key|access[_ -]?key"
    r"|mot de passe|contrase(?:ñ|n)a|senha)"
)
_COLUMN = rf"""[,;|\t] ?"?{_FIELD}"? ?[,;|\t\n]"""
CODES = f"(?:{_COLUMN}|{_SEEDS}|{_LISTS}|{_TOTP}|{_ONCE}|{_CARD}|{_PIN}|{_LICENCES})"
"""Cue words, for a search that knows no upper case."""
_CUE = re.compile(CODES)
# how they begin: most names that the same search finds are told from them by that, and their many forms are not gone through
MARKS = ",;|\t"
"""What parts the columns of a table."""
_BEGIN = (
    "2fa|akt|act|aut|bac|bes|byp|car|cla|cle|clé|cod|con|cvc|cvv|cód|ein|ers|geh|kod|lic|liz|log|mfa|mne|not|one|otp|pin"
    "|pro|puk|reg|rec|res|scr|sec|see|ser|set|sic|sig|win|tot|two|ver|wal|wie"
)
BEGINNINGS = frozenset(_BEGIN.split("|"))
"""The first three letters of each cue word, but for those that begin with the mark of a column."""

_STRETCH = 256
_MEANS = (
    r"""["'\])]{0,2}(?:[ \t]?\([^()\n]{1,24}\))?[ \t]{0,2}"""
    r"(?:(?:[:=]|:=|=>|-|(?:lautet|sind|sont|are|was|ist|est|son|is|es|är|to|è|é)(?![a-z]))[ \t]{0,4}){1,2}\n?"
)
_LEAD = r"""[ \t"'`*]{0,3}"""
_GROUPS = r"[A-Za-z0-9]{4,10}(?:-[A-Za-z0-9]{4,10}){1,8}"
_CODE = re.compile(rf"(?:{_GROUPS}|\d{{4}} \d{{4}}|[A-Za-z0-9]{{8,16}})(?![\w-])")
_NEXT_CODE = re.compile(r"""["'`*]{0,2}[,;]?(?:[ \t]*\r?\n)?[ \t]*(?:[-*•]|\d{1,2}[.)])?[ \t"'`*]{0,3}""")
_SHORT_CODE = re.compile(r"(?:[A-Z]-)?(?:\d{4,8}|\d{3}[ -]\d{3}|\d{4}[ -]\d{4})(?![\w%€$]|[.,:/-]\d)")
_DIGITS = {
    "card": re.compile(r"\d{3,4}(?![\w%]|[.,:/-]\d)"),
    "pin": re.compile(r"(?:\d{4,5}|\d{8})(?![\w%]|[.,:/-]\d)"),
}
_PHRASE = re.compile(r"(?:[a-z]{3,8}[ \n]){11,23}[a-z]{3,8}(?![\w'])")
_BASE32 = re.compile(r"(?:[A-Za-z2-7]{4}[ -]){3,15}[A-Za-z2-7]{4}(?!\w)|[A-Z2-7]{16,64}(?!\w)")
_LICENCE = re.compile(r"[A-Z0-9]{4,7}(?:-[A-Z0-9]{4,7}){2,7}(?![\w-])")
_GIVEN = re.compile(_MEANS + _LEAD, re.IGNORECASE)
_BESIDE = re.compile(r"""[ \t]{1,2}["'`]?""")
_HAS_DIGIT = re.compile(r"\d")
_SIGN = re.compile(r"[^\w\-./]")
_HUMPS = re.compile(r"[a-z][A-Z].*[a-z][A-Z]")
_HAS_LETTER = re.compile(r"[A-Za-z]")
_STANDIN = re.compile(
    r"[<\[({$%*•]|x{4}|(?:none|null|n/a|true|false|hidden|redacted|changeme|your|string|text|varchar)", re.IGNORECASE
)
_HEAD = re.compile(r"""[^\W\d][^\W\d \-]*[\w \-"'./,;|\t]*\r?|\|[^\d\n]*|"[^\d\n]*""")
_RULER = re.compile(r"[ \t|:\-]+")
_FEWEST, _MOST = 6, 128
_KINDS = tuple(
    (kind, re.compile(words, re.IGNORECASE))
    for kind, words in (
        ("column", _COLUMN),
        ("phrase", _SEEDS),
        ("list", _LISTS),
        ("totp", _TOTP),
        ("once", _ONCE),
        ("card", _CARD),
        ("pin", _PIN),
        ("licence", _LICENCES),
    )
)


def cue_length(low: str) -> int:
    """How long the cue word is with which a text in lower case begins, or 0."""
    cue = _CUE.match(low) if low[:3] in BEGINNINGS or low[0] in MARKS else None
    return cue.end() if cue else 0


def codes(page: Page, start: int, end: int) -> Iterator[Claim]:
    """The secrets that the cue between two places speaks of."""
    text = page.text
    leaf = text.find("\x00", end, end + _STRETCH)
    limit = leaf if leaf >= 0 else min(len(text), end + _STRETCH)
    kind = next((kind for kind, words in _KINDS if words.match(text, start)), None)
    if kind == "column":
        yield from _cells(text, start, limit)
    elif kind == "list":
        yield from _list(text, end, limit)
    elif kind is not None:
        yield from _one(text, start, end, limit, kind)


def _after(text: str, end: int, limit: int, *, loose: bool) -> int:
    """Where the value begins that a cue is given, or -1; `loose`: a space alone gives it."""
    given = _GIVEN.match(text, end, limit) or (_BESIDE.match(text, end, limit) if loose else None)
    return given.end() if given else -1


def _one(text: str, start: int, end: int, limit: int, kind: str) -> Iterator[Claim]:
    loose = kind not in {"pin", "once"} or text[start:end] in {"PIN", "PUK", "OTP"}
    at = _after(text, end, limit, loose=loose)
    if at < 0:
        return
    if kind in _DIGITS:
        found = _DIGITS[kind].match(text, at, limit)
    elif kind == "once":
        found = _SHORT_CODE.match(text, at, limit)
    elif kind == "phrase":
        found = _PHRASE.match(text, at, limit)
    else:
        found = (_BASE32 if kind == "totp" else _LICENCE).match(text, at, limit)
        found = found if found and _HAS_DIGIT.search(found[0]) else None
    if found:
        yield Claim(7, *found.span(), SECRET, f"code-{kind}")


def _list(text: str, end: int, limit: int) -> Iterator[Claim]:
    """Codes one after the other, as long as they look like codes."""
    at = _after(text, end, limit, loose=True)
    while 0 <= at < limit:
        found = _CODE.match(text, at, limit)
        if found is None or not _HAS_DIGIT.search(found[0]):
            return
        yield Claim(7, *found.span(), SECRET, "code-recovery")
        going = _NEXT_CODE.match(text, found.end(), limit)
        at = going.end() if going and going.end() > found.end() else -1


def _cells(text: str, start: int, limit: int) -> Iterator[Claim]:
    """The cells below a head of a table that says they are secret."""
    mark = text[start]
    line = text.rfind("\n", max(0, start - _STRETCH), start) + 1
    head = text.find("\n", start + 1, limit)
    if head < 0 or not _HEAD.fullmatch(text, line, head):
        return
    column, width = text.count(mark, line, start + 1), text.count(mark, line, head)
    at, ruled = head, mark != "|"
    while 0 <= at < limit - 1:
        stop = text.find("\n", at + 1, limit)
        stop = stop if stop >= 0 else limit
        row = text[at + 1 : stop]
        if _RULER.fullmatch(row):
            ruled = True
        elif not ruled or row.count(mark) != width:
            return
        else:
            cells = row.split(mark)
            cell = cells[column].strip(" \t\"'`\r")
            if _is_secret(cell):
                place = at + 1 + sum(len(other) + 1 for other in cells[:column]) + cells[column].index(cell)
                yield Claim(7, place, place + len(cell), SECRET, "code-column")
        at = stop if stop < limit else -1


def _is_secret(cell: str) -> bool:
    """Whether a cell of such a column is a secret and no remark."""
    if not _FEWEST <= len(cell) <= _MOST or _STANDIN.match(cell) or " " in cell:
        return False
    if _HAS_LETTER.search(cell) is None:
        return False
    return _HAS_DIGIT.search(cell) is not None or _SIGN.search(cell) is not None or _HUMPS.search(cell) is not None
