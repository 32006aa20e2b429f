"""A gateway over a longer time: idle, under mixed load, and idle again. Memory must stay flat, and idling must cost nothing.

The load is plain calls, streams, cache hits, and callers that hang up, all at once, with everything switched on. Resident memory
is printed every few seconds for the gateway and for the vector engine's own process, since what leaks shows as a slope:
the end is held against the middle, when all buffers and pools have their size.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Sequence

from bench.fleet import ENGINE, Contender, fleet
from bench.processes import command_line, cost, tree
from bench.report import Figure, plain
from bench.resources import KEY

SECONDS = 60.0
IDLE_SECONDS = 20.0
LOOK_SECONDS = 5.0
MOST_IDLE_PERCENT = 1.0
MOST_GROWTH_MIB = 8.0
LOADS: tuple[tuple[str, ...], ...] = (
    ("bench.load", "--connections", "8"),
    ("bench.load", "--connections", "16", "--stream"),
    ("bench.load", "--connections", "4", "--repeat"),
    ("bench.load", "--connections", "4", "--repeat", "--stream"),
    ("bench.leavers", "--connections", "4"),
)


class Watch:
    """Memory and CPU of a gateway, and of its engine."""

    def __init__(self, pid: int) -> None:
        self._pid = pid

    def look(self) -> tuple[float, float]:
        """Resident MiB of the gateway and of the engine."""
        pids = tree(self._pid)
        engine = [pid for pid in pids if ENGINE in command_line(pid)]
        return cost([pid for pid in pids if pid not in engine]).resident, cost(engine).resident

    def idle(self) -> float:
        """Percent of a core used while nothing is asked."""
        before = cost(tree(self._pid)).cpu
        time.sleep(IDLE_SECONDS)
        return (cost(tree(self._pid)).cpu - before) / IDLE_SECONDS * 100


def run(seconds: float = SECONDS) -> list[Figure]:
    """Idle, load, idle."""
    with fleet([Contender("turnout", cached=True)]) as running:
        side = running.sides[0]
        watch = Watch(side.running.pid)
        before = watch.idle()
        seen, ended = _under_load(side.port, seconds, watch.look)
        time.sleep(2)
        after = watch.idle()
        alive = side.running.alive()
    return [
        plain("idle, fresh: share of a core", before, "%", most=MOST_IDLE_PERCENT),
        plain("idle, after the load: share of a core", after, "%", most=MOST_IDLE_PERCENT),
        plain("soak: gateway, from the middle to the end", _growth([g for g, _ in seen]), "MiB", most=MOST_GROWTH_MIB),
        plain("soak: engine, from the middle to the end", _growth([e for _, e in seen]), "MiB"),
        plain("soak: loads that failed", sum(code != 0 for code in ended), "", most=0),
        plain("soak: gateway gone", float(not alive), "", most=0),
    ]


def _under_load(
    port: int, seconds: float, look: Callable[[], tuple[float, float]]
) -> tuple[list[tuple[float, float]], list[int]]:
    options = ("--port", str(port), "--seconds", str(seconds), "--header", f"authorization: Bearer {KEY}")
    loads = [
        subprocess.Popen([sys.executable, "-m", *load, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for load in LOADS
    ]
    seen = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(min(LOOK_SECONDS, max(0.0, end - time.monotonic())))
        seen.append(look())
        print(f"  soak: gateway {seen[-1][0]:.1f} MiB, engine {seen[-1][1]:.1f} MiB", flush=True)
    return seen, [load.wait(120) for load in loads]


def _growth(samples: Sequence[float]) -> float:
    return samples[-1] - samples[len(samples) // 2]
