"""From a provider's resource to the place where its calls go: target, path, and its credentials in its protocol's own way.

Made when a snapshot is built and again when secrets change, so that a call only copies a reference, and signs where it must. A
secret that is not there, or that no header could carry, makes the provider unusable and is reported as missing; it breaks
nothing else. Azure's two ways of addressing a model are in `azure_paths.py`.
"""

import importlib
import re
from collections.abc import Callable, Iterable
from functools import partial
from typing import Final
from urllib.parse import quote, urlsplit

import msgspec

from turnout_contract.snapshot import model as snap
from turnout_sidecar.azure_paths import azure_address
from turnout_sidecar.credentials.identities import Identities
from turnout_sidecar.credentials.platform import NoIdentity
from turnout_sidecar.credentials.signing import BearerSigner, LiveSecrets, RotatingSigner
from turnout_sidecar.ports.secrets import Secrets
from turnout_sidecar.ports.upstream import Target, TlsSettings, UpstreamRequest
from turnout_sidecar.routing import ProviderEnd
from turnout_sidecar.wire import registry

PROTOCOLS: Final = registry.PROTOCOLS
_FIELD_VALUE = re.compile(rb"[\x21-\x7e]+")
_PORTS = {"http": 80, "https": 443}
_KEY_HEADERS: Final = {"Anthropic": "x-api-key", "Gemini": "x-goog-api-key", "AzureOpenAI": "api-key"}
"""Where a key stands alone in a header of its own; elsewhere it is a bearer token."""

_ALWAYS: Final = {"Anthropic": (("anthropic-version", "2023-06-01"),)}
_SIGNER: Final = "turnout_sidecar.adapters.aws_signing"  # loaded on demand, as the format is: they need the extra
_NO_EXTRA: Final = "needs the extra `bedrock`, which is not installed here"
_NO_CREDENTIALS: Final = "has no usable credentials here"

Sign = Callable[[UpstreamRequest], UpstreamRequest]


class _Credentials(msgspec.Struct):
    """What a provider is told of who asks. `unusable`: why it cannot be."""

    headers: tuple[tuple[str, str], ...] = ()
    hidden: Iterable[str] = ()
    sign: Sign | None = None
    unusable: str | None = None


def provider_end(
    provider: snap.Provider, secrets: Secrets, missing: set[str], identities: Identities | None = None
) -> ProviderEnd:
    """Its end; names of files that are not there go into `missing`. Raises ValueError where its endpoint is no URL."""
    if provider.identity is None:
        credentials = _credentials(provider, secrets, missing)
    else:
        credentials = _identity(provider, provider.identity, identities)
    unusable = credentials.unusable
    if provider.protocol == "BedrockConverse" and not _has_extra():
        unusable = _NO_EXTRA
    authorities = ""
    if provider.tls.ca is not None:
        pem = _read(provider.tls.ca, secrets)
        if pem is None:
            missing.add(provider.tls.ca.path)
            unusable = unusable or "has no certificate authority here"
        else:
            authorities = pem.decode("ascii", "replace")
    target, path = _target(provider, authorities)
    return ProviderEnd(
        target,
        path,
        _ALWAYS.get(provider.protocol, ()) + credentials.headers,
        unusable,
        credentials.hidden,
        credentials.sign,
        azure_address(path, provider.api_version) if provider.protocol == "AzureOpenAI" else None,
    )


def _has_extra() -> bool:
    """Whether calls of Bedrock can be read; the first time it loads what reads them."""
    try:
        registry.outbound("converse")
    except ImportError:
        return False
    return True


def _credentials(provider: snap.Provider, secrets: Secrets, missing: set[str]) -> _Credentials:
    if provider.aws_keys is not None:
        return _aws(provider, provider.aws_keys, secrets, missing)
    if provider.api_key is None:
        return _Credentials()
    key = _text(provider.api_key, secrets, missing)
    if key is None:
        return _Credentials(unusable=_NO_CREDENTIALS)
    name = _KEY_HEADERS.get(provider.protocol)
    header = ("authorization", f"Bearer {key}") if name is None else (name, key)
    return _Credentials((header,), (key,))


def _aws(provider: snap.Provider, keys: snap.AwsKeys, secrets: Secrets, missing: set[str]) -> _Credentials:
    identity = _text(keys.access_key_id, secrets, missing)
    secret = _text(keys.secret_access_key, secrets, missing)
    token = None if keys.session_token is None else _text(keys.session_token, secrets, missing)
    if identity is None or secret is None or (token is None and keys.session_token is not None):
        return _Credentials(unusable=_NO_CREDENTIALS)
    signer = _aws_signer()
    if signer is None:
        return _Credentials(unusable=_NO_EXTRA)
    hidden = (secret, identity) if token is None else (secret, identity, token)
    return _Credentials((), hidden, signer(provider.region or "", identity, secret, token))


def _aws_signer() -> Callable[[str, str, str, str | None], Sign] | None:
    try:
        found: Callable[[str, str, str, str | None], Sign] = importlib.import_module(_SIGNER).AwsSigner
    except ImportError:
        return None
    return found


def _identity(provider: snap.Provider, identity: snap.Identity, identities: Identities | None) -> _Credentials:
    if identities is None:
        return _Credentials(unusable="has no workload identity here")
    try:
        source = identities.source(identity, provider.region)
    except NoIdentity as error:
        return _Credentials(unusable=str(error))
    if identity.type == "AWS":
        signer = _aws_signer()
        if signer is None:
            return _Credentials(unusable=_NO_EXTRA)
        return _Credentials((), LiveSecrets(source), RotatingSigner(source, partial(signer, provider.region or "")))
    return _Credentials((), LiveSecrets(source), BearerSigner(source))


def _text(file: snap.SecretFile, secrets: Secrets, missing: set[str]) -> str | None:
    """A secret that a header can carry; else it is missing."""
    value = _read(file, secrets)
    if value is None or not _FIELD_VALUE.fullmatch(value):
        missing.add(file.path)
        return None
    return value.decode("ascii")


def _read(file: snap.SecretFile, secrets: Secrets) -> bytes | None:
    secret = secrets.read(file)
    return (secret.reveal() or None) if secret is not None else None


def _target(provider: snap.Provider, authorities: str) -> tuple[Target, str]:
    parts = urlsplit(provider.endpoint)
    if parts.scheme not in _PORTS or not parts.hostname or parts.username is not None:
        raise ValueError("must be an http or https URL with a host and without credentials")
    tls = TlsSettings(
        ca_pem=authorities,
        server_name=provider.tls.server_name or "",
        verify=not provider.tls.insecure_skip_verify,
    )
    scheme: str = parts.scheme
    port = parts.port or _PORTS[scheme]
    path = quote(parts.path.rstrip("/"), safe="/%:@!$&'()*+,;=~-._")
    if scheme == "https":
        return Target("https", parts.hostname, port, tls), path
    return Target("http", parts.hostname, port), path
