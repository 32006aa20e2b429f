"""`python -m bench`: measure, print a table with goals, exit with 1 where a goal is missed."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import msgspec

from bench import caching, compiling, edits, gateway, guardrails, soak, translating
from bench.processes import priority
from bench.report import Figure, table

SECTIONS = ("propagation", "compile", "gateway", "translating", "caching", "guardrails", "edits", "soak")
ROOT = Path(__file__).resolve().parents[1]


@click.command()
@click.option("--only", type=click.Choice(SECTIONS), multiple=True, help="Sections; default: all.")
@click.option("--rounds", type=click.IntRange(1, 20), default=3, show_default=True)
@click.option("--seconds", type=click.FloatRange(0.5, 30), default=4.0, show_default=True, help="Of each measurement.")
@click.option("--calls", type=click.IntRange(100, 1_000_000), default=edits.CALLS, show_default=True, help="For edits.")
@click.option("--changes", type=click.IntRange(1, 10_000), default=60, show_default=True, help="For propagation.")
@click.option(
    "--nice", type=click.IntRange(-20, 19), default=0, help="Priority of all that is measured (root for < 0)."
)
@click.option("--json", "out", type=click.Path(path_type=Path), help="Write the figures here too.")
def main(
    only: tuple[str, ...], rounds: int, seconds: float, calls: int, changes: int, nice: int, out: Path | None
) -> None:
    """Measure Turnout on this machine. Ratios travel; absolute figures do not."""
    sections: dict[str, Callable[[], list[Figure]]] = {
        "propagation": lambda: propagation(changes),
        "compile": compiling.run,
        "gateway": lambda: gateway.run(rounds, seconds),
        "translating": lambda: translating.run(rounds, seconds),
        "caching": lambda: caching.run(rounds, seconds),
        "guardrails": lambda: guardrails.run(rounds, seconds),
        "edits": lambda: edits.run(calls),
        "soak": soak.run,
    }
    figures: list[Figure] = []
    with priority(nice):
        for name in SECTIONS:
            if not only or name in only:
                figures += sections[name]()
    print(table(figures))
    if out is not None:
        out.write_bytes(msgspec.json.format(msgspec.json.encode(figures)))
    sys.exit(1 if any(figure.good is False for figure in figures) else 0)


def propagation(changes: int) -> list[Figure]:
    """Run in a process of its own: the API server that it needs is the tests', which must be on the path."""
    path = os.pathsep.join(filter(None, (str(ROOT), str(ROOT / "tests"), os.environ.get("PYTHONPATH"))))
    line = [sys.executable, "-m", "bench.propagation", "--changes", str(changes)]
    done = subprocess.run(line, env={**os.environ, "PYTHONPATH": path}, stdout=subprocess.PIPE, check=True)
    return msgspec.json.decode(done.stdout, type=list[Figure])


if __name__ == "__main__":
    main()
