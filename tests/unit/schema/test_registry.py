"""Plain data to typed objects."""

from typing import Any

import pytest

from resource_folder import VALID, objects
from turnout_contract.api.registry import decode
from turnout_contract.api.route import ModelRouteSpec

ROUTE: dict[str, Any] = {
    "apiVersion": "turnout.dev/v1alpha1",
    "kind": "ModelRoute",
    "metadata": {"name": "search", "uid": "u", "generation": 3, "creationTimestamp": "2026-01-01T00:00:00Z"},
    "spec": {"rules": [{"name": "all", "backendRefs": [{"name": "acme", "model": "small"}]}]},
}


def test_an_object_that_no_server_has_defaulted_has_the_documented_defaults() -> None:
    spec = decode(ROUTE).spec
    assert isinstance(spec, ModelRouteSpec)
    assert (spec.visibility, spec.sensitivity, spec.rules[0].strategy) == ("Public", "Internal", "Weighted")


def test_metadata_of_the_server_is_kept() -> None:
    metadata = decode(ROUTE).metadata
    assert (metadata.uid, metadata.generation, metadata.creation_timestamp) == ("u", 3, "2026-01-01T00:00:00Z")


@pytest.mark.parametrize(
    ("part", "value", "field"),
    [
        ("spec", {"rules": [{"name": "all"}]}, "spec.rules[0]: "),
        ("spec", {"rules": [{"name": "All", "backendRefs": []}]}, "spec.rules[0].name: "),
        ("spec", [], "spec: "),
        ("spec", None, "spec: "),
        ("metadata", {}, "metadata: "),
        ("metadata", {"name": 7}, "metadata.name: "),
        ("metadata", "search", "metadata: "),
    ],
)
def test_what_does_not_fit_is_refused_naming_the_field(part: str, value: object, field: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        decode({**ROUTE, part: value})
    assert str(refused.value).startswith(field)


def test_an_unquoted_on_is_read_wherever_kubectl_puts_it() -> None:
    (path,) = (path for path in VALID if path.stem == "modelroute-with-an-unquoted-on")
    spec = decode(objects(path)[0]).spec
    assert isinstance(spec, ModelRouteSpec)
    assert spec.retry
    assert spec.retry.failures == ("ServerError",)


def test_an_empty_list_of_failures_means_the_default_ones() -> None:
    spec = decode({**ROUTE, "spec": {**ROUTE["spec"], "retry": {"on": []}}}).spec
    assert isinstance(spec, ModelRouteSpec)
    assert spec.retry
    assert spec.retry.failures == ("ConnectFailure", "RateLimited", "ServerError", "FirstTokenTimeout")
