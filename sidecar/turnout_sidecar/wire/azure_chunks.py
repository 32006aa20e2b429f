"""Azure's chat streams, made into what OpenAI's clients can read.

Azure's content filter speaks in chunks of its own whose choices have no `delta`, and OpenAI's clients fail at them: who calls a
route knows nothing of Azure behind it. Rule: such a choice gets an empty `delta`, and every other chunk passes as it came.
"""

import re
from typing import Any, Final

import orjson

from turnout_sidecar.wire.openai import StreamTap
from turnout_sidecar.wire.sse import write_event

_FRAME: Final = re.compile(rb".*?(?:\r?\n\r?\n|\r\r)", re.DOTALL)
_DATA: Final = re.compile(rb"^data: ?(.*?)\r?$", re.MULTILINE)
_CHOICES: Final = b'"choices"'
_DELTA: Final = b'"delta"'
_COMPACT: Final = b'"delta":'


class AzureTap(StreamTap):
    """See StreamTap."""

    __slots__ = ()

    def feed(self, piece: bytes) -> bytes:
        """See StreamTap."""
        frames = super().feed(piece)
        if frames.count(_CHOICES) == frames.count(_COMPACT):
            return frames
        return _FRAME.sub(lambda match: _filled(match.group()), frames)


def _filled(frame: bytes) -> bytes:
    """The frame, with a `delta` in each of its choices."""
    found = _DATA.findall(frame)
    if _DELTA in frame or _CHOICES not in frame or len(found) != 1:
        return frame
    try:
        chunk: Any = orjson.loads(found[0])
    except orjson.JSONDecodeError:
        return frame
    choices = chunk.get("choices") if isinstance(chunk, dict) else None
    if not isinstance(choices, list) or not choices or not all(isinstance(choice, dict) for choice in choices):
        return frame
    return write_event(orjson.dumps(chunk | {"choices": [{**choice, "delta": {}} for choice in choices]}))
