"""The Secret that holds the operator's certificate, and the TLS context that is made of it.

Rules: the Secret is named by the settings, lies in the operator's own namespace and is the only one that is ever read; one that
somebody else filled (cert-manager: `tls.crt` is there and our annotation is not) is used as it is and never written; writes carry
the resource version, so that of several replicas one wins and the others read again; keys are handed to OpenSSL through memory
files, never through a disk.
"""

import base64
import binascii
import logging
import os
import ssl
from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec

from turnout_operator.certificates import Lifetimes, Material, Signer, advance
from turnout_operator.kube import CONFLICT, ApiError, Json, Kube

OWNED = "turnout.dev/certificate"
_END = "-----END CERTIFICATE-----\n"
_log = logging.getLogger(__name__)


class Serving(msgspec.Struct, frozen=True):
    """What is served and what gateways are to trust, as PEM."""

    certificate: str
    key: str
    bundle: str


class CertificateSecret:
    """Reads the Secret, and advances it where it is ours to advance. Blocks: for a worker thread."""

    def __init__(
        self,
        kube: Kube,
        *,
        namespace: str,
        name: str,
        names: Sequence[str],
        now: Callable[[], datetime],
        lifetimes: Lifetimes | None = None,
    ) -> None:
        self._kube = kube
        self._path = f"/api/v1/namespaces/{namespace}/secrets/{name}"
        self._name = name
        self._names = tuple(names)
        self._now = now
        self._lifetimes = lifetimes

    def load(self) -> Serving:
        """What to serve now. Raises ApiError, and ValueError where a foreign Secret cannot be used."""
        for _ in range(5):
            secret = self._kube.request("GET", self._path)
            data = _decoded(secret)
            annotations = secret["metadata"].get("annotations") or {}
            if data.get("tls.crt") and OWNED not in annotations:
                return self._foreign(data)
            material = _material(data)
            wanted = advance(material, self._now(), self._names, self._lifetimes)
            if wanted == material or self._written(secret, wanted):
                return Serving(wanted.certificate, wanted.key, wanted.bundle_text)
        raise ApiError(CONFLICT, "Conflict", f"Secret {self._name} keeps changing")

    def _foreign(self, data: dict[str, str]) -> Serving:
        for key in ("tls.key", "ca.crt"):
            if not data.get(key):
                raise ValueError(f"Secret {self._name}: {key} is missing")
        return Serving(data["tls.crt"], data["tls.key"], data["ca.crt"])

    def _written(self, secret: Json, material: Material) -> bool:
        secret["metadata"].setdefault("annotations", {})[OWNED] = "managed"
        texts = {
            "tls.crt": material.certificate,
            "tls.key": material.key,
            "ca.crt": material.bundle_text,
            "authority.crt": material.authority.certificate,
            "authority.key": material.authority.key,
            "next.crt": material.next.certificate if material.next is not None else "",
            "next.key": material.next.key if material.next is not None else "",
        }
        secret["data"] = {key: base64.b64encode(text.encode()).decode() for key, text in texts.items()}
        try:
            self._kube.request("PUT", self._path, body=secret)
        except ApiError as error:
            if error.status == CONFLICT:
                return False
            raise
        _log.info("certificate: Secret %s was renewed", self._name)
        return True


def _decoded(secret: Json) -> dict[str, str]:
    try:
        return {key: base64.b64decode(text).decode() for key, text in (secret.get("data") or {}).items()}
    except (binascii.Error, UnicodeDecodeError) as error:
        raise ValueError("the certificate's Secret holds something that is not PEM") from error


def _material(data: dict[str, str]) -> Material | None:
    """What the Secret holds; None where it is empty or half empty, which is to be filled."""
    needed = ("tls.crt", "tls.key", "ca.crt", "authority.crt", "authority.key")
    if not all(data.get(key) for key in needed):
        return None
    return Material(
        certificate=data["tls.crt"],
        key=data["tls.key"],
        bundle=tuple(f"{part.strip()}\n{_END}" for part in data["ca.crt"].split(_END) if part.strip()),
        authority=Signer(data["authority.crt"], data["authority.key"]),
        next=Signer(data["next.crt"], data["next.key"]) if data.get("next.crt") and data.get("next.key") else None,
    )


def server_context() -> ssl.SSLContext:
    """A context without a certificate yet: `install` gives it one, now and at each renewal."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def install(context: ssl.SSLContext, serving: Serving) -> None:
    """New connections are served with it; those that stand go on. Raises ssl.SSLError where key and certificate differ."""
    with _memory_file("certificate", serving.certificate) as certificate, _memory_file("key", serving.key) as key:
        context.load_cert_chain(certificate.path, key.path)


class _memory_file:  # noqa: N801  a context manager, used as a function
    """A file that lies in memory alone, with a path for libraries that insist on one."""

    def __init__(self, name: str, text: str) -> None:
        self._descriptor = os.memfd_create(name)
        os.write(self._descriptor, text.encode())

    @property
    def path(self) -> str:
        return f"/proc/self/fd/{self._descriptor}"

    def __enter__(self) -> "_memory_file":
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)
