"""The event with which a stream says, at its end, how a check of it ended.

Rules: it stands before the event that ends the stream, where clients still read, and where there is none (the stream broke off) at
the very end; in a stream of numbered events it takes the number of that, which gets the next. Clients that do not know it
pass over it: a chat chunk without choices, or an event of a type of its own.
"""

from typing import Any, Final

from turnout_sidecar.answers import json_text
from turnout_sidecar.answers.channels import changed
from turnout_sidecar.answers.responses import SEQUENCE, renumbered
from turnout_sidecar.wire.sse import SseEvent, SseParser, write_event

TYPE: Final = "turnout.guardrail"
MEMBER: Final = "turnout"
_HEAD: Final = ("id", "object", "created", "model")
_DONE: Final = b"[DONE]"
_TERMINAL: Final = frozenset({"message_stop", "error", "response.completed", "response.incomplete", "response.failed"})


def ends(frames: bytes) -> bool:
    """Whether the event that ends the stream is among these frames."""
    return any(_is_end(event, _said(event)) for event in _events(frames))


def chat_frame(verdict: dict[str, Any], last: bytes = b"") -> bytes:
    """The chunk that tells it. `last`: frames of the stream, from which it takes its head."""
    head: dict[str, Any] = {}
    for event in _events(last):
        said = _said(event)
        head.update({name: said[name] for name in _HEAD if isinstance(said.get(name), str | int | float)})
    return write_event(json_text.dumps({**head, "object": "chat.completion.chunk", "choices": [], MEMBER: verdict}))


def event_frame(verdict: dict[str, Any], last: bytes = b"") -> bytes:
    """The event that tells it. `last`: the frames before it; it takes the number after theirs, if they are numbered."""
    number = None
    for event in _events(last):
        found = _said(event).get(SEQUENCE)
        number = found if found.__class__ is int else number
    place = {} if number is None else {SEQUENCE: number + 1}
    return write_event(json_text.dumps({"type": TYPE, **place, "verdict": verdict}), TYPE)


def chat_told(frames: bytes, verdict: dict[str, Any], last: bytes = b"") -> bytes:
    """The frames with the chunk before the one that ends the stream, or at their end."""
    return _told(frames, chat_frame(verdict, last + frames))


def messages_told(frames: bytes, verdict: dict[str, Any], last: bytes = b"") -> bytes:
    """The same for the Messages API, whose events have no numbers."""
    del last
    return _told(frames, event_frame(verdict))


def responses_told(frames: bytes, verdict: dict[str, Any], last: bytes = b"") -> bytes:
    """The same for the Responses API: the events from the last one on get the number after theirs."""
    parts: list[bytes] = []
    before = last
    shift = 0
    for event in _events(frames):
        said = _said(event)
        number = said.get(SEQUENCE)
        if not shift and said.get("type") != "error" and _is_end(event, said):
            shift = 1
            parts.append(_numbered_frame(verdict, number))
        if shift and number.__class__ is int:
            parts.append(changed(event, renumbered(event.data or b"", number + shift)))
        else:
            parts.append(event.raw)
            before = event.raw if event.data is not None else before
    return b"".join(parts) if shift else frames + event_frame(verdict, before)


def _numbered_frame(verdict: dict[str, Any], number: Any) -> bytes:
    place = {SEQUENCE: number} if number.__class__ is int else {}
    return write_event(json_text.dumps({"type": TYPE, **place, "verdict": verdict}), TYPE)


def _told(frames: bytes, frame: bytes) -> bytes:
    parts: list[bytes] = []
    told = False
    for event in _events(frames):
        if not told and _is_end(event, _said(event)):
            told = True
            parts.append(frame)
        parts.append(event.raw)
    return b"".join(parts if told else [*parts, frame])


def _events(frames: bytes) -> list[SseEvent]:
    parser = SseParser()
    return [*parser.feed(frames), *parser.finish()]


def _said(event: SseEvent) -> dict[str, Any]:
    if event.data is None or event.data.strip() == _DONE:
        return {}
    try:
        said = json_text.loads(event.data)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _is_end(event: SseEvent, said: dict[str, Any]) -> bool:
    if event.data is not None and event.data.strip() == _DONE:
        return True
    return (said.get("type") or event.event) in _TERMINAL or bool(said.get("error"))
