"""A snapshot made ready to run: every look-up built, every reference followed, every secret read into its header.

`Runtime.build` is the gateway's own validation of what it was sent: whatever could fail on a call fails here instead, as a
`BuildError` that names the object and the path in it, and the gateway goes on with what it had. Rules:
- a runtime never changes; a new snapshot or a rotated secret makes another one, and calls in flight keep theirs;
- a secret that is not there is no error: what needs it is left out and `missing` says so;
- nothing is shown of a secret: it lives in prebuilt headers and digests only.
"""

from collections.abc import Iterator, Mapping

from turnout_contract.protocol import NackError
from turnout_contract.snapshot import model as snap
from turnout_sidecar.client_keys import KeyRing
from turnout_sidecar.credentials.identities import Identities
from turnout_sidecar.exchange.call import Caller
from turnout_sidecar.inspection.guards import Guarding, LiveGuard
from turnout_sidecar.matching import LiveRoute, RouteTable
from turnout_sidecar.ports.secrets import Secrets
from turnout_sidecar.provider_ends import PROTOCOLS, provider_end
from turnout_sidecar.routing import LiveBackend, LiveRule, ProviderEnd
from turnout_sidecar.templates.prompts import CompiledPrompt, PromptError, compile_prompt

STRATEGIES = frozenset({"Weighted", "Failover"})


class BuildError(Exception):
    """The snapshot cannot be run. `errors` say what is wrong, and where."""

    def __init__(self, errors: tuple[NackError, ...]) -> None:
        super().__init__("; ".join(f"{error.ref} {error.path}: {error.message}" for error in errors))
        self.errors = errors


class Runtime:
    """What a gateway runs. Made by `build` alone."""

    __slots__ = (
        "_callers",
        "_names",
        "ends",
        "everyone",
        "gateway",
        "guards",
        "keys",
        "masking_key",
        "missing",
        "namespace",
        "prompts",
        "routes",
        "snapshot",
        "version",
    )

    def __init__(
        self,
        snapshot: snap.Snapshot,
        version: str,
        *,
        ends: Mapping[str, ProviderEnd],
        keys: KeyRing,
        routes: RouteTable,
        prompts: Mapping[str, CompiledPrompt],
        guards: Mapping[str, LiveGuard],
        masking_key: bytes,
        missing: tuple[str, ...],
    ) -> None:
        self.snapshot = snapshot
        self.version = version
        self.namespace = snapshot.namespace
        self.gateway = snapshot.gateway
        self.ends = ends
        """Where the calls of each provider go, by its name."""
        self.keys = keys
        self.routes = routes
        self.prompts = prompts
        self.guards = guards
        self.masking_key = masking_key
        self.missing = missing
        """The secret files (NAME/KEY) that are not there, sorted."""
        self.everyone = None if snapshot.gateway.clients else Caller(client=None, team=snapshot.namespace)
        """Who every caller is, where the gateway has no clients."""
        self._callers = {client.name: _caller(client) for client in snapshot.gateway.clients}
        self._names: dict[frozenset[str] | None, tuple[str, ...]] = {}

    @classmethod
    def build(
        cls,
        snapshot: snap.Snapshot,
        version: str,
        secrets: Secrets,
        identities: Identities | None = None,
        guarding: Guarding | None = None,
    ) -> "Runtime":
        """Make it ready; without `identities` no provider that needs one can be used, without `guarding` nothing guarded.

        Raises BuildError.
        """
        errors: list[NackError] = []
        missing: set[str] = set()
        ends = _ends(snapshot, secrets, identities, missing, errors)
        routes = [_route(route, snapshot, ends, errors) for route in snapshot.routes]
        prompts = _prompts(snapshot, errors)
        keys = KeyRing(_client_keys(snapshot.gateway, secrets, missing))
        qdrant = snapshot.gateway.qdrant
        guards = _guards(snapshot, guarding, errors)
        masking_key = _masking_key(snapshot.gateway, secrets, guarding, missing)
        named = (qdrant.api_key, qdrant.ca) if qdrant is not None else ()
        missing.update(file.path for file in named if file is not None and secrets.read(file) is None)
        if errors:
            raise BuildError(tuple(errors))
        return cls(
            snapshot,
            version,
            ends={name: end for name, (_, end) in ends.items()},
            keys=keys,
            routes=RouteTable(routes),
            prompts=prompts,
            guards=guards,
            masking_key=masking_key,
            missing=tuple(sorted(missing)),
        )

    def caller_of(self, client: snap.Client) -> Caller:
        """A client as a caller of whom nothing more is known."""
        return self._callers[client.name]

    def guard_of(self, rule: snap.Rule | None) -> LiveGuard | None:
        """What guards the calls of a rule; None: nothing does."""
        return None if rule is None or rule.guard is None else self.guards[rule.guard]

    def names_for(self, caller: Caller) -> tuple[str, ...]:
        """The exact public names that a caller may use, sorted."""
        found = self._names.get(caller.routes)
        if found is None:
            found = tuple(sorted(name for name, live in self.routes.exact_names() if may_use(caller, live.route)))
            self._names[caller.routes] = found
        return found

    def backends(self) -> Iterator[str]:
        """The names of all backends, `provider/model`."""
        for provider in self.snapshot.providers:
            for model in provider.models:
                yield f"{provider.name}/{model.name}"


