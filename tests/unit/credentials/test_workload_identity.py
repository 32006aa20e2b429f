"""The platform's token files become credentials, kept fresh, shown to nobody."""

import asyncio
import logging
import urllib.parse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from support.aws_signature import signed_by
from turnout_contract.snapshot import model as snap
from turnout_sidecar.adapters.fake_upstream import FakeReply, FakeUpstream
from turnout_sidecar.credentials.identities import Identities
from turnout_sidecar.credentials.platform import NoIdentity, exchange_for
from turnout_sidecar.credentials.source import TokenSource
from turnout_sidecar.ports.secrets import HeldSecrets
from turnout_sidecar.ports.upstream import ConnectFailure, Target, UpstreamError, UpstreamRequest
from turnout_sidecar.provider_ends import provider_end
from turnout_sidecar.routing import ProviderEnd

CANARY = "canary-77ab"
NOW = 1_800_000_000
STS = f"""<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult>
<Credentials><SessionToken>{CANARY}-session&amp;x</SessionToken><SecretAccessKey>{CANARY}/secret</SecretAccessKey>
<Expiration>2027-01-15T09:00:00Z</Expiration><AccessKeyId>ASIA{CANARY}</AccessKeyId></Credentials>
</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>""".encode()
"""NOW is 08:00 of that day."""
ENTRA = orjson.dumps({"access_token": f"{CANARY}-entra", "expires_in": 3600, "token_type": "Bearer"})
GOOGLE = orjson.dumps({"access_token": f"{CANARY}-federated", "expires_in": 3600})
ACCOUNT = orjson.dumps({"accessToken": f"{CANARY}-account", "expireTime": "2027-01-15T09:00:00Z"})
AWS = snap.Identity("AWS")
AZURE = snap.Identity("Azure")
ON_GOOGLE = snap.Identity("Google")
Environment = dict[str, str]


class MovedClock:
    def __init__(self) -> None:
        self.now = NOW

    def monotonic_ns(self) -> int:
        return self.now * 10**9

    def unix_ns(self) -> int:
        return self.now * 10**9


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    token = tmp_path / "token"
    token.write_text(f"{CANARY}-file\n")
    described = {
        "type": "external_account",
        "audience": "//iam.test/pool",
        "token_url": "https://sts.test/v1/token?a=b",
        "credential_source": {"file": str(token)},
        "service_account_impersonation_url": "https://iam.test/v1/account:generateAccessToken",
    }
    (tmp_path / "google.json").write_bytes(orjson.dumps(described))
    return {
        "AWS_ROLE_ARN": "arn:aws:iam::1:role/x",
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(token),
        "AZURE_TENANT_ID": "tenant",
        "AZURE_CLIENT_ID": "client",
        "AZURE_FEDERATED_TOKEN_FILE": str(token),
        "GOOGLE_APPLICATION_CREDENTIALS": str(tmp_path / "google.json"),
    }


def source_of(
    identity: snap.Identity, environment: Environment, *script: FakeReply | UpstreamError, region: str | None = None
) -> tuple[TokenSource, FakeUpstream, MovedClock]:
    upstream, clock = FakeUpstream(script), MovedClock()
    return TokenSource("test", exchange_for(identity, region, environment), upstream, clock), upstream, clock


def answered(body: bytes, status: int = 200) -> FakeReply:
    return FakeReply(status=status, pieces=(body,))


def form(request: UpstreamRequest) -> dict[str, str]:
    return dict(urllib.parse.parse_qsl(request.body.decode()))


async def test_aws_trades_its_token_for_keys_at_the_regions_sts(environment: Environment) -> None:
    source, upstream, _ = source_of(AWS, environment, answered(STS), region="eu-central-1")
    assert source.current() is None
    assert await source.refresh() == 3000
    (request,) = upstream.requests
    assert request.target.origin == "https://sts.eu-central-1.amazonaws.com:443"
    assert form(request)["WebIdentityToken"] == f"{CANARY}-file"
    assert form(request)["RoleArn"] == "arn:aws:iam::1:role/x"
    proof = source.current()
    assert proof is not None
    assert proof.secrets == (f"ASIA{CANARY}", f"{CANARY}/secret", f"{CANARY}-session&x")


