r"""Text as it is meant, for detectors, with a way back to the text as it was written.

Values are hidden, by accident or on purpose, behind full-width or Arabic digits, zero-width characters, combining marks, letters
of other scripts that look Latin, no-break spaces, percent, unicode and quoted-printable escapes and HTML references, also where
one escape is escaped again. Detectors see them resolved; what is masked is the original.

Rules: one character of the plain form stands for a stretch of the original, in order; a character that says nothing (zero width)
has no plain form; nothing is ever refused, lone surrogates included; plain ASCII without escapes is returned as it is. Letters of
other scripts are taken for Latin ones only beside Latin letters: the words of a language stay.
"""

import html.entities
import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable
from functools import lru_cache

# the class of first characters comes first, so that the engine can skip to them: signs that begin an escape, and whatever is not
# in the ranges of characters that mean themselves: letters, typographic quotes, pictures
_FAR = (
    "\u0620-\u064a\u2018-\u201d\u2026\u20ac\u2122\u3041-\u3093\u30a1-\u30fa\u3400-\u9fff\uac00-\ud7a3\ud800-\udfff"
    "\U0001f300-\U0001faff\U00020000-\U0002ffff"
)
_BEGINS = (
    "[^\x00\t\n\r -$'-<>-\\[\\]-~\x80-\x9f\u00a1-\u00ac\u00ae-\u00b6\u00b8-\u0131\u0134-\u013e\u0141-\u0148\u014a-\u017e"
    f"\u0180-\u01c3\u0250-\u02af\u0388-\u03cf\u0400-\u0482\u048a-\u0556\u0561-\u0586\u05d0-\u05ea{_FAR}]"
)
_ESCAPES = re.compile(
    _BEGINS + "(?:(?<=[^\x00-\x7f])[\u00ad\u0300-\u036f\u200b-\u200f\u2060-\u2064\u20d0-\u20f0\ufe00-\ufe0f\ufeff]*+"
    "|(?<=[\x01-\x1f\x7f])"
    r"|(?<=%)(?:25)*+(?:[C-Fc-f][0-9A-Fa-f](?:%(?:25)*+[89ABab][0-9A-Fa-f]){1,3}+|[0-9A-Fa-f]{2})"
    r"|(?<=\\)\\{0,16}+(?:u[0-9A-Fa-f]{4}|u\{[0-9A-Fa-f]{1,6}\}|U[0-9A-Fa-f]{8}|x[0-9A-Fa-f]{2}|[nrt/._@-])"
    r"|(?<=&)(?:amp;){0,4}+(?:#[Xx]?0{0,8}[0-9A-Fa-f]{2,5};?|[A-Za-z]{2,8};)"
    r"|(?<=[^=]=)(?:40(?=[A-Za-z0-9-]{1,63}(?:\.|=2E)[A-Za-z0-9])|2E(?=[A-Za-z])|\r?\n(?=\S)))"
)
_QUOTED = re.compile("=(?:40|2E|\r?\n)")
# a line of quoted-printable that goes on in the next, and what tells that a text is written so: other escapes, full lines
_SOFT = re.compile("(?<=[^=])=\r?\n(?=\\S)")
_PRINTABLE = re.compile("=(?:3D|0D|20\r?\n|[C-F][0-9A-F]=[89AB][0-9A-F])")
_FULL, _FULLEST = 60, 76
_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"
_SPECIAL = (
    dict.fromkeys(_DASHES, "-")
    | dict.fromkeys("\u00b7\u2022\u2024\u30fb\u3002\uff61", ".")
    | {"\u034f": "", "\u115f": "", "\u1160": "", "\u3164": "", "\ufffc": "", "\u2800": " "}
)
_ESCAPED = "/._@-"  # a backslash before these says nothing
# what is one character for one: where a text is made of such, it is replaced as a whole
_WIDE = _SPECIAL | {chr(code): chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}
_ZEROS = "\u0660\u06f0\u07c0\u0966\u09e6\u0a66\u0ae6\u0b66\u0be6\u0c66\u0ce6\u0d66\u0e50\u0ed0\u0f20\u1040\u17e0\u1810"
_WIDE |= {chr(ord(zero) + digit): str(digit) for zero in _ZEROS for digit in range(10)} | {"\u3000": " "}
_ONE_FOR_ONE = str.maketrans({sign: plain for sign, plain in _WIDE.items() if len(plain) == 1})
# raised digits are a number where there are several; one or two may be a note or a power
_RAISED = re.compile("[\u00b9\u00b2\u00b3\u2070\u2074-\u2079](?:[ .\\-/]?[\u00b9\u00b2\u00b3\u2070\u2074-\u2079]){2,}")
_RAISED_DIGITS = str.maketrans("\u00b9\u00b2\u00b3", "123")
_NAMED = {
    name[:-1]: char
    for name, char in html.entities.html5.items()
    if name.endswith(";") and len(char) == 1 and (char.isascii() or unicodedata.category(char) in {"Zs", "Cf", "Pd"})
}
# letters that look Latin, as the code and the letter: Cyrillic, Greek, and a few beside them
_ALIKE = (
    "430a 435e 43eo 440p 441c 443y 445x 456i 458j 455s 501d 51bq 51dw 4bbh 475v 4cfl 433r 410A 412B 415E 41aK 41cM "
    "41dH 41eO 420P 421C 422T 423Y 425X 406I 408J 405S 4c0I 3b1a 3bfo 3c1p 3bdv 3b9i 3bak 3c4t 3c5u 3c7x 3b3y 391A "
    "392B 395E 396Z 397H 399I 39aK 39cM 39dN 39fO 3a1P 3a4T 3a5Y 3a7X 131i 261g 1d0fo 1d00a 1d04c 29fl 274n "
)
_LATIN = {int(pair[:-1], 16): pair[-1] for pair in _ALIKE.split()}
_ALIKES = "".join(map(chr, _LATIN))
_MIXED = re.compile(
    f"[{_ALIKES}](?:(?<=[A-Za-z].)[{_ALIKES}]*+|(?<![{_ALIKES}].)[{_ALIKES}]*+(?=[A-Za-z@])|(?<!\\w.)[{_ALIKES}](?=\\d\\d))"
)
_BESIDE = 2
# what does not evidently mean itself
_NEAR = (chr(code) for code in range(0x600) if chr(code) not in _ALIKES and not re.match(_BEGINS, chr(code)))
_SIGNS = re.compile(f"[^{re.escape(''.join(_NEAR))}{_FAR}]")
_EVIDENT = bytes(code for code in range(256) if not _SIGNS.match(chr(code)))
_ASCII_END = 0x80
_EVIDENT_ASCII = bytes(code for code in _EVIDENT if code < _ASCII_END)
# letters of other scripts than Latin: not its accents, punctuation, symbols and pictures
_SCRIPTS = re.compile("[\u0370-\u1dff\u2c00-\u2dff\u2e80-\ua4ff\ua960-\ud7ff\uf900-\ufaff\ufb1d-\ufdff]")
_FEW, _RARE = 24, 80  # so many signs, one in so many characters, are looked at one by one
_MANY = 4  # where one character in so many is beyond ASCII, the text is searched as it is
_HIGHEST = 0x10FFFF
_DEPTH = 3
_LONG, _SAMPLE = 4096, 251


