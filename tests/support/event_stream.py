"""Frames of `application/vnd.amazon.eventstream`, as a server of AWS writes them."""

import struct
from collections.abc import Iterable
from zlib import crc32

import orjson


def frame(kind: str, payload: object = b"", *, message_type: str = "event", **more: str) -> bytes:
    """One frame; `payload` is JSON, or bytes as they are."""
    name = {"event": ":event-type", "exception": ":exception-type"}.get(message_type)
    headers = {":message-type": message_type, **({name: kind} if name else {}), **more}
    head = b"".join(_header(key, value) for key, value in headers.items())
    body = payload if isinstance(payload, bytes) else orjson.dumps(payload)
    prelude = struct.pack("!II", 12 + len(head) + len(body) + 4, len(head))
    message = prelude + struct.pack("!I", crc32(prelude)) + head + body
    return message + struct.pack("!I", crc32(message))


def frames(events: Iterable[tuple[str, object]]) -> bytes:
    """The frames of events, by type and payload; exceptions are told by their name."""
    return b"".join(
        frame(kind, payload, message_type="exception" if kind.endswith("Exception") else "event")
        for kind, payload in events
    )


def _header(name: str, value: str) -> bytes:
    key, text = name.encode(), value.encode()
    return struct.pack("!B", len(key)) + key + struct.pack("!BH", 7, len(text)) + text
