"""What several GuardrailPolicies amount to: whatever is added to them, nothing that one forbids is allowed again."""

import random
from collections.abc import Iterable, Sequence
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from turnout_contract import canonical
from turnout_contract.api.guardrail import Entity, GuardrailPolicySpec
from turnout_contract.snapshot import guards
from turnout_operator.compile.guard_problems import problems
from turnout_operator.compile.strictest import Policy, guard_of
from turnout_sidecar.plugins.presidio import KINDS

STRENGTH = {"Allow": 0, "Monitor": 1, "Mask": 2, "Block": 3}
CHOICES = st.sampled_from(["Mask", "Block", "Monitor", "Reroute"])
FOUND = st.lists(st.sampled_from(["Email", "Phone", "IBAN"]), min_size=1, max_size=3, unique=True)
RATIOS = st.sampled_from(["0.25", "0.5", "0.75", "1"])
PATTERNS = st.lists(
    st.fixed_dictionaries(
        {"name": st.sampled_from(["a", "b"]), "pattern": st.sampled_from(["x", "y"])},
        optional={"action": st.sampled_from(["Mask", "Block", "Monitor"])},
    ),
    max_size=2,
    unique_by=lambda one: one["name"],
)
SPECS = st.fixed_dictionaries(
    {},
    optional={
        "mode": st.sampled_from(["Enforce", "Monitor"]),
        "failureMode": st.sampled_from(["FailClosed", "FailOpen"]),
        "input": st.fixed_dictionaries(
            {},
            optional={
                "pii": st.fixed_dictionaries(
                    {"action": CHOICES}, optional={"restore": st.booleans(), "entities": FOUND}
                ),
                "secrets": st.fixed_dictionaries({"action": CHOICES}, optional={"restore": st.booleans()}),
                "promptInjection": st.fixed_dictionaries(
                    {"action": st.sampled_from(["Block", "Monitor", "Reroute"]), "threshold": RATIOS}
                ),
                "denyPatterns": PATTERNS,
                "binaryParts": st.sampled_from(["Allow", "Block"]),
                "maxInputTokens": st.integers(1, 9),
            },
        ),
        "output": st.fixed_dictionaries(
            {},
            optional={
                "jsonSchema": st.fixed_dictionaries({"onViolation": st.sampled_from(["Retry", "Escalate", "Block"])}),
                "pii": st.fixed_dictionaries({"action": st.sampled_from(["Mask", "Block", "Monitor"])}),
                "denyPatterns": PATTERNS,
            },
        ),
        "plugins": st.lists(
            st.fixed_dictionaries(
                {"name": st.just("names"), "url": st.just("http://names/")},
                optional={
                    "entities": st.lists(st.sampled_from(get_args(Entity)), min_size=1, max_size=3, unique=True),
                    "on": st.sampled_from([["Input"], ["Output"], ["Input", "Output"]]),
                    "failureMode": st.sampled_from(["FailClosed", "FailOpen"]),
                },
            ),
            max_size=1,
        ),
    },
)
SECRETS: dict[str, Any] = {"input": {"secrets": {}}}
MANY = st.lists(SPECS, min_size=1, max_size=4)


def policy(name: str, spec: dict[str, Any]) -> Policy:
    return Policy(name, msgspec.convert(spec, GuardrailPolicySpec))


def named(specs: Iterable[dict[str, Any]]) -> list[Policy]:
    return [policy(f"p{number}", spec) for number, spec in enumerate(specs)]


def sum_of(*specs: dict[str, Any]) -> guards.Guard:
    found = guard_of(named(specs))
    assert found is not None
    return found


def treated(guard: guards.Guard | None, side: str) -> dict[tuple[str, str], guards.Treatment]:
    """What is done with what is found, by who finds it and the entity."""
    if guard is None:
        return {}
    own = guard.input if side == "Input" else guard.output
    found = {("", one.entity): one for one in own}
    for plugin in guard.plugins:
        shown = plugin.input if side == "Input" else plugin.output
        found.update({(plugin.policy, one.entity): one for one in shown})
    return found


def binds(treatment: guards.Treatment) -> bool:
    return treatment.action != "Monitor" or treatment.reroute


def reached(guard: guards.Guard | None, score: float) -> tuple[int, bool]:
    """The strictest action that a score leads to, and whether the call is rerouted."""
    steps = [step for step in guard.injections if step.threshold <= score] if guard is not None else []
    return max((STRENGTH[step.action] for step in steps), default=0), any(step.reroute for step in steps)


def refused_from(guard: guards.Guard | None) -> float:
    limits = guard.token_limits if guard is not None else ()
    return min((limit.most for limit in limits if limit.action == "Block"), default=float("inf"))


