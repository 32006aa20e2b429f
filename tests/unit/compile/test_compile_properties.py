"""What holds of every compilation, whatever the namespace is made of.

Namespaces are drawn from few names, so that conflicts, dangling references and objects that cannot be read are the rule.
"""

import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from resource_folder import VALID, objects
from resource_mutations import mutations
from turnout_contract.api.registry import TypedObject
from turnout_contract.snapshot import codec
from turnout_contract.snapshot.model import GUARDED
from turnout_operator.compile import Broken, Inputs, compile_namespace, read

NAMES = st.sampled_from(["a", "b", "c", "d"])
MODELS = st.sampled_from(["one", "two", "one*", "o*", "three"])
AGES = st.sampled_from([None, "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"])
TARGETS = st.lists(
    st.fixed_dictionaries({"kind": st.just("ModelRoute"), "name": NAMES}, optional={"sectionName": NAMES}), max_size=3
)
BACKENDS = st.lists(
    st.fixed_dictionaries(
        {"name": NAMES, "model": st.sampled_from(["small", "large"])}, optional={"weight": st.integers(0, 2)}
    ),
    min_size=1,
    max_size=3,
)
STRATEGIES = st.sampled_from(["Weighted", "Failover", "Cheapest"])
RULES = st.lists(
    st.fixed_dictionaries(
        {"name": NAMES, "backendRefs": BACKENDS, "strategy": st.sampled_from(["Weighted", "Failover", "Cheapest"])}
    ),
    min_size=1,
    max_size=2,
)
SPECS: dict[str, st.SearchStrategy[Any]] = {
    "ModelRoute": st.fixed_dictionaries(
        {"rules": RULES},
        optional={"models": st.lists(MODELS, max_size=3), "promptTemplateRef": st.fixed_dictionaries({"name": NAMES})},
    ),
    "ModelProvider": st.fixed_dictionaries(
        {
            "protocol": st.sampled_from(["OpenAI", "OpenAI", "Gemini"]),
            "endpoint": st.just("http://acme/v1"),
            "models": st.just([{"name": "small"}]),
        },
        optional={
            "credentials": st.fixed_dictionaries({"secretRef": st.fixed_dictionaries({"name": NAMES, "key": NAMES})})
        },
    ),
    "PromptTemplate": st.fixed_dictionaries(
        {
            "active": st.sampled_from(["v1", "v1", "v2"]),
            "versions": st.sampled_from(["hello {{ who }}", "{{"]).map(
                lambda text: [{"name": "v1", "messages": [{"role": "user", "content": text}]}]
            ),
        }
    ),
    "CachePolicy": st.fixed_dictionaries(
        {"targetRefs": TARGETS, "mode": st.sampled_from(["Exact", "Semantic", "Off"])}
    ),
    "GuardrailPolicy": st.fixed_dictionaries(
        {"targetRefs": TARGETS, "mode": st.sampled_from(["Enforce", "Monitor"])},
        optional={
            "input": st.fixed_dictionaries(
                {"secrets": st.fixed_dictionaries({"action": st.sampled_from(["Mask", "Block", "Reroute"])})},
                optional={
                    "denyPatterns": st.sampled_from(["a", "(a"]).map(lambda one: [{"name": "x", "pattern": one}])
                },
            ),
            "plugins": st.just([{"name": "names", "url": "http://names/"}]),
        },
    ),
    "Budget": st.fixed_dictionaries(
        {"window": st.just({"per": "Day"}), "limit": st.just({"usd": "1"}), "mode": st.sampled_from(["Hard", "Soft"])},
        optional={"selector": st.fixed_dictionaries({"routes": st.lists(NAMES, max_size=2)})},
    ),
    "ModelGateway": st.just(
        {"clients": [{"name": "web", "team": "shop", "keys": [{"secretRef": {"name": "web", "key": "k"}}]}]}
    ),
}


@st.composite
def resources(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(["ModelRoute", "ModelRoute", *SPECS]))
    spec = (
        draw(SPECS[kind]) if draw(st.integers(0, 9)) else draw(st.sampled_from([None, 7, {"rules": 7}, {"mode": []}]))
    )
    name = "default" if kind == "ModelGateway" else draw(NAMES)
    return {
        "apiVersion": "turnout.dev/v1alpha1",
        "kind": kind,
        "metadata": {"name": name, "namespace": "shop", "uid": f"{kind}/{name}", "creationTimestamp": draw(AGES)},
        "spec": spec,
    }


