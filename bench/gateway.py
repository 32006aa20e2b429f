"""The gateway beside a bare aiohttp proxy: requests per CPU-second, CPU per SSE chunk, zero errors.

Each round starts every contender afresh, in rotated order, alone on one core; provider and load share the other. What counts is
the ratio within a round: absolute figures move with the machine. CPU is that of the contender's whole process tree.
"""

import contextlib
import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from bench.load import Tally
from bench.processes import Running, cost, free_port, started, tree, wait_for_port, wait_for_ready
from bench.report import Figure, plain, ratio
from bench.resources import KEY, write

GATEWAY_CORE, LOAD_CORE = 0, 1
STREAMS = 128
NOISY = 0.10


class Sample(msgspec.Struct, frozen=True):
    """One contender in one round. `engine_us`: CPU of the vector engine's own process, a call."""

    per_cpu_second: float
    chunk_us: float
    engine_us: float
    waited: float
    errors: int
    resident: float
    latency_p99_ms: float
    spans_per_call: float


Contender = Callable[[Path, int, int], contextlib.AbstractContextManager[tuple[int, Running, int | None]]]


@contextlib.contextmanager
def bare(folder: Path, upstream: int, _otlp: int) -> Iterator[tuple[int, Running, int | None]]:
    """The reference."""
    port = free_port()
    with started("bench.bare_proxy", str(port), str(upstream), core=GATEWAY_CORE, log=folder / "bare.log") as running:
        wait_for_port(port, running)
        yield port, running, None


def turnout(*, cached: bool, traced: bool) -> Contender:
    """`turnout serve` with a client's key, 20 routes, metrics, usage and cost; a cache and all traces where asked for."""

    @contextlib.contextmanager
    def contender(folder: Path, upstream: int, otlp: int) -> Iterator[tuple[int, Running, int | None]]:
        port, admin = free_port(), free_port()
        write(folder / "resources", upstream, otlp=otlp if traced else None, cached=cached)
        line = [
            "serve",
            "-f",
            str(folder / "resources"),
            "--port",
            str(port),
            "--admin-port",
            str(admin),
            "--state",
            str(folder / "state"),
        ]
        with started("turnout_cli", *line, core=GATEWAY_CORE, log=folder / "serve.log") as running:
            wait_for_ready(admin, running)
            yield port, running, otlp if traced else None

    return contender


CONTENDERS: dict[str, Contender] = {
    "bare": bare,
    "turnout": turnout(cached=False, traced=True),
    "turnout, exact cache, all misses": turnout(cached=True, traced=True),
    "turnout, no traces": turnout(cached=False, traced=False),
}


def load(port: int, seconds: float, *options: str) -> Tally:
    """Run the load generator on the other core."""
    line = [
        "taskset",
        "-c",
        str(LOAD_CORE),
        sys.executable,
        "-m",
        "bench.load",
        "--port",
        str(port),
        "--seconds",
        str(seconds),
    ]
    line += ["--header", f"authorization: Bearer {KEY}", *options]
    done = subprocess.run(line, capture_output=True, check=True, timeout=seconds + 60)
    return msgspec.json.decode(done.stdout, type=Tally)


def spans(otlp: int) -> int:
    """How many spans the receiver has seen."""
    with urllib.request.urlopen(f"http://127.0.0.1:{otlp}/count", timeout=10) as answer:
        return int(json.load(answer)["spans"])


def measure(contender: Contender, folder: Path, seconds: float) -> Sample:
    """One contender: warm up, unary calls, streams."""
    upstream, otlp = free_port(), free_port()
    with contextlib.ExitStack() as stack:
        provider = stack.enter_context(
            started("bench.upstream", str(upstream), core=LOAD_CORE, log=folder / "upstream.log")
        )
        sink = stack.enter_context(started("bench.otlp_sink", str(otlp), core=LOAD_CORE, log=folder / "otlp.log"))
        wait_for_port(upstream, provider)
        wait_for_port(otlp, sink)
        port, running, receiver = stack.enter_context(contender(folder, upstream, otlp))
        load(port, 1.5)
        time.sleep(0.5)
        counted = spans(otlp) if receiver else 0
        before, engine = running.cost(), _engine(running)
        unary = load(port, seconds)
        time.sleep(1.2)  # what is exported in batches belongs to the calls that made it
        after, engine_after = running.cost(), _engine(running)
        exported = (spans(otlp) - counted) / max(unary.calls, 1) if receiver else 0.0
        streams = load(port, seconds, "--stream", "--connections", str(STREAMS))
        time.sleep(1.2)
        end = running.cost()
    return Sample(
        per_cpu_second=unary.good / max(after.cpu - before.cpu, 1e-9),
        chunk_us=(end.cpu - after.cpu) / max(streams.events, 1) * 1e6,
        engine_us=(engine_after - engine) / max(unary.calls, 1) * 1e6,
        waited=(after.waited - before.waited) / max(unary.seconds, 1e-9),
        errors=unary.refused + unary.broken + streams.refused + streams.broken,
        resident=end.resident,
        latency_p99_ms=unary.latency_p99_ms,
        spans_per_call=exported,
    )


def _engine(running: Running) -> float:
    return cost(
        [pid for pid in tree(running.pid) if "edge" in Path(f"/proc/{pid}/cmdline").read_text(errors="replace")]
    ).cpu


def run(rounds: int, seconds: float) -> list[Figure]:
    """All contenders, interleaved."""
    samples: dict[str, list[Sample]] = {name: [] for name in CONTENDERS}
    names = list(CONTENDERS)
    for number in range(rounds):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            with tempfile.TemporaryDirectory(prefix="turnout-bench-") as folder:
                sample = measure(CONTENDERS[name], Path(folder), seconds)
            samples[name].append(sample)
            print(
                f"  round {number + 1} {name}: {sample.per_cpu_second:.0f} calls per CPU-second, {sample.chunk_us:.1f} us a chunk",
                flush=True,
            )
    return figures(samples)


def figures(samples: dict[str, list[Sample]]) -> list[Figure]:
    """Ratios to the reference, round by round, and what else is worth seeing."""
    reference = samples["bare"]
    found: list[Figure] = []
    for name, own in samples.items():
        if name == "bare":
            continue
        pairs = list(zip(own, reference, strict=True))
        found.append(
            ratio(
                f"{name}: calls per CPU-second, to bare",
                [a.per_cpu_second / b.per_cpu_second for a, b in pairs],
                least=0.5,
            )
        )
        found.append(
            ratio(f"{name}: CPU per SSE chunk, to bare", [a.chunk_us / b.chunk_us for a, b in pairs], most=2.0)
        )
        found.append(plain(f"{name}: errors", sum(a.errors for a in own), "", most=0))
        if any(a.spans_per_call for a in own):
            found.append(plain(f"{name}: spans exported a call", min(a.spans_per_call for a in own), ""))
        if any(a.engine_us for a in own):
            found.append(plain(f"{name}: of it the engine's own process, a call", max(a.engine_us for a in own), "us"))
        found.append(plain(f"{name}: resident", max(a.resident for a in own), "MiB"))
    noisy = max(sample.waited for own in samples.values() for sample in own)
    found.append(plain(f"longest share of time in the run queue (noisy above {NOISY:.0%})", noisy * 100, "%"))
    return found
