"""A question before it leaves: every string of it is looked at, and what must not leave is masked, or the call refused.

`inspect` fills in the trail, raises where the call is refused, and puts the masked form in the place of all that the exchange
holds of the body, so that nothing that comes after can see another one: the cache, the provider, what is told of the call.

Rules: what could not be looked at is failed, and fails closed unless the policy says otherwise; where it does, the call goes on
as a Restricted one; definitions of tools and shapes are masked, and their words are never a reason to refuse a call (see
defined.py); no error holds a match.
"""

import asyncio
import logging
import re
from collections.abc import Iterable, Iterator, Sequence

import orjson

from turnout_contract.api.meta import Sensitivity
from turnout_contract.snapshot.guards import Treatment
from turnout_sidecar.bodies.leaves import Leaves, Stretch
from turnout_sidecar.bodies.raw import rewrite_raw
from turnout_sidecar.bodies.reading import read
from turnout_sidecar.checks import injection
from turnout_sidecar.exchange.call import Exchange
from turnout_sidecar.exchange.errors import CallError
from turnout_sidecar.exchange.guarded import Done, GuardTrail, Verdict
from turnout_sidecar.faults import place
from turnout_sidecar.guarding import scanner
from turnout_sidecar.guarding.findings import Finding
from turnout_sidecar.inspection.aside import aside
from turnout_sidecar.inspection.defined import Defined
from turnout_sidecar.inspection.guards import Denied, LiveGuard, LivePlugin, check_of
from turnout_sidecar.inspection.headers import as_header, other_than_features, passed_on, withheld
from turnout_sidecar.inspection.masks import Masks, conversation_of, partition_of
from turnout_sidecar.inspection.matches import Match, grouped, masked, of_finding
from turnout_sidecar.inspection.refusing import blocked, failed
from turnout_sidecar.inspection.repeated import repeated
from turnout_sidecar.inspection.sized import of_question
from turnout_sidecar.masking.placeholders import Masker, placeholders_in
from turnout_sidecar.ports.detector import DetectorFailed, Flag

_LOG = logging.getLogger("turnout.guardrails")
RESTRICTED: Sensitivity = "Restricted"
_WORDS_OF = frozenset({"user", "tool", "other"})
"""Whose words may be an attempt to turn a model: not the application's own."""
_APPLICATION = frozenset({"system", "definition"})
"""Whose words no classifier's flag is about."""
_THOUGHTS = re.compile(r"\.(?:thinking|reasoning(?:_content)?|reasoning_details\[\d+\]\.\w+|summary\[\d+\]\.text)")
"""Where the thoughts of earlier turns stand: what is signed must go back as it was made."""


