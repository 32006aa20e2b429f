"""Errors in the OpenAI API's own shape, out and in.

`{"error": {"message", "type", "param", "code"}}`, with `details` where there are some; inside a stream the same object as a
`data:` frame. A provider's error object is read leniently: whatever it lacks has a default, and what is not one is not
shown to a caller.
"""

from typing import Any

import orjson

from turnout_sidecar.exchange.errors import CallError
from turnout_sidecar.wire.canonical import ProviderError

__all__ = ["MAX_MESSAGE", "ProviderError", "body", "frame", "member", "of_object", "read"]

MAX_MESSAGE = 4096


def body(error: CallError) -> bytes:
    """The JSON body of an error."""
    shape: dict[str, Any] = {
        "message": error.message,
        "type": error.kind,
        "param": error.param,
        "code": error.code,
    }
    if error.details:
        shape["details"] = error.details
    return orjson.dumps({"error": shape})


def frame(error: CallError) -> bytes:
    """The frame that ends a stream which went wrong."""
    return b"data: " + body(error) + b"\n\n"


def read(raw: bytes) -> ProviderError:
    """The error in a provider's body."""
    return of_object(member(raw))


def member(raw: bytes) -> Any:
    """What a body holds as its error, or is; None where it is no JSON object."""
    try:
        parsed = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
    return parsed.get("error", parsed) if isinstance(parsed, dict) else None


def of_object(error: Any) -> ProviderError:
    """The error that an `error` member holds: an object, or a sentence."""
    if isinstance(error, str):
        return ProviderError(message=error[:MAX_MESSAGE])
    if not isinstance(error, dict):
        return ProviderError()
    param = error.get("param")
    return ProviderError(
        message=_text(error.get("message"))[:MAX_MESSAGE],
        type=_text(error.get("type"))[:128],
        code=_text(error.get("code"))[:128],
        param=param[:256] if isinstance(param, str) else None,
    )


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""
