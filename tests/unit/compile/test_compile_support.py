"""What is not supported yet is refused naming the field; what is supported is not ignored.

For every field of a kind that is supported there is a change here which must be seen in the snapshot or in a verdict, or a
reason why the compiler does not need it.
"""

import copy
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from resource_folder import VALID
from resource_folder import objects as objects_of
from turnout_contract.api.references import SecretRef
from turnout_contract.api.registry import KINDS, TypedObject
from turnout_contract.schema.structural import schema_of
from turnout_operator.compile import UNSUPPORTED, Inputs, Result, compile_namespace, read
from turnout_operator.compile.build import KINDS_WITH_SECRETS

EVERYTHING = {obj["kind"]: obj for path in VALID for obj in objects_of(path) if path.stem.endswith("-with-every-field")}
REFUSED = sorted({entry.kind for entry in UNSUPPORTED if entry.field == "spec"})


def typed(data: dict[str, Any]) -> TypedObject:
    found = read(data)
    assert isinstance(found, TypedObject), found
    return found


def test_the_list_of_what_is_not_supported_yet_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    for entry in UNSUPPORTED:
        print(f"{entry.kind} {entry.field}")  # noqa: T201
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(set(lines)) == len(UNSUPPORTED)
    assert all(line.split()[0] in KINDS for line in lines)


@pytest.mark.parametrize("entry", UNSUPPORTED, ids=lambda entry: f"{entry.kind}-{entry.field}")
def test_each_entry_is_refused_naming_its_field(entry: Any) -> None:
    data = GEMINI if "Embeddings" in entry.field else EVERYTHING[entry.kind]
    result = compile_namespace(Inputs(namespace="shop", objects=(typed(data),)))
    (verdict,) = result.verdicts
    assert (verdict.accepted.status, verdict.accepted.reason) == ("False", "Unsupported")
    field = entry.field.partition(":")[0].replace("[]", "[0]")
    assert field in verdict.accepted.message.replace("[1]", "[0]")


GEMINI: dict[str, Any] = {
    "apiVersion": "turnout.dev/v1alpha1",
    "kind": "ModelProvider",
    "metadata": {"name": "gemini"},
    "spec": {
        "protocol": "Gemini",
        "endpoint": "http://gemini/v1beta",
        "models": [{"name": "small", "capabilities": ["Chat", "Embeddings"]}],
    },
}


# --- nothing is accepted and ignored

