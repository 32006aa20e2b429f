"""From a provider's resource to the place where its calls go: target, path, and the headers with its credentials.

Made when a snapshot is built and again when secrets change, so that a call only copies a reference. A secret that is not
there, or that no header could carry, makes the provider unusable and is reported as missing; it breaks nothing else.
"""

import re
from urllib.parse import quote, urlsplit

from turnout_contract.snapshot import model as snap
from turnout_sidecar.ports.secrets import Secrets
from turnout_sidecar.ports.upstream import Target, TlsSettings
from turnout_sidecar.routing import ProviderEnd

PROTOCOLS = frozenset({"OpenAI"})
_FIELD_VALUE = re.compile(rb"[\x21-\x7e]+")
_PORTS = {"http": 80, "https": 443}


def provider_end(provider: snap.Provider, secrets: Secrets, missing: set[str]) -> ProviderEnd:
    """Its end; names of files that are not there go into `missing`. Raises ValueError where its endpoint is no URL."""
    unusable: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    hidden: tuple[str, ...] = ()
    if provider.api_key is not None:
        key = _read(provider.api_key, secrets)
        if key is None or not _FIELD_VALUE.fullmatch(key):
            missing.add(provider.api_key.path)
            unusable = "has no usable credentials here"
        else:
            hidden = (key.decode("ascii"),)
            headers = (("authorization", f"Bearer {hidden[0]}"),)
    authorities = ""
    if provider.tls.ca is not None:
        pem = _read(provider.tls.ca, secrets)
        if pem is None:
            missing.add(provider.tls.ca.path)
            unusable = unusable or "has no certificate authority here"
        else:
            authorities = pem.decode("ascii", "replace")
    target, path = _target(provider, authorities)
    return ProviderEnd(target, path, headers, unusable, hidden)


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
