"""Answers from the cache: the same call first, then the same question in other words.

Rules: without a policy, or without knowing who may share the answer, nothing is looked up or kept; what is read is checked
again against the partition and the keys of this very call; an answer is given only if its maker could be asked by this call
now, so that the cache never walks around clearance or capabilities; a semantic hit is for a user's plain text at a low
temperature, without tools, and obeys `caching.verify`. Whatever is wrong with the store or the embedder costs a bounded time and
is a bypass or a miss, never an error. Identical calls that are in flight together each go to a provider.
"""

from collections.abc import Coroutine
from typing import Any, TypeVar

import msgspec
import numpy as np

from turnout_contract.snapshot import model as snap
from turnout_sidecar.caching import verify
from turnout_sidecar.caching.answers import Kept, read
from turnout_sidecar.caching.chat_answers import MAX_CHOICES
from turnout_sidecar.caching.formats import CACHED
from turnout_sidecar.caching.keeper import Keeper, Plan, Tee
from turnout_sidecar.caching.key import Keys, keys_of, partition_of
from turnout_sidecar.caching.replay import Replay
from turnout_sidecar.exchange.call import CacheState, Exchange, Proceed, Response
from turnout_sidecar.exchange.errors import bad_request
from turnout_sidecar.exchange.header_lines import lines
from turnout_sidecar.ports.clock import Clock
from turnout_sidecar.ports.embedder import Embedder, EmbedderUnavailable
from turnout_sidecar.ports.store import CacheStore, Entry, StoreUnavailable
from turnout_sidecar.time_limit import limited, within

T = TypeVar("T")

HEADER = "x-turnout-cache"
STORE_S = 0.05
"""Seconds that all look-ups of one call may take together."""
_LONGER = 1.5
"""The guard in front of a store watches the first look-up itself, and learns from it; this one is for when it is not there."""
EMBED_S = 0.5
"""Seconds that a question's vector may take: about 10 ms on an idle core, and still far less than a model's answer."""
CANDIDATES = 6


class _Call(msgspec.Struct, frozen=True):
    """What is known of a call before it is looked up."""

    keys: Keys
    policy: snap.Cache
    semantic: bool