PROVIDER: dict[str, Any] = {
    "apiVersion": "turnout.dev/v1alpha1",
    "kind": "ModelProvider",
    "metadata": {"name": "acme"},
    "spec": {"protocol": "OpenAI", "endpoint": "http://acme/v1", "models": [{"name": "small"}, {"name": "large"}]},
}
PROMPT: dict[str, Any] = {
    "apiVersion": "turnout.dev/v1alpha1",
    "kind": "PromptTemplate",
    "metadata": {"name": "other"},
    "spec": {"active": "v1", "versions": [{"name": "v1", "messages": [{"role": "user", "content": "hello"}]}]},
}
BASES: dict[str, dict[str, Any]] = {
    "ModelProvider": {
        **PROVIDER["spec"],
        "credentials": {"secretRef": {"name": "a", "key": "b"}},
        "residency": ["eu"],
        "tls": {"caSecretRef": {"name": "c", "key": "d"}, "serverName": "e"},
        "models": [
            {"name": "small", "price": {"inputPerMillion": "1", "cachedInputPerMillion": "1", "outputPerMillion": "1"}}
        ],
    },
    "ModelRoute": {
        "models": ["search"],
        "useCase": {"name": "a", "outcome": "b"},
        "promptTemplateRef": {"name": "other"},
        "rules": [
            {
                "name": "all",
                "matches": [
                    {
                        "models": ["search"],
                        "headers": [{"name": "a", "value": "b"}],
                        "sensitivity": {"atLeast": "Public"},
                    }
                ],
                "requires": {"capabilities": ["Chat"], "residency": ["eu"]},
                "backendRefs": [{"name": "acme", "model": "small"}],
            }
        ],
    },
    "ModelGateway": {
        "clients": [{"name": "web", "team": "shop", "keys": [{"secretRef": {"name": "a", "key": "b"}}]}],
        "telemetry": {"otlpEndpoint": "http://a"},
        "cache": {
            "qdrant": {
                "url": "http://b",
                "apiKeySecretRef": {"name": "c", "key": "d"},
                "caSecretRef": {"name": "c", "key": "e"},
            }
        },
    },
    "PromptTemplate": {
        "split": [{"version": "v1"}, {"version": "v2"}],
        "versions": [
            {"name": "v1", "messages": [{"role": "user", "content": "a"}], "parameters": {"maxTokens": 1}},
            {"name": "v2", "messages": [{"role": "user", "content": "b"}]},
        ],
    },
    "CachePolicy": {"mode": "Semantic", "semantic": {}},
    "GuardrailPolicy": {
        "input": {
            "pii": {"entities": ["Email"]},
            "secrets": {},
            "promptInjection": {},
            "denyPatterns": [{"name": "a", "pattern": "b"}],
        },
        "output": {"jsonSchema": {}, "pii": {"entities": ["IBAN"]}, "denyPatterns": [{"name": "a", "pattern": "b"}]},
        "plugins": [{"name": "a", "url": "http://b/", "entities": ["Person"], "flags": {"action": "Block"}}],
    },
}
"""One object of each kind that has everything that is supported and needs another part to be there."""

