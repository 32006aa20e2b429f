"""A detector that is not built in: asked with texts, it says where what is in them.

Rules: offsets are code points of the text as it was given; per text, findings are sorted and without overlaps, whatever the
detector itself said; a detector that could not look raises, it never says "nothing" instead. Neither results nor errors hold
anything of the texts, so that both can be logged.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple, Protocol

import msgspec

from turnout_sidecar.guarding.findings import Finding

Side = Literal["input", "output"]
Reason = Literal[
    "timeout",  # no answer in time, waiting for a free place included
    "connection",  # not reached, or it hung up
    "status",  # it answered with an error
    "malformed",  # what it said is not an answer, or is wrong about the texts
    "too_large",  # it said more than is read
    "raised",  # it raised (in process)
    "hung",  # too many of its calls never came back (in process)
    "unavailable",  # it could not be set up: no such entry point, an address that cannot be used
]


class DetectorFailed(Exception):  # noqa: N818  says what happened
    """It could not look. `reason` is one of few words, for metrics; the message adds what is known, never a text."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason: Reason = reason


class Flag(NamedTuple):
    """A classifier's verdict on a text as a whole: its word for what it saw, and how sure it is (0 to 1)."""

    text: int | None  # which of the texts; None: of all that it was shown
    rule: str  # lower-case letters and -, at most 40; the detector's word, so no label of a metric
    score: float


class Detected(msgspec.Struct, frozen=True):
    """What it said: one tuple of findings for each text, in their order; `ignored` counts findings of entities not asked for."""

    findings: tuple[tuple[Finding, ...], ...]
    flags: tuple[Flag, ...] = ()
    ignored: int = 0


class Detector(Protocol):
    """One plug-in."""

    async def detect(self, texts: Sequence[str], entities: Sequence[str], side: Side) -> Detected:
        """Look for the entities (named as in a GuardrailPolicy) in each text. Raises DetectorFailed."""
        ...

    async def close(self) -> None:
        """Asked no more. What is under way may still end."""
        ...


class FakeDetector:
    """Finds fixed words, for tests: `words` maps each to its entity, `flagged` to a rule and score of the text that has it."""

    def __init__(
        self,
        words: Mapping[str, str],
        *,
        flagged: Mapping[str, tuple[str, float]] | None = None,
        failure: Callable[[], DetectorFailed] | None = None,
        rule: str = "fake",
    ) -> None:
        self._words = words
        self._flagged = flagged or {}
        self._failure = failure
        self._rule = rule
        self.asked: list[tuple[tuple[str, ...], tuple[str, ...], Side]] = []
        self.closed = False

    async def detect(self, texts: Sequence[str], entities: Sequence[str], side: Side) -> Detected:
        """Each occurrence of each word; words do not overlap. Raises what `failure` makes."""
        self.asked.append((tuple(texts), tuple(entities), side))
        if self._failure is not None:
            raise self._failure()
        found = tuple(tuple(sorted(self._found(text, frozenset(entities)))) for text in texts)
        flags = tuple(
            Flag(at, *verdict)
            for at, text in enumerate(texts)
            for word, verdict in self._flagged.items()
            if word in text
        )
        return Detected(found, flags)

    async def close(self) -> None:
        """Remembered in `closed`."""
        self.closed = True

    def _found(self, text: str, entities: frozenset[str]) -> list[Finding]:
        found: list[Finding] = []
        for word, entity in self._words.items():
            at = text.find(word) if entity in entities else -1
            while at >= 0:
                found.append(Finding(at, at + len(word), entity, self._rule))
                at = text.find(word, at + len(word))
        return found
