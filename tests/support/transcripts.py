"""Transcripts of providers' streams (tests/transcripts/<format>), and streams read in pieces."""

import itertools
import random
from collections.abc import Callable, Iterable
from pathlib import Path

from turnout_sidecar.wire.canonical import Event
from turnout_sidecar.wire.formats import StreamReader

FOLDER = Path(__file__).parents[1] / "transcripts"


def transcripts(format_name: str, *endings: str) -> list[Path]:
    """The files of a format with these endings, by name."""
    return sorted(path for path in (FOLDER / format_name).iterdir() if path.suffix in endings)


def read_in_pieces(reader: Callable[[], StreamReader], stream: bytes, cuts: Iterable[int] = ()) -> list[Event]:
    """The events of a stream that came cut at these places."""
    made = reader()
    edges = [0, *sorted(cuts), len(stream)]
    events = [event for start, end in itertools.pairwise(edges) for event in made.feed(stream[start:end])]
    return events + made.finish()


def random_cuts(dice: random.Random, length: int) -> list[int]:
    """Some places to cut at, few or many."""
    return [dice.randrange(length + 1) for _ in range(dice.choice([1, 2, 3, 8, 40]))]
