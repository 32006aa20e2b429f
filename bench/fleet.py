"""Contenders side by side, loaded in turns of a second: what is compared is measured within the same moments.

On a machine that others use too, the CPU time of a call moves by half within minutes, since caches and clocks are shared. So all
contenders of a round run at once, on one core and idle but for their turns; each gets a short slice of load, then the next, in
an order that rotates. What counts is the ratio of their sums. The provider, the receiver of traces and the load have the other
core.

Rules: CPU is that of a contender's whole process tree, from before its first slice until what it exports in batches has left;
the time that it stood in the run queue says how far a round can be trusted.
"""

import contextlib
import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from bench.load import Tally
from bench.processes import Cost, Running, command_line, cost, free_port, started, tree, wait_for_port, wait_for_ready
from bench.resources import KEY, write

GATEWAY_CORE, LOAD_CORE = 0, 1
ENGINE = "turnout_sidecar.adapters.edge_process"
SLICE_SECONDS = 1.0
SETTLE_SECONDS = 1.3
WARM_SECONDS = 1.0
STREAMS = 128


class Contender(msgspec.Struct, frozen=True):
    """Who is measured. `options` go to the load generator in every slice of it; `protocol` is what its provider speaks."""

    name: str
    bare: bool = False
    cached: bool = False
    traced: bool = True
    options: tuple[str, ...] = ()
    guarded: bool = False
    protocol: str = "OpenAI"


class Measured(msgspec.Struct, frozen=True):
    """What one contender did and used in one phase. `engine`: CPU seconds of the vector engine's own process, part of `cpu`."""

    calls: int
    good: int
    errors: int
    events: int
    cpu: float
    engine: float
    waited: float
    resident: float
    spans: int

    @property
    def per_cpu_second(self) -> float:
        """Good calls for a second of CPU."""
        return self.good / max(self.cpu, 1e-9)

    @property
    def without_engine(self) -> float:
        """Good calls for a second of CPU of the gateway's own process."""
        return self.good / max(self.cpu - self.engine, 1e-9)

    @property
    def event_us(self) -> float:
        """CPU microseconds of an SSE event."""
        return self.cpu / max(self.events, 1) * 1e6

    @property
    def engine_us(self) -> float:
        """CPU microseconds of the vector engine's process, a call."""
        return self.engine / max(self.calls, 1) * 1e6


Samples = dict[str, list[tuple[Measured, Measured]]]
"""By contender: unary calls and streams, a pair a round."""


class Side(msgspec.Struct):
    """A contender that runs. `sink`: the port of its receiver of traces."""

    contender: Contender
    port: int
    running: Running
    sink: int | None

    def engine(self) -> Cost:
        """What the vector engine's own process has used."""
        return cost([pid for pid in tree(self.running.pid) if ENGINE in command_line(pid)])


class Fleet:
    """Running contenders."""

    def __init__(self, sides: Sequence[Side]) -> None:
        self.sides = sides

    def phase(self, seconds: float, *options: str, turn: int = 0) -> dict[str, Measured]:
        """Load each for `seconds` in all, in slices; `turn` says who begins."""
        before = {side.contender.name: (side.running.cost(), side.engine(), spans(side.sink)) for side in self.sides}
        tallies: dict[str, list[Tally]] = {side.contender.name: [] for side in self.sides}
        slices = max(1, round(seconds / SLICE_SECONDS))
        for number in range(slices):
            first = (turn + number) % len(self.sides)
            for side in (*self.sides[first:], *self.sides[:first]):
                tallies[side.contender.name].append(
                    load(side.port, seconds / slices, *options, *side.contender.options)
                )
        time.sleep(SETTLE_SECONDS)
        return {
            side.contender.name: _measured(side, tallies[side.contender.name], *before[side.contender.name])
            for side in self.sides
        }


