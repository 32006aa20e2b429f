"""ModelRoutes: their names, rules and backends, resolved; and what closes them.

Rules: a route keeps the names that it won whatever is wrong with it, and answers 503 with the reason; a rule loses the backends
that do not resolve and is closed when none is left; nothing that is wrong with one route touches another.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from msgspec import UNSET

from turnout_contract import durations
from turnout_contract.api import conditions
from turnout_contract.api.registry import TypedObject
from turnout_contract.api.route import Match, ModelRouteSpec, Requires, Retry, RouteRule, Timeouts
from turnout_contract.snapshot import model as snapshot
from turnout_operator.compile.attach import Claimant, Claims
from turnout_operator.compile.caching import Caches
from turnout_operator.compile.closures import Closures
from turnout_operator.compile.guardrails import Guardrails
from turnout_operator.compile.inputs import Broken
from turnout_operator.compile.providers import Providers
from turnout_operator.compile.result import ConditionValue, Problem, Verdict, told, verdict
from turnout_operator.compile.support import unsupported


class Surroundings(NamedTuple):
    """What routes refer to and what decides about them."""

    providers: Providers
    prompts: Mapping[str, snapshot.Prompt]
    caches: Caches
    guardrails: Guardrails
    closures: Closures
    claims: Mapping[str, Claims]


def spec_of(obj: TypedObject) -> ModelRouteSpec:
    """The route's spec."""
    assert isinstance(obj.spec, ModelRouteSpec)  # noqa: S101 - the caller sorted by kind
    return obj.spec


def claimant(obj: TypedObject) -> Claimant:
    """The names that a route wants: its models, else its own."""
    return Claimant(obj.metadata.creation_timestamp or "", obj.name, spec_of(obj).models or (obj.name,))


def claimant_of_broken(broken: Broken) -> Claimant:
    """The names that a route that cannot be read seems to want."""
    models = broken.spec.get("models") if isinstance(broken.spec, dict) else None
    texts = tuple(model for model in models if isinstance(model, str)) if isinstance(models, list) else ()
    return Claimant(broken.created, broken.name, texts or (broken.name,))


def broken_route(broken: Broken, claims: Mapping[str, Claims]) -> snapshot.Route:
    """A route that cannot be read: it keeps its names and answers 503."""
    return snapshot.Route(
        name=broken.name,
        models=claims[broken.name].won,
        visibility="Public",
        sensitivity="Internal",
        rules=(),
        closed=told((broken.message,)),
    )


def compile_route(obj: TypedObject, around: Surroundings) -> tuple[snapshot.Route, Verdict]:
    """One route and what is said of it."""
    spec = spec_of(obj)
    claims = around.claims[obj.name]
    refused = unsupported(obj)
    conflict = told(f"model name {model} belongs to ModelRoute {owner}" for model, owner in claims.lost)
    if claims.lost and not claims.won:
        refused.append(Problem(conditions.CONFLICTED, conflict))
    unresolved, prompt = _prompt(spec, around.prompts)
    policies = around.closures.of_route(obj.name)
    closing = [*(problem.message for problem in refused), *(problem.message for problem in unresolved), *policies]
    rules = []
    for at, rule in enumerate(spec.rules):
        compiled, problems = _rule(obj.name, f"spec.rules[{at}]", rule, around)
        rules.append(compiled)
        unresolved.extend(problems)
        unresolved.extend(_unclaimed(rule, f"spec.rules[{at}]", spec.models or (obj.name,)))
    unresolved.extend(Problem(conditions.CLOSED_BY_POLICY, reason) for reason in policies)
    route = _route(obj.name, spec, claims.won, tuple(rules), prompt, told(closing) if closing else None)
    reason = conditions.CONFLICTED if claims.lost else conditions.ACCEPTED
    said = told([*([conflict] if conflict else []), *around.guardrails.shown(obj.name, route.rules)])
    return route, verdict(obj, refused=refused, unresolved=unresolved, accepted=ConditionValue("True", reason, said))


