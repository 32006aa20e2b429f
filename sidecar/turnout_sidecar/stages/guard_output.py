"""The inner guard: an answer is looked at while it is still masked, and given, masked further, asked for again, or refused.

It stands between the cache and the call, so that the cache keeps what may be given, and a hit is not looked at again. Rules: what
must be known whole before any of it is shown is held until then (a strict schema, a plug-in, a pattern without a bound); all else
streams, held back only as far as a match may still grow; a model is told once what is wrong, and each stronger one is asked once;
every attempt is paid for.
"""

import logging

from turnout_sidecar.answers.formats import FORMATS
from turnout_sidecar.answers.kinds import Kind
from turnout_sidecar.caching.replay import Replay
from turnout_sidecar.checks.asked import asked_schema
from turnout_sidecar.checks.correction import again
from turnout_sidecar.exchange.call import ByteStream, Exchange, Proceed, Response
from turnout_sidecar.exchange.errors import CallError
from turnout_sidecar.exchange.guarded import Done
from turnout_sidecar.faults import place
from turnout_sidecar.inspection.answer import Answer, Misshapen, asks_json
from turnout_sidecar.inspection.guards import LONGEST_HELD, LiveGuard
from turnout_sidecar.inspection.passing import AtOnce, Passing, Unchanged
from turnout_sidecar.inspection.refusing import refused, unread
from turnout_sidecar.inspection.streams import Edited, Watched, whole
from turnout_sidecar.ports.clock import Clock
from turnout_sidecar.routing import NOBODY
from turnout_sidecar.runtime import Runtime

_LOG = logging.getLogger("turnout.guardrails")
_GOOD = range(200, 300)
_WORDS = "chat"
"""The operation that has an answer in words."""


