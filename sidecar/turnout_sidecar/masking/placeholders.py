"""Placeholders: what stands for a value where the value must not go.

`<EMAIL_bcdfghjkmnpq>`: a word that tells a model what kind of thing it is, and twelve letters of a keyed digest of partition,
conversation, entity and value. The same value of a conversation always gets the same placeholder, on every replica and in every
turn; elsewhere it gets another, and nobody without the key can guess one. There are no digits and no vowels in the letters, so that
no detector takes a placeholder for something and none spells a word.

Models change what they copy: LIKE finds placeholders also in lower case, with a markdown backslash, with HTML references for the
brackets, or without brackets (then as a word of its own); JSON_LIKE also with the escapes of JSON; EXACT only as they were written.

Rules: matches never overlap, and whether something is one depends on nothing but the characters beside it.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from hashlib import blake2b
from typing import Any, NamedTuple, Protocol, TypeVar

TEXT = "TEXT"
TYPES = {
    "Email": "EMAIL",
    "Phone": "PHONE",
    "CreditCard": "CARD",
    "IBAN": "IBAN",
    "NationalId": "NATIONALID",
    "IPAddress": "IP",
    "MACAddress": "MAC",
    "CryptoWallet": "WALLET",
    "URLCredentials": "URL",
    "Person": "PERSON",
    "Location": "LOCATION",
    "Secret": "SECRET",
}
WORDS = (*TYPES.values(), TEXT)
LETTERS = "bcdfghjkmnpqrstv"
SHORT, LONG = 12, 24  # letters of a placeholder, and of one whose shorter form another value has already
_LONGEST_KEY = 64
_OF_HEX = str.maketrans("0123456789abcdef", LETTERS)


class Stretch(Protocol):
    """Code points [start, end) of a text, with an order among its like."""

    @property
    def start(self) -> int:
        """Where it begins."""

    @property
    def end(self) -> int:
        """Where it ends."""

    def __lt__(self, other: Any, /) -> bool:
        """By place."""


S = TypeVar("S", bound=Stretch)


class Masker:
    """Makes the placeholders of one conversation of one partition."""

    __slots__ = ("_begun",)

    def __init__(self, key: bytes, partition: str, conversation: str) -> None:
        """`key`: any length but none; the secret that makes placeholders unguessable."""
        if not key:
            raise ValueError("the masking key is empty")
        short = key if len(key) <= _LONGEST_KEY else blake2b(key).digest()
        self._begun = blake2b(
            _framed(partition, conversation), digest_size=LONG // 2, key=short, person=b"turnout-mask"
        )

    def digest(self, entity: str, value: str, letters: int = SHORT) -> str:
        """The letters (12, at most 24) that stand for a value."""
        whole = self._begun.copy()
        whole.update(_framed(entity, value))
        return whole.hexdigest()[:letters].translate(_OF_HEX)

    def placeholder(self, entity: str, value: str, letters: int = SHORT) -> str:
        """What is written instead of a value."""
        return f"<{TYPES.get(entity, TEXT)}_{self.digest(entity, value, letters)}>"


def _framed(*parts: str) -> bytes:
    """Parts told apart by their lengths; lone surrogates have bytes too."""
    raw = [part.encode("utf-8", "surrogatepass") for part in parts]
    return b"".join(len(part).to_bytes(8, "big") + part for part in raw)


class Form(NamedTuple):
    """How placeholders may be written in one kind of text.

    `whole` matches one, or an escape; `partial` matches, at the end of a text, what may become one; `stream` matches both, and what
    may still become one comes first.
    """

    whole: re.Pattern[str]
    stream: re.Pattern[str]
    partial: re.Pattern[str]


class Found(NamedTuple):
    """What looks like a placeholder: its canonical form, and the stretch it takes (brackets only in pairs)."""

    name: str
    start: int
    end: int


class _Spelling(NamedTuple):
    """The parts of the patterns: brackets, the sign between word and letters, and each of them half written."""

    opening: str
    half_opening: str
    sign: str
    half_sign: str
    closing: str
    half_closing: str
    escape: str = "(?!)"
    half_escape: str = "(?!)"
    after: str = "(?!)"  # what ends a bracket in a letter, and is no letter


def _nested(word: str) -> str:
    """Every beginning of a word, the longest first, but for the empty one."""
    return word[:1] + (f"(?:{_nested(word[1:])})?" if len(word) > 1 else "")


def _form(spelling: _Spelling, *, bare: bool, flags: int) -> Form:
    word = "|".join(sorted(WORDS, key=len, reverse=True))
    letter = f"[{LETTERS}]"
    body = f"(?P<type>{word}){spelling.sign}(?P<code>{letter}{{{SHORT},{LONG}}}+)"
    begun = "|".join(_nested(word) for word in WORDS)
    half = f"(?P<half>(?:{word}){spelling.sign}{letter}{{0,{LONG}}}|(?:{word}){spelling.half_sign}|{begun})"
    alone = rf"(?:(?<![0-9A-Za-z_])|{spelling.after})" if bare else "(?!)"
    whole = (
        f"(?:(?P<open>{spelling.opening})|(?:{spelling.escape})|{alone}(?P<alone>)){body}"
        f"(?:(?(open)(?P<close>{spelling.closing})|(?!)){'|(?![0-9A-Za-z_])' if bare else ''})"
        f"|(?:{spelling.escape})"
    )
    partial = (
        f"(?P<head>{spelling.opening}|{spelling.half_opening})\\Z"
        f"|(?:(?P<begun>{spelling.opening})|(?:{spelling.escape})|{alone}){half}"
        f"(?(begun)(?P<closing>{spelling.half_closing})?)\\Z"
        f"|(?:{spelling.half_escape})\\Z"
    )
    both = f"(?P<part>{partial})|{whole}"
    return Form(*(re.compile(pattern, flags | re.ASCII) for pattern in (whole, both, partial)))


LIKE = _form(
    _Spelling("<|&lt;", "&(?:lt?)?", r"\\?_", r"\\", ">|&gt;", "&(?:gt?)?"),
    bare=True,
    flags=re.IGNORECASE,
)
JSON_LIKE = _form(
    _Spelling(
        opening=r"<|&lt;|\\u003c|\\u0026lt;",
        half_opening=r"&(?:lt?)?|\\(?:u(?:0(?:0(?:3|2(?:6(?:lt?)?)?)?)?)?)?",
        sign=r"\\{0,2}_",
        half_sign=r"\\{1,2}",
        closing=r">|&gt;|\\u003e|\\u0026gt;",
        half_closing=r"&(?:gt?)?|\\(?:u(?:0(?:0(?:3|2(?:6(?:gt?)?)?)?)?)?)?",
        escape=r"\\(?:u[0-9a-f]{4}|[^\su])",
        half_escape=r"\\(?:u[0-9a-f]{0,3})?",
        after=r"(?<=\\u003e)",
    ),
    bare=True,
    flags=re.IGNORECASE,
)
EXACT = _form(_Spelling("<", "(?!)", "_", "(?!)", ">", "(?!)"), bare=False, flags=0)
_CODE = re.compile(f"_[{LETTERS}{LETTERS.upper()}]{{{SHORT}}}")
_BEFORE = max(map(len, WORDS)) + 2
_REACH = _BEFORE + 9  # from the start of a placeholder to its underscore
_BEYOND = 1 + LONG + 9  # and from there to what ends it
_ENDINGS = tuple(WORDS)


def lookalikes(text: str, form: Form = LIKE, at: int = 0, fresh: int = -1) -> Iterator[Found]:
    """All that looks like a placeholder, from `at` on, in order, without overlaps.

    `fresh`: where something else is known to have ended, so that what follows stands alone whatever is before it.
    """
    for code in _CODE.finditer(text, at):
        sign = code.start()
        if sign < at or not text[max(0, sign - _BEFORE) : sign].rstrip("\\").upper().endswith(_ENDINGS):
            continue
        bracket = text.rfind("<", max(at, sign - _BEFORE), sign)
        exact = EXACT.whole.match(text, bracket) if bracket >= 0 and text[bracket - 1 : bracket] != "\\" else None
        if exact is not None and (found := seen(exact)):
            fresh = at = found.end
            yield found
            continue
        start = max(at, sign - _REACH)
        while start > at and text[start - 1] == "\\":
            start -= 1
        for match in form.whole.finditer(text, start, sign + _BEYOND):
            found = seen(match)
            if found and found.end > sign:
                if found.start < sign and _stands(text, match, fresh):
                    fresh = at = found.end
                    yield found
                break


def _stands(text: str, match: re.Match[str], fresh: int) -> bool:
    """Whether what is behind an escaped bracket is really behind one, not behind letters that look so."""
    start = match.start()
    return match["alone"] is None or start == fresh or not start or text[start - 1] not in "eE"


def seen(match: re.Match[str]) -> Found | None:
    """What one match of a form says; None: an escape of JSON."""
    word = match["type"]
    if word is None:
        return None
    start = match.start() if match["close"] else match.start("type")
    return Found(f"<{word.upper()}_{match['code'].lower()}>", start, match.end())


def placeholders_in(text: str) -> frozenset[str]:
    """The canonical forms of whatever looks like a placeholder, in plain text or in JSON."""
    if "_" not in text:
        return frozenset()
    names = {found.name for found in lookalikes(text)}
    if "\\" in text:
        names |= {found.name for found in lookalikes(text, JSON_LIKE)}
    return frozenset(names)


def bare(placeholder: str) -> str:
    """A placeholder without its brackets, for fields that allow letters only."""
    return placeholder[1:-1]


def masked(
    text: str,
    findings: Iterable[S],
    make: Callable[[S, str], str],
    between: Callable[[str], str] | None = None,
) -> str:
    """The text with what was found replaced by what `make(finding, value)` says, and `between` applied to all the rest.

    Findings that overlap are cut: each character is taken once, and none that was found stays.
    """
    parts: list[str] = []
    at = 0
    for finding in sorted(findings):
        start, end = max(finding.start, at), min(finding.end, len(text))
        if end <= start:
            continue
        if start > at:
            parts.append(between(text[at:start]) if between else text[at:start])
        parts.append(make(finding, text[start:end]))
        at = end
    if at < len(text):
        parts.append(between(text[at:]) if between else text[at:])
    return "".join(parts)
