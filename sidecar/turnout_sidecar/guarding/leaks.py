"""Secrets: private keys, keys of vendors, passwords in assignments and words that look like nothing but a key.

Four ways, from sure to likely: a PEM block; a word that begins as a vendor's keys do; a value given to a name such as api_key or
password, if it is random enough; a long random word behind a prefix of its own or near a word such as token or revoke.

Rules: linear (each look is bounded, a private key without an end takes the rest); hashes, ids and version strings are no
secrets unless a name says so; placeholders such as <token>, ${TOKEN} or changeme are none.
"""

import re
from collections import Counter
from collections.abc import Iterator
from math import log2

from turnout_sidecar.guarding.accounts import wallet
from turnout_sidecar.guarding.findings import SECRET, Claim
from turnout_sidecar.guarding.page import Page
from turnout_sidecar.guarding.vendors import BY_BEGINNING, WITHOUT_BEGINNING

_PEM = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_PEM_END = re.compile(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_WORD = re.compile(r"[A-Za-z0-9_\-.~|$]{16,}")
_HOOKS = re.compile(
    r"(?:hooks\.slack\.com/(?:services|workflows)/|discord(?:app)?\.com/api/webhooks/|webhook\.office\.com/)([\w/@\-.]{20,200})"
)
_NAMES = (
    "key",
    "secret",
    "token",
    "passw",
    "pwd",
    "credential",
    "auth",
    "bearer",
    "passphrase",
    "pin",
    "sig=",
    "kennwort",
)
_NAME = re.compile(
    r"(?:api|access|secret|private|account|signing|encryption|master|shared ?access|license|service|subscription|client)?[_\- ]?"
    r"(?:key|secret|token|passwo?r?d?|passwd|pwd|passphrase|credentials?|authorization|auth|bearer|kennwort|passwort)"
    r"[a-z0-9_\-]{0,24}"
)
_GIVEN = re.compile(
    r"""(?P<set>\\?["'`]?\]?[ \t]{0,4}(?::=|=>|[:=]|\bis\b|\bwas\b|\blautet\b|\best\b|\bes\b)[ \t]{0,4}|[ \t]+)"""
    r"""(?:(?:bearer|basic|token)[ \t]+)?(?P<quote>\\?["'`]?)(?P<value>[^\s"'`\\]{6,96})""",
    re.IGNORECASE,
)
_PASSWORD = re.compile(r"passw|pwd|passphrase|kennwort")
_REFERENCE = re.compile(
    r"<[^>]*>?$|\$?\{|\$\(|\$\w+$|%\w+%$|[*.]+$|\[[^\]]*\]?$|\(|\w+\(|[\w.]+\[|(?:os|process|env|config|settings|self|var|secrets?|vault|data|request|args)\.|x{4,}|\.{3}|"
    r"(?:your|my|the|some|example|changeme|placeholder|redacted|null|none|true|false|undefined|string|optional|required|https?:)",
    re.IGNORECASE,
)
_HEX = re.compile(r"[0-9a-fA-F]{16,}")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_WORDY = re.compile(r"[A-Za-z]+(?:[_\-.][A-Za-z]+)*\d{0,4}|v?\d+(?:[.\-]\d+)*")
_NEAR = (
    "secret",
    "token",
    "passw",
    "credential",
    " key ",
    " key:",
    "key is",
    "keys",
    "rotate",
    "revoke",
    "bearer",
    "authori",
    "leaked",
)
_HASHES = re.compile(
    r"(?:sha-?\d*|md5|hash|digest|commit|checksum|etag|integrity|fingerprint|trace|revision|build|cursor)\W{0,4}$"
)
_PREFIXED = re.compile(
    r"([A-Za-z][A-Za-z0-9]{0,11}(?:[_\-.][a-z0-9]{1,8}){0,3})[_\-.]((?:[A-Za-z0-9]|[_\-](?=[A-Za-z0-9])){20,})"
)
_ID_HEADS = (
    "www http req msg call toolu chatcmpl resp run thread file asst cus ch pi evt sub in prod price acct step batch vs "
    "org proj user item rs fc img trace span session sess commit build sha sha1 sha256 sha512 md5 cmpl rev ord "
    "order inv txn tx job task pod node arn id uuid gen ws ses srv app dep deploy i vol ami snap subnet sg eni "
    "vpc rtb igw release v pm seti si prod ctx ev"
)
_IDS = frozenset(_ID_HEADS.split())
_DIGIT = re.compile(r"\d")
_HUMPS = re.compile(r"[a-z][A-Z].*[a-z][A-Z]")
_HEX_START = re.compile(r"[0-9a-fA-F]{8}-")
_SHORTEST = 16
_PATIENCE = 1024  # names in a row that are given nothing: no text that assigns secrets has so many


def entropy(text: str) -> float:
    """Bits a character, by the text's own frequencies (Shannon)."""
    length = len(text)
    return -sum(count / length * log2(count / length) for count in Counter(text).values())


def private_keys(page: Page) -> Iterator[Claim]:
    """PEM and PGP blocks; one that is cut off reaches to the end."""
    text = page.text
    at = text.find("-----BEGIN ")
    while at >= 0:
        begun = _PEM.match(text, at)
        if begun:
            end = _PEM_END.search(text, begun.end())
            stop = end.end() if end else len(text)
            yield Claim(0, at, stop, SECRET, "private-key")
            at = text.find("-----BEGIN ", stop)
        else:
            at = text.find("-----BEGIN ", at + 1)


def hooks(page: Page) -> Iterator[Claim]:
    """Addresses that are secrets themselves: whoever has one may post."""
    if "webhook" in page.lower or "hooks." in page.lower:
        for found in _HOOKS.finditer(page.text):
            yield Claim(1, *found.span(1), SECRET, "webhook")


def words(page: Page, stretch: str, offset: int) -> Iterator[Claim]:
    """Keys and wallets among the words of a stretch without white space."""
    for found in _WORD.finditer(stretch):
        word, start = found[0], offset + found.start()
        claim = _vendor(page, word, start) or wallet(page, word.rstrip(".-"), start) or _random(page, word, start)
        if claim:
            yield claim
    if "Q~" in stretch or ":AA" in stretch or "-us" in stretch or ".atlasv1." in stretch or "|" in stretch:
        for vendor in WITHOUT_BEGINNING:
            other = vendor.pattern.search(stretch)
            if other:
                yield Claim(1, offset + other.start(), offset + other.end(), SECRET, vendor.rule)


def _vendor(page: Page, word: str, start: int) -> Claim | None:
    for vendor in BY_BEGINNING.get(word[:2], ()):
        found = vendor.pattern.match(page.text, start)
        if found:
            return Claim(1, start, found.end(), SECRET, vendor.rule)
    return None


def _random(page: Page, word: str, start: int) -> Claim | None:
    word = word.rstrip(".-~|$")
    prefixed = _PREFIXED.fullmatch(word) if "_" in word or "-" in word or "." in word else None
    if prefixed and not _HEX_START.match(word):
        head = re.split(r"[_\-.]", prefixed[1].lower())
        if head[0] not in _IDS and is_random(prefixed[2], least=3.2):
            return Claim(7, start, start + len(word), SECRET, "prefixed-key")
    if len(word) < 20 or not page.says(_NEAR, start, 32) or _UUID.fullmatch(word):  # noqa: PLR2004
        return None
    if is_random(word, least=3.0) and not _HASHES.search(page.lower, max(0, start - 24), start):
        return Claim(7, start, start + len(word), SECRET, "random-near-word")
    return None


def is_random(value: str, *, least: float) -> bool:
    """Whether letters and digits are mixed as no word, name or version is."""
    digits = sum(map(value.count, "0123456789"))
    if digits == len(value):
        return False
    if not digits:
        capitals = sum(map(str.isupper, value))
        return len(value) // 3 < capitals < len(value) and entropy(value) >= least and _HUMPS.search(value) is not None
    if _WORDY.fullmatch(value) or (value.islower() and not _HEX.fullmatch(value) and digits < len(value) // 10):
        return False
    return entropy(value) >= least


def assigned(page: Page) -> Iterator[Claim]:
    """Values given to names that speak of a secret."""
    lower = page.lower
    for name in _NAMES:
        at = lower.find(name)
        patience = _PATIENCE
        while at >= 0 and patience:
            found = _NAME.match(lower, at)
            end = found.end() if found else at + len(name)
            claim = _value(page, at, end) if found else None
            if claim:
                yield claim
                end = claim.end
            patience = _PATIENCE if claim else patience - 1
            at = lower.find(name, end)


def _value(page: Page, start: int, end: int) -> Claim | None:
    given = _GIVEN.match(page.text, end)
    if given is None:
        return None
    loose = not given["set"].strip()
    value = _trimmed(given["value"], quoted=bool(given["quote"]))
    name = page.lower[start:end]
    if loose and not (page.text[start - 2 : start] == "--" or name.startswith(("bearer", "authorization", "token"))):
        loose = _PASSWORD.match(name) is None or not _strong(value)
        if loose:
            return None
    if len(value) < 6 or _REFERENCE.match(value):  # noqa: PLR2004
        return None
    if _PASSWORD.match(name):
        explicit = bool(given["set"].strip(" \t\"'"))
        good = _strong(value) or (explicit and bool(_DIGIT.search(value) or _HUMPS.search(value)))
    else:
        good = _keylike(value)
    return Claim(7, given.start("value"), given.start("value") + len(value), SECRET, "assigned") if good else None


def _keylike(value: str) -> bool:
    if len(value) >= _SHORTEST and is_random(value, least=2.8):
        return True
    return len(value) > 9 and _strong(value) and entropy(value) > 3  # noqa: PLR2004 - shorter ones need more


def _trimmed(value: str, *, quoted: bool) -> str:
    if quoted:
        return value
    for mark in (";", "&", "</", "<"):
        at = value.find(mark)
        if at > 5:  # noqa: PLR2004 - a password may begin with one
            value = value[:at]
    return value.rstrip(",.;)]}>")


def _strong(value: str) -> bool:
    """Three of four kinds of characters, or letters and digits that alternate: no word of a sentence."""
    kinds = (value != value.upper()) + (value != value.lower()) + (_DIGIT.search(value) is not None)
    marks = not value.strip(".,;:!?()-_/").isalnum()
    return kinds + marks > 2 and not _WORDY.fullmatch(value)  # noqa: PLR2004 - kinds