def sample(contenders: Sequence[Contender], rounds: int, seconds: float) -> Samples:
    """All contenders, interleaved, each round started afresh; says what it sees."""
    samples: Samples = {contender.name: [] for contender in contenders}
    for number in range(rounds):
        with fleet(contenders) as running:
            unary = running.phase(seconds, turn=number)
            streams = running.phase(seconds, "--stream", "--connections", str(STREAMS), turn=number)
        for name, found in samples.items():
            found.append((unary[name], streams[name]))
            what = f"{unary[name].per_cpu_second:.0f} calls per CPU-second, {streams[name].event_us:.1f} us a chunk"
            print(f"  round {number + 1} {name}: {what}", flush=True)
    return samples


def _measured(side: Side, tallies: Sequence[Tally], before: Cost, engine: Cost, counted: int) -> Measured:
    after = side.running.cost()
    return Measured(
        calls=sum(tally.calls for tally in tallies),
        good=sum(tally.good for tally in tallies),
        errors=sum(tally.refused + tally.broken for tally in tallies),
        events=sum(tally.events for tally in tallies),
        cpu=after.cpu - before.cpu,
        engine=side.engine().cpu - engine.cpu,
        waited=(after.waited - before.waited) / sum(tally.seconds for tally in tallies),
        resident=after.resident,
        spans=spans(side.sink) - counted,
    )


@contextlib.contextmanager
def fleet(contenders: Sequence[Contender]) -> Iterator[Fleet]:
    """Start all of them, each with its own resources, and warm them up."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="turnout-bench-")))
        upstream = free_port()
        log = folder / "upstream.log"
        provider = stack.enter_context(started("bench.upstream", str(upstream), core=LOAD_CORE, log=log))
        wait_for_port(upstream, provider)
        sides = [
            stack.enter_context(_side(contender, folder / str(number), upstream))
            for number, contender in enumerate(contenders)
        ]
        for side in sides:
            load(side.port, WARM_SECONDS, *side.contender.options)
            load(side.port, WARM_SECONDS / 2, "--stream", *side.contender.options)
        time.sleep(SETTLE_SECONDS)
        yield Fleet(sides)


@contextlib.contextmanager
def _side(contender: Contender, folder: Path, upstream: int) -> Iterator[Side]:
    folder.mkdir()
    port = free_port()
    with contextlib.ExitStack() as stack:
        if contender.bare:
            running = stack.enter_context(
                started("bench.bare_proxy", str(port), str(upstream), core=GATEWAY_CORE, log=folder / "bare.log")
            )
            wait_for_port(port, running)
            yield Side(contender, port, running, None)
            return
        sink = free_port() if contender.traced else None
        if sink is not None:
            receiver = stack.enter_context(
                started("bench.otlp_sink", str(sink), core=LOAD_CORE, log=folder / "otlp.log")
            )
            wait_for_port(sink, receiver)
        write(
            folder / "resources",
            upstream,
            otlp=sink,
            cached="Exact" if contender.cached else "",
            protocol=contender.protocol,
            guarded=contender.guarded,
        )
        running = stack.enter_context(serve(folder, port, core=GATEWAY_CORE))
        yield Side(contender, port, running, sink)


@contextlib.contextmanager
def serve(folder: Path, port: int, core: int | None = None) -> Iterator[Running]:
    """`turnout serve` on `folder`/resources, ready."""
    admin = free_port()
    options = {"-f": folder / "resources", "--port": port, "--admin-port": admin, "--state": folder / "state"}
    line = ["serve", *(str(part) for pair in options.items() for part in pair)]
    with started("turnout_cli", *line, core=core, log=folder / "serve.log") as running:
        wait_for_ready(admin, running)
        yield running


def load(port: int, seconds: float, *options: str) -> Tally:
    """Run the load generator on its core."""
    line = ["taskset", "-c", str(LOAD_CORE), sys.executable, "-m", "bench.load"]
    line += ["--port", str(port), "--seconds", str(seconds), "--header", f"authorization: Bearer {KEY}", *options]
    done = subprocess.run(line, capture_output=True, check=True, timeout=seconds + 60)
    return msgspec.json.decode(done.stdout, type=Tally)


def spans(sink: int | None) -> int:
    """How many spans a receiver has seen."""
    if sink is None:
        return 0
    with urllib.request.urlopen(f"http://127.0.0.1:{sink}/count", timeout=10) as answer:
        return int(json.load(answer)["spans"])
