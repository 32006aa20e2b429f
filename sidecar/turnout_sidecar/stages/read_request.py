"""Read the body, parse it once, and check what the gateway itself reads of it.

It comes after authentication, so that nobody unknown makes a gateway take in a body, and before everything that looks into
one. Rules: the bytes are kept as they came; every refusal names the field and holds no content.
"""

from collections.abc import Callable, Mapping
from typing import Any

from turnout_sidecar.exchange.call import Exchange, Proceed, Response
from turnout_sidecar.exchange.errors import bad_request
from turnout_sidecar.wire.json_body import parse
from turnout_sidecar.wire.openai_request import asks_for_usage

Check = Callable[[dict[str, Any]], None]


class ReadRequest:
    """The stage. `checks` by the name of the endpoint."""

    def __init__(self, checks: Mapping[str, Check]) -> None:
        self._checks = checks

    async def __call__(self, exchange: Exchange, proceed: Proceed) -> Response:
        """Fills in raw, parsed, body, model, stream and include_usage. Raises CallError 400, 408, 413 and 415."""
        receive = exchange.receive
        if receive is not None:
            exchange.receive = None
            exchange.raw = await receive(exchange.runtime.gateway.limits.max_body_bytes)
        body = parse(exchange.raw)
        self._checks[exchange.endpoint.name](body)
        exchange.parsed = exchange.body = body
        exchange.model = body["model"]
        if body.get("stream") is True:
            if exchange.endpoint.operation != "chat":
                raise bad_request("stream is not possible here.", param="stream")
            exchange.stream = True
            exchange.include_usage = exchange.endpoint.format == "chat" and asks_for_usage(body)
        return await proceed(exchange)
