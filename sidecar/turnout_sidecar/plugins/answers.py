"""What a detector answers, and the check that it can be believed before anything is masked by it.

An answer comes from another program, so it is data to judge: a finding that is not within its text would mask the wrong
characters and leave the right ones, so one such makes the whole answer wrong.

Rules: one list of findings for each text that was sent, in that order; offsets are code points, 0 <= start < end <= length;
entities that were not asked for are left out and counted; a flag's rule is a plain word; whatever else is there is not looked at.
"""

import math
import re
from collections.abc import Collection, Iterable, Sequence
from typing import Final

import msgspec

from turnout_sidecar.guarding.findings import Finding
from turnout_sidecar.plugins.overlaps import Claim, settled
from turnout_sidecar.ports.detector import Detected, DetectorFailed, Flag

_RULE: Final = re.compile(r"[a-z](?:[a-z-]{0,38}[a-z])?")


class Found(msgspec.Struct, frozen=True):
    """A stretch of a text. What is reported counts; `score` only settles which of two equally long findings stays."""

    start: int
    end: int
    entity: str
    score: float | None = None


class Flagged(msgspec.Struct, frozen=True):
    """A text as a whole, or, without `text`, all that were sent."""

    rule: str
    score: float
    text: int | None = None


class Answer(msgspec.Struct, frozen=True):
    """The answer of the protocol's version 1."""

    findings: list[list[Found]]
    flags: list[Flagged] = []


def believed(answer: Answer, texts: Sequence[str], entities: Collection[str], rule: str) -> Detected:
    """The answer on these texts, as findings of `rule`. Raises DetectorFailed("malformed")."""
    if len(answer.findings) != len(texts):
        raise DetectorFailed("malformed", "not one list of findings for each text")
    findings = []
    ignored = 0
    for text, said in zip(texts, answer.findings, strict=True):
        claims = [_claim(found, len(text), rule) for found in said]
        asked = [claim for claim in claims if claim.finding.entity in entities]
        ignored += len(claims) - len(asked)
        findings.append(settled(text, asked) if asked else ())
    return Detected(tuple(findings), tuple(_flag(flagged, len(texts)) for flagged in answer.flags), ignored)


def together(size: int, parts: Iterable[tuple[Sequence[int], Detected]]) -> Detected:
    """Answers on some of `size` texts, with the places of those, as one answer on all of them."""
    findings: list[tuple[Finding, ...]] = [()] * size
    flags: list[Flag] = []
    ignored = 0
    for places, detected in parts:
        for place, found in zip(places, detected.findings, strict=True):
            findings[place] = found
        flags += (flag if flag.text is None else flag._replace(text=places[flag.text]) for flag in detected.flags)
        ignored += detected.ignored
    return Detected(tuple(findings), tuple(flags), ignored)


def _claim(found: Found, length: int, rule: str) -> Claim:
    if not 0 <= found.start < found.end <= length:
        raise DetectorFailed("malformed", "a finding that is not within its text")
    score = found.score if found.score is not None and math.isfinite(found.score) else 0.0
    return Claim(0, Finding(found.start, found.end, found.entity, rule), score)


def _flag(flagged: Flagged, size: int) -> Flag:
    if not _RULE.fullmatch(flagged.rule):
        raise DetectorFailed("malformed", "a flag whose rule is no word of lower-case letters and -")
    if not 0 <= flagged.score <= 1:
        raise DetectorFailed("malformed", "a flag whose score is not between 0 and 1")
    if flagged.text is not None and not 0 <= flagged.text < size:
        raise DetectorFailed("malformed", "a flag of a text that was not sent")
    return Flag(flagged.text, flagged.rule, flagged.score)
