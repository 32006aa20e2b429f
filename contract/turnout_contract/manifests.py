"""Manifests as text to plain data, read as kubectl reads them.

kubectl's YAML is 1.1: an unquoted `on`, `yes` or `y` is a boolean, and a boolean key becomes the text "true" or "false". A
folder must mean the same to `kubectl apply` and to `turnout serve`, so it does here too.

Rules: no IO; timestamps stay text; a key that stands twice is an error (kubectl refuses it too); aliases are allowed, but what
they expand to is bounded.
"""

import re
from typing import Any

import yaml

MAX_BYTES = 16 * 1024 * 1024
MAX_NODES = 1_000_000


class ManifestError(ValueError):
    """A text that is no manifest. The message says where (line and column) and why."""


class _Loader(yaml.SafeLoader):
    """YAML 1.1 without timestamps, with unique keys."""

    nodes = 0

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:  # noqa: FBT001, FBT002 - PyYAML's signature
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise yaml.constructor.ConstructorError(None, None, "the document grows too large", node.start_mark)
        return super().construct_object(node, deep=deep)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: ARG002, FBT001, FBT002
        self.flatten_mapping(node)
        pairs: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = _key(self.construct_object(key_node, deep=True), key_node)
            if key in pairs:
                raise yaml.constructor.ConstructorError(None, None, f"key {key!r} stands twice", key_node.start_mark)
            pairs[key] = self.construct_object(value_node, deep=True)
        return pairs


def _key(value: Any, node: yaml.Node) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise yaml.constructor.ConstructorError(None, None, "a key must be a text", node.start_mark)


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    return loader.construct_mapping(node, deep=True)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:y|Y|n|N)$"), list("yYnN"))
_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)
_Loader.bool_values = {**yaml.SafeLoader.bool_values, "y": True, "n": False}


def parse(text: str) -> list[dict[str, Any]]:
    """The objects of a YAML or JSON text, `kind: List` taken apart, empty documents left out. Raises ManifestError."""
    if len(text) > MAX_BYTES:
        raise ManifestError(f"larger than {MAX_BYTES} bytes")
    try:
        documents = list(yaml.load_all(text, Loader=_Loader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise ManifestError(f"{where}{error.problem or error.context or 'not YAML'}") from error
    except yaml.YAMLError as error:
        raise ManifestError(f"not YAML: {str(error).splitlines()[0]}") from error
    except RecursionError as error:
        raise ManifestError("nested too deep") from error
    return [item for number, document in enumerate(documents, 1) for item in _objects(document, number)]


def _objects(document: Any, number: int) -> list[dict[str, Any]]:
    if document is None:
        return []
    if not isinstance(document, dict) or not isinstance(document.get("kind"), str):
        raise ManifestError(f"document {number} is not an object with a kind")
    if document["kind"] == "List":
        items = document.get("items") or []
        if not isinstance(items, list):
            raise ManifestError(f"document {number}: items is not a list")
        return [item for entry in items for item in _objects(entry, number)]
    return [document]
