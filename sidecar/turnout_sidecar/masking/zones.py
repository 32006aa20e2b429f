"""Which words of a stream may be, or belong to, something that is found; and how far that reaches.

Most words of prose can be no part of anything: short, of letters alone, in the case of words. The others open a zone: some are
found only by themselves (`alone`: a key, a password), some also together with words beside them (`linked`: groups of digits, a
spelled address, blocks of an IBAN). A zone ends before the first word that has nothing to do with it. What is said before a value
(password is ...) needs no zone: it has gone out, and the scan is shown it.

Rules: what a zone is follows from the text alone, word by word, so that it is the same for every way of cutting; a word is
judged by its plain form, as the detectors see it; in doubt a word is not quiet.
"""

import re

from turnout_sidecar.guarding.normal import normalise
from turnout_sidecar.masking.placeholders import LETTERS, LONG, SHORT, WORDS

SPACES = " \n\t\r"
_STOPS = "\uff0c\u3002\uff01\uff1f\uff1b\uff1a\u3001\u300d\u300f\uff09"  # in Chinese and Japanese, where nothing else parts words
SEPARATORS = SPACES + _STOPS
UNIT = re.compile(
    f"((?:[^{SEPARATORS}]|[{_STOPS}](?=[!-~])|(?<=[!-~])[{_STOPS}])*+)([{SPACES}]|(?<![!-~])[{_STOPS}](?=[^!-~]))"
)
"""A word, maybe empty, and the character behind it."""
WORD = re.compile(f"([^{SEPARATORS}]{{0,64}}+)(?:([{SPACES}])[{SPACES}]*+|\\Z)")
"""The same of most words, with the empty ones behind it, or what is there of a word that has no end yet (then there is no character
behind it); no match where one would have to look closer.
"""
_SPELLED = r"at|@|arroba|chiocciola|dot|\.|punkt|point|punto"
_MARKS = "[.,;!?)]{0,3}"
_QUIET = (
    rf"(?:(?:\((?!(?i:{_SPELLED})\b))?(?:(?![Aa][Tt]\b)[A-Z]?[a-z]{{1,14}}+(?:'[a-z]{{1,4}})?|[a-z]{{1,7}}-[a-z]{{1,7}}"
    rf"|(?!AT\b)[A-Z]{{1,15}}){_MARKS}|[.,;!?*#|+=/-]{{1,3}})"
)
_LOWER, _UPPER = "a-z\xdf-\xf6\xf8-\xff", "A-Z\xc0-\xd6\xd8-\xde"  # of Latin-1
_ALIKE = "\u0388-\u03cf\u0400-\u0481"  # Greek and Cyrillic: taken for Latin letters, but only beside those
_OTHERS = "\u05d0-\u05ea\u0620-\u064a\u3041-\u3093\u30a1-\u30fa\u3400-\u9fff\uac00-\ud7a3"
_END = rf"{_MARKS}+[{SPACES}]++"
_LATIN = (
    rf"(?=[a-z]{{0,14}}+[\x80-\xff\u2019]|[{_UPPER}])(?:[{_UPPER}]?[{_LOWER}]{{1,14}}+(?<!\b[Aa]t)(?:'[a-z]{{1,4}}+)?{_END}"
    rf"|(?:[a-z]{{1,2}}\u2019)?[{_LOWER}]{{1,14}}+(?<!\bat)(?:\u2019[a-z]{{1,4}}+)?{_END}"
    rf"|(?=[^{SPACES}]{{1,5}}[{SPACES}])[A-Z][{_LOWER}]{{0,3}}\u2019[{_LOWER}]{{1,3}}+{_END})"
)
# each alternative tells by its first character that it is none, and looks at no letter twice; `at` is looked for behind the word.
# No groups within: of those in an alternative that is repeated possessively, re may get the places wrong (cpython issue 101955)
_PROSE = (
    rf"[a-z]{{1,14}}+(?<!\bat)(?:{_END}|:[{SPACES}]++|'[a-z]{{1,4}}+{_END}|(?<![a-z]{{8}})-[a-z]{{1,7}}+{_END})",
    rf"[A-Z](?:[a-z]{{1,14}}+(?<!\bAt)(?:'[a-z]{{1,4}}+)?{_END}|[A-Z]{{0,14}}+(?<!\bAT){_END})",
    rf"\((?!(?i:{_SPELLED})\b)[A-Za-z][a-z]{{0,13}}+{_END}",
    rf"[.,;!?*#|+=/\u2013\u2014-]{{1,3}}+[{SPACES}]++",
    _LATIN,
    rf"[{_ALIKE}{_OTHERS}]{{1,64}}+(?:{_MARKS}+[{SPACES}]|[{_STOPS}](?=[^!-~]))(?:[{SPACES}]|[{_STOPS}](?=[^!-~]))*+",
)
PROSE = re.compile(rf"(?:[{SPACES}]++|[{_STOPS}](?<![!-~].)(?=[^!-~]))*+({'|'.join(_PROSE)})*+")
"""As many words as there are that are quiet and mean themselves (not all such words), each with what is behind it; the last one."""
_QUIET_WORD = re.compile(_QUIET)
_DULL = re.compile(
    r"""(?!.*(?:-----|_at_|=\Z))(?:[^A-Z0-9"'`@%&\\\x80-\U0010ffff]{1,15}|[^a-z0-9"'`@%&\\\x80-\U0010ffff]{1,15})"""
)
_SHORT = re.compile(r"""[^\d"'`@%&\\=-]{1,5}""")  # fewer characters than any value has
_QUIET_LETTERS = re.compile(r"\(?(?:[a-z]{1,2}['\u2019])?[^\W\d_]{1,15}(?:['\u2019][a-z]{1,4})?[.,;!?)\u2026]{0,3}")
_MASKED = re.compile(rf"\(?<(?:{'|'.join(WORDS)})_[{LETTERS}]{{{SHORT},{LONG}}}>{_MARKS}")
_ESCAPES = re.compile(r"[%\\&=\x80-\U0010ffff]")
# signs of which each means itself whatever is beside it, in a word: most words that are not ASCII, without a look at each sign
_ITSELF = re.compile(rf"[!-$'-<>-\[\]-~{_LOWER}{_UPPER}{_OTHERS}\u2018-\u201d\u2026]+|[{_ALIKE}]+{_MARKS}")
_ASCII = re.compile(r"[0-9A-Za-z]")
_SIGNS = re.compile(r"[\d@\[({<\])}>]")
_BRACKETS = "[({<])}>"
_LINKS = re.compile(rf"\d|@|[\[({{<](?:{_SPELLED})?(?:[\])}}>]|\Z)|\A(?:{_SPELLED})?[\])}}>]", re.IGNORECASE)
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}\d\d[A-Za-z0-9 \-]*\Z")
_LONGEST_IBAN = 64
_LONG = re.compile(r"[A-Za-z0-9+/_\-.~|$=]{16,}")
_OPENS = re.compile(r'"\w[^"]*\Z')
_LONGEST_QUOTED = 66
_CONNECTIVES = frozenset(["as", "is", "was", "ist", "est", "es", "como", "als", "comme"])
_AFTER_CONNECTIVE = 4
_BEGUN = frozenset(["a", "at"])
REACHING = frozenset(["", "a", "A", "at", "At", "aT", "AT"])
"""Of what is nothing but letters, if at all: what may be, or become, a word that belongs together with the word before it."""
_SAID = re.compile(rf"(?:{_SPELLED})[.,;]?", re.IGNORECASE)
_SAID_ASCII = frozenset(word.replace("\\", "") + mark for word in _SPELLED.split("|") for mark in ("", ".", ",", ";"))
_LONGEST_PLAIN = 15  # letters of a word that is no value
_LONG_ENOUGH = 64  # to know how a word begins
_LONGEST_WORD = 1024
_DASHES = re.compile(r"-----(?:BEGIN|END)?")
_OF_KEY = ("KEY", "BLOCK")
_OTHER_BEGIN, _OTHER_END = "PuTTY-User-Key-File", "Private-MAC:"  # a private key of a form of its own
_LEAST = 32  # of a zone whose words are alone, so that they are not looked at one by one


