"""What guardrails cost: the parts by themselves, and a guarded call beside an unguarded one.

The parts are timed in the CPU time of their thread, which is not gone while others run, and beside a reference, a parse of one
and the same JSON document, in turns: where the reference takes longer than it does on an idle core of the machine that the goals
were set on, the goals are that much longer. Calls are compared in a fleet (see `fleet`), within the same moments.

Rules: a figure is the median over rounds; a p99 is of all samples of a round; every sample is of another text.
"""

import gc
import random
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import orjson

from bench import guard_texts
from bench.fleet import Contender, Measured, sample
from bench.report import Figure, plain, ratio
from turnout_sidecar.answers.formats import FORMATS
from turnout_sidecar.checks import injection
from turnout_sidecar.guarding.scanner import scan
from turnout_sidecar.masking.holding import Hold
from turnout_sidecar.masking.placeholders import Masker
from turnout_sidecar.masking.table import Table

TEXTS, SAMPLES, CHUNKS = 40, 1_000, 2_000
CALM_US = 240.0
"""What the reference takes on an idle core of the machine that the goals were set on."""
DENSE_P50, DENSE_P99, NONE_P50, CHUNK_US, HOSTILE_MS = 300.0, 1000.0, 60.0, 5.0, 150.0
OFF, ON = Contender("no policy", traced=False), Contender("masked and restored", traced=False, guarded=True)
PERSONAL = Contender("masked and restored, dense", traced=False, guarded=True, options=("--personal",))
LEAST_GUARDED = 0.4


def run(rounds: int, seconds: float) -> list[Figure]:
    """All of it."""
    return [*parts(rounds), *calls(rounds, seconds)]


def parts(rounds: int) -> list[Figure]:
    """The parts by themselves."""
    clock = Clock()
    found = [_round(clock) for _ in range(rounds)]
    slower = max(1.0, statistics.median(clock.reference) / CALM_US)
    goals = {"dense, p50": DENSE_P50, "dense, p99": DENSE_P99, "without any, p50": NONE_P50, "hostile": HOSTILE_MS}
    figures = [plain("reference: 64 KB of JSON parsed, p50", statistics.median(clock.reference), "us")]
    for name, unit in found[0]:
        value = statistics.median(each[name, unit] for each in found)
        goal = next((most for words, most in goals.items() if words in name), CHUNK_US if "chunk" in name else None)
        figures.append(plain(name, value, unit, most=None if goal is None else round(goal * slower, 1)))
    dense = [each["scan of 2 KB, dense, p50", "us"] / statistics.median(clock.reference) for each in found]
    return [*figures, ratio("scan of 2 KB, dense, to the reference", dense)]


def calls(rounds: int, seconds: float) -> list[Figure]:
    """Through the gateway, with a policy and without."""
    samples = sample((OFF, ON, PERSONAL), rounds, seconds)
    return [
        *_beside(ON, samples[ON.name], samples[OFF.name], LEAST_GUARDED),
        *_beside(PERSONAL, samples[PERSONAL.name], samples[OFF.name], None),
    ]


class Clock:
    """CPU microseconds of what is called, beside those of the reference."""

    def __init__(self) -> None:
        document = {f"key {number}": ["text of some words " * 3, number, None] for number in range(810)}
        self._document = orjson.dumps(document)
        self.reference: list[float] = []

    def of(self, once: Callable[[int], Any], count: int, every: int = 10) -> list[float]:
        """Samples, sorted; the reference is taken beside every tenth."""
        samples = []
        gc.collect()
        gc.disable()
        try:
            for number in range(count):
                if number % every == 0:
                    orjson.loads(self._document)  # so that what is timed finds the caches as the last one left them
                    began = time.thread_time_ns()
                    orjson.loads(self._document)
                    self.reference.append((time.thread_time_ns() - began) / 1e3)
                began = time.thread_time_ns()
                once(number)
                samples.append((time.thread_time_ns() - began) / 1e3)
        finally:
            gc.enable()
        return sorted(samples)


