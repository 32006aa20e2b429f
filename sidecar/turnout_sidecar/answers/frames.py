"""Frames of a stream with other data in them.

Rules: lines that are no data (the event's name, its id, comments) stay as they are and where they are; where the data stood
in several lines, the new stands where the first of them was.
"""

import re

from turnout_sidecar.wire.sse import SseEvent, write_event

_LINE = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n|\Z)")
_PLAIN = b"data: "
_BOM = b"\xef\xbb\xbf"


def with_data(event: SseEvent, data: bytes) -> bytes:
    """The bytes of the event with this data."""
    raw = event.raw
    old = event.data
    if old is not None and raw.startswith(_PLAIN) and len(raw) == len(old) + 8 and b"\n" not in data:
        return b"data: %b\n\n" % data
    parts: list[bytes] = []
    written = False
    for line in _LINE.findall(raw):
        field = line.removeprefix(_BOM)
        if not field.startswith(b"data") or field[4:5] not in (b":", b"", b"\r", b"\n"):
            parts.append(line)
            continue
        if not written:
            written = True
            parts += (line[: len(line) - len(field)], write_event(data)[:-1])
    return b"".join(parts)