def plain_form(word: str) -> str:
    """A word as the detectors see it; one that is too long to be a word stays as it is, and is never quiet."""
    if len(word) > _LONGEST_WORD or not _ESCAPES.search(word) or _ITSELF.fullmatch(word):
        return word
    return normalise(word).text


def is_quiet(word: str) -> bool:
    """Whether a word (its plain form) is no part of anything that is found."""
    if word.isalpha() and word.isascii() and len(word) <= _LONGEST_PLAIN and (word.islower() or word.isupper()):
        return word not in REACHING or len(word) < len("at")
    if not word or _QUIET_WORD.fullmatch(word) or (word[0] in "<(" and _MASKED.fullmatch(word)):
        return True
    if len(word) > _LONGEST_WORD:
        return False
    if " " in word:  # other spaces, in the plain form
        return all(map(is_quiet, word.split(" ")))
    if _SHORT.fullmatch(word) or (word.isascii() and _DULL.fullmatch(word)):
        return not _links(word)
    if word.isascii():
        return False
    if not _ASCII.search(word):
        return True
    small = word == word.lower() or ("\u2019" not in word and (word.isupper() or word[1:] == word[1:].lower()))
    return small and _QUIET_LETTERS.fullmatch(word) is not None


def reaches_back(word: str) -> bool:
    """Whether a word, or the beginning of one, may belong together with the word before it."""
    if not word:
        return True
    first = word[0]
    if not first.isascii():
        first = plain_form(first)
    return not first.isalpha() or (first in "aA" and word.partition(" ")[0].lower() in _BEGUN)


