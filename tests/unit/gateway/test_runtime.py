"""Building a runtime: what is refused, what is only missing, and what is never shown."""

import pytest

from gateway_rig import a_client, a_model, a_provider, a_route, a_rule, a_snapshot
from turnout_contract.snapshot import model as snap
from turnout_sidecar.client_keys import KeyRing
from turnout_sidecar.ports.secrets import FakeSecrets
from turnout_sidecar.routing import LiveRule
from turnout_sidecar.runtime import BuildError, Runtime

NONE = FakeSecrets()


def refused(snapshot: snap.Snapshot) -> list[tuple[str, str]]:
    with pytest.raises(BuildError) as caught:
        Runtime.build(snapshot, "v", NONE)
    return [(error.ref, error.path) for error in caught.value.errors]


@pytest.mark.parametrize(
    ("snapshot", "where"),
    [
        (a_snapshot(providers=[a_provider(endpoint="ftp://x/v1")]), ("ModelProvider/openai", "spec.endpoint")),
        (a_snapshot(providers=[a_provider(endpoint="http://user:pw@x/v1")]), ("ModelProvider/openai", "spec.endpoint")),
        (a_snapshot(providers=[a_provider(endpoint="http://x:99999/v1")]), ("ModelProvider/openai", "spec.endpoint")),
        (a_snapshot(providers=[a_provider(protocol="Telepathy")]), ("ModelProvider/openai", "spec.protocol")),
        (a_snapshot(a_route("x", a_rule(), a_rule("openai/none"))), ("ModelRoute/x", "spec.rules[1].backendRefs[0]")),
        (a_snapshot(a_route("x", a_rule("none/gpt"))), ("ModelRoute/x", "spec.rules[0].backendRefs[0]")),
        (a_snapshot(a_route("x", prompt="none")), ("ModelRoute/x", "spec.promptTemplateRef")),
    ],
)
def test_what_cannot_run_is_refused_with_object_and_path(snapshot: snap.Snapshot, where: tuple[str, str]) -> None:
    assert refused(snapshot) == [where]


def test_a_broken_prompt_is_refused_with_its_path() -> None:
    version = snap.PromptVersion("v1", (snap.PromptMessage("user", "{{ a.b() }}"),))
    prompt = snap.Prompt("letter", {}, (("v1", 1),), (version,))
    assert refused(a_snapshot(prompts=(prompt,))) == [("PromptTemplate/letter", "spec.versions[0].messages[0].content")]


def test_all_that_is_wrong_is_told_at_once() -> None:
    routes = (a_route("x", a_rule("none/gpt")), a_route("y", a_rule("none/gpt", "openai/none")))
    assert len(refused(a_snapshot(*routes))) == 3


def test_files_that_are_not_there_are_missing_and_break_nothing() -> None:
    secrets = FakeSecrets({"there": {"key": b"k", "bad": b"a\nb", "empty": b"\n"}})
    file = snap.SecretFile
    providers = [
        a_provider("one", api_key=file("gone", "key")),
        a_provider("two", api_key=file("there", "bad")),
        a_provider("three", tls=snap.Tls(ca=file("there", "ca")), endpoint="https://x/v1"),
        a_provider("four", api_key=file("there", "key")),
    ]
    gateway = snap.Gateway(
        clients=(a_client("app", keys=(file("there", "key"), file("there", "empty"), file("gone", "a"))),),
        qdrant=snap.QdrantServer("http://q", file("gone", "qdrant")),
    )
    rule = a_rule("one/gpt", "two/gpt", "three/gpt", "four/gpt")
    runtime = Runtime.build(a_snapshot(a_route("x", rule), providers=providers, gateway=gateway), "v", secrets)
    assert runtime.missing == ("gone/a", "gone/key", "gone/qdrant", "there/bad", "there/ca", "there/empty")
    live = runtime.routes.find("x")
    assert live is not None
    found: LiveRule = live.rules[0][1]
    assert [backend.name for backend in found.eligible(frozenset({"Chat"}), "Public")] == ["four/gpt"]


def test_endpoints_become_targets_and_paths() -> None:
    cases = {
        "http://h/v1": ("http", "h", 80, "/v1"),
        "https://h/v1/": ("https", "h", 443, "/v1"),
        "https://h:8443": ("https", "h", 8443, ""),
        "http://[::1]:9001/a%20b/v1": ("http", "::1", 9001, "/a%20b/v1"),
    }
    for endpoint, expected in cases.items():
        runtime = Runtime.build(a_snapshot(providers=[a_provider(endpoint=endpoint)]), "v", NONE)
        live = runtime.routes.find("assistant")
        assert live is not None
        end = live.rules[0][1].backends[0].end
        assert (end.target.scheme, end.target.host, end.target.port, end.path) == expected


def test_tls_settings_reach_the_target() -> None:
    secrets = FakeSecrets({"ca": {"ca.crt": b"-----BEGIN CERTIFICATE-----\n"}})
    tls = snap.Tls(ca=snap.SecretFile("ca", "ca.crt"), server_name="inner", insecure_skip_verify=True)
    runtime = Runtime.build(a_snapshot(providers=[a_provider(endpoint="https://h/v1", tls=tls)]), "v", secrets)
    live = runtime.routes.find("assistant")
    assert live is not None
    target = live.rules[0][1].backends[0].end.target
    assert (target.tls.ca_pem, target.tls.server_name, target.tls.verify) == (
        "-----BEGIN CERTIFICATE-----",
        "inner",
        False,
    )


def test_no_secret_shows_in_a_runtime() -> None:
    secrets = FakeSecrets({"openai": {"key": b"sk-very-secret"}})
    snapshot = a_snapshot(providers=[a_provider(api_key=snap.SecretFile("openai", "key"))])
    runtime = Runtime.build(snapshot, "v", secrets)
    live = runtime.routes.find("assistant")
    assert live is not None
    assert "sk-very-secret" not in repr(live.rules[0][1].backends[0].end)


def test_a_key_opens_its_own_client_only() -> None:
    one, two = a_client("one"), a_client("two")
    ring = KeyRing([(b"k1", one), (b"k2", two), (b"k2", one), (b"", two)])
    assert (ring.find(b"k1"), ring.find(b"k2")) == (one, two)
    assert [ring.find(key) for key in (b"", b"k", b"k1 ", b"K1")] == [None] * 4
    assert len(ring) == 2
    assert "k1" not in repr(vars(type(ring)))


def test_a_thousand_routes_build_quickly_and_are_found() -> None:
    routes = [a_route(f"r{i}", models=(f"model-{i}", f"family-{i}-*")) for i in range(1000)]
    runtime = Runtime.build(
        a_snapshot(*routes, providers=[a_provider("openai", *(a_model(f"m{i}") for i in range(50)), a_model())]),
        "v",
        NONE,
    )
    for name, route in (("model-999", "r999"), ("family-7-x", "r7"), ("family-77-x", "r77")):
        live = runtime.routes.find(name)
        assert live is not None
        assert live.route.name == route
    assert runtime.routes.find("family-1000-x") is None
