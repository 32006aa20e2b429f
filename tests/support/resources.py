"""Resources for tests in a few words, and a folder of them that `turnout serve` watches.

They are plain data, as a manifest would be, so that the same ones go into a folder and through kubectl.
"""

from pathlib import Path
from typing import Any

import yaml

Json = dict[str, Any]
API = "turnout.dev/v1alpha1"
PRICE = {"inputPerMillion": "1.00", "outputPerMillion": "2.00"}
NAMESPACE = "shop"


def resource(kind: str, name: str, spec: Json, namespace: str | None = NAMESPACE) -> Json:
    """One of our objects."""
    metadata = {"name": name} if namespace is None else {"name": name, "namespace": namespace}
    return {"apiVersion": API, "kind": kind, "metadata": metadata, "spec": spec}


def secret(name: str, value: str, key: str = "key", namespace: str | None = NAMESPACE) -> Json:
    """A Secret with one value."""
    metadata = {"name": name} if namespace is None else {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {key: value}}


def model(name: str, *capabilities: str, **more: Any) -> Json:
    """A model, at 1 dollar for a million tokens in and 2 out unless it says otherwise."""
    return {
        "name": name,
        "tier": "Small",
        "capabilities": list(capabilities or ("Chat", "Tools", "JSONSchema")),
        "price": PRICE,
        **more,
    }


def provider(name: str, endpoint: str, *models: Json, secret_name: str | None = None, **more: Any) -> Json:
    """A ModelProvider; `secret_name` holds its key."""
    spec: Json = {"protocol": "OpenAI", "endpoint": endpoint, "models": list(models) or [model("small")], **more}
    if secret_name is not None:
        spec["credentials"] = {"secretRef": {"name": secret_name, "key": "key"}}
    return resource("ModelProvider", name, spec)


def route(name: str, *backends: str, strategy: str = "Failover", rules: list[Json] | None = None, **more: Any) -> Json:
    """A ModelRoute over `provider/model`, in this order; no retries unless it says otherwise."""
    refs: list[Json] = []
    for priority, text in enumerate(backends):
        owner, _, asked = text.partition("/")
        refs.append({"name": owner, "model": asked, "priority": priority if strategy == "Failover" else 0})
    made = rules or [{"name": "all", "strategy": strategy, "backendRefs": refs}]
    return resource("ModelRoute", name, {"rules": made, "retry": {"attempts": 0}, **more})


def client(name: str, *trust: str, team: str | None = None, **more: Any) -> Json:
    """A client whose key is in the Secret of its name."""
    return {
        "name": name,
        "team": team or name,
        "keys": [{"secretRef": {"name": name, "key": "key"}}],
        "trust": list(trust),
        **more,
    }


def gateway(*clients: Json, **more: Any) -> Json:
    """The ModelGateway."""
    return resource("ModelGateway", "default", {"clients": list(clients), **more})


def cache(name: str, *routes: str, mode: str = "Semantic", **more: Any) -> Json:
    """A CachePolicy for these routes."""
    refs = [{"kind": "ModelRoute", "name": each} for each in routes]
    return resource("CachePolicy", name, {"targetRefs": refs, "mode": mode, **more})


class Folder:
    """A folder of manifests; every write is a rename, so that nobody reads half a file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)

    def write(self, name: str, *objects: Json) -> None:
        """A file of these objects."""
        self.write_text(name, yaml.safe_dump_all(list(objects), sort_keys=False))

    def write_text(self, name: str, text: str) -> None:
        """A file of this text."""
        half = self.path / f".{name}.half"
        half.write_text(text, encoding="utf-8")
        half.replace(self.path / name)

    def remove(self, name: str) -> None:
        """No such file any more."""
        (self.path / name).unlink()
