"""What a failed attempt means: whether it may be tried again, whether another backend may be, and what the caller is told.

Rules: a caller's own mistake (400, 404, 422 ...) is passed on in the provider's words; a mistake of ours, such as
credentials that a provider refuses, is a 502 and never the caller's 401; what a provider refuses (403, and a 400) is not
taken to another one: a fallback never walks around a refusal. Messages name the backend and hold no credentials.
"""

import math
from collections.abc import Mapping

import msgspec

from turnout_sidecar.exchange.errors import CallError
from turnout_sidecar.exchange.usage import Usage
from turnout_sidecar.ports.upstream import (
    ConnectFailure,
    UpstreamBodyTooLarge,
    UpstreamClosed,
    UpstreamError,
    UpstreamProtocolError,
    UpstreamTimeout,
)
from turnout_sidecar.retry import read_retry_after
from turnout_sidecar.wire.canonical import ProviderError

CONNECT_FAILURE = "ConnectFailure"
RATE_LIMITED = "RateLimited"
SERVER_ERROR = "ServerError"
FIRST_TOKEN_TIMEOUT = "FirstTokenTimeout"  # noqa: S105  the name of a reason

INTERNAL = "internal"
"""The label of what no stage foresaw: a fault of the gateway, and no caller's or provider's."""

_TOO_MANY = 429
_REQUEST_TIMEOUT = 408
_UNAUTHENTICATED = 401
_CREDENTIALS = frozenset({401, 402, 403, 407})
_FIRST_ERROR = 400
_FIRST_SERVER_ERROR = 500
_DIGITS = 3
_ELSEWHERE = frozenset({401, 402, 404, 408, 429})  # another backend may do better; 403 may be a refusal
_MEANT = {
    "rate_limit_exceeded": 429,
    "rate_limit_error": 429,
    "rate_limited": 429,
    "too_many_requests": 429,
    "insufficient_quota": 429,
    "invalid_request_error": 400,
    "context_length_exceeded": 400,
    "content_filter": 400,
    "content_policy_violation": 400,
    "authentication_error": 401,
    "invalid_api_key": 401,
    "permission_error": 403,
    "permission_denied": 403,
    "not_found_error": 404,
    "model_not_found": 404,
}
"""Words in an error's `code` or `type`, and the status that goes with them elsewhere."""


class Failure(msgspec.Struct, frozen=True):
    """One failed attempt. `on` is its reason among `retry.on`, None: never tried again."""

    label: str  # low cardinality, as error.type
    error: CallError
    on: str | None = None
    retry_after: float | None = None  # seconds
    goes_on: bool = True  # a Failover goes to the next backend, a Weighted draws again
    may_have_worked: bool = False  # the provider may have charged for it
    reported: Usage | None = None  # what it says to have used
    ours: bool = False  # what was refused is what the gateway had added: it is asked once more without it


def of_exception(error: UpstreamError, backend: str, *, stream: bool) -> Failure:
    """The upstream, or the way to it, failed before an answer was there."""
    if isinstance(error, ConnectFailure):
        return Failure("connect_failure", _bad_gateway(backend, "could not be reached"), CONNECT_FAILURE)
    if isinstance(error, UpstreamTimeout):
        return _of_timeout(error, backend, stream=stream)
    if isinstance(error, UpstreamBodyTooLarge):
        return Failure("too_large", _bad_gateway(backend, "sent too large an answer"), may_have_worked=True)
    if isinstance(error, UpstreamClosed):
        what = "broke off its answer" if error.reply_started else "closed the connection without an answer"
        return Failure("closed", _bad_gateway(backend, what), SERVER_ERROR, may_have_worked=True)
    what = "sent what is no HTTP reply" if isinstance(error, UpstreamProtocolError) else "failed"
    return Failure("protocol_error", _bad_gateway(backend, what), SERVER_ERROR, may_have_worked=True)


def _of_timeout(error: UpstreamTimeout, backend: str, *, stream: bool) -> Failure:
    if error.kind == "connect":
        return Failure("connect_timeout", _timeout(backend, "could not be reached in time"), CONNECT_FAILURE)
    if stream:
        late = _timeout(backend, "gave no first token in time")
        return Failure("first_token_timeout", late, FIRST_TOKEN_TIMEOUT, may_have_worked=True)
    return Failure("timeout", _timeout(backend, "did not answer in time"), may_have_worked=True)


def of_status(status: int, headers: Mapping[str, str], said: ProviderError, backend: str, now_unix_ns: int) -> Failure:
    """The provider answered with an error, and said this of it."""
    failure = _of_status(status, headers, said, backend, now_unix_ns)
    failure.error.quoted = True
    return failure


