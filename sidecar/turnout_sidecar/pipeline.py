"""The stages, one around the other. Timing wraps the edges here, so that no stage knows of telemetry.

Rules: composed once, when the gateway starts; a call goes through a plain chain of coroutines; an edge is timed only where
a span was asked for it and the call is sampled.
"""

from collections.abc import Mapping, Sequence

from turnout_contract import semconv
from turnout_sidecar.exchange.call import Exchange, Proceed, Response, Stage
from turnout_sidecar.ports.clock import Clock


def build(
    stages: Sequence[Stage], call: Proceed, *, spans: Mapping[Stage, str] | None = None, clock: Clock | None = None
) -> Proceed:
    """The pipeline: `stages` from the outside in, and `call` at the end. `spans` names the edges to time on `clock`."""
    proceed = call
    for stage in reversed(stages):
        name = (spans or {}).get(stage)
        proceed = _edge(stage, proceed) if name is None or clock is None else _timed(stage, proceed, name, clock)
    return proceed


def _edge(stage: Stage, proceed: Proceed) -> Proceed:
    return lambda exchange: stage(exchange, proceed)


def _timed(stage: Stage, proceed: Proceed, name: str, clock: Clock) -> Proceed:
    """A span over what the stage does before it goes on (or, where it answers itself, over all of it)."""

    async def run(exchange: Exchange) -> Response:
        trace = exchange.trace
        if trace is None or not trace.sampled:
            return await stage(exchange, proceed)
        start = clock.unix_ns()
        ended = False

        def end() -> None:
            nonlocal ended
            if not ended:
                ended = True
                trace.child(name, start, clock.unix_ns(), {semconv.CACHE: exchange.cache_state})

        async def reached(inner: Exchange) -> Response:
            end()
            return await proceed(inner)

        try:
            return await stage(exchange, reached)
        finally:
            end()

    return run
