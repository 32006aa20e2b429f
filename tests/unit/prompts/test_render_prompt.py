"""Prompts on a call: which template and version, what variables, what goes upstream."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from turnout_contract.snapshot import model as snap
from turnout_sidecar.exchange.call import Caller, Endpoint, Exchange, Response
from turnout_sidecar.exchange.errors import CallError
from turnout_sidecar.ports.clock import FakeClock
from turnout_sidecar.stages.render_prompt import render_prompt
from turnout_sidecar.templates.prompts import CompiledPrompt, PromptError, compile_prompt

CHAT = Endpoint("chat", "/v1/chat/completions", "/chat/completions", "chat", "chat", "Chat")
EMBEDDINGS = Endpoint("embeddings", "/v1/embeddings", "/embeddings", "embeddings", "embeddings", "Embeddings")

TRIAGE = snap.Prompt(
    name="claim-triage",
    variables={
        "type": "object",
        "required": ["claim"],
        "properties": {"claim": {"type": "string"}, "language": {"enum": ["en", "de"], "default": "en"}},
    },
    shares=(("v2", 1),),
    versions=(
        snap.PromptVersion(
            "v1", (snap.PromptMessage("system", "Classify the claim."), snap.PromptMessage("user", "{{ claim }}"))
        ),
        snap.PromptVersion(
            "v2",
            (
                snap.PromptMessage("system", "Classify the claim. Answer in {{ language }}, as JSON."),
                snap.PromptMessage("user", "{{ claim }}"),
            ),
            temperature="0",
            top_p="0.95",
            max_tokens=400,
        ),
    ),
)
LETTER = snap.Prompt(
    "letter", {}, (("v1", 1),), (snap.PromptVersion("v1", (snap.PromptMessage("user", "Facts: {{ steps.facts }}"),)),)
)
CLOSED = snap.Prompt(
    "closed", {}, (("v1", 1),), (snap.PromptVersion("v1", (snap.PromptMessage("user", "{{ broken"),)),), closed="no"
)


class Running:
    """A runtime with prompts."""

    def __init__(self) -> None:
        self.prompts: Mapping[str, CompiledPrompt] = {p.name: compile_prompt(p) for p in (TRIAGE, LETTER, CLOSED)}


class Dice:
    def __init__(self, *values: float) -> None:
        self._values = list(values)

    def random(self) -> float:
        return self._values.pop(0) if self._values else 0.5


def call(
    body: dict[str, Any],
    *,
    route: str | None = None,
    endpoint: Endpoint = CHAT,
    headers: dict[str, str] | None = None,
    trust: tuple[str, ...] = ("PromptVersion",),
    user: str | None = None,
) -> Exchange:
    exchange = Exchange(
        id="1",
        endpoint=endpoint,
        headers=headers or {},
        raw=b"",
        body=body,
        runtime=Running(),
        received_ns=0,
        received_unix_ns=0,
    )
    exchange.caller = Caller(client="c", team="t", user=user, trust=frozenset(trust))
    exchange.route = snap.Route("r", ("r",), "Public", "Internal", (), prompt=route)
    return exchange


async def rendered(exchange: Exchange) -> Exchange:
    async def proceed(_: Exchange) -> Response:
        return Response(200, body=b"{}")

    assert (await render_prompt(FakeClock(), Dice())(exchange, proceed)).status == 200
    return exchange


async def refused(exchange: Exchange) -> CallError:
    with pytest.raises(CallError) as raised:
        await rendered(exchange)
    return raised.value


async def test_the_messages_of_the_prompt_come_first_and_its_parameters_fill_in() -> None:
    own = [{"role": "user", "content": "and now?"}]
    body = {"model": "m", "messages": own, "prompt": {"id": "claim-triage", "variables": {"claim": "a dent"}}}
    exchange = await rendered(call(body))
    assert exchange.body == {
        "model": "m",
        "messages": [
            {"role": "system", "content": "Classify the claim. Answer in en, as JSON."},
            {"role": "user", "content": "a dent"},
            *own,
        ],
        "temperature": 0,
        "top_p": 0.95,
        "max_tokens": 400,
    }
    assert exchange.prompt is not None
    assert (exchange.prompt.name, exchange.prompt.version) == ("claim-triage", "v2")
    assert exchange.parsed is body
    assert "prompt" in body
    assert exchange.body["model"] is body["model"]


async def test_what_the_call_says_itself_is_kept() -> None:
    prompt = {"variables": {"claim": "x"}}
    exchange = await rendered(
        call({"prompt": prompt, "temperature": 1.5, "top_p": 0, "max_completion_tokens": 9}, route="claim-triage")
    )
    assert (exchange.body["temperature"], exchange.body["top_p"]) == (1.5, 0)
    assert "max_tokens" not in exchange.body
    exchange = await rendered(call({"prompt": prompt, "temperature": None, "max_tokens": 1}, route="claim-triage"))
    assert (exchange.body["temperature"], exchange.body["max_tokens"]) == (0, 1)


async def test_a_call_without_a_prompt_on_a_route_without_one_is_left_alone() -> None:
    body = {"model": "m", "messages": []}
    exchange = await rendered(call(body))
    assert exchange.body is body
    assert exchange.prompt is None


async def test_on_a_route_with_a_prompt_the_call_need_not_name_it() -> None:
    for prompt in ({"variables": {"claim": "x"}}, {"id": "claim-triage", "variables": {"claim": "x"}}):
        exchange = await rendered(call({"prompt": prompt}, route="claim-triage"))
        assert exchange.body["messages"][-1]["content"] == "x"


async def test_a_route_with_a_prompt_names_what_a_call_without_one_lacks() -> None:
    error = await refused(call({"messages": [{"role": "user", "content": "hi"}]}, route="claim-triage"))
    assert (error.status, error.param, error.code) == (400, "prompt.variables.claim", "missing_variable")


@pytest.mark.parametrize(
    ("prompt", "route", "status", "param"),
    [
        ({"id": "letter"}, "claim-triage", 400, "prompt.id"),
        ({"id": "nothing"}, None, 400, "prompt.id"),
        ({"variables": {}}, None, 400, "prompt.id"),
        ({"id": "pmpt_abc123"}, None, 400, "prompt.id"),
        ({"id": "pmpt_abc123"}, "claim-triage", 400, "prompt.id"),
        ({"id": 5}, None, 400, "prompt.id"),
        ({"id": "claim-triage", "version": 2}, None, 400, "prompt.version"),
        ({"id": "claim-triage", "version": "v9"}, None, 400, "prompt.version"),
        ({"id": "claim-triage", "variabels": {}}, None, 400, "prompt.variabels"),
        ({"id": "claim-triage", "variables": []}, None, 400, "prompt.variables"),
        ({"id": "claim-triage", "variables": {"claim": 1}}, None, 400, "prompt.variables.claim"),
        ({"id": "claim-triage", "variables": {"claim": "x", "language": "fr"}}, None, 400, "prompt.variables.language"),
        ({"id": "letter", "variables": {"steps": {}}}, None, 400, "prompt.variables.steps.facts"),
        ({"id": "letter", "variables": {}}, None, 400, "prompt.variables.steps"),
        (
            {"id": "letter", "variables": {"steps": {"facts": "x" * 1_100_000}}},
            None,
            400,
            "prompt.variables.steps.facts",
        ),
        ({"id": "letter", "variables": {"steps": {"facts": "\x00" * 200_000, "x": "y" * 700_000}}}, None, 200, ""),
        ({"id": "closed"}, None, 503, "prompt"),
        ("claim-triage", None, 400, "prompt"),
    ],
)
async def test_what_is_wrong_with_a_prompt_is_named(prompt: Any, route: str | None, status: int, param: str) -> None:
    exchange = call({"messages": [], "prompt": prompt}, route=route)
    if status == 200:
        await rendered(exchange)
        return
    error = await refused(exchange)
    assert (error.status, error.param) == (status, param)
    assert error.message.strip()


async def test_a_version_needs_trust_by_the_body_and_by_the_header() -> None:
    prompt = {"id": "claim-triage", "variables": {"claim": "x"}}
    for body, headers in (
        ({"prompt": prompt | {"version": "v1"}}, {}),
        ({"prompt": prompt}, {"x-turnout-prompt-version": "v1"}),
    ):
        exchange = await rendered(call(dict(body), headers=headers))
        assert exchange.prompt is not None
        assert exchange.prompt.version == "v1"
        error = await refused(call(dict(body), headers=headers, trust=("User",)))
        assert (error.status, error.code) == (403, "prompt_version_not_allowed")
    both = {"prompt": prompt | {"version": "v1"}}
    assert (await refused(call(both, headers={"x-turnout-prompt-version": "v2"}))).status == 400
    assert (await refused(call({"prompt": prompt}, headers={"x-turnout-prompt-version": ""}))).status == 400


async def test_prompts_are_for_chat() -> None:
    body = {"input": "x", "prompt": {"id": "letter"}}
    assert (await refused(call(body, endpoint=EMBEDDINGS))).param == "prompt"
    assert (await refused(call({"input": "x"}, endpoint=EMBEDDINGS, route="letter"))).status == 400
    assert (await rendered(call({"input": "x"}, endpoint=EMBEDDINGS))).prompt is None


async def test_the_digest_of_variables_follows_their_values_with_defaults() -> None:
    async def digest(variables: dict[str, Any]) -> str:
        exchange = await rendered(call({"prompt": {"id": "claim-triage", "variables": variables}}))
        assert exchange.prompt is not None
        return exchange.prompt.variables_digest

    assert await digest({"claim": "x"}) == await digest({"language": "en", "claim": "x"})
    assert await digest({"claim": "x"}) != await digest({"claim": "y"})


def split(**weights: int) -> CompiledPrompt:
    versions = tuple(snap.PromptVersion(name, (snap.PromptMessage("user", name),)) for name in weights)
    return compile_prompt(snap.Prompt("p", {}, tuple(weights.items()), versions))


def test_a_split_is_sticky_and_follows_its_weights() -> None:
    prompt = split(a=90, b=10, c=0)
    users = [f"user-{n}" for n in range(4000)]
    first = {user: prompt.choose(user, Dice()).name for user in users}
    assert first == {user: prompt.choose(user, Dice(0.99)).name for user in users}
    counts = Counter(first.values())
    assert set(counts) == {"a", "b"}
    assert 300 < counts["b"] < 500
    moved = split(a=80, b=20, c=0)
    changed = [user for user in users if moved.choose(user, Dice()).name != first[user]]
    assert all(first[user] == "a" for user in changed)
    assert 300 < len(changed) < 500


def test_without_anyone_to_stick_to_the_dice_decide() -> None:
    prompt = split(a=90, b=10, c=0)
    assert [prompt.choose(None, Dice(value)).name for value in (0.0, 0.89, 0.9, 0.9999999)] == ["a", "a", "b", "b"]


@pytest.mark.parametrize(
    ("prompt", "path"),
    [
        (snap.Prompt("p", {"type": "string"}, (("v", 1),), ()), "spec.variables.type"),
        (snap.Prompt("p", {}, (("v", 1),), ()), "spec.split"),
        (snap.Prompt("p", {}, (("v", 0),), (snap.PromptVersion("v", ()),)), "spec.split"),
        (
            snap.Prompt("p", {}, (("v", 1),), (snap.PromptVersion("v", (snap.PromptMessage("user", "{{ f() }}"),)),)),
            "spec.versions[0].messages[0].content",
        ),
        (
            snap.Prompt("p", {}, (("v", 1),), (snap.PromptVersion("v", (), temperature="hot"),)),
            "spec.versions[0].parameters",
        ),
        (snap.Prompt("p", {}, (("v", 1),), (snap.PromptVersion("v", (), top_p="9"),)), "spec.versions[0].parameters"),
    ],
)
def test_a_prompt_that_cannot_be_run_says_where(prompt: snap.Prompt, path: str) -> None:
    with pytest.raises(PromptError) as raised:
        compile_prompt(prompt)
    assert raised.value.path == path
