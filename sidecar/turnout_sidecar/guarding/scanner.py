"""The scan of one text: normalise, look with each detector that could find something, settle overlaps.

Detectors see the plain form of the text (full-width digits, escapes and the like resolved) and, three levels deep, what long words
in base64 or hexadecimal decode to; findings always speak of the original. A detector is asked only if the one character or shape
that all its matches have is there, so that ordinary prose costs little.

Rules: pure and deterministic; linear in the length of the text; all entities are looked for and settled together, then those
that were not asked for are left out: a card is no phone even where cards do not matter.
"""

from collections.abc import Iterator

from turnout_contract.snapshot.guards import BUILT_IN, SECRET
from turnout_sidecar.guarding.addresses import emails, machines, urls
from turnout_sidecar.guarding.blocks import hooks, private_keys
from turnout_sidecar.guarding.commands import commands
from turnout_sidecar.guarding.decoded import Wraps, inner_texts, is_login, may_hold_text
from turnout_sidecar.guarding.findings import Claim, Finding, reported, settle
from turnout_sidecar.guarding.leaks import assigned
from turnout_sidecar.guarding.lettered import lettered
from turnout_sidecar.guarding.normal import Plain, normalise
from turnout_sidecar.guarding.numbers import numbers
from turnout_sidecar.guarding.page import Page
from turnout_sidecar.guarding.tokens import RUNS, words
from turnout_sidecar.guarding.vendors import keys

ENTITIES = frozenset({*BUILT_IN, SECRET})
_WORDS = bytes(32 if code <= ord(" ") or code in b"\"'`<>(){}[],;&@\\" else 120 for code in range(256))
_SHORTEST = 16
_LONG_WORD = b"x" * _SHORTEST
_DEPTH = 3
_LATER = 16  # more than any rank
_WRAP = 40
_Inner = dict[tuple[str, int], tuple[str, str] | None]
"""What was found in the encoded words of a text, by what they say and how deep: a word that stands there often is read once."""
_ACCOUNT, _FEW = 36, 4  # an IBAN is no longer and may have so few letters
_DIGIT, _THREE = b"03"


def scan(text: str, entities: frozenset[str] = ENTITIES) -> tuple[Finding, ...]:
    """What of the entities is in a text, by position, without overlaps."""
    plain = normalise(text)
    if plain.joined:
        return reported(settle(_of_both(text, plain, entities)), entities)
    settled = settle(_claims(plain, entities, _DEPTH, {}))
    return reported(settled, entities, plain.original if plain.moved else None)


def _of_both(text: str, plain: Plain, entities: frozenset[str]) -> Iterator[Claim]:
    """What is in a text with its lines joined, and with each on its own, which comes first unless they are surely to be joined."""
    inner: _Inner = {}
    for reading, behind in ((plain, 0 if plain.printable else _LATER), (normalise(text, join=False), 0)):
        for rank, start, end, entity, rule in _claims(reading, entities, _DEPTH, inner):
            yield Claim(rank + behind, *reading.original(start, end), entity, rule)


def _claims(plain: Plain, entities: frozenset[str], depth: int, inner: _Inner) -> list[Claim]:
    page = Page(plain.text, plain.seen)
    claims: list[Claim] = []
    text = page.text
    if _DIGIT in page.shape:
        claims += lettered(page)
        claims += numbers(page, tuple(claims))  # what is in an account is no card
    if "@" in text or " at " in text or "at)" in text or "at]" in text:
        claims += emails(page)
    if "://" in text:
        claims += urls(page, entities)
        claims += hooks(page)
    claims += machines(page)
    if "-----BEGIN " in text:
        claims += private_keys(page)
    claims += assigned(page)
    if " -" in text:
        claims += commands(page)
    claims += _long_words(page, entities, depth, inner)
    return claims


def _long_words(page: Page, entities: frozenset[str], depth: int, inner: _Inner) -> list[Claim]:
    claims: list[Claim] = []
    text, raw, shape = page.text, page.raw, page.shape
    count = shape.count
    find = (raw.translate(_WORDS) + b" ").find
    wraps = Wraps(text)
    at = find(_LONG_WORD)
    while at >= 0:
        after = end = find(b" ", at + _SHORTEST)
        lettered = count(b"a", at, end) >= _FEW
        # keys and what holds text have letters and digits, or capitals all through; accounts have few letters,
        # and digits in hexadecimal none
        if lettered:
            telling = _DIGIT in shape[at:end] or not text[at + 1 : end].islower()
        elif end - at < _ACCOUNT:
            telling = raw[at] == _THREE and not raw[at:end:2].strip(b"3")
        else:
            telling = _DIGIT in shape[at:end]
        if telling or lettered:
            word = raw[at:end]
            plain = word.isalnum()
            known = keys(text, at, word, plain=plain)
            if known:
                claims += known
                after = max(end, known[-1].end)
            elif telling and (plain or word.translate(RUNS).find(_LONG_WORD) >= 0):
                claims += words(page, word, at, plain=plain)
                if depth and may_hold_text(word, plain=plain):
                    for start, stop, said, whole in _said(wraps, text, at, end):
                        if (said, depth) not in inner:
                            inner[said, depth] = _within(said, entities, depth, inner)
                        held = inner[said, depth]
                        # behind what is not all text there may be lines that speak for themselves
                        if held or whole:
                            after = max(after, stop)
                        if held:
                            claims.append(Claim(2, start, stop, *held))
        at = find(_LONG_WORD, after)
    return claims


def _said(wraps: Wraps, text: str, at: int, end: int) -> list[tuple[int, int, str, bool]]:
    """What a long word holds, on its own or with the lines that follow it, where, and whether all of that is text."""
    found = [(at + start, at + stop, inner, False) for start, stop, inner in inner_texts(text[at:end])]
    wrapped = wraps.held(at, end) if _goes_on(text, end, end - at) else None
    if wrapped:
        found.append(wrapped)
    return found


def _goes_on(text: str, end: int, length: int) -> bool:
    """Whether an encoded word could go on behind white space."""
    following = text[end : end + 1]
    return following in {"\n", "\r"} or (length >= _WRAP and following == " " and text[end + 1 : end + 2].isalnum())


def _within(said: str, entities: frozenset[str], depth: int, inner: _Inner) -> tuple[str, str] | None:
    """What an encoded word holds, which is a claim of the whole word: the entity and the rule."""
    for claim in settle(_claims(normalise(said), entities, depth - 1, inner)):
        if claim.entity in entities:
            return claim.entity, f"encoded-{claim.rule}"
    return (SECRET, "encoded-login") if SECRET in entities and is_login(said) else None
