"""What goes to a provider, and what of its reply comes back: the two places where headers and bodies cross the border.

Rules: headers go out, and come back, only from allow-lists: never a caller's credentials, never `x-turnout-*`, never what a
provider says to us alone; the body is the caller's own bytes with only the members changed that must be.
"""

from collections.abc import Mapping

import orjson

from turnout_contract import __version__
from turnout_sidecar.exchange.call import Attempt, Exchange
from turnout_sidecar.exchange.errors import bad_request
from turnout_sidecar.ports.upstream import UpstreamRequest
from turnout_sidecar.routing import LiveBackend
from turnout_sidecar.wire.json_edit import MemberTwice, replace_members

_FORWARDED = ("openai-beta",)
_OURS = (("content-type", "application/json"), ("user-agent", f"turnout/{__version__}"))
_UNARY = (*_OURS, ("accept", "application/json"))
_STREAM = (*_OURS, ("accept", "text/event-stream"))
_RETURNED = {
    "openai-processing-ms": "openai-processing-ms",
    "openai-version": "openai-version",
    "x-request-id": "x-turnout-upstream-request-id",
}
_USAGE_ONLY = orjson.dumps({"include_usage": True})


def upstream_request(exchange: Exchange, backend: LiveBackend, attempt: Attempt, *, ask_usage: bool) -> UpstreamRequest:
    """The request of one attempt. `ask_usage`: of a stream. Raises CallError (400) where the body holds a member twice."""
    end = backend.end
    headers = end.headers + (_STREAM if exchange.stream else _UNARY)
    for name in _FORWARDED:
        value = exchange.headers.get(name)
        if value is not None:
            headers += ((name, value),)
    if exchange.trace is not None:
        headers += exchange.trace.headers_for(attempt)
    return UpstreamRequest(
        end.target, end.path + exchange.endpoint.upstream_path, headers, _body(exchange, backend, ask_usage=ask_usage)
    )


def returned_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers of a reply that a caller may see."""
    found: dict[str, str] = {}
    for name in headers:
        shown = _RETURNED.get(name)
        if shown is not None:
            found[shown] = headers[name]
        elif name.startswith("x-ratelimit-"):
            found[name] = headers[name]
    return found


def _body(exchange: Exchange, backend: LiveBackend, *, ask_usage: bool) -> bytes:
    changes: dict[str, bytes | None] = {"model": backend.model_json}
    if exchange.body is not exchange.parsed:
        _add_changed(changes, exchange)
    if ask_usage:
        options = exchange.body.get("stream_options")
        changes["stream_options"] = orjson.dumps({**options, "include_usage": True}) if options else _USAGE_ONLY
    try:
        return replace_members(exchange.raw, changes, unique=True)
    except MemberTwice as error:
        raise bad_request(f"The body holds {error.name} twice.", param=error.name, code="duplicate_member") from None


def _add_changed(changes: dict[str, bytes | None], exchange: Exchange) -> None:
    """What a stage has changed: it left alone what is still the very object that was parsed."""
    before, now = exchange.parsed, exchange.body
    for name in before:
        if name not in now:
            changes[name] = None
    for name, value in now.items():
        if name != "model" and (name not in before or before[name] is not value):
            changes[name] = orjson.dumps(value)
