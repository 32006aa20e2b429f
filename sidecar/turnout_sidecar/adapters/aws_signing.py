"""AWS's Signature V4 for calls of Bedrock, by botocore's own signer.

Loaded only where a provider has AWS keys (the extra `bedrock`). Each attempt is signed anew: a signature is good for minutes and
for exactly one method, path, host and body. Rules: host, date, token and content type are signed and nothing that a proxy may
change; what a request already says of authorization is replaced; botocore's debug log, which holds tokens, stays silent.
"""

import logging
from typing import Final

from botocore.auth import SigV4Auth  # type: ignore[import-untyped]
from botocore.awsrequest import AWSRequest  # type: ignore[import-untyped]
from botocore.credentials import Credentials  # type: ignore[import-untyped]
from msgspec.structs import replace

from turnout_sidecar.ports.upstream import UpstreamRequest

SERVICE: Final = "bedrock"
_ADDED: Final = frozenset({"authorization", "x-amz-date", "x-amz-security-token"})

logging.getLogger("botocore").setLevel(logging.WARNING)


class AwsSigner:
    """Signs the calls of one provider with one key."""

    def __init__(self, region: str, access_key_id: str, secret_access_key: str, session_token: str | None) -> None:
        self._auth = SigV4Auth(Credentials(access_key_id, secret_access_key, session_token), SERVICE, region)

    def __call__(self, request: UpstreamRequest) -> UpstreamRequest:
        """The same request with its signature."""
        target = request.target
        host = f"[{target.host}]" if ":" in target.host else target.host
        signed = AWSRequest(
            method=request.method,
            url=f"{target.scheme}://{host}:{target.port}{request.path}",
            data=request.body,
            headers={name: value for name, value in request.headers if name == "content-type"},
        )
        self._auth.add_auth(signed)
        kept = tuple((name, value) for name, value in request.headers if name.lower() not in _ADDED)
        added = tuple((name.lower(), value) for name, value in signed.headers.items() if name.lower() in _ADDED)
        return replace(request, headers=kept + added)

    def __repr__(self) -> str:
        return "AwsSigner([redacted])"