def _of_status(status: int, headers: Mapping[str, str], said: ProviderError, backend: str, now_unix_ns: int) -> Failure:
    label = str(status)
    after = _retry_after(headers, said, now_unix_ns)
    if not _FIRST_ERROR <= status < _FIRST_SERVER_ERROR:  # a redirect is no answer either
        return Failure(label, _server_error(status, said, backend, after), SERVER_ERROR, after)
    if status in _CREDENTIALS or _meant(said) == _UNAUTHENTICATED:  # Google answers 400 to a key that is none
        return _bad_credentials(status, backend)
    return _refused(status, said, backend, after)


def of_error(
    said: ProviderError,
    headers: Mapping[str, str],
    backend: str,
    now_unix_ns: int,
    *,
    status: int = 0,
    reported: Usage | None = None,
) -> Failure:
    """A 200 whose body, or whose first event, is an error. What it says of its status counts; a server's error if nothing.

    `status`: what its protocol means by it, 0 where only its words can say. `reported`: usage that it named none the less.
    """
    status = status or _meant(said)
    after = _retry_after(headers, said, now_unix_ns)
    if status in _CREDENTIALS:
        failure = _bad_credentials(status, backend)
    elif _FIRST_ERROR <= status < _FIRST_SERVER_ERROR:
        failure = _refused(status, said, backend, after)
    else:
        what = f"answered with an error: {said.message}" if said.message else "answered with an error"
        failure = Failure("error_answer", _bad_gateway(backend, what, _come_back(after)), SERVER_ERROR, after)
    failure.error.quoted = True
    return failure if reported is None else msgspec.structs.replace(failure, reported=reported)


def _meant(said: ProviderError) -> int:
    """The status that an error would have had; 0 where it does not say."""
    for word in (said.code.lower(), said.type.lower()):
        if word in _MEANT:
            return _MEANT[word]
        if len(word) == _DIGITS and word.isascii() and word.isdigit():
            return int(word)
    return 0


def not_an_answer(backend: str, why: str) -> Failure:
    """A 200 that holds no answer."""
    return Failure(
        "invalid_answer", _bad_gateway(backend, f"gave no answer: {why}"), SERVER_ERROR, may_have_worked=True
    )


def _server_error(status: int, said: ProviderError, backend: str, after: float | None) -> CallError:
    """A 5xx: ours is a 502, and the provider's own words go with it."""
    what = f"{backend} answered {status}: {said.message}" if said.message else f"{backend} answered {status}."
    own = {"status": status, "type": said.type or None, "code": said.code or None}
    return CallError(502, "upstream_error", what, details={"provider": own}, headers=_come_back(after))


def _bad_credentials(status: int, backend: str) -> Failure:
    refused = CallError(502, "upstream_refused", f"{backend} refused the gateway's own credentials ({status}).")
    return Failure(str(status), refused, goes_on=status in _ELSEWHERE)


def _refused(status: int, said: ProviderError, backend: str, after: float | None) -> Failure:
    """A 4xx in the provider's words."""
    if status == _REQUEST_TIMEOUT:
        return Failure(str(status), _timeout(backend, "answered 408"), SERVER_ERROR)
    if status == _TOO_MANY:
        return _rate_limited(said, backend, after)
    message = said.message or f"{backend} answered {status}."
    error = CallError(status, said.code or "upstream_error", message, param=said.param, kind=said.type or None)
    return Failure(str(status), error, goes_on=status in _ELSEWHERE)


def _rate_limited(said: ProviderError, backend: str, after: float | None) -> Failure:
    message = said.message or f"{backend} takes no more calls now (429)."
    code = said.code or "rate_limit_exceeded"
    return Failure(
        "429", CallError(429, code, message, kind=said.type or None, headers=_come_back(after)), RATE_LIMITED, after
    )


def _retry_after(headers: Mapping[str, str], said: ProviderError, now_unix_ns: int) -> float | None:
    """Seconds, by the headers, else by the body."""
    told = read_retry_after(headers.get("retry-after"), headers.get("retry-after-ms"), now_unix_ns)
    return said.retry_after if told is None else told


def _come_back(after: float | None) -> dict[str, str]:
    """The header that tells a caller when."""
    return {} if after is None else {"retry-after": str(math.ceil(after))}


def _bad_gateway(backend: str, what: str, headers: dict[str, str] | None = None) -> CallError:
    return CallError(502, "upstream_error", f"{backend} {what}.", headers=headers)


def _timeout(backend: str, what: str) -> CallError:
    return CallError(504, "upstream_timeout", f"{backend} {what}.")
