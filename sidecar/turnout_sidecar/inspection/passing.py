"""A stream of an answer looked at while it passes: each channel holds back what may still become a match.

Rules: what is found is counted as it is found and told once, when the stream has ended; a match that blocks raises before any of
it is shown; the shape of the whole is judged at the end, as that of an answer that came whole, and told as the last event, since
what was shown cannot be taken back; arguments of tools stay JSON.
"""

from collections.abc import Callable
from typing import Any

from turnout_sidecar.answers.formats import AnswerFormat
from turnout_sidecar.answers.kinds import Channel, Edit, Kind, StreamEditor
from turnout_sidecar.answers.whole import edit_one
from turnout_sidecar.checks import quality
from turnout_sidecar.guarding.findings import Finding
from turnout_sidecar.inspection.answer import Answer, parsed
from turnout_sidecar.inspection.json_kept import JsonKept, says_json
from turnout_sidecar.inspection.matches import Match, disjoint
from turnout_sidecar.inspection.refusing import refused
from turnout_sidecar.inspection.streams import MAX_HELD_BYTES
from turnout_sidecar.masking.holding import Hold
from turnout_sidecar.masking.placeholders import masked

_MOST_TOLD = 8


class Passing:
    """One stream, and its editor. `ended` is for when it is over; `broken` tells whether it did not end as it should.

    `looks`: at what is in it; `shapes`: at the shape of the whole; `asks_json`: its text is to be JSON.
    """

    def __init__(
        self,
        answer: Answer,
        told: AnswerFormat,
        broken: Callable[[], bool],
        width: int,
        *,
        looks: bool,
        shapes: bool,
        asks_json: bool,
    ) -> None:
        self._answer = answer
        self._told = told
        self._broken = broken
        self._width = width
        self._looks = looks
        self._shapes = shapes
        self._asks_json = asks_json
        self._pieces: list[bytes] = []
        self._size = 0
        self._kinds: set[Kind] = set()
        self._openings: dict[str, str] = {}
        self._found: list[tuple[str, Match]] = []
        self._known: dict[str, Match] = {}
        self._over = False
        self._judged = False
        self._editor: StreamEditor = told.editor(self._make, self._verdict, self._whole, echo=False)

    def feed(self, frames: bytes) -> bytes:
        """See streams.Editor."""
        if self._shapes:
            self._size += len(frames)
            if self._size <= MAX_HELD_BYTES:
                self._pieces.append(frames)
        return self._editor.feed(frames)

    def finish(self) -> bytes:
        """See streams.Editor."""
        return self._editor.finish()

    def ended(self) -> None:
        """The stream is over: what was found is told."""
        if self._over:
            return
        self._over = True
        self._answer.tell_found(self._found)
        self._answer.tell_quality(self._kinds, self._openings.values())
        if self._shapes and not self._judged:
            self._answer.shape_not_run()

    def hear(self, kind: Kind, key: str, text: str) -> None:
        """What goes out, for the judgement of the whole."""
        if not text:
            return
        self._kinds.add(kind)
        if kind == "content":
            heard = self._openings.get(key, "")
            if len(heard) <= quality.SHORT:
                self._openings[key] = heard + text

    def found(self, finding: Finding, value: str) -> str:
        """What a finding of `scan` becomes. Raises CallError (422)."""
        match = self._known[finding.rule]
        self._found.append((value, match))
        if match.action == "Block":
            raise refused([f"it holds {match.rule}"])
        return value if match.action == "Monitor" else self._answer.placeholder(match.entity, value)

    def scan(self, text: str) -> list[Finding]:
        """What is in a text, without overlaps; a finding's rule says which match it is."""
        findings = []
        for match in disjoint(self._answer.matches(text)):
            key = "\0".join((match.check, match.rule, match.policy, match.action))
            self._known[key] = match
            findings.append(Finding(match.start, match.end, match.entity, key))
        return findings

    def _make(self, kind: Kind, key: str) -> Channel:
        """The channel of one part of the answer."""
        if not self._looks:
            return _Hearing(self, kind, key)
        as_json = says_json(kind, key, asked=self._asks_json)
        if as_json and self._width:  # a pattern of one's own may take a quote with it
            return AtOnce("arguments", self._whole, lambda text: self.hear(kind, key, text))
        return _Looking(self, kind, key, Hold(self.scan, self.found, width=self._width), as_json=as_json)

    def _whole(self, kind: Kind, text: str) -> str:
        """A text that comes whole in a stream. Raises CallError (422)."""
        del kind
        return masked(text, self.scan(text), self.found) if self._looks else text

    def _verdict(self) -> dict[str, Any] | None:
        """What is told of the shape; None where none was to be judged."""
        if not self._shapes or self._broken() or self._size > MAX_HELD_BYTES:
            return None
        body = self._told.collected(b"".join(self._pieces))
        if body is None:
            return None
        self._judged = True
        wrong, judged = self._answer.shape_of_shown(parsed(body))
        if not judged:
            return None
        errors = [error for _, found in wrong for error in found]
        told = [{"path": error.path, "message": error.message} for error in errors[:_MOST_TOLD]]
        return {"check": "schema", "state": "matched" if errors else "passed", "errors": told}


class AtOnce:
    """A channel that says all of its text when it has ended, edited as a whole."""

    __slots__ = ("_edit", "_hear", "_kind", "_text")

    def __init__(self, kind: Kind, edit: Edit, hear: Callable[[str], None] = lambda _: None) -> None:
        self._kind = kind
        self._edit = edit
        self._hear = hear
        self._text: list[str] = []

    def feed(self, text: str) -> str:
        """See Channel."""
        self._text.append(text)
        return ""

    def flush(self) -> str:
        """See Channel."""
        text = "".join(self._text)
        shown = edit_one(self._edit, self._kind, text) if text else ""
        self._hear(shown)
        return shown


class Unchanged:
    """A channel that says what it hears."""

    __slots__ = ()

    def feed(self, text: str) -> str:
        """See Channel."""
        return text

    def flush(self) -> str:
        """See Channel."""
        return ""


class _Looking:
    """A channel that is looked at."""

    __slots__ = ("_hold", "_json", "_key", "_kind", "_passing")

    def __init__(self, passing: Passing, kind: Kind, key: str, hold: Hold, *, as_json: bool) -> None:
        self._passing = passing
        self._kind = kind
        self._key = key
        self._hold = hold
        self._json = JsonKept() if as_json else None

    def feed(self, text: str) -> str:
        """See Channel."""
        shown = self._hold.feed(text)
        return self._heard(shown if self._json is None else self._json.feed(shown))

    def flush(self) -> str:
        """See Channel."""
        shown = self._hold.flush()
        return self._heard(shown if self._json is None else self._json.feed(shown) + self._json.flush())

    def _heard(self, shown: str) -> str:
        self._passing.hear(self._kind, self._key, shown)
        return shown


class _Hearing:
    """A channel that is only listened to."""

    __slots__ = ("_key", "_kind", "_passing")

    def __init__(self, passing: Passing, kind: Kind, key: str) -> None:
        self._passing = passing
        self._kind = kind
        self._key = key

    def feed(self, text: str) -> str:
        """See Channel."""
        self._passing.hear(self._kind, self._key, text)
        return text

    def flush(self) -> str:
        """See Channel."""
        return ""