def _route(
    name: str,
    spec: ModelRouteSpec,
    models: tuple[str, ...],
    rules: tuple[snapshot.Rule, ...],
    prompt: str | None,
    closed: str | None,
) -> snapshot.Route:
    retry, timeouts = spec.retry or Retry(), spec.timeouts or Timeouts()
    use = spec.use_case
    return snapshot.Route(
        name=name,
        models=models,
        visibility=spec.visibility,
        sensitivity=spec.sensitivity,
        rules=() if closed else rules,
        retry=snapshot.Retry(
            attempts=retry.attempts,
            budget_percent=retry.budget_percent,
            on=tuple(failure for failure in snapshot.Retry().on if failure in retry.failures),
        ),
        timeouts=snapshot.Timeouts(
            request_ms=durations.parse_ms(timeouts.request),
            first_token_ms=durations.parse_ms(timeouts.first_token),
            stream_idle_ms=durations.parse_ms(timeouts.stream_idle),
        ),
        use_case=snapshot.UseCase(use.name, use.outcome or None, use.value) if use else None,
        prompt=None if closed else prompt,
        closed=closed,
    )


def _prompt(spec: ModelRouteSpec, prompts: Mapping[str, snapshot.Prompt]) -> tuple[list[Problem], str | None]:
    if spec.prompt_template_ref is UNSET:
        return [], None
    name = spec.prompt_template_ref.name
    path = "spec.promptTemplateRef"
    if name not in prompts:
        return [Problem(conditions.REF_NOT_FOUND, f"{path}: PromptTemplate {name} does not exist")], None
    if prompts[name].closed is not None:
        return [Problem(conditions.REF_NOT_ACCEPTED, f"{path}: PromptTemplate {name} is not accepted")], None
    return [], name


def _rule(route: str, path: str, rule: RouteRule, around: Surroundings) -> tuple[snapshot.Rule, list[Problem]]:
    backends, problems = _backends(rule, path, around.providers)
    closed = around.closures.of_rule(route, rule.name)
    guard = around.guardrails.of(route, rule.name)
    found = [*problems, *(Problem(conditions.CLOSED_BY_POLICY, f"{path}: {reason}") for reason in closed)]
    if not backends:
        closed = [*closed, *(problem.message for problem in problems)]
    elif rule.strategy == "Weighted" and not any(backend.weight for backend in backends):
        closed = [*closed, "no backend that resolves has a weight above 0"]
    requires = rule.requires or Requires()
    return snapshot.Rule(
        name=rule.name,
        matches=tuple(_match(match) for match in rule.matches),
        strategy="Failover" if rule.strategy == "Failover" else "Weighted",
        backends=backends,
        capabilities=tuple(sorted(requires.capabilities)),
        residency=tuple(sorted(requires.residency)),
        cache=around.caches.of(route, rule.name),
        closed=told(closed) if closed else None,
        guard=guard.id if guard is not None else None,
    ), found


def _backends(rule: RouteRule, path: str, providers: Providers) -> tuple[tuple[snapshot.Backend, ...], list[Problem]]:
    found, problems = [], []
    for at, ref in enumerate(rule.backend_refs):
        problem = providers.problem(ref, f"{path}.backendRefs[{at}]")
        if problem is not None:
            problems.append(problem)
        else:
            found.append(snapshot.Backend(ref.name, ref.model, ref.weight, ref.priority))
    if rule.strategy == "Failover":
        found.sort(key=lambda backend: backend.priority)  # stable: equal priorities stay as listed
    return tuple(found), problems


def _match(match: Match) -> snapshot.Match:
    return snapshot.Match(
        models=tuple(sorted(match.models)),
        headers=tuple(sorted((header.name.lower(), header.value) for header in match.headers)),
        sensitivity=match.sensitivity.at_least if match.sensitivity else None,
        value=match.value.at_least if match.value else None,
    )


def _unclaimed(rule: RouteRule, path: str, claimed: Sequence[str]) -> list[Problem]:
    """Model names that a match asks for and that no call to this route can have."""
    return [
        Problem(conditions.NAME_NOT_CLAIMED, f"{path}.matches[{at}].models: no name of this route fits {model}")
        for at, match in enumerate(rule.matches)
        for model in match.models
        if not any(_overlap(model, name) for name in claimed)
    ]


def _overlap(one: str, other: str) -> bool:
    """Whether some name fits both, each being exact or a prefix with a star."""
    if one.endswith("*") and other.endswith("*"):
        return one[:-1].startswith(other[:-1]) or other[:-1].startswith(one[:-1])
    if one.endswith("*"):
        return other.startswith(one[:-1])
    return one.startswith(other[:-1]) if other.endswith("*") else one == other