class GuardOutput:
    """The stage. Raises CallError 422, 502 and 503."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def __call__(self, exchange: Exchange, proceed: Proceed) -> Response:
        """See the module."""
        runtime: Runtime = exchange.runtime
        guard = runtime.guard_of(exchange.rule)
        response = await proceed(exchange)
        if guard is None or exchange.masks is None or exchange.endpoint.operation != _WORDS:
            return response
        if response.status not in _GOOD:
            return response
        answer = Answer(exchange, guard, exchange.masks)
        if response.stream is not None and guard.answers and not guard.holds:
            response.stream = self._watched(exchange, answer, response.stream)
            return response
        if response.stream is not None and not _must_be_whole(exchange, guard):
            if guard.answers:
                response.stream = self._passing(exchange, guard, answer, response.stream)
            return response
        if not guard.answers:
            answer.look(response.body or b"")
            return response
        return await _Judgement(exchange, proceed, answer, self._clock, holds=guard.holds).of(response)

    def _passing(self, exchange: Exchange, guard: LiveGuard, answer: Answer, stream: ByteStream) -> ByteStream:
        denied = guard.deny_output
        width = 0 if denied is None else denied.deny.widest or 0
        looks = bool(guard.scanned_output) or denied is not None
        told = FORMATS[exchange.endpoint.format]
        shapes = bool(guard.guard.schemas)
        passing = Passing(
            answer,
            told,
            lambda: exchange.aborted,
            width,
            looks=looks,
            shapes=shapes,
            asks_json=asks_json(exchange, guard),
        )
        return Edited(stream, passing, exchange, passing.ended, self._clock)

    def _watched(self, exchange: Exchange, answer: Answer, stream: ByteStream) -> ByteStream:
        """Nothing in it may become another: it passes as it is."""

        async def look(pieces: list[bytes]) -> None:
            began = self._clock.monotonic_ns()
            try:
                body = FORMATS[exchange.endpoint.format].collected(b"".join(pieces), exchange.usage)
                if body is None:
                    answer.not_run()
                else:
                    await answer.check(body)
            except Exception as error:  # noqa: BLE001  boundary: who only watches breaks nothing
                _LOG.error("the answer of call %s could not be looked at: %s", exchange.id, place(error))
                answer.failed(closed=False)
            finally:
                exchange.guard.took("output", began, self._clock.monotonic_ns())

        return Watched(stream, look, answer.not_run, lambda: exchange.aborted)


class _Judgement:
    """A whole answer, and the ones that were asked for in its place."""

    def __init__(self, exchange: Exchange, proceed: Proceed, answer: Answer, clock: Clock, *, holds: bool) -> None:
        self._holds = holds
        self._exchange = exchange
        self._proceed = proceed
        self._answer = answer
        self._clock = clock
        self._told = False

    async def of(self, response: Response) -> Response:
        """The answer that may be given. Raises CallError."""
        try:
            while True:
                body, pieces = await self._read(response)
                try:
                    checked = await self._checked(body)
                except Misshapen as wrong:
                    response = await self._another(wrong)
                    continue
                return self._given(response, checked, pieces)
        except CallError:
            self._answer.not_run()
            raise

    async def _checked(self, body: bytes) -> bytes:
        """The time of looking is told, and not that of asking again."""
        began = self._clock.monotonic_ns()
        try:
            return await self._answer.check(body)
        except (CallError, Misshapen):
            raise
        except Exception as error:  # noqa: BLE001  boundary: what was not foreseen has not been looked at
            _LOG.error("the answer of call %s could not be looked at: %s", self._exchange.id, place(error))
            self._answer.failed(closed=self._holds)
            if self._holds:
                raise unread("as a whole") from None
            return body
        finally:
            self._exchange.guard.took("output", began, self._clock.monotonic_ns())

    async def _read(self, response: Response) -> tuple[bytes, list[bytes] | None]:
        exchange = self._exchange
        if response.stream is None:
            return response.body or b"", None
        pieces = await whole(response.stream)
        if exchange.aborted:
            raise CallError(502, "upstream_incomplete", f"{exchange.response_backend} broke off its answer.")
        body = FORMATS[exchange.endpoint.format].collected(b"".join(pieces), exchange.usage)
        if body is None:
            raise unread("its stream cannot be put together")
        return body, pieces

    def _given(self, response: Response, checked: bytes, pieces: list[bytes] | None) -> Response:
        if pieces is None:
            response.body = checked
        else:
            response.stream = Replay(filter(None, self._shown(pieces)))
        return response

    def _shown(self, pieces: list[bytes]) -> list[bytes]:
        """The pieces of a stream that was checked as a whole, edited alike. Raises CallError (422).

        What the whole does not hold, such as an unknown member of a piece, is looked at here; where nothing changes the pieces
        stay as they are cut.
        """
        changes = 0

        def edit(kind: Kind, text: str) -> str:
            nonlocal changes
            given = self._answer.edit(kind, text)
            changes += given != text
            return given

        told = FORMATS[self._exchange.endpoint.format]
        editor = told.editor(lambda kind, _: AtOnce(kind, edit), None, edit, echo=False)
        edited = [*map(editor.feed, pieces), editor.finish()]
        if changes:
            return edited
        editor = told.editor(lambda _, __: Unchanged(), None, lambda _, text: text, echo=False)
        return [*map(editor.feed, pieces), editor.finish()]

    async def _another(self, wrong: Misshapen) -> Response:
        """Another answer in the place of one that does not have its shape. Raises CallError."""
        why = refused(f"{error.path or 'the answer'}: {error.message}" for error in wrong.errors)
        if wrong.wish == "Escalate":
            return await self._stronger(wrong, why)
        exchange = self._exchange
        asked = exchange.body
        corrected = None
        if wrong.wish == "Retry" and not self._told:
            corrected = again(exchange.endpoint.name, asked, wrong.answer, wrong.errors, choice=wrong.choice)
        if corrected is None:
            self._answer.tell_misshapen(wrong.wrong, "blocked")
            raise why
        self._answer.tell_misshapen(wrong.wrong, "retried")
        self._told = True
        exchange.body = corrected
        try:
            return await self._proceed(exchange)
        finally:
            exchange.body = asked

    async def _stronger(self, wrong: Misshapen, why: CallError) -> Response:
        exchange = self._exchange
        exchange.above_tier = exchange.attempts[-1].model.tier if exchange.attempts else None
        done: Done = "escalated"
        try:
            return await self._proceed(exchange)
        except CallError as error:
            if error.code != NOBODY:
                raise
            done = "blocked"
            raise why from None
        finally:
            self._answer.tell_misshapen(wrong.wrong, done)


def _must_be_whole(exchange: Exchange, guard: LiveGuard) -> bool:
    """Whether a stream cannot be shown before its end is known."""
    if guard.plugins_out:
        return True
    denied = guard.deny_output
    if denied is not None and (denied.deny.widest is None or denied.deny.widest > LONGEST_HELD):
        return True
    strict = [wanted for wanted in guard.guard.schemas if wanted.strict and wanted.on_violation != "Monitor"]
    if not strict:
        return False
    asks = asked_schema(exchange.endpoint.name, exchange.body) is not None
    return asks or any(wanted.schema is not None for wanted in strict)
