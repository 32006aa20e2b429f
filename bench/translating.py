"""What a protocol costs beside a bare aiohttp proxy of chat completions: passed on as bytes, or translated.

Four contenders, each with its own resources, key, metrics, usage and log: chat to OpenAI and messages to Anthropic pass as bytes;
chat to Anthropic and messages to OpenAI go through the canonical exchange. What counts is the ratio within a round.
"""

from bench.fleet import Contender, Measured, sample
from bench.report import Figure, plain, ratio

REFERENCE = Contender("bare", bare=True)
_MESSAGES = ("--api", "messages")
SAME = (
    Contender("chat to OpenAI, bytes", traced=False),
    Contender("messages to Anthropic, bytes", traced=False, options=_MESSAGES, protocol="Anthropic"),
)
TRANSLATED = (
    Contender("chat to Anthropic, translated", traced=False, protocol="Anthropic"),
    Contender("messages to OpenAI, translated", traced=False, options=_MESSAGES),
)
LEAST_SAME = 0.5
LEAST_TRANSLATED = 0.35


def run(rounds: int, seconds: float) -> list[Figure]:
    """All contenders, interleaved."""
    samples = sample((REFERENCE, *SAME, *TRANSLATED), rounds, seconds)
    return [
        figure
        for group, least in ((SAME, LEAST_SAME), (TRANSLATED, LEAST_TRANSLATED))
        for contender in group
        for figure in _figures(contender.name, samples[contender.name], samples[REFERENCE.name], least)
    ]


def _figures(
    name: str, own: list[tuple[Measured, Measured]], bare: list[tuple[Measured, Measured]], least: float
) -> list[Figure]:
    pairs = list(zip(own, bare, strict=True))
    calls = [a.per_cpu_second / b.per_cpu_second for (a, _), (b, _) in pairs]
    chunks = [a.event_us / b.event_us for (_, a), (_, b) in pairs]
    return [
        ratio(f"{name}: calls per CPU-second, to bare", calls, least=least),
        ratio(f"{name}: CPU per SSE chunk, to bare", chunks),
        plain(f"{name}: errors", sum(part.errors for pair in own for part in pair), "", most=0),
    ]