CHANGES: dict[str, dict[str, Any]] = {
    "ModelProvider": {
        "protocol": "Gemini",
        "endpoint": "http://other",
        "credentials.secretRef.name": "z",
        "credentials.secretRef.key": "z",
        "credentials.aws": {
            "accessKeyIdRef": {"name": "a", "key": "b"},
            "secretAccessKeyRef": {"name": "a", "key": "b"},
        },
        "credentials.workloadIdentity": {"type": "AWS"},
        "aws.region": "eu-central-1",
        "azure.apiVersion": "2026-01-01",
        "clearance": "Public",
        "residency": ["us"],
        "limits.maxInFlight": 1,
        "limits.requestsPerMinute": 1,
        "limits.tokensPerMinute": 1,
        "tls.caSecretRef.name": "z",
        "tls.caSecretRef.key": "z",
        "tls.serverName": "z",
        "tls.insecureSkipVerify": True,
        "models[].name": "large",
        "models[].tier": "Small",
        "models[].capabilities": ["Tools"],
        "models[].contextWindow": 7,
        "models[].maxOutputTokens": 7,
        "models[].price.inputPerMillion": "2",
        "models[].price.cachedInputPerMillion": "2",
        "models[].price.outputPerMillion": "2",
    },
    "ModelRoute": {
        "models": ["seek"],
        "visibility": "Internal",
        "sensitivity": "Public",
        "useCase.name": "z",
        "useCase.outcome": "z",
        "useCase.value": "Low",
        "promptTemplateRef.name": "nobody",
        "rules[].name": "z",
        "rules[].matches[].models": ["sea*"],
        "rules[].matches[].headers[].name": "z",
        "rules[].matches[].headers[].value": "z",
        "rules[].matches[].complexity": {"atLeast": "0.5"},
        "rules[].matches[].sensitivity.atLeast": "Internal",
        "rules[].matches[].value": {"atLeast": "High"},
        "rules[].matches[].tasks": ["Maths"],
        "rules[].requires.capabilities": ["Tools"],
        "rules[].requires.residency": ["us"],
        "rules[].strategy": "Failover",
        "rules[].backendRefs[].name": "nobody",
        "rules[].backendRefs[].model": "large",
        "rules[].backendRefs[].weight": 7,
        "rules[].backendRefs[].priority": 7,
        "rules[].mirror": [{"backendRef": {"name": "acme", "model": "large"}, "percent": 1}],
        "retry.attempts": 7,
        "retry.budgetPercent": 7,
        "retry.on": ["ServerError"],
        "retry.true": ["RateLimited"],
        "timeouts.request": "7s",
        "timeouts.firstToken": "7s",
        "timeouts.streamIdle": "7s",
    },
    "ModelGateway": {
        "clients[].name": "z",
        "clients[].team": "z",
        "clients[].keys[].secretRef.name": "z",
        "clients[].keys[].secretRef.key": "z",
        "clients[].routes": ["search"],
        "clients[].sensitivity": "Public",
        "clients[].trust": ["User"],
        "jwt": [{"issuer": "a", "audiences": ["b"], "jwksUri": "http://c"}],
        "telemetry.otlpEndpoint": "http://z",
        "telemetry.sampling": "0.7",
        "telemetry.captureContent": True,
        "telemetry.semconv": "latest",
        "cache.qdrant.url": "http://z",
        "cache.qdrant.apiKeySecretRef.name": "z",
        "cache.qdrant.apiKeySecretRef.key": "z",
        "cache.qdrant.caSecretRef.name": "z",
        "cache.qdrant.caSecretRef.key": "z",
        "cache.qdrant.shards": 7,
        "cache.qdrant.replicas": 7,
        "maskingKeySecretRef": {"name": "a", "key": "b"},
        "limits.maxBodyBytes": 7777,
        "limits.maxInFlight": 7,
        "limits.drain": "7s",
    },
    "PromptTemplate": {
        "variables": {"type": "object"},
        "active": "v1",
        "split[].version": "v3",
        "split[].weight": 7,
        "versions[].name": "z",
        "versions[].messages[].role": "system",
        "versions[].messages[].content": "z",
        "versions[].parameters.temperature": "1",
        "versions[].parameters.topP": "0.7",
        "versions[].parameters.maxTokens": 7,
    },
    "CachePolicy": {
        "targetRefs": [{"kind": "ModelRoute", "name": "nobody"}],
        "mode": "Exact",
        "ttl": "7s",
        "scope": "User",
        "semantic.maxTemperature": "0.7",
        "semantic.embedder.endpoint": {"backendRef": {"name": "acme", "model": "small"}},
        "semantic.verification": {"sampleRate": "0.1"},
        "maxEntries": 7,
    },
    "GuardrailPolicy": {
        "targetRefs": [{"kind": "ModelRoute", "name": "nobody"}],
        "namespaceSelector": {"matchLabels": {"a": "b"}},
        "mode": "Monitor",
        "failureMode": "FailOpen",
        "input.pii.action": "Reroute",
        "input.pii.restore": False,
        "input.pii.entities": ["Email", "Phone"],
        "input.secrets.action": "Block",
        "input.secrets.restore": False,
        "input.promptInjection.action": "Block",
        "input.promptInjection.threshold": "0.7",
        "input.denyPatterns[].name": "z",
        "input.denyPatterns[].pattern": "z",
        "input.denyPatterns[].action": "Mask",
        "input.binaryParts": "Block",
        "input.maxInputTokens": 7,
        "output.jsonSchema.onViolation": "Block",
        "output.jsonSchema.strict": True,
        "output.jsonSchema.schema": {"type": "object"},
        "output.pii.action": "Block",
        "output.pii.entities": ["Email"],
        "output.denyPatterns[].name": "z",
        "output.denyPatterns[].pattern": "z",
        "output.denyPatterns[].action": "Mask",
        "plugins[].name": "z",
        "plugins[].url": "http://z/",
        "plugins[].entryPoint": "z",
        "plugins[].adapter": "Presidio",
        "plugins[].entities": ["Location"],
        "plugins[].on": ["Output"],
        "plugins[].true": ["Output"],
        "plugins[].timeout": "7s",
        "plugins[].failureMode": "FailOpen",
        "plugins[].flags.action": "Reroute",
        "plugins[].flags.threshold": "0.7",
    },
}
"""A change of each field that must be seen in the snapshot or in a verdict."""

