"""New matches masked while a text comes in pieces, with little of it held back.

What has been sent cannot be masked any more, so nothing goes out that may still become part of a match. Words that can be none go
out with the next word. The others open a zone, which is held until it ends, looked at as a whole with what was before it, and goes
out masked. Where patterns of any kind are looked for too (`width`), every word belongs to a zone, and a zone ends only where
no match crosses its end as far as the widest pattern could reach.

Rules: zones follow from the text alone (zones.py) and the scan is shown the same stretch of it each time, so that every way of
cutting gives the same; a zone of more than 8 KiB is cut where nothing is found, or else within a match, whose rest is then masked
until the word ends; what `replace` raises passes through, and nothing goes out after that.
"""

import re
from collections.abc import Callable, Sequence

from turnout_sidecar.guarding.findings import Finding
from turnout_sidecar.masking.placeholders import masked
from turnout_sidecar.masking.zones import (
    PROSE,
    REACHING,
    SEPARATORS,
    UNIT,
    WORD,
    Zone,
    is_quiet,
    may_reach_back,
    plain_form,
    reaches_back,
)

LONGEST = 8192
"""Characters of a zone, at most."""
_LIMIT = LONGEST + 1024  # what is looked at to cut a longer one
_CONTEXT = 192
_KEPT = 1024  # characters that went out and stay before those that are held, to be dropped together
_STEP = 64
_FEW = 16  # separators between words that belong together, at most
_BLOCK = 3
_KEY = "-----BEGIN "
_KEY_ENDS = re.compile(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_SEPARATOR = re.compile(f"[{SEPARATORS}]")
_SEPARATES = frozenset(SEPARATORS)
_WORD_ENDS = re.compile(f"(?=[{SEPARATORS}])")


class Hold:
    """One channel of a stream: feed its pieces in order, flush at its end, however it ends."""

    __slots__ = (
        "_at",
        "_begun",
        "_clear",
        "_context",
        "_cut",
        "_from",
        "_key",
        "_past",
        "_quiet",
        "_replace",
        "_scan",
        "_text",
        "_width",
        "_zone",
    )

    def __init__(
        self,
        scan: Callable[[str], Sequence[Finding]],
        replace: Callable[[Finding, str], str],
        *,
        width: int = 0,
    ) -> None:
        """`replace(finding, value)`; `width`: of the widest match that may be anywhere, also in ordinary words."""
        self._scan = scan
        self._replace = replace
        self._width = width
        self._context = max(_CONTEXT, 2 * width)
        self._past = ""  # what is before the text
        self._text = ""  # what is held, behind some of what went out
        self._from = 0  # where what is held begins
        self._at = 0  # up to where words were judged
        self._clear = 0  # up to where no separator is since the last word
        self._quiet = not width  # whether nothing but quiet words, and maybe the beginning of another word, is held
        self._begun = 0  # what the text must stay shorter than while all that is held is a begun word
        self._zone: Zone | None = None
        self._cut: Finding | None = None  # the match whose rest is still to come
        self._key = False  # whether that is a private key, which has many words

    def feed(self, text: str) -> str:
        """What can go out after one more piece."""
        if not text:
            return ""
        whole = self._text + text
        # a word that is still coming, with nothing before it that could go out
        if len(whole) < self._begun and text[0] not in _SEPARATES and (text.isalpha() or not _SEPARATOR.search(text)):
            self._text = whole
            return ""
        if not self._quiet:
            return self._more(whole, text)
        self._text = whole
        start, was = self._from, self._at
        quiet = PROSE.match(whole, was)
        at = self._at = quiet.end() if quiet else was
        begun = whole[at:]
        if begun and (len(begun) >= _STEP or not (begun.isalpha() and begun.isascii())):
            if len(begun) >= _STEP or _SEPARATOR.search(begun):
                return self._advance([], last=False)
            free = self._free()
        elif len(begun) > _BLOCK:
            free = at
        else:  # what _free says, where the pattern has seen already where the last word begins
            free = quiet.start(1) if quiet else -1
            if free < 0 or at - free > _FEW:
                free = at if start == was and free < 0 else _before(whole, start, at)
            block = _is_block(whole, free)
            if begun not in REACHING:
                free = free if block else at
            elif block:
                free = _block_before(whole, start, free)
        self._begun = at + _LIMIT if free == at else 0
        self._from = free
        if free > _KEPT:
            self._forget()
        return whole[start:free]

    def _more(self, whole: str, text: str) -> str:
        """What can go out after one more piece, where not all that is held is quiet."""
        zone = self._zone
        waits = zone is not None and self._clear == len(self._text) and len(whole) - zone.start < _LIMIT
        self._text = whole
        if waits and text[0] not in _SEPARATES and not _SEPARATOR.search(text):
            self._clear = len(whole)
            return ""
        out: list[str] = []
        if zone is not None and not self._reads(zone, out, last=False):
            return ""
        return self._advance(out, last=False)

    def flush(self) -> str:
        """What was held back."""
        return self._advance([], last=True) if self._from < len(self._text) else ""

    def _advance(self, out: list[str], *, last: bool) -> str:
        """What can go out, behind what can already."""
        self._quiet = False  # should anything be raised
        self._begun = 0
        going = True
        while going:
            if self._cut is not None:
                going = self._masks_rest(self._cut, out, last=last)
            elif self._zone is None:
                going = self._opens(last=last)
            else:
                going = self._reads(self._zone, out, last=last)
        if self._zone is None and self._cut is None:
            self._give(out, len(self._text) if last else self._free())
            self._quiet = not self._width
            if self._from == self._at and max(self._at, self._clear) == len(self._text):
                self._begun = self._at + _LIMIT
            if self._from > _KEPT:
                self._forget()
        return "".join(out) if out else ""

    def _opens(self, *, last: bool) -> bool:
        """Goes over quiet words; whether there is another word then, which opens a zone."""
        text = self._text
        while self._at < len(text):
            quiet = None if self._width else PROSE.match(text, self._at)
            at = self._at = quiet.end() if quiet else self._at
            if at == len(text):
                break
            unit = self._unit(at) if self._clear > at else self._next(at)
            if unit is None and not last and len(text) - at < _LIMIT:
                return False
            word = unit[1] if unit else text[at:]
            plain = plain_form(word)
            self._at = unit.end() if unit else len(text)
            found = not is_quiet(plain)
            if found or self._width or len(word) >= _LIMIT:
                start = _back(text, self._from, at) if reaches_back(plain) else at
                self._zone = Zone(start, _STEP, hard=True) if self._width else Zone(start)
                self._zone.take(plain, at, at + len(word), unit[2] if unit else "", found=found)
                return True
        return False

    def _unit(self, at: int) -> re.Match[str] | None:
        """The word at a place, if it has an end; a word that is still coming is gone over once."""
        text = self._text
        if not _SEPARATOR.search(text, max(at, self._clear)):
            self._clear = len(text)
            return None
        return UNIT.match(text, at)

    def _next(self, at: int) -> re.Match[str] | None:
        """The same, of most words at once, together with the empty ones behind it."""
        unit = WORD.match(self._text, at)
        if unit is None:
            return self._unit(at)
        if unit[2] is None:
            self._clear = len(self._text)
            return None
        return unit

    def _reads(self, zone: Zone, out: list[str], *, last: bool) -> bool:
        """Takes words into the zone until it ends; whether it did."""
        text, width = self._text, self._width
        size = len(text)
        while True:
            at = self._at
            unit = self._next(at)
            over = at - zone.start > LONGEST
            if (over or unit is None) and size - zone.start >= _LIMIT:
                return self._cuts(zone, out)
            if not last and (over or unit is None):
                return False
            word = unit[1] if unit else text[at:]
            if at == size:
                self._masks(out, zone.start, at, self._found(zone, at))
                return True
            end = at + len(word)
            if unit and at == end:
                self._at = unit.end()
                continue
            plain = plain_form(word)
            if not zone.goes_on(plain, at, text[at - 1]) and not self._in_blocks(at):
                if not last and size < at + width:
                    return False
                found = self._found(zone, at + width)
                across = [finding.end for finding in found if finding.start < at < finding.end]
                if not across:
                    self._masks(out, zone.start, at, found)
                    return True
                zone.reach(max(across))
            zone.take(plain, at, end, unit[2] if unit else "", found=not is_quiet(plain))
            self._at = unit.end() if unit else end

    def _found(self, zone: Zone, until: int) -> list[Finding]:
        """What is found from the start of a zone on, in places of the text."""
        if not zone.hard:
            return []
        start, context = zone.start, self._context
        near = start - context
        if near < 0:
            before = (self._past + self._text[:start])[-context:]
            near = start - len(before)
        else:
            before = self._text[near:start]
        if len(before) == context:
            shorter = before.find(" ", 0, _STEP) + 1
            before = before[shorter:]
            near += shorter
        return [
            finding._replace(start=max(finding.start + near, start), end=finding.end + near)
            for finding in self._scan(before + self._text[start:until])
            if finding.end + near > start
        ]

    def _masks(self, out: list[str], start: int, end: int, found: list[Finding]) -> None:
        """Gives away the text up to `end`; what was found from `start` to there is masked."""
        here = [
            finding._replace(start=finding.start - start, end=finding.end - start)
            for finding in found
            if finding.start < end
        ]
        if here:
            text = masked(self._text[start:end], here, self._replace)
            self._give(out, start)
            out.append(text)
            self._from = end
        else:
            self._give(out, end)
        self._at = end
        self._zone = None
        if end > _KEPT:
            self._forget()

    def _cuts(self, zone: Zone, out: list[str]) -> bool:
        """Ends a zone that is too long."""
        start, limit = zone.start, zone.start + _LIMIT
        zone.hard = True
        found = self._found(zone, limit)
        end = max(self._text.rfind(separator, start, start + LONGEST) for separator in SEPARATORS) + 1
        end = end if end > start else start + LONGEST
        across = next((finding for finding in found if finding.start < end < finding.end), None)
        if across is not None:
            end = across.start if across.start > start else min(across.end, limit)
            if end == limit:
                self._cut = across
                self._key = self._text.startswith(_KEY, start)
        self._masks(out, start, end, found)
        self._forget()  # a word that was cut is not looked back at
        return True

    def _masks_rest(self, cut: Finding, out: list[str], *, last: bool) -> bool:
        """Masks what follows a match that was cut, to its end."""
        text, start = self._text, self._from
        ends = (_KEY_ENDS if self._key else _WORD_ENDS).search(text, start, start + _LIMIT)
        if ends is not None and (last or ends.start() - start < LONGEST):
            stop = ends.end()
        elif last or len(text) - start >= _LIMIT:
            stop = len(text) if last else start + LONGEST
            ends = None
        else:
            return False
        if ends is not None or last:
            self._cut = None
        if stop > start:
            out.append(self._replace(cut, text[start:stop]))
            self._from = self._at = stop
            self._forget()
        return True

    def _free(self) -> int:
        """Up to where no word that is still to come can reach back."""
        text, start, at = self._text, self._from, self._at
        begun = text[at:]
        if may_reach_back(begun):
            return _back(text, start, at)
        before = _before(text, start, at) if len(begun) <= _BLOCK and begun.isalpha() else at
        return before if _is_block(text, before) else at

    def _in_blocks(self, at: int) -> bool:
        """Whether the word at a place, and the one before it, are blocks of letters."""
        return _is_block(self._text, at) and _is_block(self._text, _before(self._text, self._from, at))

    def _give(self, out: list[str], end: int) -> None:
        if end > self._from:
            out.append(self._text[self._from : end])
            self._from = end

    def _forget(self) -> None:
        """Drops what went out, but for what a scan is shown of it; while no zone is open, which has places of the text."""
        end = self._from
        self._past = (self._past + self._text[:end])[-self._context :]
        self._text = self._text[end:]
        self._at = max(0, self._at - end)
        self._clear = max(0, self._clear - end)
        self._begun = max(0, self._begun - end)
        self._from = 0


def _back(text: str, start: int, at: int) -> int:
    """Where what a word at a place may belong together with begins: the word before, or two blocks of letters."""
    before = _before(text, start, at)
    return _block_before(text, start, before) if before < at and _is_block(text, before) else before


def _block_before(text: str, start: int, at: int) -> int:
    """Where a block of letters before the one at this place begins; the place itself where there is none."""
    first = _before(text, start, at)
    return first if first < at and _is_block(text, first) else at


def _before(text: str, start: int, at: int) -> int:
    """Where the word before a place begins, in what begins at `start`; the place itself where there is none near."""
    end = at
    while end > start and text[end - 1] in _SEPARATES:
        end -= 1
        if at - end > _FEW:
            return at
    if end == start:
        return at
    first = max(text.rfind(" ", start, end) + 1, start)
    word = text[first:end]
    if word.isascii() and word.isprintable():
        return first
    return first + max(map(word.rfind, SEPARATORS)) + 1


def _is_block(text: str, at: int) -> bool:
    """Whether the word at a place is a block of letters, as some national ids begin with two of them."""
    return text[at + _BLOCK : at + _BLOCK + 1] in _SEPARATES and text[at : at + _BLOCK].isalpha()
