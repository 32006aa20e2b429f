"""The events of a ConverseStream, by their type and payload, to the events of the canonical exchange.

How they are framed is not known here (`framing.py`). Rules: a block has an index of the provider's own, which may be missing;
text and thoughts open with their first delta, tools with their start; `messageStop` is the terminal event, `metadata` with the
usage comes behind it; an exception is an event too, and ends the stream badly.
"""

from hashlib import sha256
from typing import Any, Final

import orjson

from turnout_sidecar.wire import lenient
from turnout_sidecar.wire.canonical import (
    ArgumentsDelta,
    Ended,
    Event,
    Failed,
    Finished,
    PartEnded,
    Reported,
    Started,
    TextDelta,
    ThinkingDelta,
    ThinkingSigned,
    ToolCallStarted,
)
from turnout_sidecar.wire.converse.answer import finish_of, made_id, stop_sequence_of
from turnout_sidecar.wire.converse.errors import named, status_of
from turnout_sidecar.wire.converse.usage import read_usage

_STATUSES: Final = range(400, 600)
_EXCEPTION: Final = "Exception"


class EventReading:
    """The state of one stream that is being read."""

    def __init__(self) -> None:
        self._started = False
        self._stopped = False
        self._over = False  # ended or failed
        self._index = -1
        self._open: dict[Any, tuple[int, str]] = {}  # by the provider's index: ours, and the kind
        self._calls = 0
        self._seen = sha256()  # for ids that have to be made

    def take(self, kind: str, payload: bytes) -> list[Event]:
        """The events of one event; none of a type that is not known. Raises NotAnAnswer where it is no JSON object."""
        self._seen.update(payload)
        if self._over:
            return []
        if kind.endswith(_EXCEPTION):
            return [self._fail(kind, payload)]
        said = lenient.load(payload) if payload.strip() else {}
        events: list[Event] = []
        if not self._started:
            self._started = True
            events.append(Started())
        match kind:
            case "contentBlockStart":
                self._start(said, events)
            case "contentBlockDelta":
                self._delta(said, events)
            case "contentBlockStop":
                self._close(said.get("contentBlockIndex"), events)
            case "messageStop":
                self._stop(said, events)
            case "metadata":
                self._metadata(said, events)
            case _:
                pass
        return events

    def fail(self, name: str, message: str) -> list[Event]:
        """An error that is no modelled exception."""
        self._over = True
        return [Failed(named(name, message), status_of(name))]

    def end(self) -> list[Event]:
        """The bytes have ended as they should."""
        if not self._stopped or self._over:
            return []
        self._over = True
        return [Ended()]

    def _fail(self, kind: str, payload: bytes) -> Failed:
        self._over = True
        try:
            said = lenient.mapping(orjson.loads(payload))
        except orjson.JSONDecodeError:
            said = {}
        message = lenient.text(said.get("message")) or lenient.text(said.get("originalMessage")) or ""
        original = lenient.count(said.get("originalStatusCode"))
        status = status_of(kind) if original is None or original not in _STATUSES else original
        return Failed(named(kind, message), status)

    def _start(self, said: dict[str, Any], events: list[Event]) -> None:
        use = lenient.mapping(said.get("start")).get("toolUse")
        if not isinstance(use, dict) or self._stopped:
            return
        index = self._new(said.get("contentBlockIndex"), "tool", events)
        identity = lenient.label(use.get("toolUseId")) or made_id(self._seen.digest(), index)
        self._calls += 1
        events.append(ToolCallStarted(index, identity, lenient.text(use.get("name")) or ""))

    def _delta(self, said: dict[str, Any], events: list[Event]) -> None:
        delta, key = lenient.mapping(said.get("delta")), said.get("contentBlockIndex")
        if self._stopped:
            return
        if isinstance(delta.get("text"), str):
            if delta["text"]:
                index = self._in(key, "text", events)
                events.append(TextDelta(index, delta["text"]))
        elif isinstance(delta.get("toolUse"), dict):
            index, kind = self._open.get(_hashable(key), (-1, ""))
            text = lenient.text(delta["toolUse"].get("input"))
            if text and kind == "tool":
                events.append(ArgumentsDelta(index, text))
        elif isinstance(delta.get("reasoningContent"), dict):
            self._thought(key, delta["reasoningContent"], events)

    def _thought(self, key: Any, said: dict[str, Any], events: list[Event]) -> None:
        text, signature = lenient.text(said.get("text")), lenient.text(said.get("signature"))
        redacted = lenient.text(said.get("redactedContent"))
        if not text and not signature and not redacted:
            return
        index = self._in(key, "thinking", events)
        if text:
            events.append(ThinkingDelta(index, text))
        if signature or redacted:
            events.append(ThinkingSigned(index, signature or None, redacted or None))

    def _stop(self, said: dict[str, Any], events: list[Event]) -> None:
        if self._stopped:
            return
        self._stopped = True
        self._close_all(events)
        raw = lenient.label(said.get("stopReason"))
        events.append(Finished(finish_of(raw, calls=self._calls > 0), raw, stop_sequence_of(said)))

    def _metadata(self, said: dict[str, Any], events: list[Event]) -> None:
        usage = read_usage(said.get("usage"))
        if usage is not None:
            events.append(Reported(usage))
        if self._stopped:
            events += self.end()

    def _in(self, key: Any, kind: str, events: list[Event]) -> int:
        """The index of the part of this kind that the block is, opened if it is not."""
        found = self._open.get(_hashable(key))
        return found[0] if found is not None and found[1] == kind else self._new(key, kind, events)

    def _new(self, key: Any, kind: str, events: list[Event]) -> int:
        self._close_all(events)
        self._index += 1
        self._open[_hashable(key)] = (self._index, kind)
        return self._index

    def _close(self, key: Any, events: list[Event]) -> None:
        found = self._open.pop(_hashable(key), None)
        if found is not None:
            events.append(PartEnded(found[0]))

    def _close_all(self, events: list[Event]) -> None:
        events += [PartEnded(index) for index, _ in self._open.values()]
        self._open.clear()


def _hashable(key: Any) -> int | None:
    return key if isinstance(key, int) else None
