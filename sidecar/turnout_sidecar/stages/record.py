"""The outermost stage: whatever becomes of a call, it is counted once, with the money of every attempt.

It settles on every way out: after an answer, an error, a cancellation, and for a stream when it ends or is left. Rules: the cost
of a call is the sum over its attempts, failed ones too, and unknown where that of any attempt is unknown; a hit costs
nothing; telemetry is told once and cannot make a call fail.
"""

import asyncio

from turnout_sidecar.answer_content import tell_answer
from turnout_sidecar.exchange.call import ByteStream, Exchange, Proceed, Response
from turnout_sidecar.exchange.errors import CallError
from turnout_sidecar.inspection import names
from turnout_sidecar.ports.telemetry import Telemetry

CLIENT_CLOSED_REQUEST = 499  # never sent: nobody is there


class Record:
    """The stage."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry

    async def __call__(self, exchange: Exchange, proceed: Proceed) -> Response:
        """Fills in status, error and cost, and tells telemetry."""
        try:
            response = await proceed(exchange)
        except BaseException as error:
            self._failed(exchange, error)
            raise
        exchange.status = response.status
        tell_answer(exchange, response)
        if response.stream is None:
            self.settle(exchange)
        else:
            response.stream = _Settled(response.stream, exchange, self)
        return response

    def _failed(self, exchange: Exchange, error: BaseException) -> None:
        if isinstance(error, CallError):
            exchange.status = error.status
            exchange.error = error.code
        elif isinstance(error, asyncio.CancelledError):
            self.left(exchange)
        else:
            exchange.status = 500
            exchange.error = "internal"
        self.settle(exchange)

    @staticmethod
    def left(exchange: Exchange) -> None:
        """The client has gone."""
        exchange.client_gone = True
        exchange.error = "client_gone"
        exchange.status = exchange.status or CLIENT_CLOSED_REQUEST

    def settle(self, exchange: Exchange) -> None:
        """Count the call, once."""
        if exchange.settled:
            return
        exchange.settled = True
        total: int | None = 0
        for attempt in exchange.attempts:
            total = None if total is None or attempt.cost_nano is None else total + attempt.cost_nano
        exchange.cost_nano = total
        names.tell(exchange)
        self._telemetry.end(exchange)


class _Settled:
    """A stream that settles its call when it ends, however it ends."""

    __slots__ = ("_exchange", "_inner", "_over", "_record")

    def __init__(self, inner: ByteStream, exchange: Exchange, record: Record) -> None:
        self._inner = inner
        self._exchange = exchange
        self._record = record
        self._over = False

    def __aiter__(self) -> "_Settled":
        return self

    async def __anext__(self) -> bytes:
        try:
            piece = await self._inner.__anext__()
        except StopAsyncIteration:
            self._over = True
            self._record.settle(self._exchange)
            raise
        except asyncio.CancelledError:
            await self.aclose()
            raise
        except BaseException:
            self._over = True
            self._exchange.aborted = True
            self._exchange.error = "internal"
            await self._inner.aclose()
            self._record.settle(self._exchange)
            raise
        return piece

    async def aclose(self) -> None:
        """Let go. What was not read to its end has been left."""
        if self._over:
            return
        self._over = True
        self._record.left(self._exchange)
        self._exchange.aborted = True
        try:
            await self._inner.aclose()
        finally:
            self._record.settle(self._exchange)