ELSEWHERE: dict[str, dict[str, str]] = {
    "ModelProvider": {},
    "ModelRoute": dict.fromkeys(
        ("rules[].cascade", "rules[].fanOut", "rules[].chain"), "comes with a strategy that is refused"
    ),
    "ModelGateway": {
        "replicas": "the operator's workloads read it",
        "serviceAccountAnnotations": "the operator's workloads read it",
    },
    "PromptTemplate": {},
    "CachePolicy": {
        "semantic.maxErrorRate": "the one rule for semantic hits is stricter than any promise",
        "semantic.confidence": "the one rule for semantic hits is stricter than any promise",
        "semantic.embedder.builtin": "the only one there is",
    },
    "GuardrailPolicy": {},
}
"""Fields that the compiler does not need, and why."""


def leaves(schema: dict[str, Any], prefix: str = "") -> Iterator[str]:
    for name, field in schema.get("properties", {}).items():
        inner, path = field, f"{prefix}{name}"
        while inner["type"] == "array":
            inner, path = inner["items"], f"{path}[]"
        if inner.get("properties"):
            yield from leaves(inner, f"{path}.")
        else:
            yield path.removesuffix("[]")


def changed(spec: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    result = copy.deepcopy(spec)
    here: Any = result
    *above, last = path.split(".")
    for step in above:
        here = here.setdefault(step.removesuffix("[]"), {})
        here = here[0] if step.endswith("[]") else here
    here[last] = value
    return result


def compiled(kind: str, spec: dict[str, Any]) -> Result:
    whole = {**BASES, "ModelProvider": PROVIDER["spec"], "PromptTemplate": PROMPT["spec"], kind: spec}
    names = {"ModelProvider": "acme", "ModelRoute": "search", "PromptTemplate": "other", "CachePolicy": "any"}
    if kind == "PromptTemplate" and "active" in spec:
        spec.pop("split")
    objects = tuple(
        typed({**PROVIDER, "kind": one, "metadata": {"name": names.get(one, "default")}, "spec": whole[one]})
        for one in BASES
    )
    return compile_namespace(Inputs(namespace="shop", objects=objects))


@pytest.mark.parametrize(("kind", "path"), [(kind, path) for kind, paths in CHANGES.items() for path in paths])
def test_a_change_of_a_field_is_seen_in_the_snapshot_or_in_a_verdict(kind: str, path: str) -> None:
    before = compiled(kind, copy.deepcopy(BASES[kind]))
    assert compiled(kind, changed(BASES[kind], path, CHANGES[kind][path])) != before


@pytest.mark.parametrize("kind", [name for name in KINDS if name not in REFUSED])
def test_every_field_of_a_kind_is_in_force_refused_or_needed_elsewhere(kind: str) -> None:
    known = {*CHANGES[kind], *ELSEWHERE[kind]}
    for leaf in leaves(schema_of(KINDS[kind].spec)):
        assert any(leaf == path or leaf.startswith((f"{path}.", f"{path}[")) for path in known), leaf


def test_only_the_kinds_that_can_name_a_secret_are_searched_for_one() -> None:
    def names_secrets(node: Any) -> bool:
        if isinstance(node, msgspec.inspect.StructType):
            return node.cls is SecretRef or any(names_secrets(field.type) for field in node.fields)
        inner = getattr(node, "type", None) or getattr(node, "item_type", None)
        return inner is not None and names_secrets(inner)

    assert (
        tuple(sorted(k.name for k in KINDS.values() if names_secrets(msgspec.inspect.type_info(k.spec))))
        == KINDS_WITH_SECRETS
    )
