"""The outer guard: nothing of a question that must not leave goes on from here, and what was masked comes back in the answer.

Whatever is inside of this stage, the cache, the providers and what is told of the call, knows the masked text alone. Rules: a
rule without a guard costs a look-up and counts as bypassed; restoring fails open: what cannot be put back stays a placeholder.
"""

import logging

from turnout_sidecar.answer_content import tell_answer
from turnout_sidecar.answers.formats import FORMATS
from turnout_sidecar.answers.kinds import Channel, Kind
from turnout_sidecar.exchange.call import Exchange, Proceed, Response
from turnout_sidecar.faults import place
from turnout_sidecar.inspection.masks import Masks
from turnout_sidecar.inspection.question import Question
from turnout_sidecar.inspection.streams import Edited
from turnout_sidecar.masking.table import Table
from turnout_sidecar.ports.clock import Clock
from turnout_sidecar.runtime import Runtime

_LOG = logging.getLogger("turnout.guardrails")
_ANSWERS = "chat"
"""The operation that has an answer in words."""


class GuardInput:
    """The stage: writes `exchange.guard` and `exchange.masks`. Raises CallError 403 and 503."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def __call__(self, exchange: Exchange, proceed: Proceed) -> Response:
        """See the module."""
        runtime: Runtime = exchange.runtime
        guard = runtime.guard_of(exchange.rule)
        if guard is None:
            return await proceed(exchange)
        trail = exchange.guard
        trail.guarded = True
        trail.policies = guard.guard.policies
        began = self._clock.monotonic_ns()
        try:
            question = Question(exchange, guard, runtime.masking_key)
            await question.inspect()
        finally:
            trail.took("input", began, self._clock.monotonic_ns())
        trail.inspected = True
        exchange.masks = question.masks
        response = await proceed(exchange)
        tell_answer(exchange, response)  # before values are put back
        if question.masks.table.live and exchange.endpoint.operation == _ANSWERS:
            self._restore(exchange, question.masks, response)
        return response

    def _restore(self, exchange: Exchange, masks: Masks, response: Response) -> None:
        told = FORMATS[exchange.endpoint.format]
        table = masks.table
        exact = exchange.endpoint.format == "messages"  # what is signed must come back as it was

        def edit(kind: Kind, text: str) -> str:
            if kind == "arguments":
                return table.restore_json(text)
            return table.restore(text, exact=exact and kind == "reasoning")

        def channel(kind: Kind, key: str) -> Channel:
            del key
            return table.stream(json=kind == "arguments", exact=exact and kind == "reasoning")

        if response.stream is not None:
            editor = told.editor(channel, None, edit)
            response.stream = Edited(response.stream, editor, exchange, lambda: _counted(exchange, table))
        elif response.body is not None:
            try:
                response.body = told.whole(response.body, edit)
            except Exception as error:  # noqa: BLE001  boundary: restoring fails open, the placeholders stay
                _LOG.warning("the answer of call %s is not restored: %s", exchange.id, place(error))
            _counted(exchange, table)


def _counted(exchange: Exchange, table: Table) -> None:
    exchange.guard.restored = table.restored
    exchange.guard.unresolved = table.unresolved
