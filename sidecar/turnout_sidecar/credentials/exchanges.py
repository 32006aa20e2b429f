"""How each platform trades a token file for credentials: one call to its token service, two where Google impersonates.

Rules: the file is read anew each time, since platforms rotate it; answers are read leniently and bounded; an error names what
was missing or the service's own short word for it, and never a token.
"""

import html
import re
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import urlencode

import msgspec
import orjson

from turnout_sidecar.wire import lenient

Post = Callable[[str, bytes, tuple[tuple[str, str], ...]], Awaitable[bytes]]
"""POST a body to a URL with headers: the body of a good answer. Raises ExchangeFailed and UpstreamError."""

_FORM: Final = (("content-type", "application/x-www-form-urlencoded"), ("accept", "application/json"))
_JSON: Final = (("content-type", "application/json"), ("accept", "application/json"))
_FIELD: Final = re.compile(r"[\x21-\x7e]+")
_NANOSECONDS: Final = 1_000_000_000
_SESSION: Final = "turnout"
_LIFETIME: Final = "3600s"
_ASSERTION: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_TRADE: Final = "urn:ietf:params:oauth:grant-type:token-exchange"
_ACCESS: Final = "urn:ietf:params:oauth:token-type:access_token"
_CLOUD: Final = "https://www.googleapis.com/auth/cloud-platform"


class ExchangeFailed(Exception):  # noqa: N818  says what happened
    """No credentials, and why; the message holds no token."""


class Proof(msgspec.Struct, frozen=True):
    """Credentials until `expires_ns` (Unix). `secrets`: a bearer token, or AWS's key id, secret key and session token."""

    secrets: tuple[str, ...]
    expires_ns: int

    def __repr__(self) -> str:
        return "Proof([redacted])"


class Exchange(Protocol):
    """One way to get credentials."""

    async def fetch(self, post: Post, now_ns: int) -> Proof:
        """New ones. Raises ExchangeFailed, UpstreamError."""
        ...


class AwsExchange(msgspec.Struct, frozen=True):
    """AssumeRoleWithWebIdentity at the region's STS."""

    url: str
    role: str
    token_file: str

    async def fetch(self, post: Post, now_ns: int) -> Proof:
        """See Exchange."""
        del now_ns
        asked = {
            "Action": "AssumeRoleWithWebIdentity",
            "Version": "2011-06-15",
            "RoleArn": self.role,
            "RoleSessionName": _SESSION,
            "WebIdentityToken": _token_in(self.token_file),
        }
        said = (await post(self.url, urlencode(asked).encode(), _FORM[:1])).decode("utf-8", "replace")
        names = ("AccessKeyId", "SecretAccessKey", "SessionToken")
        return Proof(tuple(_carried(_element(said, name), name) for name in names), _time(_element(said, "Expiration")))


class AzureExchange(msgspec.Struct, frozen=True):
    """A federated token for one of Entra's, by client credentials."""

    url: str
    client: str
    scope: str
    token_file: str

    async def fetch(self, post: Post, now_ns: int) -> Proof:
        """See Exchange."""
        asked = {
            "grant_type": "client_credentials",
            "client_id": self.client,
            "scope": self.scope,
            "client_assertion_type": _ASSERTION,
            "client_assertion": _token_in(self.token_file),
        }
        return _bearer(_object(await post(self.url, urlencode(asked).encode(), _FORM)), now_ns)


class GoogleExchange(msgspec.Struct, frozen=True):
    """A service account's token for one of Google's, by token exchange. `impersonate`: the URL that makes it an account's."""

    url: str
    audience: str
    subject_type: str
    token_file: str
    impersonate: str | None = None

    async def fetch(self, post: Post, now_ns: int) -> Proof:
        """See Exchange."""
        asked = {
            "grant_type": _TRADE,
            "audience": self.audience,
            "scope": _CLOUD,
            "requested_token_type": _ACCESS,
            "subject_token": _token_in(self.token_file),
            "subject_token_type": self.subject_type,
        }
        federated = _bearer(_object(await post(self.url, urlencode(asked).encode(), _FORM)), now_ns)
        if self.impersonate is None:
            return federated
        authorization = ("authorization", f"Bearer {federated.secrets[0]}")
        body = orjson.dumps({"scope": [_CLOUD], "lifetime": _LIFETIME})
        said = _object(await post(self.impersonate, body, (*_JSON, authorization)))
        return Proof((_carried(said.get("accessToken"), "accessToken"),), _time(said.get("expireTime")))


def _token_in(path: str) -> str:
    try:
        token = Path(path).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        raise ExchangeFailed("the platform's token file cannot be read") from None
    return _carried(token, "the platform's token file")


def _bearer(said: dict[str, Any], now_ns: int) -> Proof:
    token = _carried(said.get("access_token"), "access_token")
    seconds = said.get("expires_in")
    if isinstance(seconds, str) and seconds.isascii() and seconds.isdigit():  # some of Entra's endpoints
        seconds = int(seconds[:9])
    lasting = lenient.count(seconds)
    if lasting is None:
        raise ExchangeFailed("the token service did not say expires_in")
    return Proof((token,), now_ns + lasting * _NANOSECONDS)


def _object(body: bytes) -> dict[str, Any]:
    try:
        return lenient.mapping(orjson.loads(body))
    except orjson.JSONDecodeError:
        raise ExchangeFailed("the token service did not answer in JSON") from None


def _element(document: str, name: str) -> str | None:
    found = re.search(rf"<{name}>([^<]*)</{name}>", document)
    return html.unescape(found.group(1)).strip() if found else None


def _carried(value: object, name: str) -> str:
    """A secret that a header can carry."""
    if not isinstance(value, str) or not _FIELD.fullmatch(value):
        raise ExchangeFailed(f"{name} is missing or no token")
    return value


def _time(value: object) -> int:
    try:
        return int(datetime.fromisoformat(str(value)).timestamp()) * _NANOSECONDS
    except (ValueError, OverflowError):
        raise ExchangeFailed("the token service did not say when its credentials end") from None
