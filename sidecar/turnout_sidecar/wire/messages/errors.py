"""Errors in the Messages API's own shape, out and in.

`{"type": "error", "error": {"type", "message", "details"}}`: the type is one of the API's own words, chosen by the status; our
stable code, the field and whatever else there is stand in `details`, as `error_code`, `param` and so on. In a stream the same
object is an event named `error`. A provider's error is read leniently: whatever it lacks is empty.
"""

from typing import Any, Final

import msgspec
import orjson

from turnout_sidecar.exchange.errors import CallError
from turnout_sidecar.wire import lenient, openai_errors
from turnout_sidecar.wire.canonical import ProviderError
from turnout_sidecar.wire.sse import write_event

STATUS: Final = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "conflict_error": 409,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
"""The API's types of errors, and the status that goes with each."""

_TYPES: Final = {status: name for name, status in STATUS.items()} | {
    408: "timeout_error",
    503: "overloaded_error",
}
_ANY: Final = "api_error"
_UNKNOWN: Final = 502
_FIRST_SERVER_ERROR: Final = 500


def error_body(error: CallError) -> bytes:
    """The JSON body of an error."""
    return orjson.dumps(_shape(error.status, error.kind, error.message, _details(error)))


def error_frame(error: CallError) -> bytes:
    """The event that ends a stream which went wrong."""
    return write_event(error_body(error), "error")


def provider_frame(error: ProviderError, status: int) -> bytes:
    """The event by which a provider's own error in a stream is told."""
    details = {"error_code": error.code} if error.code else {}
    if error.param is not None:
        details["param"] = error.param
    message = error.message or "The provider reported an error without a message."
    return write_event(orjson.dumps(_shape(status, error.type, message, details)), "error")


def status_of(error: ProviderError) -> int:
    """The HTTP status that an error of a stream would have had; 502 where its type is not known."""
    return STATUS.get(error.type, _UNKNOWN)


def read_error(status: int, raw: bytes) -> ProviderError:  # noqa: ARG001  one signature for all formats
    """The error in a provider's body."""
    return of_object(openai_errors.member(raw))


def of_object(error: Any) -> ProviderError:
    """The error that an `error` member holds: an object, or a sentence. What is in its `details` goes before the rest."""
    found = openai_errors.of_object(error)
    details = lenient.mapping(lenient.mapping(error).get("details"))
    if not details:
        return found
    inner = openai_errors.of_object({"code": details.get("error_code"), "param": details.get("param")})
    return msgspec.structs.replace(found, code=inner.code or found.code, param=inner.param or found.param)


def _shape(status: int, kind: str, message: str, details: dict[str, Any]) -> dict[str, Any]:
    if kind not in STATUS or kind == _ANY:
        kind = _TYPES.get(status, _ANY if status >= _FIRST_SERVER_ERROR else "invalid_request_error")
    inner: dict[str, Any] = {"type": kind, "message": message}
    if details:
        inner["details"] = details
    return {"type": "error", "error": inner}


def _details(error: CallError) -> dict[str, Any]:
    details: dict[str, Any] = {"error_code": error.code}
    if error.param is not None:
        details["param"] = error.param
    return {**(error.details or {}), **details}
