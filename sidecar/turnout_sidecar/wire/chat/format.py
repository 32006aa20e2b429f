"""Chat completions as a format of both sides: what `registry` takes."""

from typing import Any, Final

from turnout_sidecar.wire import openai_errors, openai_request
from turnout_sidecar.wire.chat.answer_in import read_answer, read_error
from turnout_sidecar.wire.chat.answer_out import write_answer
from turnout_sidecar.wire.chat.request_in import read_request
from turnout_sidecar.wire.chat.request_out import write_request
from turnout_sidecar.wire.chat.stream_in import StreamReader
from turnout_sidecar.wire.chat.stream_out import StreamWriter
from turnout_sidecar.wire.chat.support import SUPPORT, TITLE
from turnout_sidecar.wire.formats import Inbound, Outbound

__all__ = ["INBOUND", "OUTBOUND", "SUPPORT"]

_NAME: Final = "chat"


def _needs(body: dict[str, Any]) -> frozenset[str]:
    return openai_request.needs(body, "Chat") - {"Chat"}


INBOUND: Final = Inbound(
    name=_NAME,
    check=openai_request.check_chat,
    read_request=read_request,
    needs=_needs,
    output_limit=openai_request.output_limit,
    write_answer=write_answer,
    writer=StreamWriter,
    error_body=openai_errors.body,
    error_frame=openai_errors.frame,
)
OUTBOUND: Final = Outbound(
    name=_NAME,
    title=TITLE,
    support=SUPPORT,
    write_request=write_request,
    read_answer=read_answer,
    reader=StreamReader,
    read_error=read_error,
)
