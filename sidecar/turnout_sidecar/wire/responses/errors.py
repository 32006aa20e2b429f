"""Errors of the Responses API, out and in: bodies as in chat completions, and the events that say so inside a stream.

An `error` event is documented flat (`code`, `message`, `param`) and is seen in the wild with a nested `error` object; written here
with both, since the official client raises for the nested one only, and read as either. `response.failed` holds an error whose
`code` is one of a closed list: the provider's own code stays in the `error` event that comes before it.
"""

from typing import Any

import orjson

from turnout_sidecar.exchange.errors import CallError
from turnout_sidecar.wire import openai_errors
from turnout_sidecar.wire.canonical import ProviderError
from turnout_sidecar.wire.sse import write_event

_INVALID = 400
_RATE_LIMITED = 429
_BAD_GATEWAY = 502
_STATUS = {
    "rate_limit_exceeded": _RATE_LIMITED,
    "rate_limit_error": _RATE_LIMITED,
    "insufficient_quota": _RATE_LIMITED,
    "invalid_request_error": _INVALID,
    "invalid_prompt": _INVALID,
    "context_length_exceeded": _INVALID,
    "invalid_image": _INVALID,
    "invalid_image_format": _INVALID,
    "invalid_base64_image": _INVALID,
    "invalid_image_url": _INVALID,
    "image_too_large": _INVALID,
    "image_too_small": _INVALID,
    "image_parse_error": _INVALID,
    "image_content_policy_violation": _INVALID,
    "unsupported_image_media_type": _INVALID,
    "empty_image_file": _INVALID,
    "failed_to_download_image": _INVALID,
}


def read_error(status: int, body: bytes) -> ProviderError:
    """The error in a provider's body, whatever the status."""
    del status  # the body says it all
    return openai_errors.read(body)


def error_frame(error: CallError, sequence: int = 0) -> bytes:
    """The event that ends a stream which went wrong. `sequence`: its number in that stream."""
    said = {"type": error.kind, "code": error.code, "message": error.message, "param": error.param}
    return write_event(orjson.dumps(error_event(said, sequence)), "error")


def error_event(said: dict[str, Any], sequence: int) -> dict[str, Any]:
    """The members of an `error` event."""
    return {
        "type": "error",
        "code": said["code"],
        "message": said["message"],
        "param": said["param"],
        "sequence_number": sequence,
        "error": said,
    }


def of_event(event: dict[str, Any]) -> ProviderError:
    """The error that an `error` event tells."""
    nested = event.get("error")
    return openai_errors.of_object(nested or {**event, "type": event.get("error_type")})


def status_of(error: ProviderError) -> int:
    """The HTTP status that means the same; 502 where nothing is known."""
    return _STATUS.get(error.code) or _STATUS.get(error.type) or _BAD_GATEWAY


def failed_code(status: int) -> str:
    """The code, of those that `response.failed` may hold, for an HTTP status."""
    if status == _RATE_LIMITED:
        return "rate_limit_exceeded"
    return "invalid_prompt" if status == _INVALID else "server_error"
