"""What goes to a provider, and what of its reply comes back: the two places where headers and bodies cross the border.

Rules: headers go out, and come back, only from allow-lists: never a caller's credentials, never `x-turnout-*`, never what a
provider says to us alone, nor what the guardrails withhold; the body is the caller's own bytes with only the members changed that
must be.
"""

from collections.abc import Mapping

from turnout_contract import __version__
from turnout_sidecar.exchange.call import Attempt, Exchange
from turnout_sidecar.exchange.header_lines import FORWARDED, joined
from turnout_sidecar.ports.upstream import UpstreamRequest
from turnout_sidecar.routing import LiveBackend
from turnout_sidecar.ways import Way

_OURS = (("content-type", "application/json"), ("user-agent", f"turnout/{__version__}"))
_UNARY = (*_OURS, ("accept", "application/json"))
_RETURNED = {
    "openai-processing-ms": "openai-processing-ms",
    "openai-version": "openai-version",
    "x-request-id": "x-turnout-upstream-request-id",
    "request-id": "x-turnout-upstream-request-id",
    "x-amzn-requestid": "x-turnout-upstream-request-id",
    "apim-request-id": "x-turnout-upstream-request-id",
}
_RETURNED_PREFIXES = ("x-ratelimit-", "anthropic-ratelimit-")


def upstream_request(
    exchange: Exchange, backend: LiveBackend, attempt: Attempt, way: Way, *, ask_usage: bool
) -> UpstreamRequest:
    """The request of one attempt. `ask_usage`: of a stream. Raises CallError (400) where the body holds a member twice."""
    end = backend.end
    headers = end.headers + ((*_OURS, ("accept", way.stream_type)) if exchange.stream else _UNARY)
    if not way.translated:
        for name in FORWARDED[exchange.endpoint.format]:
            value = joined(exchange.headers, name)
            if value is not None:
                headers += ((name, value),)
    if exchange.trace is not None:
        headers += exchange.trace.headers_for(attempt)
    if exchange.withheld:
        headers = tuple(line for line in headers if line[0] not in exchange.withheld)
    path = end.path_of(way.path, backend.model.name)
    request = UpstreamRequest(end.target, path, headers, way.body(ask_usage=ask_usage))
    return request if end.sign is None else end.sign(request)


def returned_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers of a reply that a caller may see."""
    found: dict[str, str] = {}
    for name in headers:
        shown = _RETURNED.get(name)
        if shown is not None:
            found[shown] = headers[name]
        elif name.startswith(_RETURNED_PREFIXES):
            found[name] = headers[name]
    return found
