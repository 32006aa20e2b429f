"""What two calls must have in common to share an answer."""

from typing import Any

import msgspec
import pytest

from doubles.cached_calls import ANN, EMBEDDINGS, a_call, a_policy, a_runtime
from gateway_rig import a_model, a_provider, a_route, a_rule
from turnout_contract.snapshot import model as snap
from turnout_sidecar.caching.chat_answers import CANNOT_CHANGE_THE_ANSWER
from turnout_sidecar.caching.key import Keys, keys_of, partition_of
from turnout_sidecar.exchange.call import Caller, Endpoint, Exchange, PromptUse
from turnout_sidecar.runtime import Runtime

BODY: dict[str, Any] = {
    "model": "assistant",
    "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello?"}],
    "temperature": 0,
}


def keys(
    body: dict[str, Any] | None = None,
    *,
    runtime: Runtime | None = None,
    caller: Caller = ANN,
    endpoint: Endpoint | None = None,
    change: dict[str, Any] | None = None,
    headers: dict[str, str] | None = None,
) -> Keys:
    runtime = runtime or a_runtime()
    exchange: Exchange = a_call(runtime, body or BODY, caller=caller, headers=headers)
    if endpoint is not None:
        exchange.endpoint = endpoint
    for name, value in (change or {}).items():
        setattr(exchange, name, value)
    route = runtime.snapshot.routes[0]
    rule = route.rules[0]
    assert rule.cache is not None
    partition = partition_of(runtime.namespace, route.name, caller, rule.cache.scope)
    assert partition is not None
    return keys_of(exchange, route, rule, partition)


def with_body(**members: Any) -> dict[str, Any]:
    return {**BODY, **members}


def last(text: str) -> list[dict[str, str]]:
    return [{"role": "system", "content": "Be brief."}, {"role": "user", "content": text}]


def test_order_and_spacing_of_json_do_not_count() -> None:
    turned = {name: BODY[name] for name in reversed(BODY)}
    turned["messages"] = [dict(reversed(message.items())) for message in BODY["messages"]]
    assert keys(turned) == keys()


