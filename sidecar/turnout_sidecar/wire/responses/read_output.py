"""The output items of a backend's response, in whatever pieces they come, as canonical events.

A stream tells most things three times: as deltas, as the `done` of a part, and in the item that is whole at last. Rules:
- what deltas brought is not told again; what they did not bring is told by whatever comes next (some servers send no
  deltas, or no `added`), and at the latest by the whole response: `Output.item_done` serves them all;
- of what was told only the length is kept;
- a call of a tool opens once its name is known; arguments that come before are held, up to the size of one event;
- servers number and name items as they like (one number for all, a new id each time): an id that is known wins, then the
  number, then the kind.
"""

from typing import Any

import msgspec

from turnout_sidecar.wire import lenient
from turnout_sidecar.wire.canonical import (
    ArgumentsDelta,
    Event,
    NotAnAnswer,
    PartEnded,
    RefusalDelta,
    TextDelta,
    ThinkingDelta,
    ThinkingSigned,
    ToolCallStarted,
)
from turnout_sidecar.wire.responses.ids import made_id
from turnout_sidecar.wire.responses.thoughts import thought_of
from turnout_sidecar.wire.responses.token_logprobs import read_logprobs
from turnout_sidecar.wire.sse import DEFAULT_LIMIT

_KINDS = {"message": "message", "function_call": "call", "reasoning": "thought"}
_PARAGRAPH = "\n\n"


class _Part(msgspec.Struct):
    """A part that was opened: its index and how many characters of it were told."""

    index: int
    told: int = 0
    ended: bool = False


class _Item(msgspec.Struct):
    """An output item. `parts` by their place in it (a call and a thought have one)."""

    kind: str
    id: str | None = None
    parts: dict[int, _Part] = msgspec.field(default_factory=dict)
    held: list[str] = msgspec.field(default_factory=list)  # arguments of a call without a name
    paragraph: object = None  # of a thought: which of its texts came last
    source: str = ""  # of a thought: its summary or its content, whichever came first
    done: bool = False


