"""`GET /v1/models`: the exact public names that this caller may use, in OpenAI's shape or, for its clients, in Anthropic's.

Names that stand for many (`assistant-*`) are left out: no call could use them as they are. `created` is a constant, since a
name is as old as nothing in particular.
"""

from collections.abc import Sequence
from typing import Any

import orjson

from turnout_sidecar.exchange.call import Exchange, Response
from turnout_sidecar.exchange.errors import CallError
from turnout_sidecar.runtime import Runtime
from turnout_sidecar.shapes import ANTHROPIC, shape_of

OWNER = "turnout"


async def list_models(exchange: Exchange) -> Response:
    """The end of the pipeline of this endpoint. Raises CallError 503 where the gateway is closed."""
    runtime: Runtime = exchange.runtime
    if runtime.gateway.closed is not None:
        raise CallError(503, "gateway_closed", f"The gateway is closed: {runtime.gateway.closed}")
    names = runtime.names_for(exchange.caller) if exchange.caller is not None else ()
    if shape_of(exchange.endpoint, exchange.headers) == ANTHROPIC:
        return _answer(_anthropic(names))
    data = [{"id": name, "object": "model", "created": 0, "owned_by": OWNER} for name in names]
    return _answer({"object": "list", "data": data})


def _anthropic(names: Sequence[str]) -> dict[str, Any]:
    """One page that holds all."""
    data = [{"type": "model", "id": name, "display_name": name, "created_at": "1970-01-01T00:00:00Z"} for name in names]
    first, last = (names[0], names[-1]) if names else (None, None)
    return {"data": data, "has_more": False, "first_id": first, "last_id": last}


def _answer(shape: dict[str, Any]) -> Response:
    return Response(200, headers={"content-type": "application/json"}, body=orjson.dumps(shape))
