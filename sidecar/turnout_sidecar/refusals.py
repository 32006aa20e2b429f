"""Requests that never become a call: an unknown path, a wrong method, no configuration yet, too many at once, no HTTP.

They are answered in the API's shape and counted, logged and traced like calls, so that whatever the port answered can be found.
Rules: nothing that a caller chose becomes a label or a span's name: a path is one of those served or none, a method one of HTTP's
or `_OTHER`; nothing is read but the head.
"""

from collections.abc import Callable, Iterable, Mapping

import msgspec
from aiohttp import web

from turnout_contract import semconv
from turnout_sidecar import reply
from turnout_sidecar.exchange.call import Endpoint, Exchange
from turnout_sidecar.exchange.errors import CallError
from turnout_sidecar.ports.clock import Clock
from turnout_sidecar.ports.telemetry import Telemetry
from turnout_sidecar.runtime import Runtime
from turnout_sidecar.shapes import shape_of_path

OTHER = "other"
"""The endpoint of what is none."""
METHODS = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"})


class _NoRuntime(msgspec.Struct, frozen=True):
    """In the place of a runtime while there is none."""

    version: str = ""


class Refusals:
    """Answers and tells them. `served`: the endpoints that there are; `ids` makes a request's id."""

    def __init__(self, served: Iterable[Endpoint], telemetry: Telemetry, clock: Clock, ids: Callable[[], str]) -> None:
        self._names = {endpoint.path: endpoint.name for endpoint in served}
        self._telemetry = telemetry
        self._clock = clock
        self._ids = ids
        self._endpoints: dict[tuple[str, str], Endpoint] = {}

    def answer(
        self, error: CallError, runtime: Runtime | None, method: str, path: str, headers: Mapping[str, str]
    ) -> web.Response:
        """The answer to a request that is refused. `runtime` None: the gateway has no configuration yet."""
        exchange = Exchange(
            id=self._ids(),
            endpoint=self._endpoint(method, path),
            headers=headers,
            raw=b"",
            body={},
            runtime=runtime if runtime is not None else _NoRuntime(),
            received_ns=self._clock.monotonic_ns(),
            received_unix_ns=self._clock.unix_ns(),
        )
        exchange.trace = self._telemetry.begin(exchange)
        exchange.status, exchange.error, exchange.settled = error.status, error.code, True
        self._telemetry.end(exchange)
        return reply.refused(error, exchange.id, exchange.runtime.version, shape_of_path(path, headers))

    def _endpoint(self, method: str, path: str) -> Endpoint:
        """As it may be told: one of few."""
        name = self._names.get(path)
        key = (method if method in METHODS else semconv.ERROR_OTHER, path if name is not None else "")
        found = self._endpoints.get(key)
        if found is None:
            found = self._endpoints[key] = Endpoint(
                name=name or OTHER,
                path=key[1],
                upstream_path="",
                operation="",
                format="chat",
                needs="",
                method=key[0],
            )
        return found
