"""From a provider to where its calls go, with its credentials, for every protocol."""

import logging
from typing import Any

import pytest
from msgspec.structs import replace

from support.aws_signature import signed_by
from turnout_contract.snapshot import model as snap
from turnout_sidecar.ports.secrets import HeldSecrets
from turnout_sidecar.ports.upstream import UpstreamRequest
from turnout_sidecar.provider_ends import provider_end
from turnout_sidecar.routing import ProviderEnd

CANARY = "canary-5b0e1f"
KEY = snap.SecretFile("provider", "key")
KEYS = snap.AwsKeys(snap.SecretFile("aws", "id"), snap.SecretFile("aws", "secret"), snap.SecretFile("aws", "token"))
SECRETS = {
    "provider": {"key": CANARY.encode()},
    "aws": {"id": b"AKIDcanary", "secret": f"{CANARY}/secret+".encode(), "token": f"{CANARY}-token".encode()},
}


def a_provider(protocol: str, endpoint: str = "https://models.test/base", **more: Any) -> snap.Provider:
    said = {"api_key": None, "clearance": "Internal", "residency": (), "tls": snap.Tls(), "models": ()} | more
    return snap.Provider(name="p", protocol=protocol, endpoint=endpoint, **said)


def end_of(provider: snap.Provider, secrets: dict[str, dict[str, bytes]] | None = None) -> tuple[ProviderEnd, set[str]]:
    missing: set[str] = set()
    return provider_end(provider, HeldSecrets(SECRETS if secrets is None else secrets), missing), missing


@pytest.mark.parametrize(
    ("protocol", "headers"),
    [
        ("OpenAI", {"authorization": f"Bearer {CANARY}"}),
        ("Anthropic", {"x-api-key": CANARY, "anthropic-version": "2023-06-01"}),
        ("Gemini", {"x-goog-api-key": CANARY}),
        ("AzureOpenAI", {"api-key": CANARY}),
        ("BedrockConverse", {"authorization": f"Bearer {CANARY}"}),
    ],
)
def test_a_key_stands_where_its_protocol_wants_it_and_is_hidden(protocol: str, headers: dict[str, str]) -> None:
    end, missing = end_of(a_provider(protocol, api_key=KEY))
    assert dict(end.headers) == headers
    assert not missing
    assert end.unusable is None
    assert end.without_credentials(f"key {CANARY} of 2023-06-01") == "key [hidden] of 2023-06-01"
    assert CANARY not in repr(end)


@pytest.mark.parametrize("protocol", ["OpenAI", "Anthropic", "Gemini", "AzureOpenAI", "BedrockConverse"])
@pytest.mark.parametrize("value", [None, b"", b"two words", b"\xff"])
def test_a_key_that_is_not_there_or_no_header_could_carry_is_missing(protocol: str, value: bytes | None) -> None:
    end, missing = end_of(a_provider(protocol, api_key=KEY), {} if value is None else {"provider": {"key": value}})
    assert missing == {"provider/key"}
    assert end.unusable == "has no usable credentials here"
    assert not end.hidden


def test_without_a_key_nothing_is_said_but_what_the_protocol_demands() -> None:
    assert end_of(a_provider("Gemini"))[0].headers == ()
    assert end_of(a_provider("Anthropic"))[0].headers == (("anthropic-version", "2023-06-01"),)


@pytest.mark.parametrize(
    ("endpoint", "written", "expected"),
    [
        ("https://x.test", "/chat/completions", "/openai/deployments/gpt%20x/chat/completions?api-version=2026-01-01"),
        ("https://x.test/openai/", "/embeddings", "/openai/deployments/gpt%20x/embeddings?api-version=2026-01-01"),
        ("https://x.test", "/responses", "/openai/responses?api-version=2026-01-01"),
        ("https://x.test/openai/v1", "/chat/completions", "/openai/v1/chat/completions?api-version=2026-01-01"),
        ("https://x.test/in/openai/v1/", "/responses?a=b", "/in/openai/v1/responses?a=b&api-version=2026-01-01"),
    ],
)
def test_azure_has_its_own_paths(endpoint: str, written: str, expected: str) -> None:
    end, _ = end_of(a_provider("AzureOpenAI", endpoint, api_version="2026-01-01"))
    assert end.path_of(written, "gpt x") == expected


def test_others_append_what_was_written() -> None:
    end, _ = end_of(a_provider("Gemini", "https://x.test/v1beta/"))
    assert end.path_of("/models/a:generateContent", "a") == "/v1beta/models/a:generateContent"


def a_request(end: ProviderEnd, **more: Any) -> UpstreamRequest:
    path = end.path_of("/model/eu.anthropic.claude%3A0/converse", "m")
    headers = (("content-type", "application/json"), ("traceparent", "00-1"), ("authorization", "Bearer old"))
    return replace(UpstreamRequest(end.target, path, headers, b'{"messages":[]}'), **more)


@pytest.mark.parametrize("endpoint", ["https://bedrock.test", "http://127.0.0.1:8080", "https://bedrock.test/through"])
def test_a_call_of_bedrock_is_signed_for_its_path_and_body_and_region(endpoint: str) -> None:
    end, missing = end_of(a_provider("BedrockConverse", endpoint, region="eu-central-1", aws_keys=KEYS))
    assert not missing
    assert end.sign is not None
    signed = end.sign(a_request(end))
    found = signed_by(signed, f"{CANARY}/secret+")
    assert found is not None
    assert found[0] == "AKIDcanary"
    assert found[1].endswith("/eu-central-1/bedrock/aws4_request")
    headers = dict(signed.headers)
    assert headers["x-amz-security-token"] == f"{CANARY}-token"
    assert headers["traceparent"] == "00-1"
    assert sum(name == "authorization" for name, _ in signed.headers) == 1
    assert signed_by(replace(signed, body=b"{}"), f"{CANARY}/secret+") is None
    assert signed_by(replace(signed, path="/model/other/converse"), f"{CANARY}/secret+") is None
    assert signed_by(end.sign(signed), f"{CANARY}/secret+") is not None


def test_a_lasting_key_needs_no_token() -> None:
    lasting = replace(KEYS, session_token=None)
    end, _ = end_of(a_provider("BedrockConverse", region="eu-central-1", aws_keys=lasting))
    assert end.sign is not None
    assert "x-amz-security-token" not in dict(end.sign(a_request(end)).headers)


def test_every_part_of_an_aws_key_that_is_not_there_is_missing() -> None:
    end, missing = end_of(a_provider("BedrockConverse", region="eu-central-1", aws_keys=KEYS), {"aws": {"id": b"x"}})
    assert missing == {"aws/secret", "aws/token"}
    assert end.sign is None
    assert end.unusable == "has no usable credentials here"


def test_nothing_of_an_aws_key_is_shown(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    end, _ = end_of(a_provider("BedrockConverse", region="eu-central-1", aws_keys=KEYS))
    assert end.sign is not None
    signed = end.sign(a_request(end))
    shown = f"{end!r} {end.sign!r} {signed!r} {caplog.text}"
    assert CANARY not in shown
    said = end.without_credentials(f"bad {CANARY}/secret+ of AKIDcanary with {CANARY}-token")
    assert said == "bad [hidden] of [hidden] with [hidden]"
