"""Errors as Google's APIs say them: `{"error": {"code", "message", "status", "details"}}`, in a list where a stream was asked.

`code` is kept as Google's word (`RESOURCE_EXHAUSTED`), `type` is the word of the OpenAI API that means the same. A key that is
not valid comes as a 400; it is said as what it is. `RetryInfo` tells when to come back.
"""

import re
from typing import Any, Final

import orjson

from turnout_sidecar.wire import lenient
from turnout_sidecar.wire.canonical import ProviderError

MAX_MESSAGE: Final = 4096
_TYPES: Final = {
    "INVALID_ARGUMENT": ("invalid_request_error", 400),
    "FAILED_PRECONDITION": ("invalid_request_error", 400),
    "OUT_OF_RANGE": ("invalid_request_error", 400),
    "UNAUTHENTICATED": ("authentication_error", 401),
    "PERMISSION_DENIED": ("permission_error", 403),
    "NOT_FOUND": ("not_found_error", 404),
    "RESOURCE_EXHAUSTED": ("rate_limit_error", 429),
    "INTERNAL": ("server_error", 500),
    "UNAVAILABLE": ("server_error", 503),
    "DEADLINE_EXCEEDED": ("server_error", 504),
}
_DURATION: Final = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)s")
_RETRY: Final = "google.rpc.RetryInfo"
_BAD_GATEWAY: Final = 502


def read_error(status: int, body: bytes) -> ProviderError:
    """The error in a body."""
    del status
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError:
        return ProviderError()
    if isinstance(said, list):
        said = said[0] if said else None
    return error_of(lenient.mapping(said).get("error"))


def error_of(said: Any) -> ProviderError:
    """The error that an `error` member holds."""
    if isinstance(said, str):
        return ProviderError(message=said[:MAX_MESSAGE])
    error = lenient.mapping(said)
    word = lenient.label(error.get("status")) or ""
    kind = _TYPES.get(word, ("", 0))[0]
    details = lenient.mappings(error.get("details"))
    if any(detail.get("reason") == "API_KEY_INVALID" for detail in details):
        word, kind = "invalid_api_key", "authentication_error"
    number = lenient.count(error.get("code"))
    return ProviderError(
        message=(lenient.text(error.get("message")) or "")[:MAX_MESSAGE],
        type=kind,
        code=word or ("" if number is None else str(number)),
        retry_after=_retry_after(details),
    )


def status_of(said: Any) -> int:
    """The HTTP status that an error in a stream would have had."""
    error = lenient.mapping(said)
    number = lenient.count(error.get("code"))
    if number is not None and 400 <= number <= 599:  # noqa: PLR2004  the statuses of errors
        return number
    return _TYPES.get(lenient.label(error.get("status")) or "", ("", _BAD_GATEWAY))[1]


def _retry_after(details: list[dict[str, Any]]) -> float | None:
    for detail in details:
        if str(detail.get("@type", "")).endswith(_RETRY):
            found = _DURATION.fullmatch(lenient.text(detail.get("retryDelay")) or "")
            return float(found.group(1)) if found else None
    return None
