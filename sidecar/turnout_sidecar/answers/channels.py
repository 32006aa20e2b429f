"""The open texts of one stream, and the edit of what comes whole in it; each format's editor is built on it.

Rules: a text has a channel of its own from its first piece until its part ends; what comes whole is edited once and remembered,
and what the pieces of a text said in all is remembered with it, so that an answer that a stream repeats is told alike each
time; bytes in which nothing changes are passed on as they came, but an event that holds a member twice is written anew with
what was read of it.
"""

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable, Mapping
from typing import Any, Final

from msgspec import structs

from turnout_sidecar.answers import json_text, whole
from turnout_sidecar.answers.frames import with_data
from turnout_sidecar.answers.kinds import Channel, Edit, Kind, Last, Make
from turnout_sidecar.answers.leaves import Step, once
from turnout_sidecar.answers.templates import Template, Templates, Text
from turnout_sidecar.wire.sse import SseEvent, SseParser

_REPLACEMENT: Final = "\ufffd"


class Open:
    """A text that is growing. `about` is what its format needs to write one more piece of it."""

    __slots__ = ("about", "channel", "half", "heard", "kind", "said")

    def __init__(self, channel: Channel, kind: Kind, about: Any) -> None:
        self.channel = channel
        self.kind: Kind = kind
        self.about = about
        self.half = ""
        self.heard: list[str] = []
        self.said: list[str] = []

    def joined(self, piece: str) -> str:
        """The piece as sound text: a surrogate pair that servers cut in two is one character, in the later piece."""
        whole = self.half + piece
        if json_text.sound(whole) is whole:
            return piece
        self.half = whole[-1] if "\ud800" <= whole[-1] <= "\udbff" else ""
        return json_text.sound(whole[:-1] if self.half else whole)