NAMESPACES = st.lists(resources(), max_size=14, unique_by=lambda data: (data["kind"], data["metadata"]["name"]))


def inputs(data: list[dict[str, Any]]) -> Inputs:
    found = [read(item) for item in data]
    return Inputs(
        namespace="shop",
        objects=tuple(item for item in found if isinstance(item, TypedObject)),
        broken=tuple(item for item in found if isinstance(item, Broken)),
    )


@settings(max_examples=100, deadline=None)
@given(NAMESPACES, st.randoms(use_true_random=False))
def test_the_order_of_objects_means_nothing(data: list[dict[str, Any]], dice: random.Random) -> None:
    expected = compile_namespace(inputs(data))
    shuffled = dice.sample(data, len(data))
    assert compile_namespace(inputs(shuffled)) == expected
    assert codec.encode(compile_namespace(inputs(shuffled)).snapshot) == codec.encode(expected.snapshot)


@settings(max_examples=100, deadline=None)
@given(NAMESPACES)
def test_every_object_has_one_verdict_and_is_a_source(data: list[dict[str, Any]]) -> None:
    result = compile_namespace(inputs(data))
    given_ones = sorted((item["kind"], item["metadata"]["name"]) for item in data)
    assert [(verdict.kind, verdict.name) for verdict in result.verdicts] == given_ones
    assert [(source.kind, source.name) for source in result.snapshot.sources] == given_ones


@settings(max_examples=100, deadline=None)
@given(NAMESPACES)
def test_a_snapshot_refers_to_nothing_that_is_not_in_it(data: list[dict[str, Any]]) -> None:
    snapshot = compile_namespace(inputs(data)).snapshot
    models = {(provider.name, model.name) for provider in snapshot.providers for model in provider.models}
    prompts = {prompt.name for prompt in snapshot.prompts if prompt.closed is None}
    wanted = {rule.guard for route in snapshot.routes for rule in route.rules} - {None}
    assert [guard.id for guard in snapshot.guards] == sorted(wanted, key=str)
    assert snapshot.schema == (GUARDED if snapshot.guards else 1)
    for route in snapshot.routes:
        assert route.prompt is None or route.prompt in prompts
        for rule in route.rules:
            assert {(backend.provider, backend.model) for backend in rule.backends} <= models
            assert rule.closed or any(backend.weight for backend in rule.backends) or rule.strategy == "Failover"


@settings(max_examples=100, deadline=None)
@given(NAMESPACES)
def test_every_name_that_is_wanted_belongs_to_one_route(data: list[dict[str, Any]]) -> None:
    result = compile_namespace(inputs(data))
    held = [model for route in result.snapshot.routes for model in route.models]
    assert len(held) == len(set(held))
    assert {item["metadata"]["name"] for item in data if item["kind"] == "ModelRoute"} == {
        route.name for route in result.snapshot.routes
    }
    assert result.wants_gateway == bool(result.snapshot.routes)


@settings(max_examples=100, deadline=None)
@given(NAMESPACES)
def test_a_route_that_is_not_accepted_is_closed_with_a_reason(data: list[dict[str, Any]]) -> None:
    result = compile_namespace(inputs(data))
    closed = {route.name: route.closed for route in result.snapshot.routes}
    for verdict in result.verdicts:
        if verdict.kind == "ModelRoute" and verdict.accepted.status == "False":
            assert closed[verdict.name]
        if verdict.accepted.status == "False" or verdict.resolved.status == "False":
            assert (verdict.accepted.message + verdict.resolved.message).strip()


def test_whatever_an_object_holds_compiling_it_raises_nothing() -> None:
    valid = [obj for path in VALID for obj in objects(path)]
    changed = list(mutations(valid, count=1500, seed=7))
    for start in range(0, len(changed), 20):
        whole = inputs(changed[start : start + 20])
        result = compile_namespace(whole)
        assert len(result.verdicts) == len(whole.objects) + len(whole.broken)
        codec.encode(result.snapshot)
