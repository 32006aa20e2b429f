"""An object's metadata, as an API server checks it and fills it in.

Rules: what a server sets (uid, generation, creationTimestamp and their like) is dropped from what a user wrote; a field that
ObjectMeta does not have is refused.
"""

import re
from collections.abc import Iterator
from typing import Any

from turnout_contract.api.meta import DNS_LABEL, DNS_NAME
from turnout_contract.schema.validation import Finding

_WRITTEN = {"name", "generateName", "namespace", "labels", "annotations", "ownerReferences", "finalizers"}
_SERVED = {
    "uid",
    "generation",
    "resourceVersion",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "managedFields",
    "selfLink",
}
_NAME = re.compile(DNS_NAME)
_NAMESPACE = re.compile(DNS_LABEL)
_KEY = re.compile(r"([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
_MOST_NAME = 253
_MOST_ANNOTATIONS = 256 * 1024


def admitted(metadata: Any, found: list[Finding]) -> dict[str, Any]:
    """The metadata that a server would keep; what is wrong goes into `found`."""
    if not isinstance(metadata, dict):
        found.append(Finding("metadata", "is required"))
        return {}
    found.extend(_findings(metadata))
    return {key: value for key, value in metadata.items() if key in _WRITTEN and value is not None}


def _findings(metadata: dict[str, Any]) -> Iterator[Finding]:
    for key in sorted(metadata.keys() - _WRITTEN - _SERVED):
        yield Finding(f"metadata.{key}", "unknown field")
    name = metadata.get("name")
    if not isinstance(name, str) or not name:
        yield Finding("metadata.name", "is required")
    elif len(name) > _MOST_NAME or not _NAME.fullmatch(name):
        yield Finding("metadata.name", "must be lower-case letters, digits, '-' and '.', at most 253 in all")
    namespace = metadata.get("namespace")
    if namespace is not None and not (isinstance(namespace, str) and _NAMESPACE.fullmatch(namespace)):
        yield Finding("metadata.namespace", "must be lower-case letters, digits and '-', at most 63 in all")
    yield from _words(metadata.get("labels"), "metadata.labels", labels=True)
    yield from _words(metadata.get("annotations"), "metadata.annotations", labels=False)


def _words(words: Any, path: str, *, labels: bool) -> Iterator[Finding]:
    if words is None:
        return
    if not isinstance(words, dict):
        yield Finding(path, "must be an object")
        return
    for key, value in words.items():
        if not _KEY.fullmatch(key if labels else key.lower()):
            yield Finding(path, f"{key[:80]!r} is not a valid name")
        if not isinstance(value, str):
            yield Finding(f"{path}.{key}", "must be a text")
        elif labels and not _LABEL_VALUE.fullmatch(value):
            yield Finding(f"{path}.{key}", f"{value[:80]!r} is not a valid label")
    size = sum(len(str(key).encode()) + len(str(value).encode()) for key, value in words.items())
    if not labels and size > _MOST_ANNOTATIONS:
        yield Finding(path, f"must be at most {_MOST_ANNOTATIONS} bytes in all")