def may_use(caller: Caller, route: snap.Route) -> bool:
    """Whether a route is there for this caller at all."""
    return route.visibility == "Public" and (caller.routes is None or route.name in caller.routes)


def _caller(client: snap.Client) -> Caller:
    return Caller(
        client=client.name,
        team=client.team,
        sensitivity=client.sensitivity,
        routes=None if client.routes is None else frozenset(client.routes),
        trust=frozenset(client.trust),
    )


_Ends = dict[str, tuple[snap.Provider, ProviderEnd]]


def _ends(
    snapshot: snap.Snapshot,
    secrets: Secrets,
    identities: Identities | None,
    missing: set[str],
    errors: list[NackError],
) -> _Ends:
    ends: _Ends = {}
    for provider in snapshot.providers:
        ref = f"ModelProvider/{provider.name}"
        if provider.protocol not in PROTOCOLS:
            errors.append(NackError(ref, "spec.protocol", f"{provider.protocol} is not spoken by this gateway"))
            continue
        try:
            ends[provider.name] = (provider, provider_end(provider, secrets, missing, identities))
        except ValueError as error:
            errors.append(NackError(ref, "spec.endpoint", str(error)))
    return ends


def _route(route: snap.Route, snapshot: snap.Snapshot, ends: _Ends, errors: list[NackError]) -> LiveRoute:
    ref = f"ModelRoute/{route.name}"
    rules = []
    for index, rule in enumerate(route.rules):
        path = f"spec.rules[{index}]"
        if rule.strategy not in STRATEGIES:
            errors.append(NackError(ref, f"{path}.strategy", f"{rule.strategy} is not done by this gateway"))
        backends = []
        for place, backend in enumerate(rule.backends):
            live = _backend(rule, backend, ends)
            if live is not None:
                backends.append(live)
            elif not any(error.ref == f"ModelProvider/{backend.provider}" for error in errors):
                what = f"{backend.provider}/{backend.model} is not in the snapshot"
                errors.append(NackError(ref, f"{path}.backendRefs[{place}]", what))
        rules.append(LiveRule(rule, tuple(backends)))
    if route.prompt is not None and all(prompt.name != route.prompt for prompt in snapshot.prompts):
        errors.append(NackError(ref, "spec.promptTemplateRef", f"{route.prompt} is not in the snapshot"))
    return LiveRoute(route, rules)


def _backend(rule: snap.Rule, backend: snap.Backend, ends: _Ends) -> LiveBackend | None:
    found = ends.get(backend.provider)
    if found is None:
        return None
    provider, end = found
    model = next((model for model in provider.models if model.name == backend.model), None)
    return None if model is None else LiveBackend(rule, backend, provider, model, end)


def _prompts(snapshot: snap.Snapshot, errors: list[NackError]) -> dict[str, CompiledPrompt]:
    prompts = {}
    for prompt in snapshot.prompts:
        try:
            prompts[prompt.name] = compile_prompt(prompt)
        except PromptError as error:
            errors.append(NackError(f"PromptTemplate/{prompt.name}", error.path, error.message))
    return prompts


def _guards(snapshot: snap.Snapshot, guarding: Guarding | None, errors: list[NackError]) -> Mapping[str, LiveGuard]:
    """Every guard by its id; a rule whose guard is not there must not run."""
    found: dict[str, LiveGuard] = {}
    for guard in snapshot.guards:
        policies = ", ".join(guard.policies)
        if guarding is None:
            errors.append(NackError(f"GuardrailPolicy/{policies}", "spec", "this gateway has no guardrails"))
            continue
        try:
            found[guard.id] = guarding.live(guard)
        except ValueError as error:
            errors.append(NackError(f"GuardrailPolicy/{policies}", "spec", str(error)))
    known = {guard.id for guard in snapshot.guards}
    for route in snapshot.routes:
        for index, rule in enumerate(route.rules):
            if rule.guard is not None and rule.guard not in known:
                path = f"spec.rules[{index}]"
                errors.append(NackError(f"ModelRoute/{route.name}", path, "its guard is not in the snapshot"))
    return found


def _masking_key(gateway: snap.Gateway, secrets: Secrets, guarding: Guarding | None, missing: set[str]) -> bytes:
    """What placeholders are made with: the namespace's key, else one of this process's own."""
    file = gateway.masking_key
    secret = secrets.read(file) if file is not None else None
    value = secret.reveal() if secret is not None else b""
    if file is not None and not value:
        missing.add(file.path)
    return value or (guarding.random_key if guarding is not None else b"")


def _client_keys(gateway: snap.Gateway, secrets: Secrets, missing: set[str]) -> Iterator[tuple[bytes, snap.Client]]:
    for client in gateway.clients:
        for file in client.keys:
            secret = secrets.read(file)
            value = secret.reveal() if secret is not None else b""
            if value:
                yield value, client
            else:
                missing.add(file.path)
