"""From an exchange and its response to bytes on the wire: the `x-turnout-*` headers, whole answers, streams and errors.

Rules: every answer carries the request's id and the version of the configuration; a header says only what is known when it
is written (of a stream the rest is in the log and the trace); the cost is absent where it is unknown, never zero for it.
"""

from aiohttp import web
from multidict import CIMultiDict

from turnout_contract import money
from turnout_sidecar.exchange.call import ByteStream, Exchange, Response
from turnout_sidecar.exchange.errors import CallError
from turnout_sidecar.front import SERVER
from turnout_sidecar.shapes import error_body, shape_of

HITS = frozenset({"exact", "semantic"})
MOST_DROPPED = 32
_ID_HEADERS = {
    "chat": "x-request-id",
    "responses": "x-request-id",
    "embeddings": "x-request-id",
    "messages": "request-id",
}
_JSON = "application/json"
_NO_CONTROLS = dict.fromkeys((*range(32), 44, 127), "?")


def headers_of(exchange: Exchange, *, streaming: bool) -> CIMultiDict[str]:
    """What is known of the call by now."""
    headers = CIMultiDict(
        {
            "x-turnout-request-id": exchange.id,
            _ID_HEADERS[exchange.endpoint.format]: exchange.id,  # where the API's own clients look for it
            "x-turnout-config": exchange.runtime.version,
            "Server": SERVER,
        }
    )
    route = exchange.route
    if route is None:
        return headers
    headers["x-turnout-route"] = route.name
    if exchange.rule is not None:
        headers["x-turnout-rule"] = exchange.rule.name
        headers["x-turnout-cache"] = exchange.cache_state
        headers["x-turnout-attempts"] = str(len(exchange.attempts))
    if exchange.response_backend:
        headers["x-turnout-backend"] = exchange.response_backend
    if exchange.dropped:
        headers["x-turnout-dropped"] = _listed(exchange.dropped)
    if exchange.cache_state in HITS:
        headers["x-turnout-cost-usd"] = "0"
    elif exchange.attempts and exchange.cost_nano is not None and not streaming:
        headers["x-turnout-cost-usd"] = money.format_usd(exchange.cost_nano)
    return headers


def whole(exchange: Exchange, response: Response) -> web.Response:
    """A whole answer."""
    headers = headers_of(exchange, streaming=False)
    headers.update(response.headers)
    return web.Response(status=response.status, body=response.body, headers=headers)


def failed(exchange: Exchange, error: CallError) -> web.Response:
    """An error of a call."""
    headers = headers_of(exchange, streaming=False)
    headers.update(error.headers)
    headers["Content-Type"] = _JSON
    shape = shape_of(exchange.endpoint, exchange.headers)
    return web.Response(status=error.status, body=error_body(shape, error), headers=headers)


def refused(error: CallError, request_id: str, version: str, shape: str) -> web.Response:
    """An error before there was a call."""
    headers = CIMultiDict({"x-turnout-request-id": request_id, "Server": SERVER, "Content-Type": _JSON})
    if version:
        headers["x-turnout-config"] = version
    headers.update(error.headers)
    return web.Response(status=error.status, body=error_body(shape, error), headers=headers)


def _listed(names: tuple[str, ...]) -> str:
    """Names for a header: bounded, and with what no header could carry replaced."""
    shown = [name.encode("ascii", "replace").decode().translate(_NO_CONTROLS)[:64] for name in names[:MOST_DROPPED]]
    return ", ".join([*shown, "..."] if len(names) > MOST_DROPPED else shown)


async def stream(
    request: web.BaseRequest, exchange: Exchange, response: Response, pieces: ByteStream, *, last: bool
) -> web.StreamResponse:
    """An answer as it comes; ends early, and quietly, where the client has left. `last`: the connection ends with it."""
    headers = headers_of(exchange, streaming=True)
    headers.update(response.headers)
    out = web.StreamResponse(status=response.status, headers=headers)
    if last:
        out.force_close()
    try:
        await out.prepare(request)
        async for piece in pieces:
            await out.write(piece)
        await out.write_eof()
    except ConnectionError:
        out.force_close()
    finally:
        await pieces.aclose()
    return out