class Plain:
    """A text in its plain form, and where each replaced piece of the original went.

    seen: what look() says of the plain form, where that is known. joined: whether lines were joined that end in an equals sign,
    which may as well be two. printable: whether the text is quoted-printable, where they are one.
    """

    __slots__ = ("_at", "_pieces", "_under", "joined", "printable", "seen", "text")

    def __init__(
        self, text: str, at: list[int], pieces: list[tuple[int, int, int]], under: "Plain | None" = None
    ) -> None:
        self.text = text
        self._at = at
        self._pieces = pieces
        self._under = under
        self.seen: tuple[bytes, bool, str] | None = None
        self.joined = self.printable = False

    @property
    def moved(self) -> bool:
        """Whether places in the plain form are others than in the original."""
        return bool(self._at)

    def original(self, start: int, end: int) -> tuple[int, int]:
        """The stretch of the original that [start, end) of the plain form stands for."""
        if not self._at:
            return start, end
        start, end = self._stretch(start)[0], self._stretch(end - 1)[1]
        return self._under.original(start, end) if self._under else (start, end)

    def _stretch(self, place: int) -> tuple[int, int]:
        """What one character of the plain form stands for."""
        index = bisect_right(self._at, place) - 1
        if index < 0:
            return place, place + 1
        length, begin, stop = self._pieces[index]
        beyond = place - self._at[index] - length
        return (begin, stop) if beyond < 0 else (stop + beyond, stop + beyond + 1)


