"""From a changed route to gateways that run it: 100 routes, 3 gateways, a real API server and a real operator.

The clock starts when the API server has answered the PATCH of a route's weights. It is read when all gateways run the new
version, when the operator has all their acknowledgements, and when the route's status says Programmed for that generation.
It runs as a process of its own, with the tests' folder on its path: `python -m bench.propagation --changes 60`.
"""

import sys
import tempfile
import time
from pathlib import Path

import click
import msgspec

from bench.control_plane import ControlPlane, control_plane, wait_for
from bench.report import Figure, plain
from bench.resources import route

ROUTES, GATEWAYS, CHANGES = 100, 3, 60
PAUSE_SECONDS = 0.25
STATUS_POLL_SECONDS = 0.02  # a look at the API server costs it a handshake
MOST_P50_MS, MOST_P99_MS = 300, 1000


class Moments(msgspec.Struct, frozen=True):
    """When a change was where, in milliseconds after the API server took it."""

    running: float
    acknowledged: float
    programmed: float


def one_change(plane: ControlPlane, number: int, before: str) -> tuple[Moments, str]:
    """Change a route, and wait until that is known everywhere; also the version that then runs."""
    name = f"route-{number * 7 % ROUTES:03d}"
    generation = plane.change(name, route(name, weight=2 + number)["spec"])
    start = time.perf_counter()

    def passed() -> float:
        return (time.perf_counter() - start) * 1e3

    versions = [before]
    for end in plane.gateways:
        wait_for(f"{name} on every gateway", lambda e=end: _moved_on(e.version(), versions))  # type: ignore[misc]
    running, version = passed(), versions[-1]
    wait_for(f"{name} acknowledged", lambda: plane.acknowledged(version))
    acknowledged = passed()
    wait_for(f"{name} programmed", lambda: plane.programmed(name, generation), pause=STATUS_POLL_SECONDS)
    return Moments(running, acknowledged, passed()), version


def _moved_on(version: str, versions: list[str]) -> bool:
    if version == versions[0]:
        return False
    versions.append(version)
    return True


def measure(changes: int) -> list[Moments]:
    """All changes, one after the other."""
    found: list[Moments] = []
    with (
        tempfile.TemporaryDirectory(prefix="turnout-bench-") as folder,
        control_plane(Path(folder), ROUTES, GATEWAYS) as plane,
    ):
        version = plane.gateways[0].version()
        for number in range(changes):
            moments, version = one_change(plane, number, version)
            found.append(moments)
            time.sleep(PAUSE_SECONDS)
    return found


def figures(found: list[Moments]) -> list[Figure]:
    """Medians and tails; goals hold for the acknowledgement."""
    rows: list[Figure] = []
    for name, samples, gated in (
        ("running on all gateways", [each.running for each in found], False),
        ("acknowledged by all gateways", [each.acknowledged for each in found], True),
        ("Programmed in status", [each.programmed for each in found], False),
    ):
        ordered = sorted(samples)
        middle, tail = ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.99)]
        what = f"change to {name}"
        rows.append(plain(f"{what}, p50", middle, "ms", most=MOST_P50_MS if gated else None))
        rows.append(plain(f"{what}, p99 of {len(ordered)}", tail, "ms", most=MOST_P99_MS if gated else None))
    return rows


@click.command()
@click.option("--changes", type=click.IntRange(1, 10_000), default=CHANGES, show_default=True)
def main(changes: int) -> None:
    """Measure how long a change takes; figures as JSON on standard output."""
    sys.stdout.buffer.write(msgspec.json.encode(figures(measure(changes))) + b"\n")


if __name__ == "__main__":
    main()
