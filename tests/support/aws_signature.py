"""Checks AWS's Signature V4 as AWS does, written from its description and not by its SDK."""

import hmac
import re
from hashlib import sha256
from urllib.parse import quote

from turnout_sidecar.ports.upstream import UpstreamRequest

_HEADER = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8}/[^/]+/[^/]+/aws4_request), SignedHeaders=([^,]+), Signature=([0-9a-f]{64})"
)


def signed_by(request: UpstreamRequest, secret: str) -> tuple[str, str] | None:
    """The access key's id and the scope of a request that was signed with `secret`; None: it was not."""
    headers = dict(request.headers)
    found = _HEADER.fullmatch(headers.get("authorization", ""))
    if found is None:
        return None
    identity, scope, names, signature = found.groups()
    target = request.target
    default = {"http": 80, "https": 443}[target.scheme]
    headers["host"] = target.host if target.port == default else f"{target.host}:{target.port}"
    path, _, query = request.path.partition("?")
    lines = [f"{name}:{headers[name]}\n" for name in names.split(";")]
    asked = [request.method, quote(path, safe="/~"), query, "".join(lines), names, sha256(request.body).hexdigest()]
    digest = sha256("\n".join(asked).encode()).hexdigest()
    text = "\n".join(["AWS4-HMAC-SHA256", headers["x-amz-date"], scope, digest])
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), sha256).digest()
    expected = hmac.new(key, text.encode(), sha256).hexdigest()
    return (identity, scope) if hmac.compare_digest(expected, signature) else None
