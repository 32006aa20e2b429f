"""The compiler: all of a namespace in, one snapshot and a verdict on every object out.

It rebuilds everything each time, in the order in which things depend on one another, and sorts whatever has no order of its own:
equal inputs give equal bytes, and so the digest of the snapshot is its version. A broken object is a verdict on itself; the
others go on.
"""

from collections.abc import Iterable, Iterator

import msgspec

from turnout_contract.api.references import SecretRef
from turnout_contract.api.registry import KINDS, TypedObject
from turnout_contract.snapshot import model as snapshot
from turnout_operator.compile.attach import Routes, by_age, settle
from turnout_operator.compile.budgets import compile_budgets
from turnout_operator.compile.caching import compile_caches
from turnout_operator.compile.closures import Closures
from turnout_operator.compile.gateway import compile_gateway
from turnout_operator.compile.guardrails import compile_guardrails
from turnout_operator.compile.inputs import Broken, Inputs
from turnout_operator.compile.organisation import Organisation, organisation
from turnout_operator.compile.prompts import compile_prompts
from turnout_operator.compile.providers import compile_providers
from turnout_operator.compile.result import Result, Verdict, verdict_on_broken
from turnout_operator.compile.routes import (
    Surroundings,
    broken_route,
    claimant,
    claimant_of_broken,
    compile_route,
    spec_of,
)
from turnout_operator.compile.strictest import masks

KINDS_WITH_SECRETS = ("Budget", "ModelGateway", "ModelProvider")


def compile_namespace(inputs: Inputs) -> Result:
    """Compile one namespace. Pure: it raises nothing, waits for nothing, and knows no time."""
    kinds = {kind: _of_kind(inputs, kind) for kind in KINDS}
    routes = _routes(*kinds["ModelRoute"])
    above, closures = organisation(inputs), Closures()
    guardrails = compile_guardrails(*kinds["GuardrailPolicy"], inputs, above, routes, closures)
    budgets = compile_budgets(*kinds["Budget"], inputs, above, routes, closures)
    providers = compile_providers(*kinds["ModelProvider"], inputs.defaults)
    prompts, on_prompts = compile_prompts(*kinds["PromptTemplate"])
    caches = compile_caches(*kinds["CachePolicy"], routes)
    named, unread = kinds["ModelRoute"]
    claims = settle([*map(claimant, named), *map(claimant_of_broken, unread)])
    around = Surroundings(providers, prompts, caches, guardrails, closures, claims)
    compiled = [compile_route(obj, around) for obj in named]
    found = [route for route, _ in compiled] + [broken_route(item, claims) for item in unread]
    guards = guardrails.used(found)
    gateway = compile_gateway(*kinds["ModelGateway"], inputs.defaults, routes, masks=any(map(masks, guards)))
    on_guards = guardrails.verdicts(guards, keyed=gateway.gateway.masking_key is not None)
    verdicts = [*on_guards, *budgets, *providers.verdicts, *on_prompts, *caches.verdicts, *gateway.verdicts]
    verdicts += [verdict for _, verdict in compiled]
    verdicts += [verdict_on_broken(item, inputs.namespace) for item in inputs.broken]
    secrets = _secrets(inputs.objects)
    return Result(
        snapshot=snapshot.Snapshot(
            namespace=inputs.namespace,
            gateway=gateway.gateway,
            providers=tuple(provider for _, provider in sorted(providers.usable.items())),
            routes=tuple(sorted(found, key=lambda route: route.name)),
            prompts=tuple(prompt for _, prompt in sorted(prompts.items())),
            guards=guards,
            sources=_sources(inputs, above),
            secrets=secrets,
            schema=snapshot.GUARDED if guards else 1,
        ),
        verdicts=tuple(sorted(verdicts, key=_place)),
        wants_gateway=bool(routes.rules),
        secrets=secrets,
    )


def _of_kind(inputs: Inputs, kind: str) -> tuple[list[TypedObject], list[Broken]]:
    """The namespace's objects of a kind, the oldest first, and those that cannot be read."""
    broken = (item for item in inputs.broken if item.kind == kind)
    return by_age(obj for obj in inputs.objects if obj.kind == kind), sorted(broken, key=lambda item: item.name)


def _routes(objects: Iterable[TypedObject], broken: Iterable[Broken]) -> Routes:
    rules: dict[str, frozenset[str] | None] = {item.name: None for item in broken}
    rules.update({obj.name: frozenset(rule.name for rule in spec_of(obj).rules) for obj in objects})
    return Routes(rules)


def _place(verdict: Verdict) -> tuple[str, str, str]:
    return verdict.kind, verdict.name, verdict.uid


def _sources(inputs: Inputs, above: Organisation) -> tuple[snapshot.Source, ...]:
    """Every object that went in, losers and broken ones too; a namespace is named only where it is another one."""
    own = [_source(obj, "") for obj in inputs.objects] + [_broken_source(item, "") for item in inputs.broken]
    known = {(source.kind, source.name) for source in own}
    elsewhere = inputs.defaults.operator_namespace
    others = [_source(obj, elsewhere) for obj in above.policies]
    others += [_broken_source(item, elsewhere) for item in above.broken]
    if inputs.namespace == elsewhere:
        others = [source for source in others if (source.kind, source.name) not in known]
    return tuple(sorted([*own, *others]))


def _source(obj: TypedObject, namespace: str) -> snapshot.Source:
    return snapshot.Source(obj.kind, obj.name, obj.metadata.uid, obj.metadata.generation, namespace)


def _broken_source(item: Broken, namespace: str) -> snapshot.Source:
    return snapshot.Source(item.kind, item.name, item.uid, item.generation, namespace)


def _secrets(objects: Iterable[TypedObject]) -> tuple[str, ...]:
    return tuple(sorted({name for obj in objects if obj.kind in KINDS_WITH_SECRETS for name in _named(obj.spec)}))


def _named(value: object) -> Iterator[str]:
    """The names of all Secrets that are referred to below a value."""
    if isinstance(value, SecretRef):
        yield value.name
    elif isinstance(value, msgspec.Struct):
        for field in value.__struct_fields__:
            yield from _named(getattr(value, field))
    elif isinstance(value, tuple):
        for item in value:
            yield from _named(item)
