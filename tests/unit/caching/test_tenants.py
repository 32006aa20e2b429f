"""The wall between tenants: whoever calls, in whatever order, and whatever a store returns, nobody gets another's answer."""

import asyncio
from typing import Any

import msgspec
import numpy as np
import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from doubles.cached_calls import EMBEDDINGS, Provider, Rig, a_call, a_policy, a_runtime, all_of
from gateway_rig import a_route, a_rule, answer
from turnout_sidecar.caching.key import partition_of
from turnout_sidecar.exchange.call import Caller, Exchange, Response
from turnout_sidecar.ports.store import Candidate, Entry
from turnout_sidecar.wire.openai_collect import Collected

QUESTIONS = ("How do I reset my password?", "How can I reset my password?", "Please tell me how to reset my password")
CALLERS = tuple(Caller("app", team, user=user) for team in ("claims", "sales") for user in ("ann", "bob", None))
SCOPES = ("Namespace", "Team", "User")
ROUTES = ("assistant", "helper")
RUNTIMES = {
    (namespace, scope): a_runtime(
        *(a_route(name, a_rule(cache=a_policy(scope=scope))) for name in ROUTES), namespace=namespace
    )
    for namespace in ("ns", "other")
    for scope in SCOPES
}


class Operation(msgspec.Struct, frozen=True):
    """One call."""

    namespace: str
    scope: str
    route: str
    caller: int
    question: int
    stream: bool
    embeddings: bool
    wish: str | None

    def exchange(self) -> Exchange:
        """As it arrives."""
        text = QUESTIONS[self.question]
        body: dict[str, Any] = {"model": self.route, "input": text} if self.embeddings else {
            "model": self.route, "messages": [{"role": "user", "content": text}], "stream": self.stream
        }  # fmt: skip
        return a_call(
            RUNTIMES[self.namespace, self.scope],
            body,
            caller=CALLERS[self.caller],
            endpoint=EMBEDDINGS if self.embeddings else a_call(RUNTIMES["ns", "Team"]).endpoint,
            headers={} if self.wish is None else {"x-turnout-cache": self.wish},
        )

    @property
    def owner(self) -> str:
        """Who may see the answer; a caller that is not known shares with nobody, not even with itself."""
        partition = partition_of(self.namespace, self.route, CALLERS[self.caller], self.scope)
        return "nobody" if partition is None else partition.key


OPERATIONS = st.builds(
    Operation,
    namespace=st.sampled_from(("ns", "other")),
    scope=st.sampled_from(SCOPES),
    route=st.sampled_from(ROUTES),
    caller=st.integers(0, len(CALLERS) - 1),
    question=st.integers(0, len(QUESTIONS) - 1),
    stream=st.booleans(),
    embeddings=st.booleans(),
    wish=st.sampled_from((None, None, None, "no-cache", "no-store")),
)


class Leaky:
    """A store without walls: whatever is asked for, it returns what it has of anybody, also relabelled as the caller's own."""

    def __init__(self, *, relabel: bool) -> None:
        self.entries: list[Entry] = []
        self._relabel = relabel

    async def get(self, partition: str, exact_key: str) -> Entry | None:
        same = [entry for entry in self.entries if entry.exact_key == exact_key]
        return self._as(partition, (same or self.entries)[-1]) if self.entries else None

    async def search(self, partition: str, context_key: str, vector: Any, limit: int) -> list[Candidate]:
        return [Candidate(self._as(partition, entry, context_key), 1.0) for entry in self.entries[-limit:]]

    async def put(self, entry: Entry, vector: np.ndarray | None) -> None:
        self.entries.append(entry)

    def _as(self, partition: str, entry: Entry, context_key: str | None = None) -> Entry:
        if not self._relabel:
            return entry
        return msgspec.structs.replace(entry, partition=partition, context_key=context_key or entry.context_key)


async def _owner_said(response: Response) -> str:
    """Whose answer this is, by its own words."""
    body = response.body
    if body is None:
        collected = Collected()
        collected.feed(await all_of(response))
        body = collected.answer()
    found = orjson.loads(body or b"{}")
    owner: str = found["owner"] if "owner" in found else found["choices"][0]["message"]["content"]
    return owner


async def run(operations: list[Operation], store: Any) -> int:
    """Every answer names its owner; how many came from the cache."""

    def write(exchange: Exchange) -> Response:
        if exchange.endpoint.name == "embeddings":
            return Response(200, body=orjson.dumps({"data": [{"embedding": [1.0]}], "owner": owner}))
        return Response(200, body=answer(owner))

    rig = Rig(store=store, provider=Provider(write))
    hits = 0
    for operation in operations:
        owner = operation.owner
        exchange = operation.exchange()
        response = await rig.ask(exchange)
        given = await _owner_said(response)
        hit = exchange.cache_state in ("exact", "semantic")
        hits += hit
        if hit:
            assert owner != "nobody"
            assert operation.wish != "no-cache"
            assert given == owner
        else:
            assert rig.provider.calls > 0
    return hits


@settings(max_examples=60, deadline=None)
@given(st.lists(OPERATIONS, min_size=2, max_size=24))
def test_no_order_of_calls_gives_anyone_anothers_answer(operations: list[Operation]) -> None:
    asyncio.run(run(operations, None))


@settings(max_examples=50, deadline=None)
@given(st.lists(OPERATIONS, min_size=2, max_size=16), st.booleans())
def test_a_store_that_returns_what_belongs_to_others_gives_nobody_anything_of_theirs(
    operations: list[Operation], relabel: bool
) -> None:
    asyncio.run(run(operations, Leaky(relabel=relabel)))


def test_the_property_above_is_about_a_cache_that_does_answer() -> None:
    one = Operation("ns", "Team", "assistant", 0, 0, False, False, None)
    again = msgspec.structs.replace(one, caller=1, question=1, stream=True)
    elsewhere = [
        msgspec.structs.replace(one, **change)
        for change in ({"namespace": "other"}, {"route": "helper"}, {"caller": 3})
    ]
    assert asyncio.run(run([one, one, again], None)) == 2
    assert asyncio.run(run([one, *elsewhere], None)) == 0
    assert asyncio.run(run([one, one, again], Leaky(relabel=False))) == 2
    assert asyncio.run(run([one, *elsewhere], Leaky(relabel=True))) == 0