@settings(max_examples=300, deadline=None)
@given(MANY, SPECS)
def test_another_policy_never_weakens_what_there_is(specs: list[dict[str, Any]], more: dict[str, Any]) -> None:
    before, after = guard_of(named(specs)), guard_of(named([*specs, more]))
    for side in ("Input", "Output"):
        now = treated(after, side)
        for place, was in treated(before, side).items():
            assert STRENGTH[now[place].action] >= STRENGTH[was.action]
            assert now[place].reroute >= was.reroute
            assert not now[place].restore or was.restore or now[place].action != "Mask"
            assert was.fail_open or not now[place].fail_open
    for score in (0.0, 0.25, 0.5, 0.75, 1.0):
        (action, reroute), (was_action, was_reroute) = reached(after, score), reached(before, score)
        assert action >= was_action
        assert reroute >= was_reroute or action == STRENGTH["Block"]
    assert refused_from(after) <= refused_from(before)
    if before is not None:
        assert after is not None
        assert STRENGTH[after.binary_parts] >= STRENGTH[before.binary_parts]
        assert set(before.deny_input) <= set(after.deny_input)
        assert set(before.deny_output) <= set(after.deny_output)
        assert len(before.schemas) <= len(after.schemas)


@settings(max_examples=200, deadline=None)
@given(MANY, SPECS)
def test_a_policy_in_mode_monitor_changes_nothing_that_binds(specs: list[dict[str, Any]], more: dict[str, Any]) -> None:
    before, after = guard_of(named(specs)), guard_of(named([*specs, {**more, "mode": "Monitor"}]))
    for side in ("Input", "Output"):
        now, was = treated(after, side), treated(before, side)
        assert {place: one for place, one in now.items() if binds(one)} == {
            place: one for place, one in was.items() if binds(one)
        }
    for score in (0.0, 0.25, 0.5, 0.75, 1.0):
        (action, reroute), (was_action, was_reroute) = reached(after, score), reached(before, score)
        assert reroute == was_reroute
        assert action == was_action or (was_action, action) == (0, STRENGTH["Monitor"])
    assert refused_from(after) == refused_from(before)
    if after is not None and before is not None:
        assert after.fail_open == before.fail_open
        assert (after.binary_parts == "Block") == (before.binary_parts == "Block")


@settings(max_examples=200, deadline=None)
@given(MANY, st.randoms(use_true_random=False))
def test_the_order_of_policies_means_nothing_and_the_id_is_the_digest_of_the_rest(
    specs: list[dict[str, Any]], dice: random.Random
) -> None:
    policies = named(specs)
    guard = guard_of(policies)
    assert guard_of(dice.sample(policies, len(policies))) == guard
    if guard is not None:
        rest = msgspec.structs.replace(guard, id="")
        assert guard.id == canonical.digest(canonical.encode(rest))
        assert msgspec.structs.replace(rest, policies=()) != guards.Guard(id="", policies=())


@settings(max_examples=200, deadline=None)
@given(MANY)
def test_what_only_monitors_never_fails_closed(specs: list[dict[str, Any]]) -> None:
    guard = guard_of(named(specs))
    for side in ("Input", "Output"):
        for (finder, _), one in treated(guard, side).items():
            assert binds(one) or one.fail_open or finder
    for step in guard.injections if guard is not None else ():
        assert step.fail_open or step.action == "Block" or step.reroute


@pytest.mark.parametrize("spec", [{}, {"mode": "Monitor"}, {"input": {"binaryParts": "Allow"}}, {"output": {}}])
def test_a_policy_that_checks_nothing_is_no_guard(spec: dict[str, Any]) -> None:
    assert guard_of(named([spec])) is None
    assert sum_of(spec, SECRETS).policies == ("p1",)


def test_personal_data_without_entities_is_all_that_is_built_in() -> None:
    guard = sum_of({"input": {"pii": {}}, "output": {"pii": {}}})
    assert {one.entity for one in guard.input} == {one.entity for one in guard.output} == set(guards.BUILT_IN)
    assert all(one.restore for one in guard.input)
    assert not any(one.restore for one in guard.output)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, ("Input",)),
        ({"on": []}, ("Input",)),
        ({"on": ["Output"]}, ("Output",)),
        ({"true": ["Output"]}, ("Output",)),
        ({"on": ["Input"], "true": ["Output", "Input"]}, ("Input", "Output")),
    ],
)
def test_a_plug_in_is_shown_what_it_is_on(fields: dict[str, Any], expected: Sequence[str]) -> None:
    (plugin,) = sum_of({"plugins": [{"name": "names", "url": "http://names/", **fields}]}).plugins
    assert tuple(side for side, asked in (("Input", plugin.input), ("Output", plugin.output)) if asked) == expected


def test_the_organisations_policies_are_named_after_ones_own() -> None:
    found = guard_of([policy(name, SECRETS) for name in ("a/z", "z", "b", "a/b")])
    assert found is not None
    assert found.policies == ("b", "z", "a/b", "a/z")


def test_presidio_is_asked_for_all_that_it_has_a_name_for() -> None:
    presidio = {"name": "names", "url": "http://names/", "adapter": "Presidio"}
    (plugin,) = sum_of({"plugins": [presidio]}).plugins
    assert {one.entity for one in plugin.input} == set(KINDS)
    asked = msgspec.convert({"plugins": [{**presidio, "entities": ["Email", "URLCredentials"]}]}, GuardrailPolicySpec)
    (problem,) = problems(asked)
    assert problem.message == "spec.plugins[0].entities[1]: Presidio knows no URLCredentials"
