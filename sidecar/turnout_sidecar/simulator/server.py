"""The simulated provider as a server: one dialect, and around it credentials, faults, pace and memory of what was asked.

`GET /_calls` shows the last requests and `DELETE /_calls` forgets them; `PUT /_faults` prescribes the faults of the next
calls, a line each as in the header `x-simulate` (`status=503 x2` for two of them), for tests whose requests pass through
something that drops that header. What is prescribed comes before the header, and the header before what is drawn by rate.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

import msgspec
from aiohttp import web

from turnout_sidecar.simulator.anthropic_dialect import Anthropic
from turnout_sidecar.simulator.azure_dialect import Azure
from turnout_sidecar.simulator.bedrock_dialect import Bedrock
from turnout_sidecar.simulator.calls import Call, Calls
from turnout_sidecar.simulator.delivery import Pace, deliver
from turnout_sidecar.simulator.dialect import Asked, Dialect, Endpoint, Refusal, Reply
from turnout_sidecar.simulator.faults import HEADER, Fault, drawn_fault, parse_fault, spoil
from turnout_sidecar.simulator.gemini_dialect import Gemini
from turnout_sidecar.simulator.openai_dialect import OpenAI
from turnout_sidecar.simulator.settings import SimulatorSettings

DIALECTS: Final[dict[str, Callable[[], Dialect]]] = {
    "anthropic": Anthropic,
    "azure": Azure,
    "bedrock": Bedrock,
    "gemini": Gemini,
    "openai": OpenAI,
}

_LARGEST_BODY: Final = 64 * 1024 * 1024
_BACKLOG: Final = 1024

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class UnknownProtocol(ValueError):  # noqa: N818  says what happened
    """A protocol that is not simulated; the message lists those that are."""

    def __init__(self, protocol: str) -> None:
        super().__init__(f"protocol {protocol!r} is not simulated; there is: {', '.join(sorted(DIALECTS))}")


class Simulator:
    """One simulated provider."""

    def __init__(self, settings: SimulatorSettings) -> None:
        if settings.protocol not in DIALECTS:
            raise UnknownProtocol(settings.protocol)
        self._settings = settings
        self._dialect = DIALECTS[settings.protocol]()
        self._prescribed: deque[Fault] = deque()
        self.calls = Calls()

    def app(self) -> web.Application:
        """The application that serves it."""
        app = web.Application(client_max_size=_LARGEST_BODY)
        for endpoint in self._dialect.endpoints:
            app.router.add_route(endpoint.method, endpoint.path, self._handler(endpoint))
        app.router.add_get("/_calls", self._show_calls)
        app.router.add_delete("/_calls", self._clear_calls)
        app.router.add_put("/_faults", self._prescribe)
        app.router.add_delete("/_faults", self._clear_faults)
        app.router.add_route("*", "/{path:.*}", self._nothing_here)
        return app

    def _handler(self, endpoint: Endpoint) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            pace = Pace(self._settings.latency, self._settings.tokens_per_second)
            body = await request.read()
            # A gateway asks for lists when it likes: they use up no fault, and are no calls that a test would count.
            remember = partial(Call, 0) if endpoint.method == "GET" else self.calls.add
            call = remember(request.method, request.path_qs, request.headers.items(), body)
            try:
                fault = self._fault(request, call)
                if fault.latency is not None:
                    pace = Pace(fault.latency, self._settings.tokens_per_second)
                reply = self._answer(endpoint, request, body, fault)
            except Refusal as refusal:
                fault, reply = Fault(), self._dialect.refuse(refusal)
            return await deliver(request, reply, fault, pace, call)

        return handle

    def _fault(self, request: web.Request, call: Call) -> Fault:
        if call.number and self._prescribed:
            return self._prescribed.popleft()
        if HEADER in request.headers:
            try:
                return parse_fault(request.headers[HEADER])
            except ValueError as error:
                raise Refusal(400, str(error), param=HEADER) from None
        return drawn_fault(self._settings.seed, call.number, self._settings.fail_rate) if call.number else Fault()

    def _answer(self, endpoint: Endpoint, request: web.Request, body: bytes, fault: Fault) -> Reply:
        settings = self._settings
        asked = Asked(
            parameters=dict(request.match_info),
            headers=_headers(request),
            body=body,
            models=settings.models,
            seed=settings.seed,
            method=request.method,
            path=request.raw_path.partition("?")[0],
            query=request.raw_path.partition("?")[2],
            usage_fault=fault.usage,
        )
        self._dialect.admit(asked, settings.api_key)
        if fault.status is None:
            error = self._dialect.refuse(Refusal(500, Fault(status=500).message))
            return spoil(endpoint.answer(asked), fault, error)
        reply = self._dialect.refuse(Refusal(fault.status, fault.message))
        if fault.retry_after is None:
            return reply
        headers = (*reply.headers, ("retry-after", str(fault.retry_after)))
        return msgspec.structs.replace(reply, headers=headers)

    async def _nothing_here(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        call = self.calls.add(request.method, request.path_qs, request.headers.items(), body)
        reply = self._dialect.refuse(Refusal(404, f"Invalid URL ({request.method} {request.path[:200]})"))
        return await deliver(request, reply, Fault(), Pace(0, 0), call)

    async def _show_calls(self, _: web.Request) -> web.Response:
        return web.json_response(self.calls.shown())

    async def _clear_calls(self, _: web.Request) -> web.Response:
        self.calls.clear()
        return web.Response(status=204)

    async def _prescribe(self, request: web.Request) -> web.Response:
        try:
            self._prescribed = deque(_prescription(await request.text()))
        except ValueError as error:
            return web.Response(status=400, text=f"{error}\n")
        return web.Response(status=204)

    async def _clear_faults(self, _: web.Request) -> web.Response:
        self._prescribed.clear()
        return web.Response(status=204)


def _headers(request: web.Request) -> dict[str, str]:
    """Lower-case names; what was said twice is joined, as HTTP has it."""
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        lower = name.lower()
        headers[lower] = f"{headers[lower]},{value}" if lower in headers else value
    return headers


def _prescription(text: str) -> list[Fault]:
    faults: list[Fault] = []
    for line in filter(None, (each.strip() for each in text.splitlines())):
        what, _, times = line.partition(" x")
        faults += [parse_fault(what)] * int(times or "1")
    return faults


def make_app(settings: SimulatorSettings) -> web.Application:
    """The application of one simulated provider. Raises UnknownProtocol."""
    return Simulator(settings).app()


def make_runner(settings: SimulatorSettings) -> web.AppRunner:
    """What serves it: a client that leaves cancels the work for it. Raises UnknownProtocol."""
    return web.AppRunner(make_app(settings), handler_cancellation=True, access_log=None, shutdown_timeout=1.0)


async def serve(settings: SimulatorSettings, listening: Callable[[int], None] = lambda _: None) -> None:
    """Serve until cancelled; `listening` is called with the port once it is open. Raises UnknownProtocol, OSError."""
    runner = make_runner(settings)
    await runner.setup()
    try:
        site = web.TCPSite(runner, settings.host, settings.port, backlog=_BACKLOG)
        await site.start()
        listening(runner.addresses[0][1])
        await asyncio.get_running_loop().create_future()
    finally:
        await runner.cleanup()