@lru_cache(maxsize=8192)
def _fold(char: str) -> str:
    known = _SPECIAL.get(char)
    if known is not None:
        return known
    category = unicodedata.category(char)
    if category in {"Cf", "Mn", "Me"}:
        return ""
    if category == "Nd":
        return str(unicodedata.decimal(char))
    if category in {"Zs", "Zl", "Zp"}:
        return " "
    return unicodedata.normalize("NFKC", char)


def _unescape(piece: str) -> str:
    """What an escape means; itself where it means no character of a text."""
    kind = piece[0]
    if kind < " " or kind == "\x7f":
        return ""
    if kind == "%":
        return _percent(piece)
    if kind == "=":
        return "@" if piece == "=40" else "." if piece == "=2E" else ""
    if kind == "&":
        return _reference(piece)
    piece = piece.lstrip("\\")
    if len(piece) == 1:
        return piece if piece in _ESCAPED else " "
    return _char(int(piece[1:].strip("{}"), 16), piece)


def _percent(piece: str) -> str:
    if len(piece.replace("25", "")) > 4:  # noqa: PLR2004 - a character of several bytes
        try:
            return _fold(bytes.fromhex("".join(part[-2:] for part in piece.split("%")[1:])).decode())
        except (UnicodeDecodeError, TypeError):
            return piece
    code = int(piece[-2:], 16)
    char = chr(code)
    return char if char.isprintable() and char.isascii() else piece


def _reference(piece: str) -> str:
    name = piece.rstrip(";").rpartition("amp;")[2].lstrip("&")
    if not name.startswith("#"):
        char = _NAMED.get(name)
        return piece if char is None else char if char.isascii() else _fold(char)
    digits = name[1:]
    hexadecimal = digits[0] in "Xx"
    if not hexadecimal and not digits.isdecimal():
        return piece
    return _char(int(digits[1:], 16) if hexadecimal else int(digits), piece)


def _char(code: int, piece: str) -> str:
    if code > _HIGHEST:
        return piece
    return chr(code) if code < _ASCII_END else _fold(chr(code))


def look(text: str) -> tuple[bytes, bool, str]:
    """What is in a text: it in Latin-1, whether there are letters of other scripts, and what does not evidently mean itself.

    Latin-1 has ? for what it does not know. The last are signs of escapes, letters that look Latin and the like: the characters,
    one after another. Most texts have few, so that all that is done about them is short; a text of
    mostly such, and a short one, is told whole.
    """
    raw = text.encode("latin-1", "replace")
    # strings of two widths are told apart at one look, where the question marks could be others
    if text.isascii() or b"?" not in raw or raw.decode("latin-1") == text:
        left = raw.translate(None, _EVIDENT)
        return raw, False, left.decode("latin-1") if left else ""
    wide = text.encode("utf-8", "replace") if len(text) > _RARE else b""
    if not wide or (len(wide) - len(text)) * _MANY > len(text):
        return raw, _SCRIPTS.search(text) is not None, text
    strange = wide.translate(None, _EVIDENT_ASCII).decode()
    return raw, _SCRIPTS.search(strange) is not None, "".join(_SIGNS.findall(strange))


