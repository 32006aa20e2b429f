"""What can go wrong, said once, and whose fault it is.

A stage raises `CallError`; the server writes it in the shape of the API that was asked. The message is for the caller: it
names the field, and never holds a secret, another tenant's data or a provider's credentials.
"""

from collections.abc import Callable
from typing import Any


class CallError(Exception):
    """An answer that is an error: status, a stable code, a sentence, and the field it is about.

    `quoted`: it holds words of a provider, which may repeat what it was sent.
    """

    quoted = False

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        param: str | None = None,
        kind: str | None = None,
        headers: dict[str, str] | None = None,
        details: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.param = param
        self.kind = kind or _KINDS.get(status, "api_error")
        self.headers = headers or {}
        self.details = details

    def rewrite(self, rewritten: Callable[[str], str]) -> None:
        """Change each text that may be somebody else's."""
        self.message, self.code, self.kind = rewritten(self.message), rewritten(self.code), rewritten(self.kind)
        self.param = None if self.param is None else rewritten(self.param)
        self.details = _rewritten(self.details, rewritten)
        self.args = (self.message,)

    def told(self, rewritten: Callable[[str], str]) -> "CallError":
        """Another one, whose texts for the caller are changed. Its words of machines (code, kind), which logs tell too, are not."""
        return CallError(
            self.status,
            self.code,
            rewritten(self.message),
            param=None if self.param is None else rewritten(self.param),
            kind=self.kind,
            headers=self.headers,
            details=_rewritten(self.details, rewritten),
        )


def _rewritten(value: Any, rewritten: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {name: _rewritten(inner, rewritten) for name, inner in value.items()}
    return rewritten(value) if isinstance(value, str) else value


_KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    408: "request_timeout",
    413: "request_too_large",
    415: "invalid_request_error",
    422: "unprocessable_answer",
    429: "rate_limit_error",
    502: "upstream_error",
    503: "unavailable_error",
    504: "upstream_timeout",
}


def bad_request(message: str, *, param: str | None = None, code: str = "invalid_request") -> CallError:
    """400: malformed or invalid."""
    return CallError(400, code, message, param=param)


def not_found(model: str) -> CallError:
    """404: a model that is unknown or not allowed; the two are not told apart."""
    return CallError(
        404, "model_not_found", f"The model {model[:256]!r} does not exist or you may not use it.", param="model"
    )


def closed(route: str, reason: str) -> CallError:
    """503: a route that is closed, with the reason that its status tells."""
    return CallError(503, "route_closed", f"Route {route} is closed: {reason}")
