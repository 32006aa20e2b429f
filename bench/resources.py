"""The resources that measurements run on: one provider, many routes, a client, and a cache where one is wanted."""

from pathlib import Path
from typing import Any

import yaml

API = "turnout.dev/v1alpha1"
KEY = "bench-client-key"


def _object(kind: str, name: str, spec: dict[str, Any], namespace: str = "bench") -> dict[str, Any]:
    return {"apiVersion": API, "kind": kind, "metadata": {"name": name, "namespace": namespace}, "spec": spec}


def provider(upstream: int, protocol: str = "OpenAI") -> dict[str, Any]:
    """The fake provider's endpoint, with a price."""
    model = {
        "name": "bench-model",
        "capabilities": ["Chat", "Tools", "JSONSchema"],
        "price": {"inputPerMillion": "0.25", "cachedInputPerMillion": "0.025", "outputPerMillion": "2.00"},
    }
    credentials = {"secretRef": {"name": "upstream", "key": "key"}}
    endpoint = f"http://127.0.0.1:{upstream}/v1"
    return _object(
        "ModelProvider",
        "upstream",
        {"protocol": protocol, "endpoint": endpoint, "credentials": credentials, "models": [model]},
    )


def gateway(otlp: int | None) -> dict[str, Any]:
    """Clients with keys; every call traced and exported where a receiver is given."""
    client = {"name": "bench", "team": "bench", "keys": [{"secretRef": {"name": "client", "key": "key"}}]}
    spec: dict[str, Any] = {"clients": [client], "limits": {"maxInFlight": 5000}}
    if otlp is not None:
        spec["telemetry"] = {"otlpEndpoint": f"http://127.0.0.1:{otlp}", "sampling": "1"}
    return _object("ModelGateway", "default", spec)


def route(name: str, rule: str = "all", weight: int = 1) -> dict[str, Any]:
    """A route to the one model, with a rule before it that does not match."""
    backend = {"name": "upstream", "model": "bench-model", "weight": weight}
    rules = [
        {
            "name": "premium",
            "matches": [{"headers": [{"name": "x-tier", "value": "premium"}]}],
            "backendRefs": [backend],
        },
        {"name": rule, "strategy": "Weighted", "backendRefs": [backend]},
    ]
    return _object("ModelRoute", name, {"rules": rules})


def secret(name: str, value: str) -> dict[str, Any]:
    """A Secret for the standalone mode."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": "bench"},
        "stringData": {"key": value},
    }


def cache(mode: str = "Exact") -> dict[str, Any]:
    """A cache over everything."""
    return _object("CachePolicy", "default", {"mode": mode, "ttl": "1h"})


def guard() -> dict[str, Any]:
    """A policy that masks personal data and secrets of questions and puts them back, and masks new ones of answers."""
    checks = {"pii": {"action": "Mask"}}
    return _object("GuardrailPolicy", "default", {"input": {**checks, "secrets": {"action": "Mask"}}, "output": checks})


def write(
    folder: Path,
    upstream: int,
    *,
    otlp: int | None,
    routes: int = 20,
    cached: str = "",
    protocol: str = "OpenAI",
    guarded: bool = False,
) -> None:
    """The whole configuration, as files. `cached`: the mode of its CachePolicy; "" for none."""
    folder.mkdir(parents=True, exist_ok=True)
    base = [provider(upstream, protocol), gateway(otlp), secret("upstream", "sk-upstream"), secret("client", KEY)]
    if cached:
        base.append(cache(cached))
    if guarded:
        base.append(guard())
    save(folder / "base.yaml", base)
    save(folder / "routes.yaml", [route("bench"), *(route(f"route-{n}") for n in range(routes - 1))])


def save(path: Path, objects: list[dict[str, Any]]) -> None:
    """Write manifests, whole or not at all, as an editor or a sync tool does."""
    temporary = path.with_suffix(".tmp")
    temporary.write_text(yaml.safe_dump_all(objects))
    temporary.replace(path)
