"""AWS Signature Version 4 from the side of who checks it.

With a key of its own (`AKID:SECRET`) the simulator computes the signature again from the request as it came, as AWS does: a
gateway that signs one thing and sends another is found out. Without one, it looks only that a request is signed at all, for
this service. Rule: how old a signature is does not matter, since nothing here depends on a clock.
"""

import hashlib
import hmac
import re
from typing import Final
from urllib.parse import quote

from turnout_sidecar.ports.secrets import Secret
from turnout_sidecar.simulator.dialect import Asked, Refusal, same_key

ALGORITHM: Final = "AWS4-HMAC-SHA256"
_FORBIDDEN: Final = 403
_AUTHORIZATION: Final = re.compile(
    rf"{ALGORITHM}\s+Credential=(?P<credential>[^,\s]+),\s*SignedHeaders=(?P<headers>[^,\s]+),\s*Signature=(?P<signature>\w+)"
)
_SCOPE: Final = re.compile(
    r"(?P<key>[^/]+)/(?P<date>\d{8})/(?P<region>[a-z0-9-]+)/(?P<service>[a-z0-9-]+)/aws4_request"
)
_MUST_BE_SIGNED: Final = frozenset(("host", "x-amz-date"))


def check(asked: Asked, key: Secret | None, service: str) -> None:
    """Raises Refusal for a request that is not signed for `service`, or (with a key) not rightly."""
    authorization = asked.headers.get("authorization", "")
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() == "bearer":
        if key is not None and not same_key(token.strip(), key):
            raise _refusal("UnrecognizedClientException", "The security token included in the request is invalid.")
        return
    if not authorization:
        raise _refusal("MissingAuthenticationTokenException", "Missing Authentication Token")
    found = _AUTHORIZATION.fullmatch(authorization.strip())
    scope = _SCOPE.fullmatch(found["credential"]) if found else None
    if found is None or scope is None:
        raise _refusal("IncompleteSignatureException", "Authorization header is not one of Signature Version 4.")
    signed = found["headers"].split(";")
    _check_scope(asked, scope, signed, service)
    if key is None:
        return
    identity, _, secret = key.reveal().partition(b":")
    if scope["key"].encode() != identity:
        raise _refusal("UnrecognizedClientException", "The security token included in the request is invalid.")
    if not hmac.compare_digest(_signature(asked, scope, signed, secret), found["signature"]):
        raise _refusal(
            "InvalidSignatureException",
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
            "and signing method.",
        )


def _check_scope(asked: Asked, scope: re.Match[str], signed: list[str], service: str) -> None:
    if scope["service"] != service:
        raise _refusal("InvalidSignatureException", f"Credential should be scoped to correct service: '{service}'.")
    missing = sorted(_MUST_BE_SIGNED - set(signed))
    if missing:
        raise _refusal("IncompleteSignatureException", f"Must be signed: {', '.join(missing)}.")
    if asked.headers.get("x-amz-date", "")[:8] != scope["date"]:
        raise _refusal("InvalidSignatureException", "Date in Credential scope does not match the date of the request.")
    if "x-amz-security-token" in asked.headers and "x-amz-security-token" not in signed:
        raise _refusal("InvalidSignatureException", "x-amz-security-token must be signed.")


def _signature(asked: Asked, scope: re.Match[str], signed: list[str], secret: bytes) -> str:
    body = hashlib.sha256(asked.body).hexdigest()
    told = asked.headers.get("x-amz-content-sha256", body)
    if told not in (body, "UNSIGNED-PAYLOAD"):
        raise _refusal("InvalidSignatureException", "The value of x-amz-content-sha256 does not match the body.")
    query = "&".join(sorted(pair if "=" in pair else f"{pair}=" for pair in asked.query.split("&") if pair))
    headers = "".join(f"{name}:{' '.join(asked.headers.get(name, '').split())}\n" for name in signed)
    path = quote(asked.path, safe="/~")
    request = "\n".join((asked.method, path, query, headers, ";".join(signed), told))
    parts = (scope["date"], scope["region"], scope["service"], "aws4_request")
    hashed = hashlib.sha256(request.encode("utf-8", "surrogateescape")).hexdigest()
    text = "\n".join((ALGORITHM, asked.headers["x-amz-date"], "/".join(parts), hashed))
    derived = b"AWS4" + secret
    for part in parts:
        derived = hmac.new(derived, part.encode(), hashlib.sha256).digest()
    return hmac.new(derived, text.encode(), hashlib.sha256).hexdigest()


def _refusal(code: str, message: str) -> Refusal:
    return Refusal(_FORBIDDEN, message, code=code)
