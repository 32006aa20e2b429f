"""In which API's shape a caller is told of an error, also before it is known what was asked.

Rules: the format of the endpoint decides; an endpoint that both APIs have (the list of models) and a path that is none is
told in Anthropic's shape to those who call as its clients do, with `anthropic-version`, and in OpenAI's to all others.
"""

from collections.abc import Mapping

from turnout_sidecar.exchange.call import Endpoint
from turnout_sidecar.exchange.errors import CallError
from turnout_sidecar.wire.registry import INBOUND

ANTHROPIC = "messages"
OPENAI = "chat"
_MARK = "anthropic-version"
_ANTHROPIC_PATHS = "/v1/messages"


def shape_of(endpoint: Endpoint, headers: Mapping[str, str]) -> str:
    """The name of the inbound format in which this endpoint answers this caller."""
    if endpoint.needs:
        return endpoint.format if endpoint.format in INBOUND else OPENAI
    return ANTHROPIC if _MARK in headers else OPENAI


def shape_of_path(path: str, headers: Mapping[str, str]) -> str:
    """The same where no endpoint was found."""
    return ANTHROPIC if path.startswith(_ANTHROPIC_PATHS) or _MARK in headers else OPENAI


def error_body(shape: str, error: CallError) -> bytes:
    """The JSON body of an error."""
    return INBOUND[shape].error_body(error)