def may_reach_back(begun: str) -> bool:
    """The same of a word that is still coming; in doubt it may."""
    if not begun:
        return True
    if begun.isascii() and begun.isalpha():
        return begun in REACHING
    begun = begun[:_LONG_ENOUGH]
    plain = plain_form(begun)
    return plain != begun or any(sign in begun for sign in "%\\&=") or reaches_back(plain)


class Zone:
    """A stretch of text that is looked at as a whole. `hard`: there is something in it to look at."""

    __slots__ = ("_found", "_key", "_least", "_quoted", "_reach", "_wanted", "hard", "start")

    def __init__(self, start: int, least: int = _LEAST, *, hard: bool = False) -> None:
        self.start = start
        self.hard = hard
        self._least = least
        self._found = False  # whether the last word was not quiet
        self._wanted = 0  # words that still belong to it
        self._reach = 0  # a place up to which it goes at least
        self._quoted = 0  # a place up to which a quote may close
        self._key = ""  # what a private key was last seen to come to: BEGIN, its lines, END

    def goes_on(self, plain: str, at: int, behind: str) -> bool:
        """Whether the next word (its plain form) belongs to it. `behind`: the character before the word, `at` its place."""
        if self._wanted or self._key or at < self._reach or at < self._quoted or not plain:
            return True
        if self.hard and at - self.start < self._least and behind != "\n":
            return True
        return reaches_back(plain) or (self._found and _is_connective(plain)) or _says(plain)

    def reach(self, place: int) -> None:
        """Goes on to a place at least."""
        self._reach = max(self._reach, place)

    def take(self, plain: str, at: int, end: int, behind: str, *, found: bool) -> None:
        """One more word (its plain form), from a place to another, and the character after it; `found`: that it is not quiet."""
        if at == end:
            return
        if self._wanted:
            self._wanted -= 1
        if not plain.isalpha():
            self._follow(plain, at)
        if behind == "\n":
            self._quoted = 0
        if self._found and _is_connective(plain):
            self._wanted = max(self._wanted, _AFTER_CONNECTIVE)
        said = _says(plain)
        self._found = found
        if not said and not found:
            return
        self.hard = self.hard or plain.lower() != "at"
        if said or len(plain) > _LONGEST_WORD or plain[-1:] == "=" or _links(plain) or _LONG.search(plain):
            self._wanted = self._wanted or 1
        if found and _IBAN.search(plain[-_LONGEST_IBAN:]):
            self._reach = end + _LONGEST_IBAN

    def _follow(self, plain: str, at: int) -> None:
        """What has a beginning and an end, and maybe many words between: keys and quotes."""
        if "-----" in plain:
            self._follow_key(plain)
        if _OTHER_BEGIN in plain:
            self._key = _OTHER_END
        elif self._key == _OTHER_END and _OTHER_END in plain:
            self._key, self._wanted = "", 1
        if '"' in plain:
            self._quoted = at + _LONGEST_QUOTED if _OPENS.search(plain) else 0

    def _follow_key(self, plain: str) -> None:
        """A key goes from its BEGIN to the end of its END; what is no key ends with its first line."""
        for found in _DASHES.finditer(plain):
            what = found[0][5:]
            ends = plain.endswith(_OF_KEY, 0, found.start())
            if what == "BEGIN":
                self._key = self._key or what
            elif self._key and what == "END":
                self._key = what
            elif self._key == "BEGIN":
                self._key = "lines" if ends else ""
            elif self._key == "END":
                self._key = "" if ends else "lines"


def _links(word: str) -> bool:
    """Whether a word may belong together with those beside it."""
    sign = _SIGNS.search(word)  # one look for what most words have none of
    if sign is None:
        return word.lower() == "at"
    return sign[0] not in _BRACKETS or _LINKS.search(word) is not None


def _is_connective(word: str) -> bool:
    """Whether what follows may say that what is before is a password."""
    return word.lower().strip(",") in _CONNECTIVES


def _says(word: str) -> bool:
    """Whether a word is one of those that spell an address."""
    if " " in word:  # other spaces, in the plain form
        return any(map(_says, word.split(" ")))
    return word.lower() in _SAID_ASCII if word.isascii() else _SAID.fullmatch(word) is not None
