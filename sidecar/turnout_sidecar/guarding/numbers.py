"""Numbers with a meaning: cards, phones, national ids and IPv4 addresses, found in runs of digits.

What a run of digits could be depends on its shape alone: a run's shape, with what touches it, is asked once for the places where
numbers could begin, each of these once for what could begin there, and the answers kept, since the same few shapes (a date, a
card, a price) make up most texts. Only check digits, issuers and words around are left for each number itself.

Rules: linear: a long run is cut into windows, a candidate is a bounded stretch, the plans kept are bounded in number and size
and hold shapes, never digits; candidates are tried in order, the most specific first, and what one takes is passed over, as are
accounts that are known already; a card needs its issuer's range, its length and its Luhn digit.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from turnout_sidecar.guarding.cards import FEWEST as FEWEST_OF_CARD
from turnout_sidecar.guarding.cards import cards_in, tabled_cards
from turnout_sidecar.guarding.findings import Claim
from turnout_sidecar.guarding.id_claims import number_check
from turnout_sidecar.guarding.identities import BY_SHAPE
from turnout_sidecar.guarding.number_shapes import usual
from turnout_sidecar.guarding.page import Page, alone
from turnout_sidecar.guarding.phones import (
    ANY,
    LOOSE,
    Check,
    loose_phones,
    mid_word,
    sure_phones,
)

# what may stand in a run is one letter, so that six of them in a row are found at once
_IN_RUN = bytes(120 if code in b"0 .()-/\n+\t_" else 32 for code in range(256))
_SIX = b"xxxxxx"
# what cannot begin a run is passed over; a run begins with a digit or a sign before one and ends with a digit; what touches it
_RUN = re.compile(rb"(?:[ .)\-/\n\t_]+|(?<=[0a])0+)*+([0+(][0 .()\-/\n+\t_]{4,}0)(?:[a_:\-./(][a0_)]{0,5})?")
_HARMLESS = frozenset(b":-./(")  # alone behind a number, these make it no part of anything
_RANK, _PHONE = 4, 6
_BEFORE_PARTS = frozenset((b"0-", b"0."))  # what stands behind these is a part of something longer
# the plans of runs that nothing touches before them, by their shape: a look-up here costs a third of one in a bounded cache
_KNOWN: "dict[bytes, tuple[Start, ...]]" = {}
_MOST_KNOWN = 4096
_HETU = b"a000a"  # the one id of which a letter is within
_SPACES = frozenset(b" \t\n")
_FEWEST_OF_PHONE = 7
_GO_ON = frozenset((b"0", b"a"))
_AROUND = frozenset(b" \n\t\"'()")
_STARTS = re.compile(rb"(?<![0a])(?:[+(]+0|00|0[ .\-/]0?[0(]|0\.0{1,3}\.0)")
_IPV4 = re.compile(rb"0{1,3}\.0{1,3}\.0{1,3}\.0{1,3}(?![0a_])(?!\.0)")
_OCTETS = re.compile(
    r"(?!0\.|127\.|255\.)(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)){3}"
)
_PREFIX = re.compile(r"/(\d\d?)(?![\w.])")
_BITS = 32
_VERSIONS = ("version", "release", "firmware", "build", "rev", "section", "chapter", "§")
# an address may stand behind one of these and an underscore, where versions stand behind other names
_NAMES = ("ip_", "host_", "addr_", "address_", "server_", "node_", "client_", "src_", "dst_", "peer_", "from_", "to_")
_TOUCHES = frozenset(b".-+/$_0a")
_TOUCHING = frozenset(bytes((code,)) for code in _TOUCHES)
_DIGIT = ord("0")
_WINDOW, _BEHIND = 48, 40
_PATIENCE = 1024  # candidates in a row that are nothing: from then on it is a table, where only cards are looked for
_FEWEST, _FEW, _GROUPS, _DOTS = 4, 6, 2, 3
_GROUP_ENDS = re.compile(rb"[0a)](?![0a])")

# where it ends, as an offset from where the shape begins; what it must begin with; what looks at the number
Candidate = tuple[int, bytes, Check]


class Start:
    """A place in a shape where numbers could begin.

    What could begin there is told when it is asked for: mostly the first number of a run is the whole of it, and a run of a new
    shape is to cost little.
    """

    __slots__ = ("_shape", "_whole", "at", "candidates")

    def __init__(self, shape: bytes, at: int, *, whole: bool) -> None:
        self.at = at
        self.candidates: tuple[Candidate, ...] | None = None
        self._shape = shape
        self._whole = whole

    def told(self) -> tuple[Candidate, ...]:
        """What could begin here, in the order to be tried."""
        shape, at = self._shape, self.at
        found = _of_digits(shape, at, whole=self._whole) if shape[at] == _DIGIT else []
        if not mid_word(shape, at):
            found += sure_phones(shape, at, whole=self._whole)
            found += loose_phones(shape, at, whole=self._whole)
        self.candidates = tuple(found)
        return self.candidates


def numbers(page: Page, accounts: Sequence[Claim] = ()) -> Iterator[Claim]:
    """Cards, national ids that begin with a digit, phones and IPv4 addresses.

    Whatever the blocks of an account look like, the account outranks them: those that are known already are passed over.
    """
    shape = page.shape
    raw = page.raw
    for begin, last, end in _runs(shape, _outranking(shape, accounts) if accounts else ()):
        if end - begin > _WINDOW:
            yield from _long(page, begin, end)
            continue
        if begin and shape[begin - 1] in _TOUCHES:
            # what touches a number matters only if it could be a part of it
            lead = max(0, begin - 2)
            plan = _plan(shape[lead:last], begin - lead)
        else:
            lead = begin
            known = _KNOWN.get(shape[begin:last])
            plan = _learnt(shape[begin:last]) if known is None else known
        taken = begin
        for begun in plan:
            start = lead + begun.at
            if start < taken:
                continue
            for stop, first, check in begun.told() if begun.candidates is None else begun.candidates:
                if raw[start] in first:
                    claim = check(page, start, lead + stop)
                    if claim is not None and claim[0] == _PHONE and claim[2] < last:
                        claim = _parted(page, plan, lead, claim)
                    if claim is not None:
                        taken = claim[2]
                        yield claim
                        break


def _parted(page: Page, plan: Sequence[Start], lead: int, phone: Claim) -> Claim | None:
    """A phone without the beginning of another number that stands behind a space and goes on behind it; none if little is left."""
    raw = page.raw
    for begun in plan:
        start = lead + begun.at
        if not phone.start < start < phone.end or raw[start - 1] not in _SPACES:
            continue
        for stop, first, check in begun.told() if begun.candidates is None else begun.candidates:
            other = check(page, start, lead + stop) if lead + stop > phone.end and raw[start] in first else None
            if other is None or other.rule == LOOSE:
                continue
            left = phone.start + len(raw[phone.start : start].rstrip())
            if page.shape.count(b"0", phone.start, left) >= _FEWEST_OF_PHONE:
                return phone._replace(end=left)
            if other.rank < _PHONE:
                return None
    return phone


def _runs(shape: bytes, passed: Sequence[Claim]) -> Iterator[tuple[int, int, int]]:
    """Where runs begin, where they end with what matters of what touches them, and where with all that touches them.

    Runs that lie in one of the claims to be passed over are left out.
    """
    # a translation and searches for fixed bytes cost a tenth of what a look at each character does
    flat = shape.translate(_IN_RUN)
    find = flat.find
    match = _RUN.match
    at = find(_SIX)
    while at >= 0:
        found = match(shape, at)
        if found is None:
            # white space or a ruler, of which there may be many, or digits of a word
            at = _next_six(shape, flat, at) if shape[at] != _DIGIT else find(_SIX, find(b" ", at))
            continue
        (_, end), (begin, last) = found.regs
        at = find(_SIX, end)
        if passed:
            while passed and passed[0].end <= begin:
                passed = passed[1:]
            if passed and passed[0].start <= begin and last <= passed[0].end:
                continue
        yield begin, last if end == last + 1 and shape[last] in _HARMLESS else end, end


def _next_six(shape: bytes, flat: bytes, at: int) -> int:
    """Where the stretch is that has the next digit behind the stretch here; -1 if there is none."""
    stop = flat.find(b" ", at)
    digit = shape.find(b"0", stop) if stop >= 0 else -1
    return flat.find(_SIX, flat.rfind(b" ", stop, digit)) if digit >= 0 else -1


def _outranking(shape: bytes, accounts: Sequence[Claim]) -> Sequence[Claim]:
    """Those of the accounts that outrank whatever is found in them."""
    return [claim for claim in accounts if claim.rank < _RANK and _apart(shape, claim.start, claim.end)]


def _apart(shape: bytes, start: int, end: int) -> bool:
    """Whether an account touches no other sign: where it does, a longer find could outrank the account itself."""
    if start and shape[start - 1] not in _AROUND:
        return False
    after = shape[end : end + 2]
    return not after or after[0] in _AROUND or (after[0] in b".,;:" and (len(after) == 1 or after[1] in _AROUND))


def _long(page: Page, begin: int, end: int) -> Iterator[Claim]:
    """The same for a long run, which is cut into windows."""
    shape = page.shape
    raw = page.raw
    taken = begin
    idle = 0
    while begin < end:
        plan = _window if idle < _PATIENCE else _table
        lead = begin if shape[begin - 1 : begin] not in _TOUCHING else max(0, begin - 2)
        stop = end if end - begin <= _WINDOW else begin + _WINDOW + _BEHIND
        for begun in plan(shape[lead:stop], begin - lead):
            start = lead + begun.at
            if start < taken:
                continue
            for last, first, check in begun.told() if begun.candidates is None else begun.candidates:
                if raw[start] not in first:
                    continue
                idle += 1
                claim = check(page, start, lead + last)
                if claim is not None and claim.rank == _PHONE:
                    claim = _parted(page, plan(shape[lead:stop], begin - lead), lead, claim)
                if claim is not None:
                    taken, idle = claim.end, 0
                    yield claim
                    break
        begin = end if end - begin <= _WINDOW else begin + _WINDOW


@lru_cache(maxsize=4096)
def _table(shape: bytes, lead: int) -> tuple[Start, ...]:
    """The cards alone that begin in a run of this shape: what is left to look for in a table of numbers."""
    starts = []
    for start, end, check in tabled_cards(shape, lead):
        if start < lead + _WINDOW:
            begun = Start(shape, start, whole=False)
            begun.candidates = ((end, ANY, check),)
            starts.append(begun)
    return tuple(starts)


def _learnt(shape: bytes) -> tuple[Start, ...]:
    """The plan of a run that nothing touches before it, of a shape that is seen for the first time."""
    if len(_KNOWN) >= _MOST_KNOWN:
        _KNOWN.clear()
    alike = _alike(shape)
    plan = _KNOWN.get(alike)
    if plan is None:
        plan = _KNOWN[alike] = _planned(alike, 0)
    _KNOWN[shape] = plan
    return plan


@lru_cache(maxsize=1024)
def _plan(shape: bytes, lead: int) -> tuple[Start, ...]:
    """The plan of a run behind so many characters that touch it."""
    return _planned(shape, lead)


def _planned(shape: bytes, lead: int) -> tuple[Start, ...]:
    """Where numbers could begin in a run of this shape, behind so many characters of lead."""
    digits = shape.count(b"0", lead)
    if digits < _FEWEST or (digits < _FEW and b"." not in shape):
        return ()
    return tuple(Start(shape, at, whole=True) for at in _starts(shape, lead))


def _alike(shape: bytes) -> bytes:
    """The shape that stands for this one: of the letters and digits behind a run, as in a digest, only the first few matter."""
    letter = shape.find(b"a")
    if letter <= 0 or shape[letter - 1] != _DIGIT or shape.startswith(_HETU, letter):
        return shape
    if shape.startswith(b"aa", letter):
        return shape[: letter + 2] + (
            b"a" if shape[letter + 2 : letter + 3] in _GO_ON else shape[letter + 2 : letter + 3]
        )
    return shape[: letter + 2]


@lru_cache(maxsize=1024)
def _window(shape: bytes, lead: int) -> tuple[Start, ...]:
    """The same for a window of a longer run, where more may follow."""
    if shape.count(b"0", lead) < _FEWEST:
        return ()
    return tuple(Start(shape, at, whole=False) for at in _starts(shape, lead))


def _starts(shape: bytes, lead: int) -> Iterator[int]:
    last = min(len(shape), lead + _WINDOW)
    begun = _STARTS.search(shape, lead)
    while begun and begun.start() < last:
        at = begun.start()
        if shape[at - 2 : at] not in _BEFORE_PARTS:
            yield at
        if shape[at] != _DIGIT:
            # the digits behind a bracket are looked at for themselves too
            at = shape.index(b"0", at)
            begun = _STARTS.match(shape, at)
            if begun:
                continue
        # what follows a sign could be a number of its own, whatever could begin here
        while at < len(shape) and shape[at] == _DIGIT:
            at += 1
        begun = _STARTS.search(shape, at)


def _of_digits(shape: bytes, at: int, *, whole: bool) -> list[Candidate]:
    """The cards, ids and addresses that begin here."""
    candidates: list[Candidate] = []
    digits = shape.count(b"0", at)
    # the patterns are asked only where they can match, for a new shape is to cost little
    if digits >= FEWEST_OF_CARD:
        candidates += cards_in(shape, at, whole=whole)
    if digits >= _FEWEST_OF_ID:
        for end in [group.end() for group in _GROUP_ENDS.finditer(shape, at, at + _LONGEST_ID + 1)][::-1]:
            check = _ID_CHECKS.get(shape[at:end])
            if check is not None and alone(shape, at, end) and not _in_series(shape, at, end):
                candidates.append((end, ANY, check))
    if shape.count(b".", at) >= _DOTS:
        found = _IPV4.match(shape, at)
        if found and _address_stands(shape, at):
            candidates.append((found.end(), ANY, _address))
    return candidates


def _in_series(shape: bytes, at: int, end: int) -> bool:
    """Whether groups split by spaces go on at either side: a part of a card, an account or a phone is no id."""
    if shape.count(b" ", at, end) < _GROUPS:
        return False
    return shape[at - 2 : at] == b"0 " or shape[end : end + 2] == b" 0"


def _address(page: Page, at: int, end: int) -> Claim | None:
    if _OCTETS.fullmatch(page.text, at, end) is None:
        return None
    if page.raw[end : end + 1] == b"/" and _is_network(page.text, at, end):
        return None
    before = page.text[max(0, at - 12) : at].rstrip(" :=\n").lower()
    if page.raw[at - 1 : at] == b"_" and not before.endswith(_NAMES):
        return None
    if before.endswith(_VERSIONS) or (before.endswith("v") and not before[-2:-1].isalpha()):
        return None
    return Claim(_RANK, at, end, "IPAddress", "ipv4")


def _is_network(text: str, at: int, end: int) -> bool:
    """Whether what stands here is the address of a network: of no machine, since all its bits behind the prefix are zero."""
    prefix = _PREFIX.match(text, end)
    if prefix is None or int(prefix[1]) >= _BITS:
        return False
    number = 0
    for octet in text[at:end].split("."):
        number = number << 8 | int(octet)
    return not number & ((1 << _BITS - int(prefix[1])) - 1)


def _address_stands(shape: bytes, at: int) -> bool:
    before = shape[at - 1 : at]
    if before == b"_":
        return shape[at - 2 : at] == b"a_"
    return before not in {b"0", b"a"} and shape[at - 2 : at] not in {b"0.", b"a.", b"0-"}


_ID_CHECKS: dict[bytes, Check] = {
    shape.encode(): number_check(shape, rules) for shape, rules in BY_SHAPE.items() if shape[0] == "0"
}
_LONGEST_ID = max(map(len, _ID_CHECKS))
_FEWEST_OF_ID = min(shape.count(b"0") for shape in _ID_CHECKS)


def _prepare() -> None:
    """The plans of the usual shapes are made beforehand."""
    for shape in (*usual(), *_ID_CHECKS):
        for begun in _learnt(shape)[:1]:  # a run's first number is mostly the whole of it
            begun.told()


_prepare()