class LookUpCache:
    """The stage. Writes the cache fields of the exchange; on a hit also backend, usage and what was saved."""

    def __init__(
        self, store: CacheStore, embedder: Embedder, clock: Clock, *, store_s: float = STORE_S, embed_s: float = EMBED_S
    ) -> None:
        self._store = store
        self._embedder = embedder
        self._clock = clock
        self._store_s = store_s
        self._embed_s = embed_s
        self.keeper = Keeper(store, embedder, clock)

    async def __call__(self, exchange: Exchange, proceed: Proceed) -> Response:
        """Raises CallError (400) for a header that it does not know."""
        wishes = _wishes(lines(exchange.headers, HEADER)) if HEADER in exchange.headers else frozenset()
        call = _call(exchange)
        if call is None:
            return await proceed(exchange)
        exchange.exact_key, exchange.context_key = call.keys.exact, call.keys.context
        vector: np.ndarray | None = None
        if "no-cache" in wishes:
            exchange.cache_reason = "no-cache"
        else:
            found, vector = await self._look_up(exchange, call)
            if found is not None:
                return self._hit(exchange, found)
        response = await proceed(exchange)
        if "no-store" not in wishes:
            self._keep(exchange, call, vector, response)
        return response

    async def close(self) -> None:
        """Finish writing, for a bounded time. Store and embedder are closed by their owner."""
        await self.keeper.close()

    async def _look_up(self, exchange: Exchange, call: _Call) -> tuple[Kept | None, np.ndarray | None]:
        """The answer, or None; and the vector of the question, if it was needed."""
        began = self._clock.monotonic_ns()
        vector = None
        try:
            entry = await self._in_time(self._get(call.keys), self._store_s * _LONGER)
            found = None if entry is None else self._read(call, exchange, entry, exact=True)
            if found is not None:
                exchange.cache_state = "exact"
                return found, None
            exchange.cache_state = "miss"
            asked = verify.form(call.keys.question or "") if call.semantic else None
            if asked is None:
                return None, None
            left = self._store_s - (self._clock.monotonic_ns() - began) / 1e9
            vector = await self._vector(call.keys.question or "")
            if vector is None:
                exchange.cache_reason = "embedder"
                return None, None
            found = await self._near(exchange, call, asked, vector, max(left, 0.001))
        except StoreUnavailable as error:
            exchange.cache_state, exchange.cache_reason = "bypass", f"store-{error.why}"
            return None, vector
        if found is not None:
            exchange.cache_state = "semantic"
        return found, vector

    async def _get(self, keys: Keys) -> Entry | None:
        if self.keeper.delays(keys):
            await self.keeper.hurry(keys)
        return await self._store.get(keys.partition, keys.exact)

    async def _near(
        self, exchange: Exchange, call: _Call, asked: verify.Form, vector: np.ndarray, seconds: float
    ) -> Kept | None:
        """The nearest entry whose question is the same."""
        keys = call.keys
        found = await self._in_time(self._store.search(keys.partition, keys.context, vector, CANDIDATES), seconds)
        for candidate in sorted(found, key=lambda candidate: -candidate.score)[:CANDIDATES]:
            if verify.may_serve(candidate.score, asked, candidate.entry.question):
                kept = self._read(call, exchange, candidate.entry, exact=False)
                if kept is not None:
                    return kept
        return None

    async def _in_time(self, work: Coroutine[Any, Any, T], seconds: float) -> T:
        try:
            return await limited(work, seconds)
        except TimeoutError:
            raise StoreUnavailable("timeout") from None

    async def _vector(self, question: str) -> np.ndarray | None:
        try:
            with within(self._embed_s):
                rows = await self._embedder.embed([question])
        except (EmbedderUnavailable, TimeoutError):
            return None
        first: np.ndarray = rows[0]
        return first

    def _read(self, call: _Call, exchange: Exchange, entry: Entry, *, exact: bool) -> Kept | None:
        now, ttl = self._clock.unix_ns() / 1e9, call.policy.ttl_ms / 1000
        kept = read(entry, call.keys, exchange.endpoint.name, now_s=now, ttl_s=ttl, exact=exact)
        if kept is None or not _its_own(exchange, kept):
            return None
        makers = exchange.live_rule.eligible(exchange.needs, exchange.sensitivity)
        return kept if any(backend.name == kept.backend for backend in makers) else None

    def _hit(self, exchange: Exchange, kept: Kept) -> Response:
        exchange.response_backend = kept.backend
        exchange.usage = kept.usage
        exchange.saved_nano = kept.cost_nano
        exchange.dropped = kept.dropped
        if exchange.masks is not None:
            table = exchange.masks.table
            table.given.update(kept.given)
            table.kept = kept.given
        cached = CACHED[exchange.endpoint.name]
        body = cached.renewed(kept.body, exchange.id, self._clock.unix_ns() // 1_000_000_000)
        if exchange.stream:
            headers = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"}
            return Response(200, headers=headers, stream=Replay(cached.frames(body, exchange.include_usage)))
        return Response(200, headers={"content-type": "application/json"}, body=body)

    def _keep(self, exchange: Exchange, call: _Call, vector: np.ndarray | None, response: Response) -> None:
        if response.status != 200:  # noqa: PLR2004
            return
        plan = Plan(call.keys, call.policy.ttl_ms / 1000, call.semantic, vector)
        if response.stream is not None:
            response.stream = Tee(response.stream, exchange, plan, self.keeper)
        elif response.body is not None:
            self.keeper.body(exchange, plan, response.body)


def _its_own(exchange: Exchange, kept: Kept) -> bool:
    """Whether what is masked in an answer is what this call masks itself: another one's placeholder would never resolve.

    What was masked in the answer itself is nobody's to resolve, and stays as it was.
    """
    return exchange.masks is None or exchange.masks.known(kept.body.decode("utf-8", "surrogateescape"), kept.given)


def _wishes(said: list[str]) -> frozenset[str]:
    wishes = frozenset(part.strip().lower() for line in said for part in line.split(","))
    if not wishes <= {"no-cache", "no-store"}:
        raise bad_request(f"{HEADER} takes no-cache and no-store.", param=HEADER, code="invalid_header")
    return wishes


def _call(exchange: Exchange) -> _Call | None:
    """None: nothing is looked up or kept, and `cache_reason` says why. The state is then bypass."""
    state: CacheState = "bypass"
    exchange.cache_state = state
    route, rule, caller = exchange.route, exchange.rule, exchange.caller
    policy = rule.cache if rule is not None else None
    if route is None or rule is None or caller is None or policy is None:
        exchange.cache_reason = "no-policy"
        return None
    partition = partition_of(exchange.runtime.namespace, route.name, caller, policy.scope)
    if partition is None:
        exchange.cache_reason = "no-user"
        return None
    body = exchange.body
    if (
        exchange.endpoint.name not in CACHED
        or "Audio" in exchange.needs
        or (
            exchange.endpoint.format == "responses" and "Responses" in exchange.needs
        )  # it leans on what a provider keeps
        or (exchange.endpoint.name == "chat" and (body.get("n") or 1) > MAX_CHOICES)
    ):
        exchange.cache_reason = "not-cacheable"
        return None
    keys = keys_of(exchange, route, rule, partition)
    return _Call(keys, policy, _semantic(exchange, keys, policy))


def _semantic(exchange: Exchange, keys: Keys, policy: snap.Cache) -> bool:
    """Whether another question's answer could be given at all.

    An answer that its provider stores is not: whoever has its id could go on from it, and learn how another one had asked.
    """
    body = exchange.body
    if exchange.endpoint.format == "responses" and body.get("store") is not False:
        return False
    if not policy.semantic or keys.question is None or body.get("tools") or body.get("functions"):
        return False
    temperature = body.get("temperature")
    return temperature is None or bool(temperature <= policy.max_temperature)
