"""What the kinds can say and this build cannot do yet.

A field of this table is refused by the compiler (`Accepted=False`, `Unsupported`, naming the field) as soon as it is used, so
that nothing is accepted and then ignored. A test prints the table; an entry goes when the behaviour comes.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from msgspec import UNSET

from turnout_contract.api import conditions
from turnout_contract.api.cache import CachePolicySpec
from turnout_contract.api.gateway import ModelGatewaySpec
from turnout_contract.api.provider import ModelProviderSpec, ProviderLimits
from turnout_contract.api.registry import TypedObject
from turnout_contract.api.route import ModelRouteSpec
from turnout_operator.compile.result import Problem

STRATEGIES = ("Weighted", "Failover")


class Unsupported(NamedTuple):
    """One field, and where an object uses it: the path and what is used there, for each use."""

    kind: str
    field: str
    uses: Callable[[Any], Iterable[tuple[str, str]]]


def _provider_limits(spec: ModelProviderSpec) -> Iterator[tuple[str, str]]:
    limits = spec.limits or ProviderLimits()
    named = {
        "maxInFlight": limits.max_in_flight,
        "requestsPerMinute": limits.requests_per_minute,
        "tokensPerMinute": limits.tokens_per_minute,
    }
    for name, value in named.items():
        if value is not UNSET:
            yield f"spec.limits.{name}", name


def _embeddings(spec: ModelProviderSpec) -> Iterator[tuple[str, str]]:
    if spec.protocol in ("OpenAI", "AzureOpenAI"):
        return
    for at, model in enumerate(spec.models):
        if "Embeddings" in model.capabilities:
            yield f"spec.models[{at}].capabilities", f"Embeddings by protocol {spec.protocol}"


def _strategy(spec: ModelRouteSpec) -> Iterator[tuple[str, str]]:
    for at, rule in enumerate(spec.rules):
        if rule.strategy not in STRATEGIES:
            yield f"spec.rules[{at}].strategy", f"strategy {rule.strategy}"


def _mirror(spec: ModelRouteSpec) -> Iterator[tuple[str, str]]:
    for at, rule in enumerate(spec.rules):
        if rule.mirror:
            yield f"spec.rules[{at}].mirror", "mirror"


def _complexity(spec: ModelRouteSpec) -> Iterator[tuple[str, str]]:
    for at, rule in enumerate(spec.rules):
        for number, match in enumerate(rule.matches):
            if match.complexity:
                yield f"spec.rules[{at}].matches[{number}].complexity", "complexity"


def _tasks(spec: ModelRouteSpec) -> Iterator[tuple[str, str]]:
    for at, rule in enumerate(spec.rules):
        for number, match in enumerate(rule.matches):
            if match.tasks:
                yield f"spec.rules[{at}].matches[{number}].tasks", "tasks"


def _jwt(spec: ModelGatewaySpec) -> Iterator[tuple[str, str]]:
    if spec.jwt:
        yield "spec.jwt", "jwt"


def _verification(spec: CachePolicySpec) -> Iterator[tuple[str, str]]:
    if spec.mode == "Semantic" and spec.semantic and spec.semantic.verification:
        yield "spec.semantic.verification", "verification"


def _endpoint_embedder(spec: CachePolicySpec) -> Iterator[tuple[str, str]]:
    if spec.mode == "Semantic" and spec.semantic and spec.semantic.embedder and spec.semantic.embedder.endpoint:
        yield "spec.semantic.embedder.endpoint", "an embedder behind an endpoint"


def _budgets(spec: object) -> Iterator[tuple[str, str]]:
    del spec
    yield "spec", "Budget"


UNSUPPORTED: tuple[Unsupported, ...] = (
    Unsupported("ModelProvider", "spec.limits: maxInFlight, requestsPerMinute, tokensPerMinute", _provider_limits),
    Unsupported(
        "ModelProvider", "spec.models[].capabilities: Embeddings by Anthropic, Gemini, BedrockConverse", _embeddings
    ),
    Unsupported("ModelRoute", "spec.rules[].strategy: Cheapest, LowestLatency, Cascade, FanOut, Chain", _strategy),
    Unsupported("ModelRoute", "spec.rules[].mirror", _mirror),
    Unsupported("ModelRoute", "spec.rules[].matches[].complexity", _complexity),
    Unsupported("ModelRoute", "spec.rules[].matches[].tasks", _tasks),
    Unsupported("ModelGateway", "spec.jwt", _jwt),
    Unsupported("CachePolicy", "spec.semantic.verification", _verification),
    Unsupported("CachePolicy", "spec.semantic.embedder.endpoint", _endpoint_embedder),
    Unsupported("Budget", "spec", _budgets),
)

_BY_KIND: dict[str, list[Unsupported]] = {}
for _entry in UNSUPPORTED:
    _BY_KIND.setdefault(_entry.kind, []).append(_entry)


def unsupported(obj: TypedObject) -> list[Problem]:
    """What an object uses that is not supported yet."""
    return [
        Problem(conditions.UNSUPPORTED, f"{path}: {what} is not supported yet")
        for entry in _BY_KIND.get(obj.kind, ())
        for path, what in entry.uses(obj.spec)
    ]