def normalise(text: str, *, join: bool = True) -> Plain:
    """The plain form of a text, in time linear in its length; join: lines that end in an equals sign go on in the next."""
    if not text.isascii() and ("\xb9" in text or "\xb2" in text or "\xb3" in text):
        text = _RAISED.sub(_lowered, text)
    seen = look(text)
    if len(seen[2]) > _LONG and _is_made_of_such(text):
        text = text.translate(_ONE_FOR_ONE)
        seen = look(text)
    plain = Plain(text, [], [])
    plain.seen = seen
    signs = seen[2]
    # an equals sign, which many texts have, hardly ever begins an escape
    if not signs or not (signs.strip("=") or _QUOTED.search(text)):
        return plain
    joined = join and ("=\n" in text or "=\r\n" in text) and _SOFT.search(text) is not None
    printable = joined and _is_printable(text)
    for level in range(_DEPTH):
        resolved = _once(plain, signs, join=joined and not level)
        if not resolved:
            break
        plain, text = resolved, resolved.text
        if not ("%" in text or "\\" in text or "&" in text):
            break
        plain.seen = seen = look(text)
        signs = seen[2]
    if not text.isascii():
        if plain.seen is None and len(text) > _RARE:
            plain.seen = look(text)
        unmixed = _unmixed(text, plain.seen[2] if plain.seen else text)
        if unmixed != text:
            plain.text, plain.seen = unmixed, None
    plain.joined, plain.printable = joined, printable
    return plain


def _is_printable(text: str) -> bool:
    """Whether a text is written in quoted-printable, as far as can be told."""
    if _PRINTABLE.search(text):
        return True
    for found in _SOFT.finditer(text):
        at = found.start() + 1
        if _FULL <= at - text.rfind("\n", max(0, at - _FULLEST - 1), at) - 1 <= _FULLEST:
            return True
    return False


def _unmixed(text: str, signs: str) -> str:
    """The same with letters that look Latin as Latin ones, where they stand beside such: one for another, so that places stay."""
    if signs is text:
        return _MIXED.sub(_latin, text)
    alike = [sign for sign in signs if sign in _ALIKES]
    if not alike:
        return text
    # only from the first to the last of them, and what decides of these beside them
    begin, end = max(0, text.find(alike[0]) - _BESIDE), text.rfind(alike[-1]) + 1 + _BESIDE
    return text[:begin] + _MIXED.sub(_latin, text[begin:end]) + text[end:]


def _is_made_of_such(text: str) -> bool:
    """Whether much of a long text is characters that are replaced one for one, as far as a few of them tell."""
    few = text[:: len(text) // _SAMPLE]
    return sum([ord(char) in _ONE_FOR_ONE for char in few]) * _MANY > len(few)


def _lowered(found: re.Match[str]) -> str:
    return found[0].translate(_RAISED_DIGITS)


def _latin(found: re.Match[str]) -> str:
    return found[0].translate(_LATIN)


def _escapes(text: str, signs: str) -> Iterable[re.Match[str]]:
    """What may stand for something else in a text, in order, none within another."""
    if len(signs) > min(_FEW, len(text) // _RARE):
        return _ESCAPES.finditer(text)
    kinds = {sign for sign in signs if sign not in _ALIKES}
    if "=" in kinds and not _QUOTED.search(text):
        kinds.remove("=")
    # each of few signs is found on its own, which is far faster than a search for any of a class
    places = []
    for sign in kinds:
        at = text.find(sign)
        while at >= 0:
            places.append(at)
            at = text.find(sign, at + 1)
    places.sort()
    escapes = []
    end = 0
    for at in places:
        found = _ESCAPES.match(text, at) if at >= end else None
        if found:
            end = found.end()
            escapes.append(found)
    return escapes


def _once(plain: Plain, signs: str, *, join: bool) -> Plain | None:
    """One level of escapes resolved, and lines joined; nothing where there are none."""
    text = plain.text
    parts: list[str] = []
    places: list[int] = []
    pieces: list[tuple[int, int, int]] = []
    at = shift = 0
    for found in _escapes(text, signs):
        piece = found[0]
        # a run of characters that say nothing may follow a character of another script
        meant = _unescape(piece) if piece[0] < "\x80" else _fold(piece[0])
        if meant == piece or not (meant or join or piece[-1] != "\n"):
            continue
        begin, stop = found.span()
        parts += (text[at:begin], meant)
        places.append(begin - shift)
        pieces.append((len(meant), begin, stop))
        shift += stop - begin - len(meant)
        at = stop
    if not places:
        return None
    parts.append(text[at:])
    return Plain("".join(parts), places, pieces, plain if plain._at else None)