class Editor(ABC):
    """See kinds.StreamEditor. A format says what an event is in `read`, and how a text is ended in `flushed`."""

    remembers = False
    """Whether the stream repeats its texts."""

    def __init__(self, make: Make, last: Last | None = None, edit: Edit | None = None, *, echo: bool = True) -> None:
        self._make = make
        self._last = last
        self._edit = edit
        self._echo: whole.Echo = None if echo else self.repeats
        self._parser = SseParser()
        self._templates = Templates()
        self._between = True  # nothing of a frame has come that has not come whole
        self._memory: dict[tuple[Kind, str], str] = {}
        self.open: dict[Hashable, Open] = {}

    def feed(self, frames: bytes) -> bytes:
        """See StreamEditor."""
        if self._between:
            plain = self._templates.plain
            if plain is not None:
                text = plain.only(frames)
                if text is not None and (grows := self.open.get(plain.keys[0])) is not None:
                    return self.fit_plain(frames, plain, text, self.grow(grows, text))
            fit = self._templates.fit(frames)
            if fit is not None and self._are_open(fit[0]):
                return self.fits(frames, *fit)
        events = self._parser.feed(frames)
        self._between = frames.endswith((b"\n\n", b"\r\n\r\n"))
        if len(events) == 1:
            return self._event(events[0])
        return b"".join([self._event(event) for event in events])

    def finish(self) -> bytes:
        """See StreamEditor."""
        rest = b"".join([self._event(event) for event in self._parser.finish()])
        return rest + self.end() + self.verdict()

    def end(self) -> bytes:
        """Frames of all that is held."""
        return b"".join([self.flushed(key) for key in list(self.open)])

    def repeats(self, path: tuple[Step, ...]) -> bool:
        """Whether what stands there in an event repeats the call."""
        del path
        return False

    def verdict(self) -> bytes:
        """The frame that tells how the checks ended, once, if there is something to tell."""
        last, self._last = self._last, None
        told = None if last is None else last()
        return b"" if told is None else self.told(told)

    @abstractmethod
    def told(self, verdict: Mapping[str, Any]) -> bytes:
        """The frame that tells it."""

    @abstractmethod
    def read(self, event: SseEvent, said: dict[str, Any]) -> bytes:
        """The frames that take the place of this event."""

    @abstractmethod
    def flushed(self, key: Hashable) -> bytes:
        """The text has ended: the frame of what was held of it, if anything was."""

    def _are_open(self, template: Template) -> bool:
        return all(map(self.open.__contains__, template.keys))

    def fits(self, raw: bytes, template: Template, texts: list[str]) -> bytes:
        """What takes the place of a frame whose template is known."""
        out = [self.grow(self.open[key], text) for key, text in zip(template.keys, texts, strict=True)]
        if out == texts:
            return raw
        return template.written(raw, out, None) if not template.silent or any(out) else b""

    def fit_plain(self, raw: bytes, template: Template, text: str, out: str) -> bytes:
        """The same where the template has one text, which is to be `out`."""
        if out == text:
            return raw
        return template.written(raw, [out], None) if out or not template.silent else b""

    def learn(self, event: SseEvent, texts: list[Text], count: int, *, silent: bool) -> None:
        """This frame says no more than these texts; `silent`: and nothing at all without them."""
        self._templates.learn(event, texts, count, silent=silent)

    def start(self, key: Hashable, kind: Kind, place: str, about: Any) -> Open:
        """The open text of this key."""
        found = self.open.get(key)
        if found is None:
            found = self.open[key] = Open(self._make(kind, place), kind, about)
        return found

    def grow(self, text: Open, piece: str) -> str:
        """What may be said after this piece."""
        if text.half or not piece.isprintable():
            piece = text.joined(piece)
        out = text.channel.feed(piece)
        if self.remembers:
            text.heard.append(piece)
            text.said.append(out)
        return out

    def close(self, key: Hashable) -> tuple[Open, str] | None:
        """The text has ended: what was held of it. None where it is not open."""
        text = self.open.pop(key, None)
        if text is None:
            return None
        held = text.channel.feed(_REPLACEMENT) if text.half else ""
        held += text.channel.flush()
        if self.remembers:
            text.said.append(held)
            self._memory[text.kind, "".join(text.heard)] = "".join(text.said)
        return text, held

    def once(self, kind: Kind, text: str) -> str:
        """A text that is there as a whole, edited."""
        known = self._memory.get((kind, text))
        if known is None:
            given = text if text.isprintable() else json_text.sound(text)
            if self._edit is not None:
                known = self._edit(kind, given)
            else:
                channel = self._make(kind, "")
                known = channel.feed(given) + channel.flush()
            known = text if known == given else known
            if self.remembers:
                self._memory[kind, text] = known
        return known

    def whole(self, event: SseEvent, kind: Kind = "content") -> bytes:
        """The event with every text in it edited as one that is there as a whole."""
        return changed(event, self.whole_data(event, kind))

    def whole_data(self, event: SseEvent, kind: Kind = "content") -> bytes:
        """The data of the event, edited so."""
        return whole.edited(event.data or b"", self.once, kind, self._echo)

    def _event(self, event: SseEvent) -> bytes:
        if event.data is None:
            return event.raw
        fit = self._templates.fit(event.raw)
        if fit is not None and self._are_open(fit[0]):
            return self.fits(event.raw, *fit)
        try:
            said = json_text.loads(event.data)
        except ValueError:
            return self.odd(event)
        try:
            data = once(event.data, said)
            if data is not event.data:
                event = structs.replace(event, raw=with_data(event, data), data=data)
            return self.read(event, said) if said.__class__ is dict else self.whole(event)
        except json_text.TooDeep:
            return self.whole(event)

    def odd(self, event: SseEvent) -> bytes:
        """An event that is no JSON."""
        return self.whole(event)


def changed(event: SseEvent, data: bytes) -> bytes:
    """The bytes of the event with this data; those that came where it is the same."""
    return event.raw if data == event.data else with_data(event, data)


def nested(steps: Iterable[Any], text: str) -> Any:
    """The objects and lists in which a text stands at this path; see leaves.Step."""
    value: Any = text
    for step in reversed(list(steps)):
        if isinstance(step, str):
            value = {step: value}
        else:
            value = [{**dict(step), **value}] if isinstance(step, tuple) and isinstance(value, dict) else [value]
    return value
