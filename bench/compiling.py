"""How long the compiler takes for a namespace of 1,000 routes."""

import statistics
import time

from bench.report import Figure, plain
from bench.resources import cache, gateway, provider, route
from turnout_contract.api.registry import TypedObject, decode
from turnout_contract.snapshot import codec
from turnout_operator.compile import Defaults, Inputs, compile_namespace

ROUTES = 1000


def objects(routes: int = ROUTES) -> tuple[TypedObject, ...]:
    """A namespace with many routes."""
    data = [provider(9000), gateway(None), cache(), *(route(f"route-{n:04d}") for n in range(routes))]
    return tuple(decode(item) for item in data)


def run(repeats: int = 7) -> list[Figure]:
    """Compile and encode, several times."""
    inputs = Inputs(namespace="bench", objects=objects(), defaults=Defaults())
    samples = []
    data = b""
    for _ in range(repeats):
        started = time.perf_counter()
        data = codec.encode(compile_namespace(inputs).snapshot)
        samples.append(time.perf_counter() - started)
    return [
        plain(
            f"compile {ROUTES} routes to bytes, median of {repeats}", statistics.median(samples) * 1e3, "ms", most=500
        ),
        plain("its snapshot", len(data) / 1024, "KiB"),
    ]
