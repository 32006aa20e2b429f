"""What a platform puts into a pod that has an identity: names of files and addresses, in the environment variables of its SDKs.

AWS's and Azure's webhooks set theirs where the service account carries their annotation; Google's names a file that describes an
`external_account`. Rules: only what the platform itself documents is read; what is missing is named, by its variable.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import orjson

from turnout_contract.snapshot import model as snap
from turnout_sidecar.credentials.exchanges import AwsExchange, AzureExchange, Exchange, GoogleExchange
from turnout_sidecar.wire import lenient

_COGNITIVE: Final = "https://cognitiveservices.azure.com"
_AUTHORITY: Final = "https://login.microsoftonline.com/"
_GOOGLE_STS: Final = "https://sts.googleapis.com/v1/token"
_JWT: Final = "urn:ietf:params:oauth:token-type:jwt"


class NoIdentity(Exception):  # noqa: N818  says what is so
    """The platform gives none here. The message says what is missing, and fits after a backend's name."""


def exchange_for(identity: snap.Identity, region: str | None, environment: Mapping[str, str]) -> Exchange:
    """How this identity gets its credentials. Raises NoIdentity."""

    def needed(name: str) -> str:
        value = environment.get(name)
        if not value:
            raise NoIdentity(f"has no identity of {identity.type} here: {name} is not set")
        return value

    if identity.type == "AWS":
        where = region or needed("AWS_REGION")
        domain = "amazonaws.com.cn" if where.startswith("cn-") else "amazonaws.com"
        url = environment.get("AWS_ENDPOINT_URL_STS") or f"https://sts.{where}.{domain}/"
        return AwsExchange(url, needed("AWS_ROLE_ARN"), needed("AWS_WEB_IDENTITY_TOKEN_FILE"))
    if identity.type == "Azure":
        authority = (environment.get("AZURE_AUTHORITY_HOST") or _AUTHORITY).rstrip("/")
        url = f"{authority}/{needed('AZURE_TENANT_ID')}/oauth2/v2.0/token"
        scope = f"{(identity.audience or _COGNITIVE).removesuffix('/.default').rstrip('/')}/.default"
        return AzureExchange(url, needed("AZURE_CLIENT_ID"), scope, needed("AZURE_FEDERATED_TOKEN_FILE"))
    return _google(identity, needed("GOOGLE_APPLICATION_CREDENTIALS"))


def _google(identity: snap.Identity, path: str) -> Exchange:
    said = _described(path)
    file = lenient.label(lenient.mapping(said.get("credential_source")).get("file"))
    audience = identity.audience or lenient.text(said.get("audience"))
    if said.get("type") != "external_account" or file is None or not audience:
        raise NoIdentity(
            "has no identity of Google here: GOOGLE_APPLICATION_CREDENTIALS names no external_account with a file"
        )
    return GoogleExchange(
        lenient.text(said.get("token_url")) or _GOOGLE_STS,
        audience,
        lenient.text(said.get("subject_token_type")) or _JWT,
        file,
        lenient.text(said.get("service_account_impersonation_url")),
    )


def _described(path: str) -> dict[str, Any]:
    try:
        return lenient.mapping(orjson.loads(Path(path).read_bytes()))
    except (OSError, orjson.JSONDecodeError):
        raise NoIdentity("has no identity of Google here: GOOGLE_APPLICATION_CREDENTIALS cannot be read") from None