@pytest.mark.parametrize("name", sorted(CANNOT_CHANGE_THE_ANSWER))
def test_what_cannot_change_the_answer_is_not_in_the_key(name: str) -> None:
    assert keys(with_body(**{name: "anything"})) == keys()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", 0.5),
        ("temperature", None),
        ("top_p", 0.5),
        ("top_k", 3),
        ("n", 2),
        ("max_tokens", 10),
        ("max_completion_tokens", 10),
        ("stop", ["x"]),
        ("seed", 1),
        ("presence_penalty", 1),
        ("frequency_penalty", 1),
        ("logit_bias", {"1": 2}),
        ("logprobs", True),
        ("top_logprobs", 2),
        ("response_format", {"type": "json_object"}),
        ("tools", [{"type": "function", "function": {"name": "f"}}]),
        ("tool_choice", "none"),
        ("parallel_tool_calls", False),
        ("functions", [{"name": "f"}]),
        ("modalities", ["text"]),
        ("reasoning_effort", "low"),
        ("verbosity", "low"),
        ("service_tier", "flex"),
        ("prediction", {"type": "content", "content": "x"}),
        ("web_search_options", {}),
        ("some_field_of_tomorrow", 1),
        ("messages", [{"role": "user", "content": "Hello?"}]),
        ("messages", [{"role": "system", "content": "Be long."}, {"role": "user", "content": "Hello?"}]),
        ("messages", [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": "Hello?"}]),
        ("messages", [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello?", "name": "x"}]),
        ("messages", [{"role": "system", "content": "Be brief."}, {"role": "assistant", "content": "Hello?"}]),
        ("messages", [{"role": "system", "content": "Be brief."}, {"role": "user", "content": [{"type": "text"}]}]),
    ],
)  # fmt: skip
def test_everything_else_is_in_both_keys(name: str, value: Any) -> None:
    changed = keys(with_body(**{name: value}))
    assert changed.exact != keys().exact
    assert changed.context != keys().context


def test_the_question_alone_is_in_the_exact_key_only() -> None:
    other = keys(with_body(messages=last("Good bye?")))
    assert other.context == keys().context
    assert other.exact != keys().exact
    assert (keys().question, other.question) == ("Hello?", "Good bye?")


@pytest.mark.parametrize(
    "messages",
    [
        [{"role": "assistant", "content": "Hello?"}],
        [{"role": "tool", "content": "x", "tool_call_id": "1"}],
        [{"role": "user", "content": [{"type": "text", "text": "Hello?"}]}],
        [{"role": "user", "content": None}],
        [{"role": "user", "content": " "}],
        [{"role": "user", "content": "Hello?"}, {"role": "system", "content": "x"}],
        [],
    ],
)
def test_only_a_users_plain_text_is_a_question(messages: list[Any]) -> None:
    found = keys(with_body(messages=messages))
    assert found.question is None
    assert found.exact != found.context


def test_no_text_can_be_taken_for_the_context_of_another() -> None:
    without = keys(with_body(messages=[{"role": "system", "content": "Be brief."}, {"role": "user", "content": None}]))
    assert without.context != keys().context
    assert without.exact not in (keys().exact, keys().context)


def runtime_with(**changes: Any) -> Runtime:
    rule = a_rule("openai/gpt", "openai/other", cache=a_policy(), **changes.pop("rule", {}))
    providers = (a_provider("openai", a_model("gpt"), a_model("other"), a_model("third")),)
    return a_runtime(a_route("assistant", rule, **changes), providers=providers)


@pytest.mark.parametrize(
    "other",
    [
        runtime_with(rule={"guard": "another"}),
        runtime_with(rule={"name": "hard"}),
        runtime_with(rule={"backends": (snap.Backend("openai", "gpt"), snap.Backend("openai", "third"))}),
        runtime_with(rule={"backends": (snap.Backend("openai", "gpt"),)}),
    ],
)
def test_route_rule_backends_and_guardrails_are_in_the_key(other: Runtime) -> None:
    assert keys(runtime=other).context != keys(runtime=runtime_with()).context


def test_the_name_asked_for_and_the_order_of_backends_are_not() -> None:
    turned = (snap.Backend("openai", "other", priority=1), snap.Backend("openai", "gpt", weight=9))
    assert keys(runtime=runtime_with(rule={"backends": turned})) == keys(runtime=runtime_with())


def test_sensitivity_prompt_endpoint_and_forwarded_headers_are_in_the_key() -> None:
    seen = {keys().context}
    use = PromptUse("triage", "v1", "d1")
    for change in (
        {"sensitivity": "Confidential"},
        {"prompt": use},
        {"prompt": msgspec.structs.replace(use, version="v2")},
        {"prompt": msgspec.structs.replace(use, name="letter")},
        {"prompt": msgspec.structs.replace(use, variables_digest="d2")},
        {"endpoint": EMBEDDINGS},
    ):
        context = keys(change=change).context
        assert context not in seen
        seen.add(context)
    assert keys(headers={"openai-beta": "assistants=v2"}).context not in seen
    assert keys(headers={"x-turnout-use-case": "other"}).context in seen


def test_the_partition_is_namespace_route_and_scope() -> None:
    bob, other_team, nobody = (
        Caller("app", "claims", user="bob"),
        Caller("app", "sales", user="ann"),
        Caller("app", "claims"),
    )

    def at(caller: Caller, scope: str, namespace: str = "ns", route: str = "r") -> str | None:
        found = partition_of(namespace, route, caller, scope)
        return None if found is None else found.key

    assert at(ANN, "Namespace") == at(other_team, "Namespace")
    assert at(ANN, "Team") == at(bob, "Team") == at(nobody, "Team") != at(other_team, "Team")
    assert at(ANN, "User") != at(bob, "User")
    assert at(ANN, "User") != at(other_team, "User")
    assert at(nobody, "User") is None
    assert at(ANN, "Team") != at(ANN, "Team", namespace="other")
    assert at(ANN, "Team") != at(ANN, "Team", route="other")
    assert len({at(ANN, scope) for scope in ("Namespace", "Team", "User")}) == 3


def test_callers_cannot_be_named_into_each_others_partitions() -> None:
    pairs = [("a", "b/c"), ("a/b", "c"), ("a", "b%2Fc"), ("user:a", "b"), ("a%2Fb", "c"), ("", "a/b/c")]
    found = {partition_of("ns", "r", Caller("app", team, user=user), "User") for team, user in pairs}
    assert len({partition.key for partition in found if partition is not None}) == len(pairs)