async def test_azure_trades_its_token_for_one_of_entra(environment: Environment) -> None:
    source, upstream, _ = source_of(AZURE, environment, answered(ENTRA))
    assert await source.refresh() == 3000
    (request,) = upstream.requests
    assert request.target.origin == "https://login.microsoftonline.com:443"
    assert request.path == "/tenant/oauth2/v2.0/token"
    assert form(request)["scope"] == "https://cognitiveservices.azure.com/.default"
    assert form(request)["client_assertion"] == f"{CANARY}-file"
    other = exchange_for(snap.Identity("Azure", "https://ai.azure.com/"), None, environment)
    assert getattr(other, "scope", "") == "https://ai.azure.com/.default"


async def test_google_trades_its_token_and_then_impersonates(environment: Environment) -> None:
    source, upstream, _ = source_of(ON_GOOGLE, environment, answered(GOOGLE), answered(ACCOUNT))
    assert await source.refresh() == 3000
    first, second = upstream.requests
    assert first.path == "/v1/token?a=b"
    assert form(first)["audience"] == "//iam.test/pool"
    assert dict(second.headers)["authorization"] == f"Bearer {CANARY}-federated"
    proof = source.current()
    assert proof is not None
    assert proof.secrets == (f"{CANARY}-account",)


async def test_what_ends_soon_is_not_given_out_and_the_file_is_read_anew(environment: Environment) -> None:
    source, upstream, clock = source_of(AZURE, environment, answered(ENTRA))
    await source.refresh()
    clock.now += 3594
    assert source.current() is not None
    clock.now += 2
    assert source.current() is None
    Path(environment["AZURE_FEDERATED_TOKEN_FILE"]).write_text("rotated")
    await source.refresh()
    assert source.current() is not None
    assert form(upstream.requests[-1])["client_assertion"] == "rotated"


FAILURES: list[FakeReply | UpstreamError] = [
    answered(orjson.dumps({"error": "invalid_grant", "error_description": f"bad {CANARY}-file"}), 400),
    answered(b"<html>", 500),
    answered(b"nothing"),
    answered(orjson.dumps({"access_token": "two words", "expires_in": 3600})),
    answered(orjson.dumps({"access_token": CANARY})),
    ConnectFailure("https://x", "refused"),
]


@pytest.mark.parametrize("failure", FAILURES, ids=range(len(FAILURES)))
async def test_a_failure_is_told_once_without_the_token_and_tried_again(
    failure: FakeReply | UpstreamError, environment: Environment, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    source, _, _ = source_of(AZURE, environment, failure, failure, failure, answered(ENTRA))
    assert [await source.refresh() for _ in range(3)] == [1, 2, 4]
    assert source.current() is None
    assert len([record for record in caplog.records if record.name.endswith("credentials.source")]) == 1
    assert CANARY not in caplog.text
    await source.refresh()
    assert source.current() is not None


async def test_an_address_that_cannot_be_used_is_told_and_tried_again(environment: Environment, tmp_path: Path) -> None:
    described = orjson.loads((tmp_path / "google.json").read_bytes())
    (tmp_path / "google.json").write_bytes(orjson.dumps({**described, "token_url": "https://sts.test:port/"}))
    source, _, _ = source_of(ON_GOOGLE, environment, answered(b"{}"))
    assert await source.refresh() > 0
    assert source.current() is None


async def test_a_failure_takes_nothing_away_that_is_still_good(environment: Environment) -> None:
    source, _, _ = source_of(AZURE, environment, answered(ENTRA), answered(b"", 500))
    await source.refresh()
    before = source.current()
    await source.refresh()
    assert source.current() is before is not None


@pytest.mark.parametrize("variable", ["AWS_ROLE_ARN", "AZURE_CLIENT_ID", "GOOGLE_APPLICATION_CREDENTIALS"])
def test_what_the_platform_did_not_set_is_named(variable: str, environment: Environment) -> None:
    kind: Any = {"AWS": "AWS", "AZU": "Azure", "GOO": "Google"}[variable[:3]]
    del environment[variable]
    with pytest.raises(NoIdentity, match=variable):
        exchange_for(snap.Identity(kind), "eu-central-1", environment)


def a_provider(protocol: str, identity: snap.Identity, **more: Any) -> snap.Provider:
    said = {"api_key": None, "clearance": "Internal", "residency": (), "tls": snap.Tls(), "models": ()} | more
    return snap.Provider(name="p", protocol=protocol, endpoint="https://x.test", identity=identity, **said)


def a_request(end: ProviderEnd) -> UpstreamRequest:
    return UpstreamRequest(Target("https", "x.test", 443), end.path_of("/chat", "m"), (("content-type", "x"),), b"{}")


async def until(told: Callable[[], object], patience: float = 30) -> None:
    deadline = asyncio.get_running_loop().time() + patience
    while not told():
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.01)


