"""Gemini as a format that backends speak."""

from typing import Final

from turnout_sidecar.wire.formats import Outbound
from turnout_sidecar.wire.gemini.errors import read_error
from turnout_sidecar.wire.gemini.request import write_request
from turnout_sidecar.wire.gemini.stream import StreamReader, read_answer
from turnout_sidecar.wire.gemini.support import SUPPORT, TITLE

__all__ = ["OUTBOUND", "SUPPORT"]

OUTBOUND: Final = Outbound(
    name="gemini",
    title=TITLE,
    support=SUPPORT,
    write_request=write_request,
    read_answer=read_answer,
    reader=StreamReader,
    read_error=read_error,
)
