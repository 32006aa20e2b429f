"""What a caller was answered, told to the call's trace where content is asked for.

Who knows the answer in the form that may be told calls `tell_answer`: the stage that puts the values of placeholders back calls it
before it does, so that telemetry is told what the provider was, masked; else `stages.record` does, outermost. The first one tells,
and the others find it done.

Rules: a stream is put together from the frames that go by and told when it ends, breaks off or is left, before its call is settled;
what cannot be put together is not told, and breaks no stream; a call whose content nobody wants costs one look.
"""

import logging

from turnout_sidecar.exchange.call import ByteStream, Exchange, Response
from turnout_sidecar.faults import place
from turnout_sidecar.wire.collected import Collecting, collecting

_LOG = logging.getLogger("turnout.gateway")


def tell_answer(exchange: Exchange, response: Response) -> None:
    """Tell the trace of this answer, once for a call; a stream is wrapped in one that tells it."""
    trace = exchange.trace
    if trace is None or not trace.wants_content or exchange.answer_told:
        return
    exchange.answer_told = True
    if response.stream is not None:
        response.stream = _Told(response.stream, exchange, collecting(exchange.endpoint.format))
    elif response.body is not None:
        trace.answer(response.body)


class _Told:
    """A stream whose answer is told when it is over, however it ends."""

    __slots__ = ("_collected", "_exchange", "_inner")

    def __init__(self, inner: ByteStream, exchange: Exchange, collected: Collecting) -> None:
        self._inner = inner
        self._exchange = exchange
        self._collected: Collecting | None = collected

    def __aiter__(self) -> "_Told":
        return self

    async def __anext__(self) -> bytes:
        try:
            piece = await self._inner.__anext__()
        except BaseException:  # its end too
            self._tell()
            raise
        self._collect(piece)
        return piece

    async def aclose(self) -> None:
        """Let go."""
        try:
            await self._inner.aclose()
        finally:
            self._tell()

    def _collect(self, piece: bytes) -> None:
        try:
            if self._collected is not None:
                self._collected.feed(piece)
        except Exception as error:  # noqa: BLE001  boundary: what is only told of an answer cannot break it
            _LOG.warning("the content of call %s is not told: %s", self._exchange.id, place(error))
            self._collected = None

    def _tell(self) -> None:
        collected, self._collected = self._collected, None
        try:
            answer = None if collected is None else collected.answer()
            if answer is not None:
                self._exchange.trace.answer(answer)
        except Exception as error:  # noqa: BLE001  boundary: as above
            _LOG.warning("the content of call %s is not told: %s", self._exchange.id, place(error))