async def end_of(
    provider: snap.Provider, environment: Environment, *script: FakeReply
) -> tuple[ProviderEnd, Identities]:
    identities = Identities(FakeUpstream(script), MovedClock(), environment)
    end = provider_end(provider, HeldSecrets(), set(), identities)
    assert end.unusable is None
    assert end.sign is not None
    with pytest.raises(ConnectFailure):  # nothing has come yet
        end.sign(a_request(end))
    await until(lambda: list(end.hidden))
    return end, identities


async def test_a_bearer_token_is_put_on_each_call_and_hidden(environment: Environment) -> None:
    provider = a_provider("AzureOpenAI", AZURE, api_version="2026-01-01")
    end, identities = await end_of(provider, environment, answered(ENTRA))
    assert end.sign is not None
    signed = end.sign(a_request(end))
    assert dict(signed.headers)["authorization"] == f"Bearer {CANARY}-entra"
    assert end.without_credentials(f"{CANARY}-entra is bad") == "[hidden] is bad"
    assert CANARY not in f"{end!r} {end.sign!r} {end.hidden!r} {signed!r}"
    await identities.close()


async def test_keys_of_aws_sign_each_call(environment: Environment) -> None:
    provider = a_provider("BedrockConverse", AWS, region="eu-central-1")
    end, identities = await end_of(provider, environment, answered(STS))
    assert end.sign is not None
    signed = end.sign(a_request(end))
    assert signed_by(signed, f"{CANARY}/secret") is not None
    assert dict(signed.headers)["x-amz-security-token"] == f"{CANARY}-session&x"
    await identities.close()


def test_without_an_identity_here_a_provider_cannot_be_used_and_says_why() -> None:
    end = provider_end(a_provider("AzureOpenAI", AZURE), HeldSecrets(), set())
    assert end.unusable == "has no workload identity here"
    bare = Identities(FakeUpstream([FakeReply()]), MovedClock(), {})
    end = provider_end(a_provider("AzureOpenAI", AZURE), HeldSecrets(), set(), bare)
    assert end.unusable == "has no identity of Azure here: AZURE_TENANT_ID is not set"


async def test_a_source_outlives_a_snapshot_that_still_names_it_and_no_other(environment: Environment) -> None:
    identities = Identities(FakeUpstream([answered(ENTRA)]), MovedClock(), environment)
    azure, aws = identities.source(AZURE, None), identities.source(AWS, "eu-central-1")
    identities.settle()
    assert identities.source(AZURE, None) is azure
    identities.settle()
    assert identities.source(AWS, "eu-central-1") is not aws
    await identities.close()
