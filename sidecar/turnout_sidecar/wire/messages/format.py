"""The Messages API as the gateway uses it: the two bundles of functions, and what caches and estimates ask of a body."""

from typing import Final

from turnout_sidecar.wire.formats import Inbound, Outbound
from turnout_sidecar.wire.messages.answer_in import read_answer
from turnout_sidecar.wire.messages.answer_out import write_answer
from turnout_sidecar.wire.messages.check import CANNOT_CHANGE_THE_ANSWER, check, needs, output_limit, question, texts
from turnout_sidecar.wire.messages.errors import error_body, error_frame, read_error
from turnout_sidecar.wire.messages.request_in import read_request
from turnout_sidecar.wire.messages.request_out import write_request
from turnout_sidecar.wire.messages.stream_in import MessagesReader
from turnout_sidecar.wire.messages.stream_out import MessagesWriter
from turnout_sidecar.wire.messages.support import SUPPORT, TITLE

__all__ = ["CANNOT_CHANGE_THE_ANSWER", "INBOUND", "OUTBOUND", "SUPPORT", "question", "texts"]

INBOUND: Final = Inbound(
    name="messages",
    check=check,
    read_request=read_request,
    needs=needs,
    output_limit=output_limit,
    write_answer=write_answer,
    writer=MessagesWriter,
    error_body=error_body,
    error_frame=error_frame,
)
OUTBOUND: Final = Outbound(
    name="messages",
    title=TITLE,
    support=SUPPORT,
    write_request=write_request,
    read_answer=read_answer,
    reader=MessagesReader,
    read_error=read_error,
)
