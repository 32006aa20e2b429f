"""What goes wrong on purpose: drawn by a rate, or asked for by a request in its header `x-simulate`.

`x-simulate: status=429,retry_after=1` answers with that error; `hang=headers|first-token|middle` stops there for ever;
`cut=N` cuts the connection after N frames of a stream or N bytes of a body; `latency=200ms` replaces the latency. What is
drawn by the rate depends on the seed and on the number of the call, so that a retry is another draw, and a run repeats.
"""

from typing import Final, Literal, get_args

import msgspec

from turnout_contract import durations
from turnout_sidecar.simulator.drawing import Draw, digest

HangAt = Literal["headers", "first-token", "middle"]

HEADER: Final = "x-simulate"
_KNOWN: Final = "status=N, retry_after=SECONDS, hang=headers|first-token|middle, cut=N, latency=DURATION"
_DRAWN: Final = (500, 503, 429)
_LOWEST_STATUS: Final = 400
_HIGHEST_STATUS: Final = 599
_MESSAGES: Final = {
    429: "Rate limit reached. Please try again later.",
    500: "The server had an error while processing your request.",
    503: "The engine is currently overloaded, please try again later.",
}


class Fault(msgspec.Struct, frozen=True):
    """What to do to one reply. All absent: nothing."""

    status: int | None = None
    retry_after: int | None = None
    """Seconds, for the header of that name."""
    hang: HangAt | None = None
    cut: int | None = None
    """Frames of a stream, or bytes of a body, that still come."""
    latency: float | None = None
    """Seconds."""

    @property
    def message(self) -> str:
        """What the error says."""
        return _MESSAGES.get(self.status or 0, f"Simulated error {self.status}.")


def parse_fault(text: str) -> Fault:
    """The fault that a header asks for. Raises ValueError, saying what there is."""
    fault = Fault()
    for part in filter(None, (each.strip() for each in text.split(","))):
        name, _, value = part.partition("=")
        try:
            fault = msgspec.structs.replace(fault, **{name.strip(): _value(name.strip(), value.strip())})
        except ValueError:
            raise ValueError(f"{HEADER}: {part[:80]!r} is none of {_KNOWN}") from None
    return fault


def _value(name: str, value: str) -> object:
    match name:
        case "status" if _LOWEST_STATUS <= int(value) <= _HIGHEST_STATUS:
            return int(value)
        case "retry_after" | "cut" if int(value) >= 0:
            return int(value)
        case "hang" if value in get_args(HangAt):
            return value
        case "latency":
            return durations.parse_ms(value) / 1000
    raise ValueError(value)


def drawn_fault(seed: int, number: int, rate: float) -> Fault:
    """The fault that call `number` has under a rate of failures."""
    draw = Draw(digest(["fault", seed, number]))
    if draw.fraction() >= rate:
        return Fault()
    status = draw.pick(_DRAWN)
    return Fault(status=status, retry_after=1 if status == _DRAWN[-1] else None)
