"""A whole answer before it is given: its shape, what is personal or secret in it, what must not be said.

`Answer.check` gives the body back, masked where it must be; what must not be given at all raises, and what does not have the
shape that it must have is `Misshapen`, for whoever can ask again.

Rules: it works on the answer as its provider gave it, placeholders and all: what is put back later was the caller's own and is
not looked at again; what could not be looked at is not given, unless the policy lets it; no error holds a match.
"""

import asyncio
import logging
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from turnout_contract.snapshot.guards import AnswerSchema
from turnout_sidecar.answers.formats import FORMATS
from turnout_sidecar.answers.kinds import Kind
from turnout_sidecar.answers.whole import edit_one, once
from turnout_sidecar.checks import quality
from turnout_sidecar.checks.asked import asked_schema, judged
from turnout_sidecar.checks.schema import SchemaError, SchemaUnusable
from turnout_sidecar.checks.schema import errors as schema_errors
from turnout_sidecar.exchange.call import Exchange
from turnout_sidecar.exchange.errors import CallError
from turnout_sidecar.exchange.guarded import Check, Done, Verdict
from turnout_sidecar.faults import place
from turnout_sidecar.guarding import scanner
from turnout_sidecar.inspection.aside import aside
from turnout_sidecar.inspection.guards import LiveGuard, LivePlugin, check_of
from turnout_sidecar.inspection.masks import Masks
from turnout_sidecar.inspection.matches import Match, grouped, masked, of_finding
from turnout_sidecar.inspection.refusing import refused, unread
from turnout_sidecar.masking.placeholders import masked as cut
from turnout_sidecar.ports.detector import Detected, DetectorFailed
from turnout_sidecar.wire.canonical import NotAnAnswer
from turnout_sidecar.wire.lenient import load

_LOG = logging.getLogger("turnout.guardrails")
_REFUSED = frozenset({"content_filter", "refusal"})
"""Reasons of an end by which providers say that a model would not answer."""
Wrong = Sequence[tuple[AnswerSchema, tuple[SchemaError, ...]]]
"""Who wants another shape, and what is wrong."""


class Misshapen(Exception):  # noqa: N818  says what was found
    """The answer does not have the shape that it must have. `wish` is the strictest of what policies want done.

    `choice` is the first that has not. No verdict is told of it yet: whoever decides what is done says so, with
    `Answer.tell_misshapen`.
    """

    def __init__(self, answer: dict[str, Any], wrong: Wrong, wish: str, choice: int) -> None:
        super().__init__("the answer does not have the shape that it must have")
        self.answer = answer
        self.wrong = wrong
        self.choice = choice
        self.errors = tuple(error for _, errors in wrong for error in errors)
        self.wish = wish


_BEGINS_JSON = frozenset("{[")
_STRICTNESS = ("Monitor", "Retry", "Escalate", "Block")


