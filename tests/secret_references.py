"""Where a spec may name a Secret, by kind, and an object that does so at one of these places.

Shared by the tests of the chart (is every such field of the types known here?) and those on a real API server (is each of them
under the admission policy?).
"""

from typing import Any

from turnout_contract.api.meta import API_VERSION

Json = dict[str, Any]

PLACES: dict[str, tuple[str, ...]] = {
    "ModelGateway": (
        "spec.clients[].keys[].secretRef",
        "spec.cache.qdrant.apiKeySecretRef",
        "spec.cache.qdrant.caSecretRef",
        "spec.maskingKeySecretRef",
    ),
    "ModelProvider": (
        "spec.credentials.secretRef",
        "spec.credentials.aws.accessKeyIdRef",
        "spec.credentials.aws.secretAccessKeyRef",
        "spec.credentials.aws.sessionTokenRef",
        "spec.tls.caSecretRef",
    ),
    "Budget": ("spec.webhook.secretRef",),
}


def gateway(*names: str, **spec: Any) -> Json:
    """A ModelGateway whose clients' keys are in these Secrets, eight to a client."""
    keys = [{"secretRef": {"name": name, "key": "key"}} for name in names]
    clients = [
        {"name": f"client-{start}", "team": "team", "keys": keys[start : start + 8]} for start in range(0, len(keys), 8)
    ]
    return _object("ModelGateway", "default", {"clients": clients, **spec})


def provider(secret: str | None = None, **spec: Any) -> Json:
    """A ModelProvider with its key in this Secret."""
    base = {"protocol": "OpenAI", "endpoint": "https://provider.example/v1", "models": [{"name": "model"}]}
    if secret is not None:
        spec["credentials"] = {"secretRef": {"name": secret, "key": "key"}}
    return _object("ModelProvider", "provider", {**base, **spec})


def naming(place: str, secret: str) -> Json:
    """An object that is valid and names `secret` at `place` (and `allowed` wherever else it must name one)."""
    wanted = {"name": secret, "key": "key"}
    other = {"name": "allowed", "key": "key"}
    if place.startswith("spec.credentials.aws."):
        aws = {"accessKeyIdRef": other, "secretAccessKeyRef": other, place.rpartition(".")[2]: wanted}
        return provider(protocol="BedrockConverse", aws={"region": "eu-central-1"}, credentials={"aws": aws})
    objects = {
        "spec.clients[].keys[].secretRef": lambda: gateway("allowed", secret),
        "spec.cache.qdrant.apiKeySecretRef": lambda: gateway(
            "allowed", cache={"qdrant": {"url": "http://qdrant:6333", "apiKeySecretRef": wanted}}
        ),
        "spec.cache.qdrant.caSecretRef": lambda: gateway(
            "allowed", cache={"qdrant": {"url": "https://qdrant:6333", "caSecretRef": wanted}}
        ),
        "spec.maskingKeySecretRef": lambda: gateway(maskingKeySecretRef=wanted),
        "spec.credentials.secretRef": lambda: provider(secret),
        "spec.tls.caSecretRef": lambda: provider("allowed", tls={"caSecretRef": wanted}),
        "spec.webhook.secretRef": lambda: _object(
            "Budget",
            "budget",
            {
                "window": {"per": "Day"},
                "limit": {"usd": "1"},
                "webhook": {"url": "https://hooks.example/budget", "secretRef": wanted},
            },
        ),
    }
    return objects[place]()


def _object(kind: str, name: str, spec: Json) -> Json:
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": spec}
