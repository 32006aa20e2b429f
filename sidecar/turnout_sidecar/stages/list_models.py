"""`GET /v1/models`: the exact public names that this caller may use, in OpenAI's shape.

Names that stand for many (`assistant-*`) are left out: no call could use them as they are. `created` is a constant, since a
name is as old as nothing in particular.
"""

import orjson

from turnout_sidecar.exchange.call import Exchange, Response
from turnout_sidecar.exchange.errors import CallError
from turnout_sidecar.runtime import Runtime

OWNER = "turnout"


async def list_models(exchange: Exchange) -> Response:
    """The end of the pipeline of this endpoint. Raises CallError 503 where the gateway is closed."""
    runtime: Runtime = exchange.runtime
    if runtime.gateway.closed is not None:
        raise CallError(503, "gateway_closed", f"The gateway is closed: {runtime.gateway.closed}")
    names = runtime.names_for(exchange.caller) if exchange.caller is not None else ()
    data = [{"id": name, "object": "model", "created": 0, "owned_by": OWNER} for name in names]
    body = orjson.dumps({"object": "list", "data": data})
    return Response(200, headers={"content-type": "application/json"}, body=body)