class Question:
    """One call under inspection."""

    def __init__(self, exchange: Exchange, guard: LiveGuard, key: bytes) -> None:
        self._exchange = exchange
        self._guard = guard
        self._trail: GuardTrail = exchange.guard
        self._leaves: Leaves = read(exchange.endpoint.name, exchange.body)
        partition = partition_of(exchange.runtime.namespace, exchange.caller)
        self.masks = Masks(Masker(key, partition, conversation_of(exchange.caller, self._leaves)))
        self._headers = passed_on(exchange)
        self._matches: dict[int, list[Match]] = {}
        self._in_headers: dict[str, list[Match]] = {}
        self._refusals: list[tuple[str, str | None]] = []
        self._rerouted = False
        self._defined = Defined(self._leaves)

    async def inspect(self) -> None:
        """See the module. Raises CallError 403, and 503 where a check could not be made."""
        try:
            await aside(len(self._leaves.page), self._look)
            await self._ask_all()
        except CallError:
            self._tell()
            raise
        if self._matches:
            await aside(len(self._leaves.page), self._again)
        self._tell()
        if self._rerouted:
            self._exchange.sensitivity = RESTRICTED
        if self._refusals:
            where = {param for _, param in self._refusals}
            raise blocked((what for what, _ in self._refusals), where.pop() if len(where) == 1 else None)
        await aside(len(self._leaves.page), self._mask)

    def _look(self) -> None:
        """What the gateway looks for itself. Raises CallError (503)."""
        self._bounds()
        self._binary()
        self._scan()
        self._deny()
        self._injection()

    def _say(self, verdict: Verdict) -> None:
        self._trail.verdicts.append(verdict)

    def _bounds(self) -> None:
        limits = self._guard.guard.token_limits
        if not limits:
            return
        size = of_question(self._exchange, self._leaves)
        over = [limit for limit in limits if size > limit.most]
        for limit in over:
            done: Done = "blocked" if limit.action == "Block" else "monitored"
            self._say(Verdict("tokens", "input", "tokens", "matched", done, count=size))
            if limit.action == "Block":
                self._refusals.append((f"about {size} tokens, and at most {limit.most} are allowed", None))
        if not over:
            self._say(Verdict("tokens", "input", "tokens", "passed"))

    def _binary(self) -> None:
        parts = self._leaves.binary
        if not parts:
            return
        action = self._guard.guard.binary_parts
        done: Done = "blocked" if action == "Block" else "monitored" if action == "Monitor" else "none"
        self._say(Verdict("binary", "input", "binary", "not_run", done, count=len(parts)))
        if action == "Block":
            self._refusals.append(("a part that cannot be inspected", parts[0]))

    def _scan(self) -> None:
        entities = self._guard.scanned_input
        if not entities:
            return
        try:
            findings = scanner.scan(self._leaves.page, entities)
            for index, found in self._leaves.split(findings).items():
                self._matches.setdefault(index, []).extend(self._found(found))
            for name, text in self._headers.items():
                findings = scanner.scan(other_than_features(name, text), entities)
                self._in_headers.setdefault(name, []).extend(as_header(name, self._found(findings)))
        except Exception as error:  # noqa: BLE001  boundary: a detector that breaks has not looked, and that is never a pass
            _LOG.error("call %s could not be scanned: %s", self._exchange.id, place(error))
            self._could_not(self._guard.input.values())

    def _found(self, findings: Iterable[Finding]) -> Iterator[Match]:
        for finding in findings:
            treatment = self._guard.input.get(finding.entity)
            if treatment is not None:
                yield of_finding(finding, treatment, check_of(finding.entity), finding.entity)

    def _could_not(self, treatments: Iterable[Treatment]) -> None:
        """What must be looked for was not: refuse, or go on where only cleared models are."""
        asked = list(treatments)
        closed = [treatment for treatment in asked if treatment.action != "Monitor" and not treatment.fail_open]
        open_ = [treatment for treatment in asked if treatment.action != "Monitor" and treatment.fail_open]
        done: Done = "blocked" if closed else "rerouted" if open_ else "none"
        for check in sorted({check_of(treatment.entity) for treatment in asked}):
            self._say(Verdict(check, "input", check, "failed", done))
        if closed:
            raise failed("the scan of its question")
        self._rerouted = self._rerouted or bool(open_)
        self._trail.unlooked = self._trail.unlooked or bool(open_)

    def _deny(self) -> None:
        denied = self._guard.deny_input
        if denied is None:
            return
        try:
            matched = self._denied(denied)
        except Exception as error:  # noqa: BLE001  boundary: as above
            _LOG.error("call %s could not be searched for what is denied: %s", self._exchange.id, place(error))
            closed = denied.acts and not self._guard.guard.fail_open
            self._say(Verdict("deny", "input", "deny", "failed", "blocked" if closed else "none"))
            if closed:
                raise failed("the denied patterns") from None
            self._trail.unlooked = self._trail.unlooked or denied.acts
            return
        if not matched:
            self._say(Verdict("deny", "input", "deny", "passed"))

    def _denied(self, denied: Denied) -> bool:
        leaves = self._leaves
        matched = False
        for stretch in leaves.stretches():
            found = self._placed(stretch, denied.matches(stretch.text))
            if stretch.end > stretch.first + 1:  # a pattern may speak of where a text begins or ends
                for index in range(stretch.first, stretch.end):
                    found += ((index, match) for match in denied.matches(leaves.items[index].text))
            for index, match in dict.fromkeys(found):
                placed = self._defined.placed(index, match)
                if placed is not None:
                    matched = True
                    self._matches.setdefault(index, []).append(placed)
        for name, text in self._headers.items():
            held = list(as_header(name, denied.matches(text)))
            matched = matched or bool(held)
            self._in_headers.setdefault(name, []).extend(held)
        return matched

    def _placed(self, stretch: Stretch, matches: Iterable[Match]) -> list[tuple[int, Match]]:
        """What was found in a stretch, by leaf."""
        within = self._leaves.within
        return [
            (index, match._replace(start=start, end=end))
            for match in matches
            for index, start, end in within(stretch, match.start, match.end)
        ]

    def _injection(self) -> None:
        steps = self._guard.guard.injections
        if not steps:
            return
        try:
            texts = (leaf.text for leaf in self._leaves.items if leaf.part in _WORDS_OF and not leaf.key)
            score = injection.score("\n".join(texts))
        except Exception as error:  # noqa: BLE001  boundary: as above
            _LOG.error("call %s could not be looked at for injection: %s", self._exchange.id, place(error))
            closed = any(step.action == "Block" and not step.fail_open for step in steps)
            self._say(Verdict("injection", "input", "injection", "failed", "blocked" if closed else "none"))
            if closed:
                raise failed("prompt injection") from None
            acts = any(step.action == "Block" or step.reroute for step in steps)
            self._trail.unlooked = self._trail.unlooked or acts
            return
        held = [step for step in steps if score >= step.threshold]
        if not held:
            self._say(Verdict("injection", "input", "injection", "passed"))
            return
        blocks, reroutes = any(step.action == "Block" for step in held), any(step.reroute for step in held)
        done: Done = "blocked" if blocks else "rerouted" if reroutes else "monitored"
        self._say(Verdict("injection", "input", "injection", "matched", done, count=1))
        self._rerouted = self._rerouted or reroutes
        if blocks:
            self._refusals.append(("what looks like an attempt to turn the model", None))

    async def _ask_all(self) -> None:
        """Ask all plug-ins at once; where one of them ends the call, the others are asked no more."""
        tasks = [asyncio.ensure_future(self._ask(plugin)) for plugin in self._guard.plugins_in]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()

    async def _ask(self, live: LivePlugin) -> None:
        plugin = live.plugin
        stretches = self._leaves.stretches()
        try:
            answered = await live.detector.detect([one.text for one in stretches], sorted(live.treatments), "input")
            flags = await self._of_others(live, stretches, answered.flags)
        except DetectorFailed as error:
            self._plugin_failed(live, error.reason)
            return
        matched = self._flagged(live, flags)
        for stretch, findings in zip(stretches, answered.findings, strict=False):
            for index, match in self._placed(stretch, live.matches(findings)):
                matched = True
                self._matches.setdefault(index, []).append(match)
        if not matched:
            self._say(Verdict("plugin", "input", plugin.name, "passed", policy=plugin.policy))

    async def _of_others(self, live: LivePlugin, stretches: Sequence[Stretch], flags: Sequence[Flag]) -> Sequence[Flag]:
        """The flags that are not about the application's own words. Where one is about all of them, it is asked without those.

        Raises DetectorFailed.
        """
        items = self._leaves.items
        others = [
            any(items[index].part not in _APPLICATION for index in range(stretch.first, stretch.end))
            for stretch in stretches
        ]
        if all(others):
            return flags
        if any(flag.text is None for flag in live.flagged(flags)):
            texts = [stretch.text for stretch, said in zip(stretches, others, strict=True) if said]
            return (await live.detector.detect(texts, sorted(live.treatments), "input")).flags if texts else ()
        return [flag for flag in flags if flag.text is not None and others[flag.text]]

    def _flagged(self, live: LivePlugin, flags: Sequence[Flag]) -> bool:
        """What a classifier says of whole texts."""
        plugin, asked = live.plugin, live.plugin.flags
        count = len(live.flagged(flags))
        done: Done = "blocked" if asked.action == "Block" else "rerouted" if asked.reroute else "monitored"
        if count:
            self._say(Verdict("plugin", "input", plugin.name, "matched", done, count=count, policy=plugin.policy))
            self._rerouted = self._rerouted or asked.reroute
        if count and asked.action == "Block":
            self._refusals.append((f"plug-in {plugin.name} flags it", None))
        return count > 0

    def _plugin_failed(self, live: LivePlugin, reason: str) -> None:
        plugin = live.plugin
        done: Done = "blocked" if live.fails_closed else "rerouted" if live.restricts else "none"
        self._say(Verdict("plugin", "input", plugin.name, "failed", done, policy=plugin.policy))
        if live.fails_closed:
            raise failed(f"plug-in {plugin.name}: {reason}")
        self._rerouted = self._rerouted or live.restricts
        self._trail.unlooked = self._trail.unlooked or live.acts

    def _again(self) -> None:
        """What was found in one place stands in others too."""
        for index, found in repeated(self._leaves.items, self._leaves.page, self._matches).items():
            self._matches.setdefault(index, []).extend(found)

    def _tell(self) -> None:
        """One verdict for each rule that matched, and one for each check that did not."""
        items = self._leaves.items
        found = [(index, match) for index, matches in self._matches.items() for match in matches]
        heard = [(name, match) for name, matches in self._in_headers.items() for match in matches]
        values = [(items[index].text[match.start : match.end], match) for index, match in found]
        groups = grouped([*values, *((self._headers[name][one.start : one.end], one) for name, one in heard)])
        for verdict in self.masks.verdicts("input", groups):
            self._say(verdict)
        self._rerouted = self._rerouted or any(match.reroute for _, match in (*found, *heard))
        placed = [*((items[index].place, match) for index, match in found), *heard]
        blocking = sorted(placed, key=lambda one: (one[1].check, one[1].rule, one[1].policy))
        self._refusals += [(f"it holds {_named(match)}", where) for where, match in blocking if match.action == "Block"]
        seen = {check for check, _, _ in groups}
        for check in sorted({check_of(entity) for entity in self._guard.scanned_input} - seen):
            if not any(verdict.check == check for verdict in self._trail.verdicts):
                self._say(Verdict(check, "input", check, "passed"))

    def _mask(self) -> None:
        stretches = {index: masked(matches) for index, matches in self._matches.items()}
        items, masks = self._leaves.items, self.masks
        for index, found in stretches.items():
            for match in found:
                masks.table.add(match.entity, items[index].text[match.start : match.end], restore=match.restore)
        masks.asked = placeholders_in(self._leaves.page)
        new: dict[int, str] = {}
        for index, leaf in enumerate(items):
            matches = stretches.get(index, ())
            if matches or masks.asked:
                signed = leaf.part == "assistant" and _THOUGHTS.search(leaf.place) is not None
                text = masks.pieces(leaf.text, matches, bare=leaf.bare, signed=signed)
                if text != leaf.text:
                    new[index] = text
        self._put(new)
        if self._headers and self._guard.acts:
            self._exchange.withheld = withheld(self._headers, self._in_headers, masks.table.values)

    def _put(self, new: dict[int, str]) -> None:
        """The masked forms in the place of all that the exchange holds of the body.

        A guard that only watches touches nothing, not even members that a parser hides.
        """
        exchange, leaves = self._exchange, self._leaves
        if not self._guard.acts:
            return
        if exchange.body is exchange.parsed:
            exchange.raw = rewrite_raw(exchange.raw, exchange.body, leaves, new)
            exchange.parsed = exchange.body = leaves.rewritten(new) if new else exchange.body
        else:  # a prompt was put in: what the client sent is not what was read
            exchange.parsed = exchange.body = leaves.rewritten(new)
            exchange.raw = orjson.dumps(exchange.body)


def _named(match: Match) -> str:
    if match.check == "deny":
        return f"what the pattern {match.rule} denies"
    return f"{match.entity}, found by {match.rule}" if match.check == "plugin" else match.entity
