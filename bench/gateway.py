"""The gateway beside a bare aiohttp proxy: calls per CPU-second, CPU per SSE chunk, zero errors.

The reference does what an aiohttp gateway cannot do without, and nothing else; ours has a client's key, 20 routes, metrics, usage,
cost and a log line of every call, and where it says so the exact cache and a trace of every call. What counts is the ratio
within a round (see `fleet`): absolute figures move with the machine.
"""

from bench.fleet import Contender, Measured, Samples, sample
from bench.report import Figure, plain, ratio

NOISY = 0.10
REFERENCE = Contender("bare", bare=True)
KEPT = Contender("turnout, exact cache, all misses kept", cached=True)
CONTENDERS = (
    REFERENCE,
    Contender("turnout"),
    Contender("turnout, exact cache looked up", cached=True, options=("--header", "x-turnout-cache: no-store")),
    KEPT,
)
LEAST_CALLS = 0.5
MOST_CHUNK = 2.0


def run(rounds: int, seconds: float) -> list[Figure]:
    """All contenders, interleaved."""
    return figures(sample(CONTENDERS, rounds, seconds))


def figures(samples: Samples) -> list[Figure]:
    """Ratios to the reference, round by round, and what else is worth seeing."""
    reference = samples[REFERENCE.name]
    found: list[Figure] = []
    for name, own in samples.items():
        if name != REFERENCE.name:
            found += _of_one(name, own, reference)
    noisy = max(part.waited for own in samples.values() for pair in own for part in pair)
    found.append(plain(f"longest share of time in the run queue (noisy above {NOISY:.0%})", noisy * 100, "%"))
    return found


def _of_one(
    name: str, own: list[tuple[Measured, Measured]], reference: list[tuple[Measured, Measured]]
) -> list[Figure]:
    pairs = list(zip(own, reference, strict=True))
    calls = [a.per_cpu_second / b.per_cpu_second for (a, _), (b, _) in pairs]
    chunks = [a.event_us / b.event_us for (_, a), (_, b) in pairs]
    # Every call a miss that is written to disk is no traffic that a cache is for: it is shown, and its engine's share apart.
    least = None if name == KEPT.name else LEAST_CALLS
    found = [
        ratio(f"{name}: calls per CPU-second, to bare", calls, least=least),
        ratio(f"{name}: CPU per SSE chunk, to bare", chunks, most=MOST_CHUNK),
        plain(f"{name}: errors", sum(part.errors for pair in own for part in pair), "", most=0),
    ]
    if any(unary.spans for unary, _ in own):
        found.append(plain(f"{name}: spans exported a call", min(u.spans / max(u.calls, 1) for u, _ in own), ""))
    if any(unary.engine for unary, _ in own):
        found.append(plain(f"{name}: of it the engine's own process, a call", max(u.engine_us for u, _ in own), "us"))
        alone = [a.without_engine / b.per_cpu_second for (a, _), (b, _) in pairs]
        least = LEAST_CALLS if name == KEPT.name else None
        found.append(ratio(f"{name}: calls per CPU-second without it, to bare", alone, least=least))
    found.append(plain(f"{name}: resident", max(part.resident for pair in own for part in pair), "MiB"))
    return found