class Answer:
    """The answers of one call."""

    def __init__(self, exchange: Exchange, guard: LiveGuard, masks: Masks) -> None:
        self._exchange = exchange
        self._guard = guard
        self._masks = masks
        self._masked: dict[str, str] = {}
        self._values: dict[str, Match] = {}
        self._failed: set[Check] = set()
        self._format = FORMATS[exchange.endpoint.format]

    def say(self, verdict: Verdict) -> None:
        """Onto the trail."""
        self._exchange.guard.verdicts.append(verdict)

    def look(self, body: bytes) -> None:
        """Only the signals: no policy says what answers must be."""
        self.quality(parsed(body))

    async def check(self, body: bytes) -> bytes:
        """See the module. Raises Misshapen, and CallError 422 and 503."""
        if self._guard.holds:
            body = await aside(len(body), lambda: once(body))
        answer = parsed(body)
        self.quality(answer)
        self._shape(answer)
        texts = self._format.texts(body)
        matches = await aside(len(body), lambda: [self.matches(text) for _, text in texts])
        for found in await self._ask_all(texts, matches):
            for into, more in zip(matches, found, strict=False):
                into.extend(more)
        self.tell(matches, [text for _, text in texts])
        if not any(match.action == "Mask" for found in matches for match in found):
            self._masked = {text: text for _, text in texts}
            return body
        return await aside(len(body), lambda: self._given(body, matches, [text for _, text in texts]))

    def _given(self, body: bytes, matches: Sequence[Sequence[Match]], texts: Sequence[str]) -> bytes:
        self._masked = {text: self.masked(text, found) for text, found in zip(texts, matches, strict=True)}
        self._remember(matches, texts)
        return self._format.whole(body, self.edit, echo=False)

    def _remember(self, matches: Sequence[Sequence[Match]], texts: Sequence[str]) -> None:
        """What others found: in a text that is cut otherwise than the one they saw, only its words tell it."""
        found = ((match, text) for matches_of, text in zip(matches, texts, strict=True) for match in matches_of)
        self._values = {
            text[match.start : match.end]: match
            for match, text in found
            if match.check == "plugin" and match.action == "Mask" and match.start < match.end
        }

    def edit(self, kind: Kind, text: str) -> str:
        """A text of the answer that was checked last, as it is given. One that was not among its texts is looked at now.

        What was JSON stays JSON. Raises CallError (422).
        """
        if kind == "content" and text.lstrip()[:1] in _BEGINS_JSON:
            return edit_one(self._edit, "arguments", text)
        return self._edit(kind, text)

    def _edit(self, kind: Kind, text: str) -> str:
        del kind
        known = self._masked.get(text)
        if known is not None:
            return known
        found = self.matches(text)
        for value, match in self._values.items():
            at = text.find(value)
            while at >= 0:
                found.append(match._replace(start=at, end=at + len(value)))
                at = text.find(value, at + len(value))
        blocking = [(text[one.start : one.end], one) for one in found if one.action == "Block"]
        if blocking:
            for verdict in self._masks.verdicts("output", grouped(blocking)):
                self.say(verdict)
            raise refused(f"it holds {match.rule}" for _, match in blocking)
        return self.masked(text, found)

    def masked(self, text: str, matches: Sequence[Match]) -> str:
        """A text with its matches masked, for good."""
        return cut(text, masked(matches), lambda match, value: self.placeholder(match.entity, value))

    def matches(self, text: str) -> list[Match]:
        """What the gateway itself finds in a text. Raises CallError (503) where it cannot look."""
        found: list[Match] = []
        entities = self._guard.scanned_output
        try:
            if entities:
                for finding in scanner.scan(text, entities):
                    entity = finding.entity
                    found.append(of_finding(finding, self._guard.output[entity], check_of(entity), entity))
        except Exception as error:  # noqa: BLE001  boundary: a detector that breaks has not looked, and that is never a pass
            treatments = [self._guard.output[entity] for entity in entities]
            closed = any(one.action != "Monitor" and not one.fail_open for one in treatments)
            acts = any(one.action != "Monitor" for one in treatments)
            self._could_not({check_of(entity) for entity in entities}, error, closed=closed, acts=acts)
        denied = self._guard.deny_output
        try:
            found += denied.matches(text) if denied is not None else ()
        except Exception as error:  # noqa: BLE001  boundary: as above
            acts = denied is not None and denied.acts
            self._could_not({"deny"}, error, closed=acts and not self._guard.guard.fail_open, acts=acts)
        return found

    def _could_not(self, checks: set[Check], error: Exception, *, closed: bool, acts: bool) -> None:
        """Some checks could not look: told once, and never as passed. Raises CallError (503) where they must look."""
        if not checks <= self._failed:
            _LOG.error("the answer of call %s could not be looked at: %s", self._exchange.id, place(error))
        for check in sorted(checks - self._failed):
            self.say(Verdict(check, "output", check, "failed", "blocked" if closed else "none"))
        self._failed |= checks
        if closed:
            raise unread("its scan")
        self._exchange.guard.unlooked = self._exchange.guard.unlooked or acts

    def tell(self, matches: Sequence[Sequence[Match]], texts: Sequence[str]) -> None:
        """What was found in each text. Raises CallError (422) where any of it blocks."""
        found = [(text[one.start : one.end], one) for all_, text in zip(matches, texts, strict=True) for one in all_]
        self.tell_found(found)
        refusals = [f"it holds {match.rule}" for _, match in found if match.action == "Block"]
        if refusals:
            raise refused(refusals)

    def tell_found(self, found: Iterable[tuple[str, Match]]) -> None:
        """A verdict for each rule that matched, and for each check that did not. `found`: values and their matches."""
        groups = grouped(found)
        for verdict in self._masks.verdicts("output", groups):
            self.say(verdict)
        self._passed({check for check, _, _ in groups})

    def placeholder(self, entity: str, value: str) -> str:
        """What stands for a value that is not given; it is never put back."""
        return self._masks.give(entity, value)

    def _passed(self, matched: set[str]) -> None:
        """Those that looked at all of it and found nothing."""
        for check in self._checks():
            if check not in matched and check not in self._failed:
                self.say(Verdict(check, "output", check, "passed"))

    def _checks(self) -> list[Check]:
        checks = {check_of(entity) for entity in self._guard.scanned_output}
        if self._guard.deny_output is not None:
            checks.add("deny")
        return sorted(checks)

    def not_run(self) -> None:
        """The answer did not come to an end that could be looked at: so say the checks that have said nothing of it."""
        self._exchange.guard.rest(self._guard.unasked_out)

    def failed(self, *, closed: bool) -> None:
        """None of the checks came to an end. `closed`: the answer is not given."""
        for check in self._checks() or ["pii"]:
            if check not in self._failed:
                self.say(Verdict(check, "output", check, "failed", "blocked" if closed else "none"))
        self._failed.update(self._checks())

    def shape_not_run(self) -> None:
        """There was nothing whose shape could be judged."""
        for wanted in self._guard.guard.schemas:
            self.say(Verdict("schema", "output", "schema", "not_run", policy=wanted.policy))

    def quality(self, answer: dict[str, Any]) -> None:
        """Signals for whoever decides which model is good enough."""
        for signal in quality.signals(self._exchange.endpoint.name, answer):
            self.say(Verdict("quality", "output", signal, "matched", count=1))

    def tell_quality(self, kinds: Collection[Kind], openings: Iterable[str]) -> None:
        """The same of a stream that has come to its end, by the kinds of text that it brought and how its texts began."""
        exchange = self._exchange
        if exchange.aborted:
            return
        reasons = exchange.attempts[-1].finish_reasons if exchange.attempts else ()
        refused = "refusal" in kinds or not _REFUSED.isdisjoint(reasons)
        texts = [text for text in openings if text.strip()]
        if refused or ("arguments" not in kinds and any(map(quality.reads_as_refusal, texts))):
            self.say(Verdict("quality", "output", "refusal", "matched", count=1))
        if not refused and not texts and "arguments" not in kinds:
            self.say(Verdict("quality", "output", "empty", "matched", count=1))

    def _shape(self, answer: dict[str, Any]) -> None:
        """Raises Misshapen."""
        wrong = [(wanted, errors) for wanted, errors in self._judgements(answer, shown=False) if errors]
        acts = [wanted.on_violation for wanted, _ in wrong if wanted.on_violation != "Monitor"]
        if acts:
            raise Misshapen(answer, wrong, max(acts, key=_STRICTNESS.index), self._choice(answer, wrong))
        self.tell_misshapen(wrong, "monitored")

    def _choice(self, answer: dict[str, Any], wrong: Wrong) -> int:
        name = self._exchange.endpoint.name
        asked = [wanted.schema or asked_schema(name, self._exchange.body) for wanted, _ in wrong]
        texts = judged(name, answer)
        return next((index for index, text in texts if any(one and schema_errors(one, text) for one in asked)), 0)

    def shape_of_shown(self, answer: dict[str, Any]) -> tuple[Wrong, bool]:
        """What is wrong with the shape of an answer that was given already, and whether any shape could be judged.

        What is told to the caller is what policies that act say: those that only watch say nothing in an answer.
        """
        judgements = self._judgements(answer, shown=True)
        wrong = [(wanted, errors) for wanted, errors in judgements if errors]
        self.tell_misshapen(wrong, "monitored")
        loud = [(wanted, errors) for wanted, errors in judgements if wanted.on_violation != "Monitor"]
        return [(wanted, errors) for wanted, errors in loud if errors], bool(loud)

    def _judgements(self, answer: dict[str, Any], *, shown: bool) -> Wrong:
        """What each policy finds wrong with the shape; of those that find nothing, or cannot judge it, the verdict is told.

        Raises CallError (503) where the shape cannot be judged and must be.
        """
        schemas = self._guard.guard.schemas
        texts = [text for _, text in judged(self._exchange.endpoint.name, answer)] if schemas else []
        judgements = ((wanted, self._errors(wanted, texts, shown=shown)) for wanted in schemas)
        return [(wanted, errors) for wanted, errors in judgements if errors is not None]

    def tell_misshapen(self, wrong: Wrong, done: Done) -> None:
        """What is done about it. A policy that only watches wants nothing done."""
        for wanted, errors in wrong:
            did: Done = "monitored" if wanted.on_violation == "Monitor" else done
            self.say(Verdict("schema", "output", "schema", "matched", did, count=len(errors), policy=wanted.policy))

    def _errors(self, wanted: AnswerSchema, texts: Sequence[str], *, shown: bool) -> tuple[SchemaError, ...] | None:
        """None: it was not judged."""
        exchange, policy = self._exchange, wanted.policy
        asked = wanted.schema if wanted.schema is not None else asked_schema(exchange.endpoint.name, exchange.body)
        if asked is None or not texts:
            self.say(Verdict("schema", "output", "schema", "not_run", policy=policy))
            return None
        try:
            errors = tuple(error for text in texts for error in schema_errors(asked, text))
        except SchemaUnusable:
            closed = wanted.on_violation != "Monitor" and not self._guard.guard.fail_open and not shown
            self.say(Verdict("schema", "output", "schema", "failed", "blocked" if closed else "none", policy=policy))
            if closed:
                raise unread("its JSON schema cannot be used") from None
            trail = self._exchange.guard
            trail.unlooked = trail.unlooked or wanted.on_violation != "Monitor"
            return None
        if not errors:
            self.say(Verdict("schema", "output", "schema", "passed", policy=policy))
        return errors

    async def _ask_all(
        self, texts: Sequence[tuple[Kind, str]], matches: Sequence[Sequence[Match]]
    ) -> list[list[list[Match]]]:
        """What all plug-ins find. Where one of them refuses the answer what was found so far is told, and no other is asked."""
        tasks = [asyncio.ensure_future(self._ask(live, texts)) for live in self._guard.plugins_out]
        try:
            return await asyncio.gather(*tasks)
        except CallError:
            all_ = zip(matches, texts, strict=True)
            self.tell_found((text[one.start : one.end], one) for found, (_, text) in all_ for one in found)
            raise
        finally:
            for task in tasks:
                task.cancel()

    async def _ask(self, live: LivePlugin, texts: Sequence[tuple[Kind, str]]) -> list[list[Match]]:
        plugin = live.plugin
        try:
            answered = await live.detector.detect([text for _, text in texts], sorted(live.treatments), "output")
        except DetectorFailed as error:
            done: Done = "blocked" if live.fails_closed else "none"
            self.say(Verdict("plugin", "output", plugin.name, "failed", done, policy=plugin.policy))
            if live.fails_closed:
                raise unread(f"plug-in {plugin.name}: {error.reason}") from None
            self._exchange.guard.unlooked = self._exchange.guard.unlooked or live.acts
            return []
        self._flagged(live, answered)
        return [list(live.matches(findings)) for findings in answered.findings]

    def _flagged(self, live: LivePlugin, answered: Detected) -> None:
        plugin = live.plugin
        count = len(live.flagged(answered.flags))
        if not count:
            if not any(answered.findings):
                self.say(Verdict("plugin", "output", plugin.name, "passed", policy=plugin.policy))
            return
        blocks = plugin.flags.action == "Block"
        done: Done = "blocked" if blocks else "monitored"
        self.say(Verdict("plugin", "output", plugin.name, "matched", done, count=count, policy=plugin.policy))
        if blocks:
            raise refused([f"plug-in {plugin.name} flags it"])


def parsed(body: bytes) -> dict[str, Any]:
    """The answer; empty where it is none."""
    try:
        return load(body)
    except NotAnAnswer:
        return {}


def asks_json(exchange: Exchange, guard: LiveGuard) -> bool:
    """Whether the text of the answer is to be JSON, so that what is put into it must fit."""
    shaped = any(wanted.schema is not None for wanted in guard.guard.schemas)
    return shaped or asked_schema(exchange.endpoint.name, exchange.body) is not None
