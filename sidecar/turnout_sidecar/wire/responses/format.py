"""The Responses API as a wire format: the bundles that the registry knows, and what the cache and the estimates need of it.

Everything here is defined in the modules beside it; this is the one place from which the rest of the gateway takes it.
"""

from turnout_sidecar.wire import openai_errors
from turnout_sidecar.wire.formats import Inbound, Outbound
from turnout_sidecar.wire.responses.check import check, needs, output_limit, question, texts
from turnout_sidecar.wire.responses.errors import error_frame, read_error
from turnout_sidecar.wire.responses.read_request import read_request
from turnout_sidecar.wire.responses.stream_in import ResponsesReader, read_answer
from turnout_sidecar.wire.responses.stream_out import ResponsesWriter
from turnout_sidecar.wire.responses.support import SUPPORT, TITLE
from turnout_sidecar.wire.responses.words import CANNOT_CHANGE_THE_ANSWER, stateful_fields
from turnout_sidecar.wire.responses.write_answer import write_answer
from turnout_sidecar.wire.responses.write_request import write_request

__all__ = ["CANNOT_CHANGE_THE_ANSWER", "INBOUND", "OUTBOUND", "SUPPORT", "question", "stateful_fields", "texts"]

NAME = "responses"

INBOUND = Inbound(
    name=NAME,
    check=check,
    read_request=read_request,
    needs=needs,
    output_limit=output_limit,
    write_answer=write_answer,
    writer=ResponsesWriter,
    error_body=openai_errors.body,
    error_frame=error_frame,
)

OUTBOUND = Outbound(
    name=NAME,
    title=TITLE,
    support=SUPPORT,
    write_request=write_request,
    read_answer=read_answer,
    reader=ResponsesReader,
    read_error=read_error,
)
