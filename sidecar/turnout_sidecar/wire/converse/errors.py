"""Errors as AWS says them: a name that ends in Exception, in `__type`, in a header or in the type of an event, and a message.

`code` is AWS's name, `type` the word of the OpenAI API that means the same. A body without a name is named by its status.
"""

from typing import Final

import orjson

from turnout_sidecar.wire import lenient
from turnout_sidecar.wire.canonical import ProviderError

MAX_MESSAGE: Final = 4096
_KNOWN: Final = {
    "ValidationException": ("invalid_request_error", 400),
    "AccessDeniedException": ("permission_error", 403),
    "UnrecognizedClientException": ("authentication_error", 403),
    "InvalidSignatureException": ("authentication_error", 403),
    "ExpiredTokenException": ("authentication_error", 403),
    "ResourceNotFoundException": ("not_found_error", 404),
    "ModelTimeoutException": ("server_error", 408),
    "ModelErrorException": ("server_error", 424),
    "ThrottlingException": ("rate_limit_error", 429),
    "ModelNotReadyException": ("rate_limit_error", 429),
    "ServiceQuotaExceededException": ("rate_limit_error", 429),
    "InternalServerException": ("server_error", 500),
    "ModelStreamErrorException": ("server_error", 502),
    "ServiceUnavailableException": ("server_error", 503),
}
_OF_STATUS: Final = {
    400: "ValidationException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    408: "ModelTimeoutException",
    424: "ModelErrorException",
    429: "ThrottlingException",
    500: "InternalServerException",
    503: "ServiceUnavailableException",
}
_BAD_GATEWAY: Final = 502


def read_error(status: int, body: bytes) -> ProviderError:
    """The error in a body."""
    try:
        said = lenient.mapping(orjson.loads(body))
    except orjson.JSONDecodeError:
        said = {}
    name = lenient.label(said.get("__type")) or lenient.label(said.get("code")) or ""
    message = lenient.text(said.get("message")) or lenient.text(said.get("Message")) or ""
    if not said and not name:
        return ProviderError()
    return named(name.rpartition("#")[2].partition(":")[0] or _OF_STATUS.get(status, ""), message)


def named(name: str, message: str) -> ProviderError:
    """An error by AWS's name for it."""
    name = name[:1].upper() + name[1:]
    return ProviderError(message=message[:MAX_MESSAGE], type=_KNOWN.get(name, ("", 0))[0], code=name[:128])


def status_of(name: str) -> int:
    """The HTTP status that goes with a name."""
    return _KNOWN.get(name[:1].upper() + name[1:], ("", _BAD_GATEWAY))[1]
