"""The ModelGateway: who may call, telemetry, cache store, limits; or the operator's defaults where there is none.

Rules: what says who may call is never half in force: a ModelGateway that is refused, misnamed or cannot be read closes the
gateway. Client routes that name no route stand in the status, and the rest goes on.
"""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
from msgspec import UNSET

from turnout_contract import durations
from turnout_contract.api import conditions
from turnout_contract.api.gateway import CacheStoreSettings, Client, ModelGatewaySpec, Qdrant
from turnout_contract.api.registry import TypedObject
from turnout_contract.snapshot import model as snapshot
from turnout_operator.compile.attach import Routes
from turnout_operator.compile.inputs import Broken, Defaults
from turnout_operator.compile.providers import secret_file
from turnout_operator.compile.result import ACCEPTED, ConditionValue, Problem, Verdict, told, verdict
from turnout_operator.compile.support import unsupported

NAME = "default"
RANDOM_KEY = (
    "placeholders are made with a random key in each replica, so they differ between replicas and after a restart:"
    " no ModelGateway names a maskingKeySecretRef"
)


class CompiledGateway(NamedTuple):
    """The namespace's gateway, and what is said of its ModelGateways."""

    gateway: snapshot.Gateway
    verdicts: list[Verdict]


def compile_gateway(
    objects: Sequence[TypedObject], broken: Sequence[Broken], defaults: Defaults, routes: Routes, *, masks: bool
) -> CompiledGateway:
    """The ModelGateway named default, or the defaults. `masks`: a guard of the namespace makes placeholders."""
    gateway = _sharing(defaults.gateway, defaults)
    verdicts: list[Verdict] = []
    closed = [f"ModelGateway {item.name}: {item.message}" for item in broken]
    named = any(obj.name == NAME for obj in objects)
    for obj in objects:
        spec = _spec(obj)
        refused = [*_misnamed(obj), *_doubles(spec), *unsupported(obj)]
        own = _gateway(spec, defaults)
        random_key = masks and own.masking_key is None
        accepted = ConditionValue("True", conditions.ACCEPTED, RANDOM_KEY) if random_key else ACCEPTED
        verdicts.append(verdict(obj, refused=refused, unresolved=_unknown_routes(spec, routes), accepted=accepted))
        if obj.name == NAME:
            gateway = own
        if obj.name == NAME or not named:
            told_of = told(problem.message for problem in refused)
            closed += [f"ModelGateway {obj.name}: {told_of}"] if refused else []
    if closed:
        gateway = msgspec.structs.replace(gateway, closed=told(sorted(closed)))
    return CompiledGateway(gateway, verdicts)


def _spec(obj: TypedObject) -> ModelGatewaySpec:
    assert isinstance(obj.spec, ModelGatewaySpec)  # noqa: S101 - the caller sorted by kind
    return obj.spec


def _misnamed(obj: TypedObject) -> list[Problem]:
    if obj.name == NAME:
        return []
    return [Problem(conditions.INVALID, f"metadata.name: a ModelGateway is always named {NAME}")]


def _doubles(spec: ModelGatewaySpec) -> list[Problem]:
    """Two clients that could not be told apart, by name or by key."""
    problems = []
    names: set[str] = set()
    keys: dict[tuple[str, str], str] = {}
    for at, client in enumerate(spec.clients):
        if client.name in names:
            problems.append(Problem(conditions.INVALID, f"spec.clients[{at}].name: {client.name} stands twice"))
        names.add(client.name)
        for number, key in enumerate(client.keys):
            owner = keys.setdefault((key.secret_ref.name, key.secret_ref.key), client.name)
            if owner != client.name:
                message = f"spec.clients[{at}].keys[{number}].secretRef: client {owner} has the same key"
                problems.append(Problem(conditions.INVALID, message))
    return problems


def _unknown_routes(spec: ModelGatewaySpec, routes: Routes) -> list[Problem]:
    return [
        Problem(conditions.REF_NOT_FOUND, f"spec.clients[{at}].routes[{number}]: ModelRoute {name} does not exist")
        for at, client in enumerate(spec.clients)
        for number, name in enumerate(client.routes or ())
        if name not in routes.rules
    ]


def _gateway(spec: ModelGatewaySpec, defaults: Defaults) -> snapshot.Gateway:
    base = defaults.gateway
    qdrant = (spec.cache or CacheStoreSettings()).qdrant
    whole = snapshot.Gateway(
        clients=tuple(sorted((_client(client) for client in spec.clients), key=lambda client: client.name)),
        telemetry=_telemetry(spec, base.telemetry),
        qdrant=_qdrant(qdrant) if qdrant else base.qdrant,
        limits=_limits(spec, base.limits),
        masking_key=secret_file(spec.masking_key_secret_ref) or base.masking_key,
    )
    return _sharing(whole, defaults)


def _sharing(gateway: snapshot.Gateway, defaults: Defaults) -> snapshot.Gateway:
    """The gateway, with the chart's Qdrant where it has none of its own."""
    return msgspec.structs.replace(gateway, shared_qdrant=defaults.shared_qdrant and gateway.qdrant is None)


def _qdrant(spec: Qdrant) -> snapshot.QdrantServer:
    return snapshot.QdrantServer(
        url=spec.url.rstrip("/"),
        api_key=secret_file(spec.api_key_secret_ref),
        ca=secret_file(spec.ca_secret_ref),
        shards=spec.shards,
        replicas=spec.replicas,
    )


def _client(client: Client) -> snapshot.Client:
    return snapshot.Client(
        name=client.name,
        team=client.team,
        keys=tuple(snapshot.SecretFile(key.secret_ref.name, key.secret_ref.key) for key in client.keys),
        routes=None if client.routes is UNSET else tuple(sorted(client.routes)),
        sensitivity=client.sensitivity,
        trust=tuple(sorted(client.trust)),
    )


def _telemetry(spec: ModelGatewaySpec, base: snapshot.Telemetry) -> snapshot.Telemetry:
    if not spec.telemetry:
        return base
    return snapshot.Telemetry(
        otlp_endpoint=spec.telemetry.otlp_endpoint.rstrip("/") if spec.telemetry.otlp_endpoint else base.otlp_endpoint,
        sampling=float(spec.telemetry.sampling),
        capture_content=spec.telemetry.capture_content,
        semconv=spec.telemetry.semconv,
    )


def _limits(spec: ModelGatewaySpec, base: snapshot.Limits) -> snapshot.Limits:
    if not spec.limits:
        return base
    return snapshot.Limits(
        max_body_bytes=spec.limits.max_body_bytes,
        max_in_flight=spec.limits.max_in_flight,
        drain_ms=durations.parse_ms(spec.limits.drain),
    )
