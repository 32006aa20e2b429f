"""The inner guard: an answer is looked at while it is still masked, and given, masked further, asked for again, or refused.

It stands between the cache and the call, so that the cache keeps what may be given, and a hit is not looked at again. Rules: what
must be known whole before any of it is shown is held until then (a strict schema, a plug-in, a pattern without a bound); all else
streams, held back only as far as a match may still grow; a model is told once what is wrong, and each stronger one is asked once;
every attempt is paid for.
"""

from turnout_sidecar.answers.formats import FORMATS
from turnout_sidecar.checks.asked import asked_schema
from turnout_sidecar.checks.correction import again
from turnout_sidecar.exchange.call import ByteStream, Exchange, Proceed, Response
from turnout_sidecar.exchange.errors import CallError
from turnout_sidecar.inspection.answer import Answer, Misshapen
from turnout_sidecar.inspection.guards import LONGEST_HELD, LiveGuard
from turnout_sidecar.inspection.passing import AtOnce, Passing
from turnout_sidecar.inspection.refusing import refused, unread
from turnout_sidecar.inspection.streams import Edited, Judged, whole
from turnout_sidecar.ports.clock import Clock
from turnout_sidecar.routing import NOBODY
from turnout_sidecar.runtime import Runtime

_OK = 200
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
        if guard is None or exchange.masks is None or exchange.endpoint.operation != _WORDS or response.status != _OK:
            return response
        answer = Answer(exchange, guard, exchange.masks)
        if response.stream is not None and not _must_be_whole(exchange, guard):
            if guard.answers:
                response.stream = self._passing(exchange, guard, answer, response.stream)
            return response
        if not guard.answers:
            answer.look(response.body or b"")
            return response
        return await _Judgement(exchange, proceed, answer, self._clock).of(response)

    def _passing(self, exchange: Exchange, guard: LiveGuard, answer: Answer, stream: ByteStream) -> ByteStream:
        denied = guard.deny_output
        width = 0 if denied is None else denied.deny.widest or 0
        looks = bool(guard.scanned_output) or denied is not None
        passing = Passing(answer, width, looks=looks, schemas=guard.guard.schemas)
        told = FORMATS[exchange.endpoint.format]
        editor = told.editor(passing.make, passing.verdict, passing.whole)
        return Edited(stream, editor, exchange, passing.ended, self._clock)


class _Judgement:
    """A whole answer, and the ones that were asked for in its place."""

    def __init__(self, exchange: Exchange, proceed: Proceed, answer: Answer, clock: Clock) -> None:
        self._exchange = exchange
        self._proceed = proceed
        self._answer = answer
        self._clock = clock
        self._told = False

    async def of(self, response: Response) -> Response:
        """The answer that may be given. Raises CallError."""
        while True:
            body, pieces = await self._read(response)
            began = self._clock.monotonic_ns()
            try:
                checked = await self._answer.check(body)
            except Misshapen as wrong:
                response = await self._another(wrong)
                continue
            finally:
                self._exchange.guard.took("output", began, self._clock.monotonic_ns())
            return self._given(response, body, checked, pieces)

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

    def _given(self, response: Response, body: bytes, checked: bytes, pieces: list[bytes] | None) -> Response:
        if pieces is None:
            response.body = checked
        else:
            if checked != body:
                edit = self._answer.edit
                editor = FORMATS[self._exchange.endpoint.format].editor(lambda kind, _: AtOnce(kind, edit), None, edit)
                pieces = [*map(editor.feed, pieces), editor.finish()]
            response.stream = Judged(pieces)
        return response

    async def _another(self, wrong: Misshapen) -> Response:
        """Another answer in the place of one that does not have its shape."""
        why = refused(f"{error.path or 'the answer'}: {error.message}" for error in wrong.errors)
        if wrong.wish == "Escalate":
            return await self._stronger(why)
        if wrong.wish == "Block" or self._told:
            raise why
        self._told = True
        exchange = self._exchange
        asked = exchange.body
        corrected = again(exchange.endpoint.name, asked, wrong.answer, wrong.errors)
        if corrected is None:
            raise why
        exchange.body = corrected
        try:
            return await self._proceed(exchange)
        finally:
            exchange.body = asked

    async def _stronger(self, why: CallError) -> Response:
        exchange = self._exchange
        exchange.above_tier = exchange.attempts[-1].model.tier if exchange.attempts else None
        try:
            return await self._proceed(exchange)
        except CallError as error:
            if error.code == NOBODY:
                raise why from None
            raise


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
