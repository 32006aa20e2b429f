"""Edits of a route under load: not one call may notice.

100,000 calls go through `turnout serve` while its route file is written anew twice a second: weights changed, a rule renamed, a
route added and taken away.
"""

import itertools
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from bench.load import Tally
from bench.processes import free_port, started, wait_for_port, wait_for_ready
from bench.report import Figure, plain
from bench.resources import KEY, route, save, write

CALLS = 100_000
EDIT_SECONDS = 0.5


def run(calls: int = CALLS) -> list[Figure]:
    """Load and edits at once."""
    with tempfile.TemporaryDirectory(prefix="turnout-bench-") as name:
        folder = Path(name)
        port, admin, upstream = free_port(), free_port(), free_port()
        resources = folder / "resources"
        write(resources, upstream, otlp=None)
        line = [
            "serve",
            "-f",
            str(resources),
            "--port",
            str(port),
            "--admin-port",
            str(admin),
            "--state",
            str(folder / "state"),
        ]
        with (
            started("bench.upstream", str(upstream), log=folder / "upstream.log") as provider,
            started("turnout_cli", *line, log=folder / "serve.log") as gateway,
        ):
            wait_for_port(upstream, provider)
            wait_for_ready(admin, gateway)
            tally, edits = _under_edits(port, resources / "routes.yaml", calls)
    return [
        plain("edits under load: calls", tally.calls, ""),
        plain("edits under load: edits made", edits, ""),
        plain("edits under load: versions served", tally.versions, ""),
        plain("edits under load: answers other than 2xx", tally.refused, "", most=0),
        plain("edits under load: broken connections", tally.broken, "", most=0),
    ]


def _under_edits(port: int, path: Path, calls: int) -> tuple[Tally, int]:
    line = [sys.executable, "-m", "bench.load", "--port", str(port), "--seconds", "300", "--count", str(calls)]
    line += ["--header", f"authorization: Bearer {KEY}"]
    with subprocess.Popen(line, stdout=subprocess.PIPE) as load:
        edits = 0
        for edits in itertools.count(1):
            if load.poll() is not None:
                break
            extra = [route("route-extra")] if edits % 2 else []
            save(
                path,
                [
                    route("bench", rule=f"all-{edits}", weight=1 + edits % 9),
                    *(route(f"route-{n}") for n in range(19)),
                    *extra,
                ],
            )
            time.sleep(EDIT_SECONDS)
        assert load.stdout is not None
        return msgspec.convert(json.loads(load.stdout.read()), Tally), edits - 1