def _round(clock: Clock) -> dict[tuple[str, str], float]:
    """Each part once; by name and unit."""
    found: dict[tuple[str, str], float] = {}
    for name, make in (("dense", guard_texts.dense), ("without any", guard_texts.plain)):
        texts = [make(number) for number in range(TEXTS)]
        samples = clock.of(lambda number, texts=texts: scan(texts[number % TEXTS]), SAMPLES)  # type: ignore[misc]
        found[f"scan of 2 KB, {name}, p50", "us"] = statistics.median(samples)
        found[f"scan of 2 KB, {name}, p99", "us"] = samples[int(len(samples) * 0.99)]
    found["put back placeholders, a chunk", "us"] = _chunk(clock, _restorer)
    found["look at prose for new matches, a chunk", "us"] = _chunk(clock, _holder)
    found["edit an answer with nothing to do, a chunk", "us"] = _chunk(clock, _editor)
    hostile = list(guard_texts.hostile().values())
    found["the worst of hostile 40 KB", "ms"] = max(_worst(clock, text) for text in hostile) / 1e3
    streams = [min(clock.of(lambda _, text=text: _held(text), 2)) for text in hostile]  # type: ignore[misc]
    found["the worst of streams of that, in 200 pieces", "ms"] = max(streams) / 1e3
    return found


def _worst(clock: Clock, text: str) -> float:
    """Microseconds of what takes longest with a text: each part is given the better of three tries."""
    looks: tuple[Callable[[int], Any], ...] = (
        lambda _: scan(text),
        lambda _: injection.score(text),
        lambda _: _table().restore(text),
    )
    return max(min(clock.of(look, 3)) for look in looks)


def _held(text: str) -> None:
    hold = _hold()
    for at in range(0, len(text), 200):
        hold.feed(text[at : at + 200])
    hold.flush()


def _chunk(clock: Clock, make: Callable[[], tuple[Callable[[Any], Any], Sequence[Any]]]) -> float:
    """Microseconds of a chunk, of streams of some 2,000."""
    count = len(make()[1])

    def stream(_: int) -> None:
        feed, chunks = make()
        for chunk in chunks:
            feed(chunk)

    return statistics.median(clock.of(stream, 20)) / count


def _table() -> Table:
    """A call's table with twenty values."""
    table = Table(Masker(b"k" * 32, "bench", "conversation"))
    for number in range(20):
        table.add("Email", f"desk{number}@office.example.com", restore=True)
    return table


def _pieces() -> list[str]:
    """An answer as models send it, a word or two at a time; one in forty is a piece of a placeholder."""
    draw = random.Random(7)
    words = [f"{word} " for word in guard_texts.plain(0).split()]
    names = list(_table().live)
    pieces: list[str] = []
    while len(pieces) < CHUNKS:
        if draw.randrange(160):
            pieces.append(draw.choice(words))
        else:
            name = draw.choice(names)
            pieces += (name[:4], name[4:9], name[9:14], name[14:])
    return pieces[:CHUNKS]


_PIECES = _pieces()
_FRAMES = [
    b"data: "
    + orjson.dumps(
        {
            "id": "chatcmpl-bench",
            "object": "chat.completion.chunk",
            "created": 1_700_000_000,
            "model": "bench-model",
            "choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}],
        }
    )
    + b"\n\n"
    for piece in (f"{word} " for word in (guard_texts.plain(0) * 9).split()[:CHUNKS])
]


def _restorer() -> tuple[Callable[[Any], Any], Sequence[Any]]:
    return _table().stream().feed, _PIECES


def _hold() -> Hold:
    return Hold(scan, lambda finding, _: f"<{finding.entity}>")


def _holder() -> tuple[Callable[[Any], Any], Sequence[Any]]:
    return _hold().feed, [piece for piece in _PIECES if "_" not in piece and "<" not in piece]


class _Nothing:
    """A channel that lets everything pass."""

    def feed(self, text: str) -> str:
        """The text."""
        return text

    def flush(self) -> str:
        """Nothing is held."""
        return ""


def _editor() -> tuple[Callable[[Any], Any], Sequence[Any]]:
    return FORMATS["chat"].editor(lambda *_: _Nothing()).feed, _FRAMES


def _beside(
    who: Contender,
    own: list[tuple[Measured, Measured]],
    other: list[tuple[Measured, Measured]],
    least: float | None,
) -> list[Figure]:
    pairs = list(zip(own, other, strict=True))
    return [
        ratio(
            f"{who.name}: calls per CPU-second, to no policy",
            [a.per_cpu_second / b.per_cpu_second for (a, _), (b, _) in pairs],
            least=least,
        ),
        plain(
            f"{who.name}: added to a call",
            statistics.median(1e6 / a.per_cpu_second - 1e6 / b.per_cpu_second for (a, _), (b, _) in pairs),
            "us",
        ),
        plain(
            f"{who.name}: added to a chunk",
            statistics.median(a.event_us - b.event_us for (_, a), (_, b) in pairs),
            "us",
        ),
        ratio(f"{who.name}: CPU per SSE chunk, to no policy", [a.event_us / b.event_us for (_, a), (_, b) in pairs]),
        plain(f"{who.name}: errors", sum(part.errors for pair in own for part in pair), "", most=0),
    ]
