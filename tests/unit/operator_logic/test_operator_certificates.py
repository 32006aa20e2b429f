"""The certificate through the years: filled, renewed, and its authority replaced without a gateway noticing."""

import base64
import ssl
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store

from turnout_operator.certificate_secret import OWNED, CertificateSecret, install, server_context
from turnout_operator.certificates import Lifetimes, Material, advance, expires
from turnout_operator.kube import ApiError, Json
from turnout_operator.kube_fake import FakeKube

NOW = datetime(2026, 11, 22, tzinfo=UTC)
NAME = "turnout-operator.system.svc"
NAMES = (NAME, "127.0.0.1")
PATH = "/api/v1/namespaces/system/secrets/tls"


def trusts(bundle: tuple[str, ...], certificate: str, at: datetime) -> bool:
    store = Store([x509.load_pem_x509_certificate(text.encode()) for text in bundle])
    verifier = PolicyBuilder().store(store).time(at).build_server_verifier(x509.DNSName(NAME))
    try:
        verifier.verify(x509.load_pem_x509_certificate(certificate.encode()), [])
    except x509.verification.VerificationError:
        return False
    return True


def secrets(kube: FakeKube, at: datetime) -> CertificateSecret:
    return CertificateSecret(kube, namespace="system", name="tls", names=NAMES, now=lambda: at)


def kube_with(data: dict[str, str] | None = None, **metadata: object) -> FakeKube:
    kube = FakeKube()
    body: Json = {"metadata": {"name": "tls", **metadata}}
    if data is not None:
        body["data"] = {key: base64.b64encode(text.encode()).decode() for key, text in data.items()}
    kube.request("POST", PATH.rsplit("/", 1)[0], body=body)
    return kube


def test_what_is_made_is_trusted_and_stays_as_it_is() -> None:
    made = advance(None, NOW, NAMES)
    assert trusts(made.bundle, made.certificate, NOW)
    assert advance(made, NOW + timedelta(days=30), NAMES) == made


def test_a_serving_certificate_is_renewed_by_the_same_authority() -> None:
    made = advance(None, NOW, NAMES)
    later = advance(made, NOW + timedelta(days=61), NAMES)
    assert later.certificate != made.certificate
    assert later.authority == made.authority
    assert later.bundle == made.bundle


def test_another_name_is_another_certificate() -> None:
    made = advance(None, NOW, NAMES)
    other = advance(made, NOW, (*NAMES, "localhost"))
    assert other.certificate != made.certificate
    assert other.authority == made.authority


def test_an_authority_that_has_ended_leaves_the_bundle_though_nothing_else_is_due() -> None:
    quick = Lifetimes(authority=timedelta(days=30), serving=timedelta(days=30), announce=timedelta(days=1))
    first = advance(None, NOW, NAMES, quick)
    announced = advance(first, NOW + timedelta(days=21), NAMES, quick)
    signed = advance(announced, NOW + timedelta(days=23), NAMES, quick)
    assert len(signed.bundle) == 2
    later = advance(signed, NOW + timedelta(days=31), NAMES, quick)
    assert later.bundle == (signed.authority.certificate,)
    assert later.certificate == signed.certificate


def test_at_every_moment_of_a_year_an_older_bundle_still_trusts_what_is_served() -> None:
    step, known = timedelta(hours=12), None
    quick = Lifetimes(authority=timedelta(days=60), serving=timedelta(days=10))
    material: Material | None = None
    authorities = set()
    for number in range(2 * 365):
        now = NOW + number * step
        before, material = material, advance(material, now, NAMES, quick)
        authorities.add(material.authority.certificate)
        assert trusts(material.bundle, material.certificate, now)
        if before is not None:  # a gateway that has not got the newest bundle yet
            assert trusts(before.bundle, material.certificate, now)
        known = material
    assert len(authorities) > 3
    assert known is not None
    assert len(known.bundle) <= 3


def test_an_operator_that_was_away_until_everything_expired_begins_anew() -> None:
    made = advance(None, NOW, NAMES)
    later = NOW + timedelta(days=3000)
    again = advance(made, later, NAMES)
    assert trusts(again.bundle, again.certificate, later)
    assert not set(again.bundle) & set(made.bundle)


def test_short_lifetimes_are_kept() -> None:
    short = Lifetimes(serving=timedelta(hours=1))
    assert expires(advance(None, NOW, NAMES, short).certificate) == NOW + timedelta(hours=1)


def test_an_empty_secret_is_filled_once_and_read_by_every_replica() -> None:
    kube = kube_with()
    first = secrets(kube, NOW).load()
    version = kube.objects[PATH]["metadata"]["resourceVersion"]
    assert secrets(kube, NOW).load() == first
    assert kube.objects[PATH]["metadata"]["resourceVersion"] == version
    assert OWNED in kube.objects[PATH]["metadata"]["annotations"]
    install(server_context(), first)


def test_of_two_replicas_that_fill_it_one_wins_and_both_serve_the_same() -> None:
    kube = kube_with()
    other: list[object] = []

    def fault(method: str, _path: str) -> None:
        if method == "PUT" and not other:
            kube.fault = None
            other.append(secrets(kube, NOW).load())
            raise ApiError(409, "Conflict", "the object has been modified")

    kube.fault = fault
    assert secrets(kube, NOW).load() == other[0]


def test_a_secret_of_somebody_else_is_used_as_it_is() -> None:
    made = advance(None, NOW, NAMES)
    theirs = {"tls.crt": made.certificate, "tls.key": made.key, "ca.crt": made.bundle_text}
    kube = kube_with(theirs)
    loaded = secrets(kube, NOW + timedelta(days=89)).load()
    assert (loaded.certificate, loaded.bundle) == (made.certificate, made.bundle_text)
    assert all(method == "GET" for method, *_ in kube.requests[1:])


def test_a_secret_of_somebody_else_without_an_authority_is_refused_by_name() -> None:
    made = advance(None, NOW, NAMES)
    kube = kube_with({"tls.crt": made.certificate, "tls.key": made.key})
    with pytest.raises(ValueError, match=r"Secret tls: ca\.crt is missing"):
        secrets(kube, NOW).load()


def test_a_certificate_and_a_key_that_do_not_belong_together_are_not_served() -> None:
    one, other = advance(None, NOW, NAMES), advance(None, NOW, NAMES)
    kube = kube_with({"tls.crt": one.certificate, "tls.key": other.key, "ca.crt": one.bundle_text})
    with pytest.raises(ssl.SSLError):
        install(server_context(), secrets(kube, NOW).load())