class Output:
    """Collects events; `take` gives them out."""

    def __init__(self) -> None:
        self._items: dict[object, _Item] = {}
        self._by_id: dict[str, _Item] = {}
        self._last: dict[str, _Item] = {}  # of each kind
        self._calls: list[_Item] = []  # that may be open still; they may come side by side
        self._next = 0
        self._held = 0
        self._events: list[Event] = []
        self.response_id = ""
        self.called = False
        self.refused = False

    def take(self) -> list[Event]:
        """The events since the last time."""
        events, self._events = self._events, []
        return events

    def added(self, event: dict[str, Any]) -> None:
        """`response.output_item.added`."""
        given = lenient.mapping(event.get("item"))
        kind = _KINDS.get(str(given.get("type")))
        if kind is None:
            return
        item = self._new(kind, event.get("output_index"), lenient.label(given.get("id")))
        if kind == "call" and given.get("name"):
            self._start_call(item, given)  # its arguments come, whatever it holds of them already

    def text_delta(self, event: dict[str, Any], kind: str) -> None:
        """More of a text or (`kind`) a refusal."""
        item = self._find(event, "message")
        self._words(item, _place(event), lenient.text(event.get("delta")) or "", kind, event.get("logprobs"))

    def text_done(self, event: dict[str, Any], member: str, kind: str) -> None:
        """A text or refusal is whole."""
        item = self._find(event, "message")
        self._text_whole(item, _place(event), lenient.text(event.get(member)) or "", kind, event.get("logprobs"))

    def part_done(self, event: dict[str, Any]) -> None:
        """`response.content_part.done`."""
        part = lenient.mapping(event.get("part"))
        if part.get("type") in ("output_text", "refusal"):
            self._part_whole(self._find(event, "message"), _place(event), part)

    def arguments_delta(self, event: dict[str, Any]) -> None:
        """More of the arguments of a call."""
        self._arguments(self._find(event, "call"), lenient.text(event.get("delta")) or "")

    def arguments_done(self, event: dict[str, Any]) -> None:
        """The arguments are whole; perhaps this is all that comes of them."""
        item = self._find(event, "call")
        if event.get("name") and not item.parts:
            self._start_call(item, event)
        self._arguments_whole(item, lenient.text(event.get("arguments")) or "")
        self._close(item)

    def thought_delta(self, event: dict[str, Any], source: str) -> None:
        """More of a thought: of its summary or of its content."""
        place = event.get("summary_index" if source == "summary" else "content_index")
        self._thought(self._find(event, "thought"), lenient.text(event.get("delta")) or "", source, place)

    def thought_done(self, event: dict[str, Any], source: str) -> None:
        """A paragraph of a thought is whole: news only where it had no deltas."""
        item = self._find(event, "thought")
        place = event.get("summary_index" if source == "summary" else "content_index")
        if not item.parts or (item.source == source and item.paragraph != place):
            self._thought(item, lenient.text(event.get("text")) or "", source, place)

    def item_done(self, given: dict[str, Any], place: object, *, again: bool = False) -> None:
        """An item is whole. `again`: it may have been told so before, under another id."""
        kind = _KINDS.get(str(given.get("type")))
        if kind is None:
            return
        own = lenient.label(given.get("id"))
        item = self._find({"output_index": place, "item_id": own}, kind)
        if item.done and (again or own is None or own == item.id):
            return
        if item.done:
            item = self._new(kind, place, own)
        item.done = True
        if kind == "message":
            for index, part in enumerate(lenient.mappings(given.get("content"))):
                self._part_whole(item, index, part)
        elif kind == "call":
            self._call_whole(item, given)
        else:
            self._thought_whole(item, given)
        self._close(item)

    def response_done(self, output: object) -> None:
        """The response is whole: what of its items was never told is told now."""
        seen = frozenset(self._last)
        for place, given in enumerate(lenient.mappings(output)):
            kind = _KINDS.get(str(given.get("type")), "")
            known = given.get("id") in self._by_id if isinstance(given.get("id"), str) else False
            at_place = self._items.get(place)
            if known or kind not in seen or (at_place is not None and at_place.kind == kind):
                self.item_done(given, place, again=True)
        for call in self._calls:
            if not call.parts and call.held:
                self._call_whole(call, {})
        self._close_all()

    # --- items ---

    def _new(self, kind: str, place: object, name: str | None) -> _Item:
        for other in ("message", "thought"):
            if other in self._last:
                self._close(self._last[other])
        if kind != "call":
            self._close_calls()
        item = _Item(kind, name)
        key = place if place.__class__ is int else name or f"#{len(self._items)}"
        before = self._items.get(key)
        if before is not None:
            self._close(before)
        self._items[key] = item
        self._last[kind] = item
        if kind == "call":
            self._calls.append(item)
        if name:
            self._by_id[name] = item
        return item

    def _find(self, event: dict[str, Any], kind: str) -> _Item:
        name, place = lenient.label(event.get("item_id")), event.get("output_index")
        found = self._by_id.get(name or "")
        if found is None and place.__class__ is int:
            found = self._items.get(place)
        if found is None and name is None and place.__class__ is not int:
            found = self._last.get(kind)
        if found is not None and found.kind == kind:
            return found
        return self._new(kind, place, name)

    def _open(self, item: _Item, place: int) -> _Part:
        part = item.parts.get(place)
        if part is None:
            if item.kind == "message":
                self._close(item)
            part = item.parts[place] = _Part(self._next)
            self._next += 1
        return part

    def _close(self, item: _Item) -> None:
        """End the parts that are open."""
        for part in item.parts.values():
            if not part.ended:
                part.ended = True
                self._events.append(PartEnded(part.index))

    def _close_calls(self) -> None:
        for call in self._calls:
            self._close(call)
        self._calls = []

    def _close_all(self) -> None:
        self._close_calls()
        for item in self._last.values():
            self._close(item)

    # --- texts ---

    def _words(self, item: _Item, place: int, text: str, kind: str, logprobs: object) -> None:
        part = self._open(item, place)
        if part.ended:
            return
        part.told += len(text)
        if kind == "refusal":
            self.refused = True
            self._events.append(RefusalDelta(part.index, text))
        else:
            self._events.append(TextDelta(part.index, text, read_logprobs(logprobs)))

    def _text_whole(self, item: _Item, place: int, text: str, kind: str, logprobs: object) -> None:
        part = item.parts.get(place)
        told = 0 if part is None else part.told
        if len(text) > told:
            self._words(item, place, text[told:], kind, None if told else logprobs)

    def _part_whole(self, item: _Item, place: int, part: dict[str, Any]) -> None:
        if part.get("type") == "output_text":
            self._text_whole(item, place, lenient.text(part.get("text")) or "", "text", part.get("logprobs"))
        elif part.get("type") == "refusal":
            self._text_whole(item, place, lenient.text(part.get("refusal")) or "", "refusal", None)
        opened = item.parts.get(place)
        if opened is not None and not opened.ended:
            opened.ended = True
            self._events.append(PartEnded(opened.index))

    # --- calls ---

    def _start_call(self, item: _Item, given: dict[str, Any]) -> None:
        part = self._open(item, 0)
        self.called = True
        own = lenient.text(given.get("call_id")) or lenient.text(given.get("id")) or item.id
        name = lenient.text(given.get("name")) or ""
        self._events.append(ToolCallStarted(part.index, own or made_id("call_", self.response_id, part.index), name))
        held, item.held = "".join(item.held), []
        self._held -= len(held)
        self._arguments(item, held)

    def _arguments(self, item: _Item, text: str) -> None:
        part = item.parts.get(0)
        if part is None:
            self._held += len(text)
            if self._held > DEFAULT_LIMIT:
                raise NotAnAnswer("arguments of a tool call that has no name are too large")
            item.held.append(text)
        elif text and not part.ended:
            part.told += len(text)
            self._events.append(ArgumentsDelta(part.index, text))

    def _arguments_whole(self, item: _Item, text: str) -> None:
        part = item.parts.get(0)
        told = sum(len(piece) for piece in item.held) if part is None else part.told
        self._arguments(item, text[told:])

    def _call_whole(self, item: _Item, given: dict[str, Any]) -> None:
        if not item.parts:
            self._start_call(item, given)
        self._arguments_whole(item, lenient.text(given.get("arguments")) or "")

    # --- thoughts ---

    def _thought(self, item: _Item, text: str, source: str, place: object) -> None:
        if not text or item.source not in ("", source):
            return
        part = self._open(item, 0)
        if part.ended:
            return
        if item.source and item.paragraph != place:
            text = _PARAGRAPH + text
        item.source, item.paragraph = source, place
        part.told += len(text)
        self._events.append(ThinkingDelta(part.index, text, item.id))

    def _thought_whole(self, item: _Item, given: dict[str, Any]) -> None:
        item.id = item.id or lenient.label(given.get("id"))
        if not item.parts:
            source = "summary" if lenient.mappings(given.get("summary")) else "content"
            for place, paragraph in enumerate(lenient.mappings(given.get(source))):
                self._thought(item, lenient.text(paragraph.get("text")) or "", source, place)
        encrypted = lenient.text(given.get("encrypted_content"))
        if encrypted:
            told = "told" if item.parts else ""
            thought = thought_of(told, item.id, encrypted)
            index = self._open(item, 0).index
            self._events.append(ThinkingSigned(index, thought.signature, thought.redacted, item.id))


def _place(event: dict[str, Any]) -> int:
    place = event.get("content_index")
    return place if isinstance(place, int) else 0
