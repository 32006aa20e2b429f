"""The operator's serving certificate and the authority that signed it: when to make which, as pure functions of time.

Why our own: gateways must trust the operator without cert-manager. One Secret holds everything; every replica reads it, any of
them may advance it. A new authority is announced in the bundle long before it signs anything, and the old one stays in the
bundle until it expires: so a gateway never meets a certificate that its bundle does not know.

Rules: `advance` returns the same material where nothing is to be done; keys are EC P-256 and leave memory only for the Secret;
certificates begin an hour in the past, for clocks that disagree.
"""

import ipaddress
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

BACKDATE = timedelta(hours=1)


class Lifetimes(msgspec.Struct, frozen=True):
    """How long things last. A third of each is left when its successor is made."""

    authority: timedelta = timedelta(days=730)
    serving: timedelta = timedelta(days=90)
    announce: timedelta = timedelta(hours=24)
    """How long a new authority stands in the bundle before it signs."""


class Signer(msgspec.Struct, frozen=True):
    """An authority: its certificate and its key, as PEM."""

    certificate: str
    key: str


class Material(msgspec.Struct, frozen=True):
    """Everything, as PEM. `bundle` holds every authority that is to be trusted; `next` is announced and signs nothing yet."""

    certificate: str
    key: str
    bundle: tuple[str, ...]
    authority: Signer
    next: Signer | None = None

    @property
    def bundle_text(self) -> str:
        """The bundle as one PEM file."""
        return "".join(self.bundle)


def advance(
    material: Material | None, now: datetime, names: Sequence[str], lifetimes: Lifetimes | None = None
) -> Material:
    """The material that there should be now. Equal to what there is, where nothing is to be done."""
    lifetimes = lifetimes if lifetimes is not None else Lifetimes()
    if material is None or _expired(material.authority.certificate, now):
        return _renewed(None, _authority(now, lifetimes), now, names, lifetimes)
    material = msgspec.structs.replace(material, bundle=_bundle(now, *material.bundle))
    if material.next is not None and now >= _begin(material.next.certificate) + BACKDATE + lifetimes.announce:
        material = _renewed(material, material.next, now, names, lifetimes)
    elif material.next is None and _is_old(material.authority.certificate, now):
        announced = _authority(now, lifetimes)
        bundle = _bundle(now, announced.certificate, *material.bundle)
        material = msgspec.structs.replace(material, next=announced, bundle=bundle)
    if _is_old(material.certificate, now) or _names(material.certificate) != frozenset(map(_as_written, names)):
        material = _renewed(material, material.authority, now, names, lifetimes)
    return material


def expires(certificate: str) -> datetime:
    """When a certificate (the first of a PEM text) ends. Raises ValueError where it is none."""
    return _parse(certificate).not_valid_after_utc


def _renewed(
    material: Material | None, signer: Signer, now: datetime, names: Sequence[str], lifetimes: Lifetimes
) -> Material:
    certificate, key = _serving(signer, now, names, lifetimes)
    old = material.bundle if material is not None else ()
    following = material.next if material is not None and material.next != signer else None
    announced = (following.certificate,) if following is not None else ()
    return Material(
        certificate=certificate,
        key=key,
        bundle=_bundle(now, *announced, signer.certificate, *old),
        authority=signer,
        next=following,
    )


def _bundle(now: datetime, *certificates: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for text in certificates if not _expired(text, now)))


def _authority(now: datetime, lifetimes: Lifetimes) -> Signer:
    key = ec.generate_private_key(ec.SECP256R1())
    # The moment is in the name, so that two authorities are told apart by whoever builds the chain.
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"turnout-operator {now:%Y%m%d%H%M%S}")])
    usage = x509.KeyUsage(
        digital_signature=False, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    certificate = (
        _blank(name, name, key.public_key(), now, lifetimes.authority)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Signer(_pem(certificate), _key_pem(key))


def _serving(signer: Signer, now: datetime, names: Sequence[str], lifetimes: Lifetimes) -> tuple[str, str]:
    issuer = _parse(signer.certificate)
    issuer_key = serialization.load_pem_private_key(signer.key.encode(), password=None)
    if not isinstance(issuer_key, ec.EllipticCurvePrivateKey):
        raise ValueError("authority.key: not a key that Turnout made")  # noqa: TRY004  what a Secret holds is a value
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])])
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    certificate = (
        _blank(subject, issuer.subject, key.public_key(), now, lifetimes.serving)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=False)
        .add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        .sign(issuer_key, hashes.SHA256())
    )
    return _pem(certificate), _key_pem(key)


def _blank(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, lifetime: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATE)
        .not_valid_after(now + lifetime)
    )


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _as_written(name: str) -> str:
    """A name as a certificate tells it: addresses have several spellings."""
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        return name


def _names(certificate: str) -> frozenset[str]:
    extension = _parse(certificate).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    names = [str(name) for name in extension.get_values_for_type(x509.DNSName)]
    return frozenset(names + [str(address) for address in extension.get_values_for_type(x509.IPAddress)])


def _is_old(certificate: str, now: datetime) -> bool:
    begin, end = _begin(certificate), expires(certificate)
    return now >= end - (end - begin) / 3


def _expired(certificate: str, now: datetime) -> bool:
    return now >= expires(certificate)


def _begin(certificate: str) -> datetime:
    return _parse(certificate).not_valid_before_utc


def _parse(certificate: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(certificate.encode())


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def utc(milliseconds: int) -> datetime:
    """A moment of Unix milliseconds."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
