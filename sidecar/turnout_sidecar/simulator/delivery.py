"""A reply on its way out: at the pace that was asked for, or with what was made to go wrong.

Frames are timed from the start of the reply, not from each other, so that a busy machine does not make a stream slower than
it was told to be. A client that leaves cancels the handler, wherever it waits.
"""

import asyncio
from typing import Final

from aiohttp import web

from turnout_sidecar.simulator.calls import Call
from turnout_sidecar.simulator.dialect import Reply
from turnout_sidecar.simulator.faults import Fault

_SHORTEST_WAIT: Final = 0.001


class Pace:
    """When each token is due. `tokens_per_second` 0: at once."""

    def __init__(self, latency: float, tokens_per_second: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._due = self._loop.time() + latency
        self._per_token = 1 / tokens_per_second if tokens_per_second else 0.0

    async def after(self, tokens: int) -> None:
        """Wait until so many more tokens are due."""
        self._due += tokens * self._per_token
        wait = self._due - self._loop.time()
        if wait > _SHORTEST_WAIT:
            await asyncio.sleep(wait)


async def deliver(request: web.Request, reply: Reply, fault: Fault, pace: Pace, call: Call) -> web.StreamResponse:
    """Send `reply`, or as much of it as `fault` lets through; `call` remembers how it ended."""
    call.status = reply.status
    try:
        await pace.after(0)
        if fault.hang == "headers":
            await _hang()
        headers = {"content-type": reply.content_type, **dict(reply.headers)}
        response = web.StreamResponse(status=reply.status, headers=headers)
        if reply.frames is None:
            await pace.after(reply.tokens)
            response.content_length = len(reply.body)
            await response.prepare(request)
            await _send_body(request, response, reply.body, fault)
        else:
            await response.prepare(request)
            await _send_frames(request, response, reply, fault, pace)
        call.ending = "answered" if fault.cut is None else "cut"
    except (asyncio.CancelledError, ConnectionError):
        call.ending = "client-left"
        raise
    return response


async def _send_body(request: web.Request, response: web.StreamResponse, body: bytes, fault: Fault) -> None:
    if fault.hang is not None:
        if fault.hang == "middle":
            await response.write(body[: len(body) // 2])
        await _hang()
    if fault.cut is not None:
        await response.write(body[: fault.cut])
        _cut(request)
        return
    await _write(response, body, 1, fault)
    await response.write_eof()


async def _send_frames(
    request: web.Request, response: web.StreamResponse, reply: Reply, fault: Fault, pace: Pace
) -> None:
    frames = reply.frames or ()
    for index, frame in enumerate(frames):
        if fault.hang == "first-token" or (fault.hang == "middle" and index == len(frames) // 2):
            await _hang()
        if fault.cut is not None and index >= fault.cut:
            _cut(request)
            return
        await pace.after(frame.tokens)
        await _write(response, frame.data, len(frames), fault)
    if fault.cut is not None:
        _cut(request)
        return
    await response.write_eof()


async def _write(response: web.StreamResponse, data: bytes, parts: int, fault: Fault) -> None:
    """All at once, or dripping: then this is one of `parts` among which the time is shared out."""
    if fault.drip is None:
        await response.write(data)
        return
    share = fault.drip / parts
    drops = len(data) if not share else max(1, min(len(data), int(share / _SHORTEST_WAIT)))
    size = -(-len(data) // drops) if data else 1
    for start in range(0, len(data), size):
        await asyncio.sleep(share / drops)
        await response.write(data[start : start + size])


def _cut(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.close()


async def _hang() -> None:
    await asyncio.get_running_loop().create_future()
