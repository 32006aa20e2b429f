"""Converse as a format that backends speak. Needs botocore (the extra `bedrock`), by its frames."""

from typing import Final

from turnout_sidecar.wire.converse.answer import read_answer
from turnout_sidecar.wire.converse.errors import read_error
from turnout_sidecar.wire.converse.framing import STREAM_TYPE, FramedReader
from turnout_sidecar.wire.converse.request import write_request
from turnout_sidecar.wire.converse.support import SUPPORT, TITLE
from turnout_sidecar.wire.formats import Outbound

__all__ = ["OUTBOUND", "SUPPORT"]

OUTBOUND: Final = Outbound(
    name="converse",
    title=TITLE,
    support=SUPPORT,
    write_request=write_request,
    read_answer=read_answer,
    reader=FramedReader,
    read_error=read_error,
    stream_type=STREAM_TYPE,
)
