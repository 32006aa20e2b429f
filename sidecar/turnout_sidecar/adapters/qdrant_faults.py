"""What a Qdrant server and the road to it do wrong, as the one error of the port.

Rules: few reasons, since they become a metric's label; a short text of the server's, without the credentials we sent, should the
server quote them.
"""

import grpc
from qdrant_client.http.exceptions import UnexpectedResponse

from turnout_sidecar.ports.store import StoreUnavailable, Trouble

_MOST = 200
_UNAUTHORIZED = {401, 403}
_NOT_FOUND = 404


def as_unavailable(error: Exception, token: str) -> StoreUnavailable:
    """The port's error for any error of the transports."""
    why: Trouble = "failed"
    if isinstance(error, grpc.aio.AioRpcError):
        text = f"{error.code().name}: {error.details() or ''}"
        if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
            why = "timeout"
        elif error.code() in {grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED}:
            why = "credentials"
    elif isinstance(error, UnexpectedResponse):
        content = error.content.decode("utf-8", "replace") if error.content else ""
        text = f"HTTP {error.status_code}: {content}"
        why = "credentials" if error.status_code in _UNAUTHORIZED else "failed"
    elif isinstance(error, TimeoutError):
        text, why = "no answer in time", "timeout"
    else:
        text = f"{type(error).__name__}: {error}"
    if token:
        text = text.replace(token, "[redacted]")
    return StoreUnavailable(why, text[:_MOST])


def is_missing(error: Exception) -> bool:
    """Whether the collection is not there (any more)."""
    if isinstance(error, grpc.aio.AioRpcError):
        return error.code() is grpc.StatusCode.NOT_FOUND
    return isinstance(error, UnexpectedResponse) and error.status_code == _NOT_FOUND
