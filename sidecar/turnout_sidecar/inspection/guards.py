"""A Guard of the snapshot made ready to run, and what all guards of a gateway share.

`Guarding` lives as long as the gateway: the random key that placeholders are made with where there is none, and the detectors,
which keep their connections and their count of calls in flight over changes of the configuration. `LiveGuard` is one Guard.

Rules: a guard that cannot be built is a ValueError that names the field, never a guard that lacks something.
"""

import asyncio
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from turnout_contract.snapshot.guards import SECRET, Guard, Pattern, Plugin, Treatment
from turnout_sidecar.checks.deny import Deny
from turnout_sidecar.exchange.guarded import Check, Verdict
from turnout_sidecar.guarding import scanner
from turnout_sidecar.guarding.findings import Finding
from turnout_sidecar.inspection.matches import TEXT, Match, of_finding
from turnout_sidecar.plugins.opening import Detectors
from turnout_sidecar.ports.detector import Detector, Flag
from turnout_sidecar.ports.upstream import Upstream

KEY_BYTES = 32
LONGEST_HELD = 512
"""Characters that a stream is held back for a pattern at most; a pattern that may match more sees the whole answer."""


class LivePlugin(NamedTuple):
    """A plug-in, whom it is asked by, and what is done with what it finds on one side."""

    plugin: Plugin
    detector: Detector
    treatments: Mapping[str, Treatment]

    @property
    def fails_closed(self) -> bool:
        """Whether nothing passes that it could not look at."""
        return self.plugin.enforced and not self.plugin.fail_open

    @property
    def restricts(self) -> bool:
        """Whether a question that it could not look at goes on as a Restricted one: it was to mask, block or reroute."""
        acts = any(one.fail_open and (one.action != "Monitor" or one.reroute) for one in self.treatments.values())
        return self.plugin.enforced and acts

    @property
    def acts(self) -> bool:
        """Whether what it says may change what becomes of a call."""
        treats = any(one.action != "Monitor" or one.reroute for one in self.treatments.values())
        flags = self.plugin.flags
        return self.plugin.enforced and (treats or flags.action == "Block" or flags.reroute)

    @property
    def holds(self) -> bool:
        """Whether a call waits for what it says."""
        acts = any(treatment.action != "Monitor" for treatment in self.treatments.values())
        return self.fails_closed or (self.plugin.enforced and (acts or self.plugin.flags.action == "Block"))

    def matches(self, findings: Iterable[Finding]) -> Iterator[Match]:
        """What it found in a text, of what it is asked for."""
        plugin = self.plugin
        for finding in findings:
            treatment = self.treatments.get(finding.entity)
            if treatment is not None:
                yield of_finding(finding, treatment, "plugin", plugin.name, plugin.policy)

    def flagged(self, flags: Iterable[Flag]) -> list[Flag]:
        """Its flags that matter."""
        return [flag for flag in flags if flag.score >= self.plugin.flags.threshold]


class Denied(NamedTuple):
    """Patterns of one's own, together, and each by the name of its hits: two policies may use one name."""

    deny: Deny
    patterns: Mapping[str, Pattern]

    @property
    def acts(self) -> bool:
        """Whether any of them does more than count."""
        return any(pattern.action != "Monitor" for pattern in self.patterns.values())

    def matches(self, text: str) -> Iterator[Match]:
        """Where they are in a text."""
        for hit in self.deny.find(text):
            pattern = self.patterns[hit.name]
            yield Match(hit.start, hit.end, TEXT, "deny", pattern.name, pattern.action, policy=pattern.policy)


