"""The outer guard: nothing of a question that must not leave goes on from here, and what was masked comes back in the answer.

Whatever is inside of this stage, the cache, the providers and what is told of the call, knows the masked text alone. Rules: a
rule without a guard costs a look-up and counts as bypassed; restoring fails open: what cannot be put back stays a placeholder.
"""

import logging

import orjson

from turnout_sidecar.answer_content import tell_answer
from turnout_sidecar.answers.formats import FORMATS
from turnout_sidecar.answers.kinds import Channel, Kind
from turnout_sidecar.exchange.call import Exchange, Proceed, Response
from turnout_sidecar.exchange.errors import CallError
from turnout_sidecar.exchange.guarded import Done, Verdict
from turnout_sidecar.faults import place
from turnout_sidecar.inspection import own_schema
from turnout_sidecar.inspection.answer import asks_json
from turnout_sidecar.inspection.aside import aside
from turnout_sidecar.inspection.guards import LiveGuard
from turnout_sidecar.inspection.json_kept import says_json
from turnout_sidecar.inspection.masks import Masks
from turnout_sidecar.inspection.put_back import PutBack, put_back
from turnout_sidecar.inspection.question import Question
from turnout_sidecar.inspection.refusing import failed
from turnout_sidecar.inspection.streams import Edited
from turnout_sidecar.masking.table import Table
from turnout_sidecar.ports.clock import Clock
from turnout_sidecar.runtime import Runtime

_LOG = logging.getLogger("turnout.guardrails")
_KEPT = frozenset({"previous_response_id", "conversation"})
"""Members of a call that goes on where its provider knows more of the conversation than it says."""
_ANSWERS = "chat"
"""The operation that has an answer in words."""


class GuardInput:
    """The stage: writes `exchange.guard` and `exchange.masks`. Raises CallError 400, 403 and 503."""

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
            question = await self._inspected(exchange, guard)
        finally:
            trail.took("input", began, self._clock.monotonic_ns())
        if question is None:
            return await proceed(exchange)
        trail.inspected = True
        exchange.masks = question.masks
        try:
            response = await proceed(exchange)
        except CallError as error:
            if not error.quoted or not _may_hold(exchange, question.masks):
                raise
            raise _error_restored(exchange, question.masks.table, error) from None
        tell_answer(exchange, response)  # before values are put back
        if exchange.endpoint.operation == _ANSWERS and _may_hold(exchange, question.masks):
            await self._restore(exchange, guard, question.masks, response)
        return response

    async def _inspected(self, exchange: Exchange, guard: LiveGuard) -> Question | None:
        """The question, looked at; None: it could not be, by a guard that only watches. Raises CallError 400, 403 and 503."""
        key = exchange.runtime.masking_key
        acts = guard.acts or guard.holds
        try:
            question = await aside(len(exchange.raw), lambda: Question(exchange, guard, key))
            await question.inspect()
            await aside(len(exchange.raw), lambda: own_schema.check(exchange, guard))
        except CallError:
            exchange.guard.rest(guard.unasked_in)
            if acts:
                raise
        except Exception as error:  # noqa: BLE001  boundary: what was not foreseen has not been looked at
            _LOG.error("call %s could not be looked at: %s", exchange.id, place(error))
            if acts:
                self._failed(exchange, guard, "blocked")
                raise failed("its body") from None
        else:
            return question
        self._failed(exchange, guard, "none")
        return None

    @staticmethod
    def _failed(exchange: Exchange, guard: LiveGuard, done: Done) -> None:
        exchange.guard.verdicts.append(Verdict("pii", "input", "pii", "failed", done))
        exchange.guard.rest(guard.unasked_in)

    async def _restore(self, exchange: Exchange, guard: LiveGuard, masks: Masks, response: Response) -> None:
        told = FORMATS[exchange.endpoint.format]
        table = masks.table
        as_asked = asks_json(exchange, guard)

        def edit(kind: Kind, text: str) -> str:  # thoughts may be signed: what comes back must be what was made
            if kind == "arguments" or (kind == "content" and _is_json(text)):
                return table.restore_json(text)
            return table.restore(text, exact=kind == "reasoning")

        def channel(kind: Kind, key: str) -> Channel:
            as_json = says_json(kind, key, asked=as_asked)
            return PutBack(table.stream(json=as_json, exact=kind == "reasoning"), exchange.id)

        if response.stream is not None:
            editor = told.editor(channel, None, put_back(edit, exchange.id))
            response.stream = Edited(response.stream, editor, exchange, lambda: _counted(exchange, table))
        elif response.body is not None:
            body = response.body
            try:
                response.body = await aside(len(body), lambda: told.whole(body, edit))
            except Exception as error:  # noqa: BLE001  boundary: restoring fails open, the placeholders stay
                _LOG.warning("the answer of call %s is not restored: %s", exchange.id, place(error))
            _counted(exchange, table)


def _may_hold(exchange: Exchange, masks: Masks) -> bool:
    """Whether the answer may hold placeholders: this call's, those it named, or those of turns that its provider keeps."""
    return bool(masks.table.live or masks.asked) or not _KEPT.isdisjoint(exchange.body)


def _error_restored(exchange: Exchange, table: Table, error: CallError) -> CallError:
    """An error in the words of a provider, which repeat what it was sent: put back as in an answer, for the caller alone."""
    try:
        restored = error.told(table.restore)
    except Exception as fault:  # noqa: BLE001  boundary: restoring fails open, the placeholders stay
        _LOG.warning("the error of call %s is not restored: %s", exchange.id, place(fault))
        return error
    _counted(exchange, table)
    return restored


def _is_json(text: str) -> bool:
    if not text.lstrip().startswith(("{", "[")):
        return False
    try:
        orjson.loads(text)
    except ValueError:
        return False
    return True


def _counted(exchange: Exchange, table: Table) -> None:
    exchange.guard.restored = table.restored
    exchange.guard.unresolved = table.unresolved
