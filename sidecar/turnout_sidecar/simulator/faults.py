"""What goes wrong on purpose: drawn by a rate, or asked for by a request in its header `x-simulate`.

`status=429,retry_after=1` answers with that error; `hang=headers|first-token|middle` stops there for ever; `cut=N` cuts the
connection after N frames of a stream or N bytes of a body; `latency=200ms` replaces the latency; `drip=1s` sends the reply in
as many pieces as that time has milliseconds (0ms: byte by byte at once). In the middle of a stream stand `malformed` an event
that means nothing, `oversized=N` one of N bytes of text, `error-event` an error after which nothing comes; `no-end` leaves
out what tells that a stream is whole. A body is then but its first half, has N blanks more, is an error with status 200, or
lacks its last byte. `usage=none|zero|wrong` is about the usage that is told. What is drawn by the rate depends on the seed
and on the number of the call, so that a retry is another draw, and a run repeats.
"""

from typing import Final, Literal, get_args

import msgspec

from turnout_contract import durations
from turnout_sidecar.simulator.dialect import Frame, Reply, UsageFault
from turnout_sidecar.simulator.drawing import Draw, digest

HangAt = Literal["headers", "first-token", "middle"]

HEADER: Final = "x-simulate"
KNOWN: Final = (
    "status=N, retry_after=SECONDS, hang=headers|first-token|middle, cut=N, malformed, oversized=BYTES, error-event, no-end, "
    "usage=none|zero|wrong, drip=DURATION, latency=DURATION"
)
_SWITCHES: Final = {"malformed": "malformed", "error-event": "error_event", "no-end": "no_end"}
_DRAWN: Final = (500, 503, 429)
_LOWEST_STATUS: Final = 400
_HIGHEST_STATUS: Final = 599
_MOST_BYTES: Final = 256 * 1024 * 1024
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
    drip: float | None = None
    """Seconds that the reply is spread over."""
    malformed: bool = False
    oversized: int | None = None
    """Bytes."""
    error_event: bool = False
    no_end: bool = False
    usage: UsageFault | None = None

    @property
    def message(self) -> str:
        """What the error says."""
        return _MESSAGES.get(self.status or 0, f"Simulated error {self.status}.")


def parse_fault(text: str) -> Fault:
    """The fault that a header asks for. Raises ValueError, saying what there is."""
    fault = Fault()
    for part in filter(None, (each.strip() for each in text.split(","))):
        name, equals, value = (each.strip() for each in part.partition("="))
        try:
            if not equals and name in _SWITCHES:
                fault = msgspec.structs.replace(fault, **{_SWITCHES[name]: True})
            else:
                fault = msgspec.structs.replace(fault, **{name: _value(name, value)})
        except ValueError:
            raise ValueError(f"{HEADER}: {part[:80]!r} is none of {KNOWN}") from None
    return fault


def _value(name: str, value: str) -> object:
    match name:
        case "status" if _LOWEST_STATUS <= int(value) <= _HIGHEST_STATUS:
            return int(value)
        case "retry_after" | "cut" if int(value) >= 0:
            return int(value)
        case "oversized" if 0 <= int(value) <= _MOST_BYTES:
            return int(value)
        case "hang" if value in get_args(HangAt):
            return value
        case "usage" if value in get_args(UsageFault):
            return value
        case "latency" | "drip":
            return durations.parse_ms(value) / 1000
    raise ValueError(value)


def drawn_fault(seed: int, number: int, rate: float) -> Fault:
    """The fault that call `number` has under a rate of failures."""
    draw = Draw(digest(["fault", seed, number]))
    if draw.fraction() >= rate:
        return Fault()
    status = draw.pick(_DRAWN)
    return Fault(status=status, retry_after=1 if status == _DRAWN[-1] else None)


def spoil(reply: Reply, fault: Fault, error: Reply) -> Reply:
    """The reply as `fault` changes what it says. `error`: what the protocol answers to a failure of its own."""
    if reply.frames is None or reply.trouble is None:
        return _spoil_body(reply, fault, error)
    frames, trouble = reply.frames, reply.trouble
    half = len(frames) // 2
    before, after = list(frames[:half]), list(frames[half:])
    if fault.malformed:
        before.append(Frame(trouble.malformed))
    if fault.oversized is not None:
        before.append(Frame(trouble.oversized(fault.oversized)))
    if fault.error_event:
        before.append(Frame(trouble.error))
        after = []
    if fault.no_end:
        after = [frame for frame in after if not frame.end]
    return msgspec.structs.replace(reply, frames=(*before, *after))


def _spoil_body(reply: Reply, fault: Fault, error: Reply) -> Reply:
    if fault.error_event:
        reply = msgspec.structs.replace(error, status=reply.status)
    body = reply.body
    if fault.malformed:
        body = body[: len(body) // 2]
    if fault.oversized is not None:
        body += b" " * fault.oversized
    if fault.no_end:
        body = body[:-1]
    return msgspec.structs.replace(reply, body=body)
