"""What holds of the events of every stream, whichever format they were read from."""

from collections.abc import Sequence

from turnout_sidecar.wire.canonical import (
    ArgumentsDelta,
    Ended,
    Event,
    Failed,
    Finished,
    PartEnded,
    Pinged,
    RefusalDelta,
    Reported,
    Started,
    TextDelta,
    ThinkingDelta,
    ThinkingSigned,
    ToolCallStarted,
)

KINDS: dict[type[Event], str] = {
    TextDelta: "text",
    RefusalDelta: "refusal",
    ThinkingDelta: "thinking",
    ThinkingSigned: "thinking",
    ToolCallStarted: "call",
    ArgumentsDelta: "call",
}
ANYWHERE = (Pinged, Reported, Failed)


class Order:
    """Takes events and asserts that they may come in this order.

    `strict`: parts one after the other. A provider that goes on with a part after the next one began is read all the same.
    """

    def __init__(self, *, strict: bool = True) -> None:
        self.strict = strict
        self.started = self.finished = self.failed = self.ended = False
        self.parts = 0
        self.seen: set[int] = set()
        self.open: tuple[int, str] | None = None

    def take(self, event: Event) -> None:
        assert not self.ended, f"{event} after the end"
        if isinstance(event, Started):
            assert not self.started, "started twice"
            self.started = True
        elif isinstance(event, Ended):
            assert self.finished or self.failed, "an end without a finish"
            self.ended = True
        elif isinstance(event, ANYWHERE):
            self.failed = self.failed or isinstance(event, Failed)
        else:
            assert self.started, f"{event} before the start"
            assert not self.finished, f"{event} after the finish"
            self.part(event)

    def part(self, event: Event) -> None:
        if isinstance(event, Finished):
            assert self.open is None or not self.strict, "a finish while a part is open"
            self.finished = True
            return
        index = getattr(event, "index", -1)
        assert 0 <= index <= self.parts, f"{event} leaves a number out"
        self.parts = max(self.parts, index + 1)
        if self.strict:
            self.one_after_the_other(event, index)

    def one_after_the_other(self, event: Event, index: int) -> None:
        if isinstance(event, PartEnded):
            assert self.open is not None, f"{event} of a part that is not open"
            assert self.open[0] == index, f"{event} of a part that is not open"
            self.open = None
            return
        here = (index, KINDS[type(event)])
        if self.open is None:
            assert index == self.parts - 1, f"{event} opens a part again"
            assert index not in self.seen, f"{event} opens a part again"
            assert not isinstance(event, ArgumentsDelta), f"{event} without a call"
            self.seen.add(index)
            self.open = here
            return
        assert here == self.open, f"{event} while {self.open} is open"
        assert not isinstance(event, ToolCallStarted), f"{event} twice"


def hold_to_the_order(events: Sequence[Event]) -> None:
    """Assert that a whole stream may be so."""
    order = Order()
    for event in events:
        order.take(event)
