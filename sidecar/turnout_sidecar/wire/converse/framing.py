"""The binary frames of `application/vnd.amazon.eventstream`, by botocore's own reader.

Loaded only where a Bedrock provider is (the extra `bedrock`). Checksums are checked; half a frame at the end is a stream that
broke off, and anything that is no frame is no answer.
"""

import struct
from typing import Final

from botocore.eventstream import EventStreamBuffer, EventStreamMessage, ParserError  # type: ignore[import-untyped]

from turnout_sidecar.wire.canonical import Event, NotAnAnswer
from turnout_sidecar.wire.converse.events import EventReading

STREAM_TYPE: Final = "application/vnd.amazon.eventstream"
_BROKEN: Final = (ParserError, struct.error, UnicodeDecodeError, KeyError, ValueError)


class FramedReader:
    """Reads one stream."""

    def __init__(self) -> None:
        self._frames = EventStreamBuffer()
        self._reading = EventReading()
        self._left = 0  # bytes of a frame that has not come whole

    def feed(self, piece: bytes) -> list[Event]:
        """The events that it completes. Raises NotAnAnswer."""
        self._left += len(piece)
        self._frames.add_data(piece)
        events: list[Event] = []
        try:
            for frame in self._frames:
                self._left -= frame.prelude.total_length
                events += self._read(frame)
        except NotAnAnswer:
            raise
        except _BROKEN as error:
            raise NotAnAnswer("the stream is no event stream of AWS") from error
        return events

    def finish(self) -> list[Event]:
        """The bytes have ended."""
        return [] if self._left else self._reading.end()

    def _read(self, frame: EventStreamMessage) -> list[Event]:
        headers = {str(name): str(value) for name, value in frame.headers.items()}
        if headers.get(":message-type") == "error":
            return self._reading.fail(headers.get(":error-code", ""), headers.get(":error-message", ""))
        kind = headers.get(":exception-type") or headers.get(":event-type", "")
        return self._reading.take(kind, frame.payload)
