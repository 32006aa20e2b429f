"""Which backends may answer a call, and in which order they are asked. Pure: no IO, chance comes in as dice.

First eligibility, then choice: a backend that lacks what the call needs, is not cleared for its data or processes it in
the wrong place is never a candidate, whatever the strategy. Rules:
- all that can be known of a backend before a call is worked out when a snapshot is built, and what depends only on needs
  and sensitivity is worked out once for each pair, so that a call does a look-up;
- whoever is left out has a reason, which a 503 tells;
- Weighted is sticky by outcome, else by user: weighted rendezvous hashing, by which a change of weights moves few.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from hashlib import blake2b
from typing import Any

import msgspec
import orjson

from turnout_contract.api.meta import SENSITIVITIES, Sensitivity, Tier
from turnout_contract.snapshot import model as snap
from turnout_sidecar.exchange.call import Exchange
from turnout_sidecar.exchange.errors import CallError
from turnout_sidecar.ports.clock import Dice
from turnout_sidecar.ports.upstream import Target, UpstreamRequest
from turnout_sidecar.sizes import input_tokens, output_limit
from turnout_sidecar.wire.registry import FORMATS, OPENAI, spoken

_HIDDEN = "[hidden]"
_TELLING = 8
"""Characters of a secret that nobody should see together."""
NOBODY = "no_eligible_backend"
"""The code of the error that nobody may answer."""
_TIERS: dict[Tier, int] = {"Small": 0, "Mid": 1, "Frontier": 2}
RANK: dict[Sensitivity, int] = {name: rank for rank, name in enumerate(SENSITIVITIES)}


class ProviderEnd(msgspec.Struct, frozen=True):
    """Where a provider's calls go. `headers` hold its credentials; `unusable` says why none can go there.

    `hidden` are all its secret values; `sign` is the last hand on a request whose credentials depend on it; `address`
    makes a path of one that a format wrote and of the model, where the provider has its own way with paths.
    """

    target: Target
    path: str
    headers: tuple[tuple[str, str], ...]
    unusable: str | None = None
    hidden: Iterable[str] = ()
    sign: Callable[[UpstreamRequest], UpstreamRequest] | None = None
    address: Callable[[str, str], str] | None = None

    def path_of(self, written: str, model: str) -> str:
        """The whole path, query included, of a call whose format wrote `written` (such as "/chat/completions")."""
        return self.path + (written if self.address is None else self.address(written, model))

    def without_credentials(self, text: str) -> str:
        """What a provider said, without the credentials that it was sent: some repeat them in their errors."""
        secrets = tuple(self.hidden)
        for secret in secrets:
            text = text.replace(secret, _HIDDEN)
        for secret in secrets:
            text = _without_beginning(text, secret)
        return text

    def __repr__(self) -> str:
        return f"ProviderEnd({self.target.origin}{self.path})"


def _without_beginning(text: str, secret: str) -> str:
    """Without so much of the beginning of the secret as is there: a long message is cut somewhere."""
    head = secret[:_TELLING]
    at = text.find(head)
    while at >= 0:
        size = len(head)
        while size < len(secret) and text[at + size : at + size + 1] == secret[size]:
            size += 1
        text = f"{text[:at]}{_HIDDEN}{text[at + size :]}"
        at = text.find(head, at + len(_HIDDEN))
    return text


class LiveBackend:
    """A backend of a rule, ready to be asked. `why_not`: what rules it out for every call of the rule."""

    __slots__ = (
        "_spoken",
        "capabilities",
        "clearance",
        "end",
        "model",
        "model_json",
        "name",
        "provider",
        "weight",
        "why_not",
    )

    def __init__(
        self, rule: snap.Rule, backend: snap.Backend, provider: snap.Provider, model: snap.Model, end: ProviderEnd
    ):
        self.name = f"{provider.name}/{model.name}"
        self.provider = provider
        self.model = model
        self.end = end
        self.weight = backend.weight
        self.capabilities = frozenset(model.capabilities)
        if provider.protocol not in OPENAI:
            self.capabilities -= {"Embeddings"}  # there is one format for them, and it is OpenAI's
        if "Responses" in self.capabilities:
            self.capabilities |= {"Chat"}  # it chats, if only in the other protocol
        self._spoken = {asked: spoken(provider.protocol, frozenset(model.capabilities), asked) for asked in FORMATS}
        self.clearance = RANK[provider.clearance]
        self.model_json = orjson.dumps(model.name)
        self.why_not = self._ruled_out(rule)

    def _ruled_out(self, rule: snap.Rule) -> str | None:
        if self.end.unusable is not None:
            return self.end.unusable
        lacking = [name for name in rule.capabilities if name not in self.capabilities]
        if lacking:
            return f"lacks {', '.join(lacking)}, which the rule requires"
        if rule.residency and not set(rule.residency) & set(self.provider.residency):
            return f"does not process data in {' or '.join(rule.residency)}, which the rule requires"
        if rule.strategy == "Weighted" and self.weight == 0:
            return "is drained (weight 0)"
        return None

    def lacks(self, needs: frozenset[str], sensitivity: Sensitivity) -> str | None:
        """Why it may not answer a call with these needs and this sensitivity, or None."""
        if self.why_not is not None:
            return self.why_not
        missing = needs - self.capabilities
        if missing:
            return f"lacks {', '.join(sorted(missing))}"
        if RANK[sensitivity] > self.clearance:
            return f"is cleared for {self.provider.clearance}, the call is {sensitivity}"
        return None

    def spoken(self, asked: str) -> str:
        """The format in which it is asked, for a call that came in the format `asked`."""
        return self._spoken[asked]

    @property
    def bounded(self) -> bool:
        """Whether the size of a call matters."""
        return self.model.context_window is not None or self.model.max_output_tokens is not None


class LiveRule:
    """A rule with its backends."""

    __slots__ = ("_eligible", "backends", "bounded", "rule")

    def __init__(self, rule: snap.Rule, backends: tuple[LiveBackend, ...]) -> None:
        self.rule = rule
        self.backends = backends
        self.bounded = any(backend.bounded for backend in backends)
        self._eligible: dict[tuple[frozenset[str], Sensitivity], tuple[LiveBackend, ...]] = {}

    def eligible(self, needs: frozenset[str], sensitivity: Sensitivity) -> tuple[LiveBackend, ...]:
        """The backends that may answer by capability, clearance and residency, in the rule's order."""
        key = (needs, sensitivity)
        found = self._eligible.get(key)
        if found is None:
            found = tuple(backend for backend in self.backends if backend.lacks(needs, sensitivity) is None)
            self._eligible[key] = found
        return found


