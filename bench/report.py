"""Figures with their goals, as a table and as JSON."""

import statistics
from collections.abc import Sequence

import msgspec


class Figure(msgspec.Struct, frozen=True):
    """One measured figure. `good` None: shown, without a goal."""

    name: str
    value: float
    unit: str
    goal: str = ""
    good: bool | None = None
    spread: str = ""


def ratio(name: str, samples: Sequence[float], *, least: float | None = None, most: float | None = None) -> Figure:
    """A paired ratio, one sample a round; its median is held against the goal."""
    middle = statistics.median(samples)
    goal = f">= {least}" if least is not None else f"<= {most}" if most is not None else ""
    good = middle >= least if least is not None else middle <= most if most is not None else None
    return Figure(name, middle, "x", goal, good, f"{min(samples):.2f}-{max(samples):.2f} in {len(samples)} rounds")


def plain(name: str, value: float, unit: str, *, most: float | None = None) -> Figure:
    """A figure that may have an upper bound."""
    return Figure(name, value, unit, "" if most is None else f"<= {most:g}", None if most is None else value <= most)


def table(figures: Sequence[Figure]) -> str:
    """The figures, for people."""
    rows = [("figure", "value", "goal", "", "spread")]
    rows += [
        (f.name, f"{f.value:.3g} {f.unit}", f.goal, "" if f.good is None else "ok" if f.good else "MISSED", f.spread)
        for f in figures
    ]
    widths = [max(len(row[i]) for row in rows) for i in range(5)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
