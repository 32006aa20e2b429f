"""Secrets by what is said of them: values given to names such as password or api_key.

A value given to a name that speaks of a secret is one if it is random enough; a password need not
be random where it is given in so many words. One linear search finds the names that are given anything at all; only those are
looked at closely.

Rules: linear (each look is bounded); placeholders such as <token>, ${TOKEN} or
changeme are no secrets, nor are names of fields, hashes, counts or public keys.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from turnout_contract.snapshot.guards import SECRET
from turnout_sidecar.guarding.codes import CODES, MARKS, codes, cue_length
from turnout_sidecar.guarding.findings import Claim
from turnout_sidecar.guarding.lettered import DOCUMENTS, document
from turnout_sidecar.guarding.page import Page, linear, plain
from turnout_sidecar.guarding.randomness import UUID, entropy, is_hash, is_random, is_wordy
from turnout_sidecar.guarding.secret_words import KEYS, MEANS, NOT_ENDING, NOT_PART, NOT_SECRET, PASSWORDS
from turnout_sidecar.guarding.words import Words

# the words that are met most come first, so that they are not looked for among all the others; nothing else begins as they do
_NAME = rf"(?:pass(?:word|wd|code|phrase|wort|ord)?s?|keys?|tokens?|{PASSWORDS}|{KEYS})(?:[a-z0-9_\-]{{0,24}}|\]|\))"
_SET = (
    r"""(?:[ \t]*:[ \t]?(?:&?str(?:ing)?|text)\??[ \t]*=[ \t]*"""
    r"""|\\?["'`]?[\])]?[ \t]{0,4}(?:=>|:=|->|[:=])[ \t]{0,4}"""
    r"""|["']?,?\n?[ \t]*["']?val(?:ue)?["']?[ \t]*[:=][ \t]*|>[ \t]*"""
    rf"""|[ \t]+(?:{MEANS})[ \t]*:?[ \t]+|[ \t]*[:=]?\n[ \t]*|[ \t]+)"""
)
_FOREIGN = Words(
    "",
    "парол|密码|密碼|口令|パスワード|暗証番号|비밀번호|암호|كلمة المرور|كلمة السر|סיסמ|κωδικ|секрет|ключ|токен"
    "|密钥|金鑰|トークン|पासवर्ड"
    "|รหัสผ่าน",
)
_BEYOND = b"??"
_GIVEN_FOREIGN = re.compile(
    r"[^\W\x00-\x7f]{0,4}[ \t]{0,4}(?::|=|-|—|は|是|为|為|=>|это|:=|은|는|הוא|هي"
    r"|είναι)?[ \t]{0,4}[\"'`«「]?(?P<value>[!-~]{6,96})"
)
# names that mean something within any word, and others that stand alone: no cue in "significant" or "article"
_CUE = (
    r"(?:(?:passw(?:ord|d|ort)s?|pwd|passphrases?|kennwort|contrase(?:ñ|n)a|wachtwoord|keys?|secreto?s?|tokens?|credentials?|apikey"
    r"|(?:api|access)[_\- ]?(?:keys?|secrets?|tokens?|credentials?|auth|bearer|jwt|pin|sig|session ?id|cookie))[a-z0-9_\-]*"
    rf"|(?:{PASSWORDS}|{KEYS})(?:[_\-][a-z0-9_\-]*|[0-9]*)[\])]?)"
)
_QUOTE = r"""\\?(?:\"\"\"|\'\'\'|["'`])?"""
# no counts: RE2 makes its states as texts ask for them, and counted repetitions have so many that it is always at it
_ANYTHING = rf"""{_CUE}{_SET}{_QUOTE}[^\s"'`\\]"""
_BEGIN = plain(_NAME)
_SCHEMES = (
    "bearer|basic|token|apikey|splunk|bot|key|geniekey|oauth|sso-key|apitoken|ghost|klaviyo-api-key|zoho-oauthtoken"
)
_GIVEN = plain(rf"""({_SET})((?:{_SCHEMES})[ \t]+)?""")
_VALUE = re.compile(rf"""({_QUOTE})([^\s"'`\\]{{6,128}})""")
_PHRASE = re.compile(r"""(["'`])((?=[^"'`\n]{1,128} )[^"'`\n\\\x00]{6,128})\1(?!\w)""")
_MIXED = re.compile(r"[A-Za-z]\d+[A-Za-z]")
_ASSIGNS = frozenset(("=", ":=", "=>", ":"))
_WHOLE = {quote: re.compile(rf"(?:\\.|[^\\{quote}\s]){{6,256}}(?={quote})") for quote in "\"'`"}
# where what is given ends without a quote: signs that a password may hold too end it only before another field
_ENDED = re.compile(r"[;&](?=\w+=|\Z)|;(?=\w+:)|[<,|]")
_REST = re.compile(r"""[^\s"'`\\,;&<]{0,4096}""")
# a cookie or a parameter inside of what is given
_FIELD = re.compile(r"[A-Za-z_][A-Za-z_\-]{1,40}=(?=[^=\s]{6})")
_PROSE = re.compile(
    r"""[ \t]+(?:(?:[\w'/\-]{1,16} ){1,6}(?:is|was|to|ist|lautet|est|es|è|é|är|er|:|=):?"""
    r"""|(?:[\w'/\-]{1,16} ){0,4}[\w'/\-]{1,16}[:=])"""
    r"""[ \t]["'`]?(?P<value>[^\s"'`\\]{6,128})""",
    re.IGNORECASE,
)
_PASSWORD = plain(rf"(?:{PASSWORDS}|pin\b)")
_EXACT = plain(rf"(?:{PASSWORDS}|{KEYS})(?:[_\-\])].*|\d*)")
_BARE = frozenset(("key", "keys"))
_NO_VALUE = re.compile(r"\d{4}-\d\d-\d\d|[A-Z]{2,4}-[\d\-]+\Z|AWS4-HMAC|A[KS]IAX{4}")
_LOOSE = (
    "bearer",
    "authorization",
    "authtoken",
    "token",
    "api",
    "key",
    "secret",
    "x-api-key",
    "access",
    "client",
    "jwt",
)
_ANYWHERE = (
    "passw",
    "pwd",
    "passp",
    "kenn",
    "key",
    "secret",
    "token",
    "cred",
    "apik",
    "api",
    "access",
    "wacht",
    "contras",
)
_REFERENCE = re.compile(
    r"<[^>]*>?$|<[A-Za-z]|\$?\{|\$\(|\$\w+$|%\w+%$|%\{|[*.•]+$|\[[^\]]*\]?$|\(|\w+\(|[\w.]+\[|&\w+;?$"
    r"|[\w]+(?:\.[A-Za-z_]\w*)+\(|\.{3}"
)
_REFERENCE_SIGNS = "([<$%{*.•&"
_HOLDERS = (
    "os|process|env|config|settings|self|this|var|secrets?|vault|data|request|req|args|options|props|params|user|ctx"
)
_STAND_INS = (
    "xxxx|your|my|the|some|example|changeme|change_me|placeholder|redacted|null|none|true|false|undefined|string|optional"
    "|required|https?:|insert|enter|dummy|sample|todo|n/a|not[_-]?set|invalid|incorrect|expired|missing|wrong|hidden|empty"
)
_STAND_IN = re.compile(rf"(?:{_HOLDERS})\.|{_STAND_INS}")
_STAND_IN_REACH = 12  # as long as what begins a stand-in
_STAND_IN_BEGINS = frozenset(
    word[:2] for word in (_HOLDERS + "|" + _STAND_INS).split("|")
)  # few values go on from here
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_WORDY = re.compile(r"[A-Za-z]+(?:[_\-.][A-Za-z]+)*\d{0,1}|v?\d+(?:[.\-:/]\d+)*")
_WORD_OF_PASSWORDS = re.compile(
    rf"(?:{PASSWORDS}|secret|token|text|string|field|input|login|username|email|optional)$", re.IGNORECASE
)
_DIGIT = re.compile(r"\d")
_HUMPS = re.compile(r"[a-z][A-Z].*[a-z][A-Z]")
_SHORTEST, _FEWEST, _LONG = 16, 6, 128
_MOST_WORDS = 8  # of a password
_QUALIFIES = 14  # so close before a name stands the word that says what it is of
# so many cues that lead to nothing, or one in so many characters: no text has more, and a secret behind
_ENDURANCE, _SHARE = 2048, 20
_WORTH = 16  # so many of them are forgiven for one that leads to something
_PATIENCE = 256  # cues in a row that lead to nothing: from then on no sentences are read
_SAID = r"(?:password|passphrase|passcode|pwd|api key|token|secret|passwort|kennwort|contrase(?:ñ|n)a|mot de passe|senha|clave)"
# what stands between a value and the name that it is said to be: `... as the new password`
_SAYS = "as|is|was|ist|est|es|como|als|comme"
_WHOSE = "the |my |your |our |a |his |her |le |la |el |das |mein |mi |mon "
_WHICH = "new |root |admin |wifi |login |db |database "
_AFTER = re.compile(rf"[\"'`]?,? (?:{_SAYS}) (?:{_WHOSE})?(?:{_WHICH})?\Z", re.IGNORECASE)
_AFTER_WORDS = frozenset(word.strip() for word in f"{_SAYS}|{_WHOSE}|{_WHICH}".split("|"))
_AFTER_REACH = 2 + max(map(len, _AFTER_WORDS))  # the longest of these words, between two blanks
_REACH = 32
_DOCUMENT = plain(DOCUMENTS)
_SAID_AFTER = plain(_SAID)
_CUES = linear(f"(?i)(?:{DOCUMENTS}|{_ANYTHING}|{CODES}|{_SAID})")
_RUN = re.compile(rb"[A-Za-z0-9_\-]{64,}")  # no cue begins so deep in a name and is given what the name is not
# what a cue is given may be the first letter of the next: pass token: ... Of longer names a later part is found
_START = b"pas pwd ken wac key sec tok cre aut bea jwt pin mdp otp puk cvv"
_STARTS = frozenset((*_START.split(), *_START.title().split(), *_START.upper().split()))
_HIDDEN = re.compile(rb"[A-Za-z][A-Za-z_\- ]{2,24}[\"']?[ \t]{0,4}(?:[:=]|->|[A-Za-z0-9_\-]{20})")
_COUNTED = re.compile(r"\b(?:used|count|limit|total|per)\b", re.IGNORECASE)
_AFTER_BEGINS = " \"'`,"
_LOOK = 96
_BEFORE = re.compile(r"[^\s\"'`,;]{8,64}\Z")


def assigned(page: Page) -> Iterator[Claim]:
    """Values given to names that speak of a secret, and codes and numbers of documents, which the same search finds."""
    text, raw = page.text, page.raw
    coded = b"0" in page.shape or "phrase" in text
    taken = idle = spent = 0
    endurance = max(_ENDURANCE, len(raw) // _SHARE)
    cues = _CUES.finditer(raw)
    while (found := next(cues, None)) is not None:
        start, end = found.span()
        if start < taken:
            continue
        idle += 1
        spent += 1
        if spent > endurance:
            break
        if idle % _PATIENCE == 0:
            run = _RUN.match(raw, end)
            cues = _CUES.finditer(raw, run.end()) if run else cues
        low = raw[start : start + _LOOK].lower().decode("latin-1")
        if text[start - 1 : start] == " ":
            yield from _value_before(text, start, low)
        code = cue_length(low) if coded else 0
        if code:
            told = list(codes(page, start, start + code))
            yield from told
            if told and low[0] in MARKS:
                continue  # what stands below the head of a table is given to its column
        # a name may stand within what announces codes: setup key
        claim = _value(page, start, low, end - start if code else 0, prose=idle < _PATIENCE)
        if claim is None and _DOCUMENT.match(low):
            claim = document(page, end)
        if claim:
            taken, idle, spent = claim.end, 0, max(0, spent - _WORTH)
            yield claim
        elif raw[end - 1 : end + 2] in _STARTS and idle < _PATIENCE and _HIDDEN.match(raw, end - 1):
            yield from _hidden(page, end - 1)
    if page.foreign:
        yield from _assigned_abroad(page)


def _hidden(page: Page, start: int) -> Iterator[Claim]:
    """What the cue says whose first letter was taken for what the cue before it is given."""
    low = page.raw[start : start + _LOOK].lower().decode("latin-1")
    code = cue_length(low)
    if code:
        yield from codes(page, start, start + code)
    claim = _value(page, start, low, 0, prose=False)
    if claim:
        yield claim


def _assigned_abroad(page: Page) -> Iterator[Claim]:
    """The same for names in other scripts."""
    # letters that Latin-1 does not know stand as ? in the raw form, and each name has two of them at both of its ends: a text
    # with a word or two of another script is looked at only where they stand
    first = page.raw.find(_BEYOND)
    if first < 0:
        return
    for end in _FOREIGN.ends(page.text, first, page.raw.rfind(_BEYOND) + len(_BEYOND)):
        given = _GIVEN_FOREIGN.match(page.text, end)
        value = _trimmed(given["value"], quoted=False) if given else ""
        if given and len(value) >= _FEWEST and not _stands_in(value) and (_DIGIT.search(value) or _strong(value)):
            at = given.start("value")
            yield Claim(7, at, at + len(value), SECRET, "assigned")


def _value_before(text: str, start: int, low: str) -> Iterator[Claim]:
    """A value that is said to be a password after it is given; `low`: what begins here, in lower case."""
    # the word before tells mostly that nothing is said here, and is found faster than a pattern fails
    last = text[max(0, start - _AFTER_REACH) : start - 1].rpartition(" ")[2]
    if (last.isascii() and last.lower() not in _AFTER_WORDS) or not _SAID_AFTER.match(low):
        return
    after = _AFTER.search(text, max(0, start - _REACH), start)
    word = _BEFORE.search(text, max(0, after.start() - 64), after.start()) if after else None
    if word and _strong(word[0]) and not _stands_in(word[0]):
        yield Claim(7, *word.span(), SECRET, "assigned")


class _Name(NamedTuple):
    """What a name that is given something says by itself."""

    password: bool
    whole: bool
    anywhere: bool
    public: bool
    loose: bool
    secret: bool


@lru_cache(maxsize=1024)
def _name(name: str) -> _Name:
    part = name.replace("-", "_").rpartition("_")
    return _Name(
        password=_PASSWORD.match(name) is not None or (bool(part[0]) and _PASSWORD.match(part[2]) is not None),
        whole=_EXACT.fullmatch(name) is not None,
        anywhere=name.startswith(_ANYWHERE),
        public=(bool(part[0]) and part[2] in NOT_PART) or name.endswith(NOT_ENDING),
        loose=name.startswith(_LOOSE) and name not in _BARE,
        secret=not name.startswith(("key", "sig", "session", "cookie")) or "secret" in name,
    )


def _value(page: Page, start: int, low: str, within: int, *, prose: bool) -> Claim | None:
    """What a name that begins here, or within so many characters, is given, if it is a secret; the second time in lower case."""
    text = page.text
    begun = _BEGIN.match(low)
    if begun is None and (within or low[0] in _AFTER_BEGINS):
        begun = _BEGIN.search(low, 0, 48 if low[0] in _AFTER_BEGINS else within)
    if begun is None:
        return None
    name = _name(begun[0])
    start += begun.start()
    if not name.anywhere and (not name.whole or (start and text[start - 1].isalpha() and text[start].islower())):
        return None
    if name.public or _qualified(text, start):
        return None
    given = _GIVEN.match(low, begun.end())
    if given is not None:
        at = start - begun.start() + given.end()
        claim = _judged(page, given, name, start, at)
        if claim is not None:
            return claim
    said = _PROSE.match(text, start + len(begun[0])) if prose else None
    if said is None:
        return None
    value = _trimmed(said["value"], quoted=False)
    good = _strong(value) if name.password else _keylike(value) and not (is_hash(value) or _COUNTED.search(said[0]))
    if len(value) < _FEWEST or not good or _stands_in(value) or _NO_VALUE.match(value):
        return None
    return _claimed(page, said.start("value"), value)


def _qualified(text: str, start: int) -> bool:
    """Whether the word before a name makes it that of something public: max tokens, public key, page token."""
    before = text[max(0, start - _QUALIFIES) : start].rstrip("_- ")
    if not before[-1:].isalpha() or not before.isascii():
        return False
    before = before.lower()
    return before[len(before.rstrip(_LETTERS)) :] in NOT_SECRET


def _judged(page: Page, given: re.Match[str], name: _Name, start: int, at: int) -> Claim | None:
    """Whether what a name is given is a secret."""
    means = given[1].strip(" \t\n\"'`\\])")
    # only a space between: a sentence, unless what follows is no word
    sentence = not means and not given[2] and page.text[max(0, start - 2) : start] != "--"
    if sentence and not name.password and not name.loose:
        return None
    if name.password and means in _ASSIGNS:
        phrase = _PHRASE.match(page.text, at)
        if phrase and _has_password(phrase[2]):
            return Claim(7, *phrase.span(2), SECRET, "assigned")
    found = _VALUE.match(page.text, at)
    if found is None:
        return None
    quote, value = found[1], found[2]
    at = found.start(2)
    whole = _WHOLE[quote].match(page.text, at) if quote in _WHOLE else None
    value = whole[0] if whole else value
    field = _FIELD.match(value) if "=" in value else None
    if field:
        at, value = at + field.end(), value[field.end() :]
    value = _trimmed(value, quoted=bool(quote))
    if len(value) < _FEWEST or _stands_in(value) or _NO_VALUE.match(value):
        return None
    if sentence:
        good = _strong(value) if name.password else _keylike(value)
    elif name.password:
        good = _DIGIT.search(value) is not None or _is_password(
            value, literal=bool(quote) and means in {"=", ":=", "=>"}
        )
    else:
        good = _keylike(value) and (name.secret or not is_hash(value))
    return _claimed(page, at, value) if good else None


def _has_password(phrase: str) -> bool:
    """Whether one of the words in quotes is no word of a sentence, or letters stand for others in two of them."""
    words = phrase.split()
    if _stands_in(phrase) or len(words) > _MOST_WORDS:
        return False
    if sum(_MIXED.search(word) is not None for word in words) > 1:
        return True
    return any(_DIGIT.search(word) and _strong(word.strip(".,;:!?()")) for word in words)


def _is_password(value: str, *, literal: bool) -> bool:
    """Whether a value without digits that is said to be a password can be one; `literal`: it is written as one of a language."""
    if _strong(value) or _HUMPS.search(value) is not None or (literal and value.isalpha() and value.islower()):
        return not _WORD_OF_PASSWORDS.match(value)
    return False


def _claimed(page: Page, at: int, value: str) -> Claim:
    """The claim of a value, with what of it was too long to be looked at."""
    end = at + len(value)
    if len(value) >= _LONG:
        rest = _REST.match(page.text, end)
        end = rest.end() if rest else end
    return Claim(7, at, end, SECRET, "assigned")


def _keylike(value: str) -> bool:
    if len(value) >= _SHORTEST and (is_random(value, least=2.8) or UUID.fullmatch(value)):
        return True
    return len(value) > 9 and _strong(value) and not is_wordy(value) and entropy(value) > 3  # noqa: PLR2004 - shorter ones need more


def _trimmed(value: str, *, quoted: bool) -> str:
    if quoted:
        return value
    if "," in value or ";" in value or "&" in value or "<" in value or "|" in value:
        ended = _ENDED.search(value, _FEWEST)
        value = value[: ended.start()] if ended else value
    return value.rstrip(",.;:)]}>»」")


def _stands_in(value: str) -> bool:
    """Whether this stands where a secret is to be put: a placeholder, a variable, a call."""
    low = value[:_STAND_IN_REACH].lower()
    if low[:2] in _STAND_IN_BEGINS and _STAND_IN.match(low):
        return True
    return (value[0] in _REFERENCE_SIGNS or "(" in value or "[" in value) and _REFERENCE.match(value) is not None


def _strong(value: str) -> bool:
    """Three of four kinds of characters, or letters and digits that alternate: no word of a sentence."""
    kinds = (value != value.upper()) + (value != value.lower()) + (_DIGIT.search(value) is not None)
    marks = not value.strip(".,;:!?()-_/").isalnum()
    return kinds + marks > 2 and not _WORDY.fullmatch(value)  # noqa: PLR2004 - kinds