class LiveGuard:
    """See the module."""

    __slots__ = (
        "acts",
        "answers",
        "deny_input",
        "deny_output",
        "guard",
        "holds",
        "input",
        "output",
        "plugins_in",
        "plugins_out",
        "scanned_input",
        "scanned_output",
        "unasked_in",
        "unasked_out",
    )

    def __init__(self, guard: Guard, detectors: Mapping[Plugin, Detector]) -> None:
        """Raises ValueError for a pattern that is none."""
        self.guard = guard
        self.input = {treatment.entity: treatment for treatment in guard.input}
        self.output = {treatment.entity: treatment for treatment in guard.output}
        self.scanned_input = scanner.ENTITIES & self.input.keys()
        self.scanned_output = scanner.ENTITIES & self.output.keys()
        self.deny_input = _denied(guard.deny_input)
        self.deny_output = _denied(guard.deny_output)
        self.plugins_in = tuple(_asked(guard.plugins, detectors, "input"))
        self.plugins_out = tuple(_asked(guard.plugins, detectors, "output"))
        self.unasked_in = tuple(self._unasked_in())
        """What each check of a question says where it was never asked."""
        self.unasked_out = tuple(self._unasked_out())
        """The same of an answer."""
        self.answers = bool(guard.output or guard.deny_output or guard.schemas or self.plugins_out)
        """Whether answers are looked at."""
        self.acts = self._acts()
        """Whether a question may leave otherwise than it came, or not at all; else it is only watched."""
        self.holds = self._holds()
        """Whether an answer may become another than its provider gave; else it is only watched."""

    def _acts(self) -> bool:
        guard = self.guard
        actions: list[str] = [one.action for one in guard.deny_input]
        actions += [one.action for one in guard.token_limits]
        actions += ["Reroute" if one.reroute else one.action for one in guard.input]
        actions += ["Reroute" if one.reroute else one.action for one in guard.injections]
        return (
            any(action != "Monitor" for action in actions)
            or guard.binary_parts == "Block"
            or any(live.fails_closed or live.acts for live in self.plugins_in)
        )

    def _unasked_in(self) -> Iterator[Verdict]:
        guard = self.guard
        checks: set[Check] = {check_of(entity) for entity in self.scanned_input}
        others: tuple[tuple[Check, object], ...] = (
            ("deny", guard.deny_input),
            ("injection", guard.injections),
            ("tokens", guard.token_limits),
        )
        checks.update(check for check, there in others if there)
        yield from (Verdict(check, "input", check, "not_run") for check in sorted(checks))
        for live in self.plugins_in:
            yield Verdict("plugin", "input", live.plugin.name, "not_run", policy=live.plugin.policy)

    def _unasked_out(self) -> Iterator[Verdict]:
        checks: set[Check] = {check_of(entity) for entity in self.scanned_output}
        if self.deny_output is not None:
            checks.add("deny")
        yield from (Verdict(check, "output", check, "not_run") for check in sorted(checks))
        for live in self.plugins_out:
            yield Verdict("plugin", "output", live.plugin.name, "not_run", policy=live.plugin.policy)
        for wanted in self.guard.schemas:
            yield Verdict("schema", "output", "schema", "not_run", policy=wanted.policy)

    def _holds(self) -> bool:
        actions = [one.action for one in self.guard.output] + [one.action for one in self.guard.deny_output]
        wishes = [one.on_violation for one in self.guard.schemas]
        acts = any(action != "Monitor" for action in (*actions, *wishes))
        return acts or any(live.holds for live in self.plugins_out)


class Guarding:
    """See the module."""

    def __init__(self, upstream: Upstream) -> None:
        self._detectors = Detectors(upstream)
        self._before: list[Plugin] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self.random_key = os.urandom(KEY_BYTES)

    def live(self, guard: Guard) -> LiveGuard:
        """A guard, ready to run. Raises ValueError."""
        return LiveGuard(guard, {plugin: self._detectors.of(plugin) for plugin in guard.plugins})

    def settle(self, guards: Iterable[Guard]) -> None:
        """These are in force now: detectors that neither they nor those before them name are let go.

        Calls that began under the last configuration still ask its detectors.
        """
        plugins = [plugin for guard in guards for plugin in guard.plugins]
        wanted, self._before = [*plugins, *self._before], plugins
        task = asyncio.get_running_loop().create_task(self._detectors.keep(wanted), name="detectors-keep")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Let go of all."""
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._detectors.close()


def check_of(entity: str) -> Check:
    """The name of the check that an entity belongs to."""
    return "secrets" if entity == SECRET else "pii"


def _denied(patterns: tuple[Pattern, ...]) -> Denied | None:
    if not patterns:
        return None
    named = {f"{pattern.policy}: {pattern.name}": pattern for pattern in patterns}
    return Denied(Deny({name: pattern.pattern for name, pattern in named.items()}), named)


def _asked(plugins: tuple[Plugin, ...], detectors: Mapping[Plugin, Detector], side: str) -> Iterable[LivePlugin]:
    for plugin in plugins:
        treatments = plugin.input if side == "input" else plugin.output
        if treatments:
            yield LivePlugin(plugin, detectors[plugin], {treatment.entity: treatment for treatment in treatments})
