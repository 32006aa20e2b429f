"""The secrets that a test control plane and its clients hold, as files that only this user may read.

They are made anew for every cluster and die with its directory; nothing here is ever taken from the developer's own
kubeconfig.
"""

import json
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa


def write_private(path: Path, content: bytes) -> None:
    """Write a file of mode 0600."""
    path.touch(mode=0o600)
    path.write_bytes(content)


def write_service_account_key(path: Path) -> None:
    """Write the key that signs service-account tokens: RSA, so that their algorithm is a production cluster's, RS256."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    write_private(path, key.private_bytes(encoding, form, serialization.NoEncryption()))


def write_static_tokens(path: Path, *, admin_token: str) -> None:
    """Write the API server's token file: one user, ``admin``, of the group that may do everything."""
    write_private(path, f'{admin_token},admin,admin,"system:masters"\n'.encode())


def write_kubeconfig(path: Path, *, server: str, ca_file: Path, token: str, namespace: str) -> None:
    """Write a kubeconfig with one context: ``server``, trusted by ``ca_file``, asked with ``token``."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": {"server": server, "certificate-authority": str(ca_file)}}],
        "users": [{"name": "test", "user": {"token": token}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test", "namespace": namespace}}],
        "current-context": "test",
    }
    write_private(path, json.dumps(config, indent=2).encode())
