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
    SEPARATORS,
    SPACES,
    UNIT,
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
_STEP = 64
_FEW = 16  # separators between words that belong together, at most
_BLOCK = 3
_KEY = "-----BEGIN "
_KEY_ENDS = re.compile(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_SEPARATOR = re.compile(f"[{SEPARATORS}]")
_WORD_ENDS = re.compile(f"(?=[{SEPARATORS}])")


class Hold:
    """One channel of a stream: feed its pieces in order, flush at its end, however it ends."""

    __slots__ = ("_at", "_clear", "_context", "_cut", "_key", "_past", "_replace", "_scan", "_text", "_width", "_zone")

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
        self._text = ""  # what is held
        self._at = 0  # up to where words were judged
        self._clear = 0  # up to where no separator is since the last word
        self._zone: Zone | None = None
        self._cut: Finding | None = None  # the match whose rest is still to come
        self._key = False  # whether that is a private key, which has many words

    def feed(self, text: str) -> str:
        """What can go out after one more piece."""
        if not text:
            return ""
        text = self._text = self._text + text
        if self._zone is None and self._cut is None and not self._width:
            quiet = PROSE.match(text, self._at)
            if quiet:
                self._at = at = quiet.end()
                begun = text[at:]
                if not begun or (len(begun) < _STEP and begun.isalpha() and begun.isascii()):
                    # nothing but quiet words, and letters of one that is still coming
                    free = self._free()
                    self._past = (self._past + text[:free])[-self._context :]
                    self._text, self._at, self._clear = text[free:], at - free, 0
                    return text[:free]
        return self._advance(last=False)

    def flush(self) -> str:
        """What was held back."""
        return self._advance(last=True) if self._text else ""

    def _advance(self, *, last: bool) -> str:
        out: list[str] = []
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
        return "".join(out)

    def _opens(self, *, last: bool) -> bool:
        """Goes over quiet words; whether there is another word then, which opens a zone."""
        text = self._text
        while self._at < len(text):
            at = self._at
            quiet = None if self._width else PROSE.match(text, at)
            if quiet and quiet.end() > at:
                self._at = quiet.end()
                continue
            unit = self._unit(at)
            if unit is None and not last and len(text) - at < _LIMIT:
                return False
            word = unit[1] if unit else text[at:]
            plain = plain_form(word)
            self._at += len(word) + (unit is not None)
            if self._width or len(word) >= _LIMIT or not is_quiet(plain):
                start = self._back(at) if reaches_back(plain) else at
                self._zone = Zone(start, _STEP, hard=True) if self._width else Zone(start)
                self._zone.take(word, at, unit[2] if unit else "")
                return True
        return False

    def _unit(self, at: int) -> re.Match[str] | None:
        """The word at a place, if it has an end; a word that is still coming is gone over once."""
        text = self._text
        if not _SEPARATOR.search(text, max(at, self._clear)):
            self._clear = len(text)
            return None
        return UNIT.match(text, at)

    def _reads(self, zone: Zone, out: list[str], *, last: bool) -> bool:
        """Takes one more word into the zone, or ends it; whether that could be done."""
        text, at = self._text, self._at
        unit = self._unit(at)
        over = at - zone.start > LONGEST
        if (over or unit is None) and len(text) - zone.start >= _LIMIT:
            return self._cuts(zone, out)
        if not last and (over or unit is None):
            return False
        word = unit[1] if unit else text[at:]
        if at == len(text):
            self._masks(out, zone.start, at, self._found(zone, at))
            return True
        if not zone.goes_on(word, at, text[at - 1]) and not (self._is_block(at) and self._is_block(self._before(at))):
            if not last and len(text) < at + self._width:
                return False
            found = self._found(zone, at + self._width)
            across = [finding.end for finding in found if finding.start < at < finding.end]
            if not across:
                self._masks(out, zone.start, at, found)
                return True
            zone.reach(max(across))
        zone.take(word, at, unit[2] if unit else "")
        self._at += len(word) + (unit is not None)
        return True

    def _found(self, zone: Zone, until: int) -> list[Finding]:
        """What is found from the start of a zone on, in places of the text."""
        if not zone.hard:
            return []
        start = zone.start
        before = (self._past + self._text[:start])[-self._context :]
        if len(before) == self._context:
            before = before[before.find(" ", 0, _STEP) + 1 :]
        by = len(before) - start
        return [
            finding._replace(start=max(finding.start - by, start), end=finding.end - by)
            for finding in self._scan(before + self._text[start:until])
            if finding.end - by > start
        ]

    def _masks(self, out: list[str], start: int, end: int, found: list[Finding]) -> None:
        """Gives away the text up to `end`; what was found from `start` to there is masked."""
        here = [
            finding._replace(start=finding.start - start, end=finding.end - start)
            for finding in found
            if finding.start < end
        ]
        text = masked(self._text[start:end], here, self._replace)
        self._give(out, start)
        out.append(text)
        self._drop(end - start)
        self._at = 0
        self._zone = None

    def _cuts(self, zone: Zone, out: list[str]) -> bool:
        """Ends a zone that is too long."""
        start, limit = zone.start, zone.start + _LIMIT
        zone.hard = True
        found = self._found(zone, limit)
        end = start + LONGEST
        while end > start and self._text[end - 1] not in SEPARATORS:
            end -= 1
        end = end if end > start else start + LONGEST
        across = next((finding for finding in found if finding.start < end < finding.end), None)
        if across is not None:
            end = across.start if across.start > start else min(across.end, limit)
            if end == limit:
                self._cut = across
                self._key = self._text.startswith(_KEY, start)
        self._masks(out, start, end, found)
        return True

    def _masks_rest(self, cut: Finding, out: list[str], *, last: bool) -> bool:
        """Masks what follows a match that was cut, to its end."""
        text = self._text
        ends = (_KEY_ENDS if self._key else _WORD_ENDS).search(text, 0, _LIMIT)
        if ends is not None and (last or ends.start() < LONGEST):
            stop = ends.end()
        elif last or len(text) >= _LIMIT:
            stop = len(text) if last else LONGEST
            ends = None
        else:
            return False
        if ends is not None or last:
            self._cut = None
        if stop:
            out.append(self._replace(cut, text[:stop]))
            self._drop(stop)
        return True

    def _free(self) -> int:
        """Up to where no word that is still to come can reach back."""
        at = self._at
        begun = self._text[at:]
        if may_reach_back(begun):
            return self._back(at)
        before = self._before(at) if len(begun) <= _BLOCK and begun.isalpha() else at
        return before if self._is_block(before) else at

    def _back(self, at: int) -> int:
        """Where what a word at this place may belong together with begins: the word before, or two blocks of letters."""
        before = self._before(at)
        if before < at and self._is_block(before):
            first = self._before(before)
            return first if first < before and self._is_block(first) else before
        return before

    def _is_block(self, at: int) -> bool:
        """Whether the word at a place is a block of letters, as some national ids begin with two of them."""
        word = self._text[at : at + _BLOCK + 1]
        return len(word) > _BLOCK and word[:_BLOCK].isalpha() and word[_BLOCK] in SEPARATORS

    def _before(self, at: int) -> int:
        """Where the word before a place begins; the place itself where there is none near."""
        head = self._text[:at].rstrip(SEPARATORS)
        if not head or at - len(head) > _FEW:
            return at
        if head.isascii():
            return max(map(head.rfind, SPACES)) + 1
        return max(map(head.rfind, SEPARATORS)) + 1

    def _give(self, out: list[str], end: int) -> None:
        if end:
            out.append(self._text[:end])
            self._drop(end)

    def _drop(self, end: int) -> None:
        """Forgets the text up to a place, but for what a scan is shown of it."""
        self._past = (self._past + self._text[:end])[-self._context :]
        self._text = self._text[end:]
        self._at = max(0, self._at - end)
        self._clear = max(0, self._clear - end)