def candidates(exchange: Exchange) -> tuple[LiveBackend, ...]:
    """Who may answer this call. Raises CallError (503), naming each backend and why not, where nobody may."""
    rule: LiveRule = exchange.live_rule
    found = rule.eligible(exchange.needs, exchange.sensitivity)
    if exchange.above_tier is not None:
        found = tuple(backend for backend in found if _too_weak(exchange, backend) is None)
    if rule.bounded and found:
        found = _that_fit(exchange, found)
    if not found:
        raise _nobody(exchange, rule)
    return found


def order(exchange: Exchange, found: tuple[LiveBackend, ...], dice: Dice) -> Iterator[LiveBackend]:
    """The backends in the order to ask them; a Weighted rule draws one, and once more among the rest."""
    if exchange.live_rule.rule.strategy == "Failover":
        yield from found
        return
    first = _draw(exchange, found, dice)
    yield first
    rest = tuple(backend for backend in found if backend is not first)
    if rest:
        yield _draw(exchange, rest, dice)


def _draw(exchange: Exchange, found: tuple[LiveBackend, ...], dice: Dice) -> LiveBackend:
    if len(found) == 1:
        return found[0]
    caller = exchange.caller
    sticky = (caller.outcome_id or caller.user) if caller is not None else None
    if sticky is not None and exchange.route is not None:
        return _rendezvous(f"{exchange.route.name}\0{exchange.live_rule.rule.name}\0{sticky}\0", found)
    point = dice.random() * sum(backend.weight for backend in found)
    for backend in found:
        point -= backend.weight
        if point < 0:
            return backend
    return found[-1]


def _rendezvous(key: str, found: tuple[LiveBackend, ...]) -> LiveBackend:
    """Each backend draws a number from the key; the one with the largest weighted number wins (-weight / ln u)."""

    def score(backend: LiveBackend) -> float:
        digest = blake2b((key + backend.name).encode(), digest_size=8).digest()
        uniform = (int.from_bytes(digest) + 0.5) / 2**64
        return -backend.weight / math.log(uniform)

    return max(found, key=score)


def _too_weak(exchange: Exchange, backend: LiveBackend) -> str | None:
    """Why a model is none of those that are asked because a weaker one did not do."""
    above = exchange.above_tier
    if above is None or _TIERS[backend.model.tier] > _TIERS[above]:
        return None
    return f"is of tier {backend.model.tier}, and one above {above} is wanted"


def _that_fit(exchange: Exchange, found: tuple[LiveBackend, ...]) -> tuple[LiveBackend, ...]:
    """Those whose window and output limit the call fits, looked at closely only where it might not."""
    asked = output_limit(exchange) or 0
    at_most = len(exchange.raw)  # a token is a byte at least
    if exchange.prompt is None and all(_fits(backend.model, at_most, asked) is None for backend in found):
        return found
    size = input_tokens(exchange)
    return tuple(backend for backend in found if _fits(backend.model, size, asked) is None)


def _fits(model: snap.Model, size: int, asked: int) -> str | None:
    if model.max_output_tokens is not None and asked > model.max_output_tokens:
        return f"gives at most {model.max_output_tokens} tokens, the call asks for {asked}"
    if model.context_window is not None and size + asked > model.context_window:
        return f"has a window of {model.context_window} tokens, the call needs about {size + asked}"
    return None


def _nobody(exchange: Exchange, rule: LiveRule) -> CallError:
    asked, size = output_limit(exchange) or 0, input_tokens(exchange)
    reasons: dict[str, Any] = {}
    for backend in rule.backends:
        why = backend.lacks(exchange.needs, exchange.sensitivity) or _too_weak(exchange, backend)
        why = why or _fits(backend.model, size, asked)
        reasons[backend.name] = why or "does not fit"
    said = "; ".join(f"{name} {why}" for name, why in reasons.items())
    route = exchange.route.name if exchange.route is not None else ""
    message = f"No backend of route {route}, rule {rule.rule.name}, may answer this call: {said}."
    return CallError(503, NOBODY, message, details={"candidates": reasons})
