"""The event with which a stream says, at its end, how the checks of it ended.

Rules: it stands before the event that ends the stream, where clients still read, and where there is none (the stream broke off) at
the very end. Clients that do not know it pass over it: a chat chunk without choices, or an event of a type of its own.
"""

from collections.abc import Mapping
from typing import Any, Final

from turnout_sidecar.answers import json_text
from turnout_sidecar.wire.sse import write_event

TYPE: Final = "turnout.guardrail"
MEMBER: Final = "turnout"


def chunk(verdict: Mapping[str, Any], head: Mapping[str, Any]) -> bytes:
    """The chat chunk that tells it. `head`: the members that all chunks of the stream have."""
    said = {**head, "object": "chat.completion.chunk", "choices": [], MEMBER: dict(verdict)}
    return write_event(json_text.dumps(said))


def event(verdict: Mapping[str, Any], place: Mapping[str, Any] | None = None) -> bytes:
    """The event that tells it in the other formats. `place`: its number, if the events are numbered."""
    return write_event(json_text.dumps({"type": TYPE, **(place or {}), MEMBER: dict(verdict)}), TYPE)
