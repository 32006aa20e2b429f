"""Names that a caller chose itself, as logs and spans may tell them: a model's name beyond a prefix, team, use case, outcome.

They leave for no provider, but they are told of the call, and a person's address serves some as an outcome's name. What the guard
of the call would not let leave in a question is masked in them, with placeholders that are the same for all calls of a team, so
that what is told of them adds up.

Rules: only what a caller said itself is looked at, and what a guard acts on; a call that ended before it had a rule is looked at
with all guards; what could not be looked at is masked whole; plug-ins are not asked; no name is kept beyond the call.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from typing import Final

from turnout_sidecar.exchange.call import Exchange
from turnout_sidecar.exchange.header_lines import joined
from turnout_sidecar.faults import place
from turnout_sidecar.guarding import scanner
from turnout_sidecar.guarding.findings import Finding
from turnout_sidecar.inspection.guards import LiveGuard
from turnout_sidecar.inspection.masks import partition_of
from turnout_sidecar.inspection.matches import TEXT, Match, masked
from turnout_sidecar.masking.placeholders import Masker
from turnout_sidecar.masking.placeholders import masked as cut

_LOG = logging.getLogger("turnout.guardrails")
TRACE: Final = "tracestate"
_TEAM: Final = "x-turnout-team"
_TOLD: Final = "told"
"""One conversation for all: what is told of a team adds up over its calls."""
_MOST_REMEMBERED: Final = 4096


def tell(exchange: Exchange) -> None:
    """Before a call is told of: what stands for its names in `exchange.renamed`, and a state of its trace that is not told."""
    texts = list(_chosen(exchange))
    state = joined(exchange.headers, TRACE)
    guards = list(_guards(exchange)) if texts or state else []
    if not guards:
        return
    masker = _masker(exchange)
    renamed = {text: _renamed(exchange, text, guards, masker) for text in texts}
    exchange.renamed = {text: told for text, told in renamed.items() if told != text}
    if state and TRACE not in exchange.withheld and _renamed(exchange, state, guards, masker) != state:
        exchange.withheld = exchange.withheld | {TRACE}


def _chosen(exchange: Exchange) -> Iterator[str]:
    route, caller = exchange.route, exchange.caller
    if route is not None and exchange.model not in route.models:
        yield exchange.model
    if caller is None or not caller.trust:
        return
    if "Team" in caller.trust and _TEAM in exchange.headers:
        yield caller.team
    yield from filter(None, (caller.use_case, caller.outcome_id))


def _guards(exchange: Exchange) -> Iterable[LiveGuard]:
    runtime = exchange.runtime
    if exchange.rule is None:
        return [guard for guard in runtime.guards.values() if guard.acts]
    guard = runtime.guard_of(exchange.rule)
    return [guard] if guard is not None and guard.acts else []


def _masker(exchange: Exchange) -> Masker:
    runtime = exchange.runtime
    return Masker(runtime.masking_key, partition_of(runtime.namespace, exchange.caller), _TOLD)


def _renamed(exchange: Exchange, text: str, guards: Sequence[LiveGuard], masker: Masker) -> str:
    try:
        found = [match for guard in guards for match in _matches(text, guard)]
    except Exception as error:  # noqa: BLE001  boundary: what was not looked at is not told
        _LOG.error("a name of call %s could not be looked at: %s", exchange.id, place(error))
        return masker.placeholder(TEXT, text)
    return cut(text, masked(found), lambda match, value: masker.placeholder(match.entity, value)) if found else text


def _matches(text: str, guard: LiveGuard) -> Iterator[Match]:
    treated = guard.input
    entities = frozenset(
        entity for entity in guard.scanned_input if treated[entity].action != "Monitor" or treated[entity].reroute
    )
    for finding in _found(text, entities) if entities else ():
        yield Match(finding.start, finding.end, finding.entity, "pii", finding.entity, "Mask")
    for match in guard.deny_input.matches(text) if guard.deny_input is not None else ():
        if match.action != "Monitor":
            yield match._replace(action="Mask")


class _Seen:
    """What was found in names, by their digest: a team's calls are many. All is forgotten when it is too much."""

    def __init__(self) -> None:
        self._known: dict[tuple[bytes, frozenset[str]], tuple[Finding, ...]] = {}

    def found(self, text: str, entities: frozenset[str]) -> tuple[Finding, ...]:
        """What the gateway finds in a text."""
        key = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest(), entities
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= _MOST_REMEMBERED:
                self._known.clear()
            known = self._known[key] = tuple(scanner.scan(text, entities))
        return known


_found = _Seen().found
