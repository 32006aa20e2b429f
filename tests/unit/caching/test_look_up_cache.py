"""The cache stage: what is served, what is kept, and what happens when store or embedder do not do their part."""

import asyncio
from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson
import pytest

from doubles.cached_calls import (
    ANN,
    EMBEDDINGS,
    Frames,
    Provider,
    Rig,
    WordEmbedder,
    a_call,
    a_policy,
    a_runtime,
    all_of,
)
from gateway_rig import DONE, USAGE, a_model, a_provider, a_route, a_rule, answer, delta, event
from turnout_sidecar.endpoints import RESPONSES
from turnout_sidecar.exchange.call import Caller, Exchange, Response
from turnout_sidecar.exchange.errors import CallError
from turnout_sidecar.ports.embedder import EmbedderUnavailable
from turnout_sidecar.ports.store import Candidate, Entry, Partition, StoreUnavailable, team_scope
from turnout_sidecar.stages.resolve_route import resolve_route

ASKED = "How do I reset my password?"
OTHERWISE = "Please tell me how to reset my password"


def body(text: str = ASKED, **members: Any) -> dict[str, Any]:
    return {"model": "assistant", "messages": [{"role": "user", "content": text}], **members}


def streamed(text: str = ASKED, **members: Any) -> dict[str, Any]:
    return body(text, stream=True, **members)


async def test_the_same_call_is_answered_from_the_cache() -> None:
    rig, runtime = Rig(), a_runtime()
    first = a_call(runtime, ASKED)
    assert await rig.text(first) == "answer 1"
    assert (first.cache_state, first.saved_nano, first.cache_reason) == ("miss", None, "")
    again = a_call(runtime, ASKED, number=2)
    response = await rig.ask(again)
    assert again.cache_state == "exact"
    assert (again.response_backend, again.saved_nano, again.attempts) == ("openai/gpt", 20_000, [])
    assert again.usage == first.usage
    assert response.body is not None
    found = orjson.loads(response.body)
    assert found["choices"][0]["message"]["content"] == "answer 1"
    assert found["id"] == f"chatcmpl-{again.id}"
    assert response.headers["content-type"] == "application/json"
    assert rig.provider.calls == 1
    assert (again.exact_key, again.context_key) == (first.exact_key, first.context_key)


async def test_the_same_question_in_other_words_is_answered_from_the_cache() -> None:
    rig, runtime = Rig(), a_runtime()
    await rig.ask(a_call(runtime, ASKED))
    call = a_call(runtime, OTHERWISE)
    assert await rig.text(call) == "answer 1"
    assert (call.cache_state, call.response_backend, call.saved_nano) == ("semantic", "openai/gpt", 20_000)


@pytest.mark.parametrize("text", ["How do I reset my username?", "How do I not reset my password?", "elsewhere"])
async def test_another_question_is_not_however_near_its_vector_is(text: str) -> None:
    rig, runtime = Rig(), a_runtime()
    await rig.ask(a_call(runtime, ASKED))
    assert await rig.text(a_call(runtime, text)) == "answer 2"


async def test_a_question_below_the_threshold_is_not_even_with_the_same_words() -> None:
    class Sloped(WordEmbedder):
        async def embed(self, texts: Sequence[str]) -> np.ndarray:
            rows = [[0.969, (1 - 0.969**2) ** 0.5, 0, 0] if text == OTHERWISE else [1, 0, 0, 0] for text in texts]
            return np.array(rows, np.float32)

    rig, runtime = Rig(embedder=Sloped()), a_runtime()
    await rig.ask(a_call(runtime, ASKED))
    assert await rig.text(a_call(runtime, OTHERWISE)) == "answer 2"


@pytest.mark.parametrize(
    ("policy", "members"),
    [
        ({"semantic": False}, {}),
        ({}, {"temperature": 0.1}),
        ({}, {"tools": [{"type": "function", "function": {"name": "f"}}]}),
        ({}, {"functions": [{"name": "f"}]}),
    ],
)
async def test_what_is_not_for_a_semantic_answer_is_still_for_an_exact_one(
    policy: dict[str, Any], members: dict[str, Any]
) -> None:
    rig, runtime = Rig(), a_runtime(**policy)
    assert await rig.text(a_call(runtime, body(**members))) == "answer 1"
    assert await rig.text(a_call(runtime, body(OTHERWISE, **members))) == "answer 2"
    assert await rig.text(a_call(runtime, body(**members))) == "answer 1"
    assert rig.embedder.asked == []


@pytest.mark.parametrize(("store", "state"), [({"store": False}, "semantic"), ({"store": True}, "miss"), ({}, "miss")])
async def test_a_stored_response_is_not_for_who_asked_in_other_words(store: dict[str, bool], state: str) -> None:
    message = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "x"}]}
    told = orjson.dumps({"id": "resp_1", "object": "response", "status": "completed", "output": [message]})
    rig, runtime = Rig(provider=Provider(lambda _: Response(200, body=told))), a_runtime()
    await rig.ask(a_call(runtime, {"model": "assistant", "input": ASKED, **store}, endpoint=RESPONSES))
    call = a_call(runtime, {"model": "assistant", "input": OTHERWISE, **store}, endpoint=RESPONSES)
    await rig.ask(call)
    assert call.cache_state == state


async def test_a_temperature_that_the_policy_allows_is_served_semantically() -> None:
    rig, runtime = Rig(), a_runtime(max_temperature=0.5)
    await rig.ask(a_call(runtime, body(temperature=0.5)))
    call = a_call(runtime, body(OTHERWISE, temperature=0.5))
    await rig.ask(call)
    assert call.cache_state == "semantic"


async def test_a_conversation_is_served_only_where_all_that_went_before_is_the_same() -> None:
    def talk(first: str, last: str) -> dict[str, Any]:
        turns = [("system", "Be brief."), ("user", first), ("assistant", "Well."), ("user", last)]
        return {"model": "assistant", "messages": [{"role": role, "content": text} for role, text in turns]}

    rig, runtime = Rig(), a_runtime()
    await rig.ask(a_call(runtime, talk("Hello", ASKED)))
    assert await rig.text(a_call(runtime, talk("Hello", OTHERWISE))) == "answer 1"
    assert await rig.text(a_call(runtime, talk("Hello!", OTHERWISE))) == "answer 2"


async def test_what_could_never_match_costs_no_vector() -> None:
    rig, runtime = Rig(), a_runtime()
    for text in ("Translate: the cat", "x = f(a)", "line\nline"):
        await rig.ask(a_call(runtime, text))
    assert rig.embedder.asked == []
    await rig.ask(a_call(runtime, ASKED))
    assert rig.embedder.asked == [ASKED]
    await rig.ask(a_call(runtime, ASKED))
    assert rig.embedder.asked == [ASKED]


async def test_embeddings_are_exact_only() -> None:
    data = orjson.dumps({"object": "list", "data": [{"embedding": [1.0]}]})
    rig, runtime = Rig(provider=Provider(lambda _: Response(200, body=data))), a_runtime()

    def call(text: str) -> Exchange:
        return a_call(runtime, {"model": "assistant", "input": text}, endpoint=EMBEDDINGS)

    await rig.ask(call(ASKED))
    again = call(ASKED)
    response = await rig.ask(again)
    assert (again.cache_state, response.body) == ("exact", data)
    other = call(OTHERWISE)
    await rig.ask(other)
    assert other.cache_state == "miss"
    assert rig.embedder.asked == []


async def test_without_a_policy_or_a_user_under_scope_user_the_cache_is_passed_by() -> None:
    rig = Rig()
    bare = a_call(a_runtime(a_route("assistant", a_rule())), ASKED)
    await rig.ask(bare)
    assert (bare.cache_state, bare.cache_reason) == ("bypass", "no-policy")
    for _ in range(2):
        nobody = a_call(a_runtime(scope="User"), ASKED, caller=Caller("app", "claims"))
        await rig.ask(nobody)
        assert (nobody.cache_state, nobody.cache_reason) == ("bypass", "no-user")
    assert rig.provider.calls == 3


async def test_audio_and_very_many_choices_are_passed_by() -> None:
    rig, runtime = Rig(), a_runtime()
    for members in ({"modalities": ["text", "audio"]}, {"n": 100}):
        call = a_call(runtime, body(**members))
        await rig.ask(call)
        assert (call.cache_state, call.cache_reason) == ("bypass", "not-cacheable")


async def test_no_cache_asks_anew_and_keeps_the_new_answer() -> None:
    rig, runtime = Rig(), a_runtime()
    await rig.ask(a_call(runtime, ASKED))
    call = a_call(runtime, ASKED, headers={"x-turnout-cache": "no-cache"})
    assert await rig.text(call) == "answer 2"
    assert (call.cache_state, call.cache_reason) == ("bypass", "no-cache")
    assert await rig.text(a_call(runtime, ASKED)) == "answer 2"
    assert await rig.text(a_call(runtime, OTHERWISE)) == "answer 2"


async def test_no_store_looks_up_and_keeps_nothing() -> None:
    rig, runtime = Rig(), a_runtime()
    call = a_call(runtime, ASKED, headers={"x-turnout-cache": "no-store"})
    await rig.ask(call)
    assert call.cache_state == "miss"
    assert await rig.text(a_call(runtime, ASKED)) == "answer 2"
    again = a_call(runtime, ASKED, headers={"x-turnout-cache": "no-store"})
    assert await rig.text(again) == "answer 2"
    both = a_call(runtime, ASKED, headers={"x-turnout-cache": "No-Cache, no-store"})
    assert await rig.text(both) == "answer 3"
    assert await rig.text(a_call(runtime, ASKED)) == "answer 2"


@pytest.mark.parametrize("value", ["", "yes", "no-cache; x", "nocache", "no-cache,,"])
async def test_another_wish_is_a_bad_request(value: str) -> None:
    with pytest.raises(CallError) as raised:
        await Rig().ask(a_call(a_runtime(), ASKED, headers={"x-turnout-cache": value}))
    assert (raised.value.status, raised.value.param) == (400, "x-turnout-cache")


async def test_an_answer_lives_as_long_as_the_policy_says_now() -> None:
    rig = Rig()
    await rig.ask(a_call(a_runtime(), ASKED))
    rig.clock.advance(1800)
    assert await rig.text(a_call(a_runtime(), ASKED)) == "answer 1"
    assert await rig.text(a_call(a_runtime(ttl_ms=60_000), ASKED)) == "answer 2"
    rig.clock.advance(3601)
    assert await rig.text(a_call(a_runtime(), ASKED)) == "answer 3"


@pytest.mark.parametrize(
    "bad",
    [
        Response(500, body=b"{}"),
        Response(201, body=answer()),
        Response(200, body=b"no json"),
        Response(200, body=answer(choices=[])),
        Response(200, body=answer(choices=[{"message": {"content": "cut"}, "finish_reason": "length"}])),
        Response(200, body=answer(choices=[{"message": {"content": None, "tool_calls": [{}]}, "finish_reason": "tool_calls"}])),
    ],
)  # fmt: skip
async def test_what_is_no_good_answer_is_given_and_not_kept(bad: Response) -> None:
    rig, runtime = Rig(provider=Provider(lambda _: bad)), a_runtime()
    for _ in range(2):
        assert await rig.ask(a_call(runtime, ASKED)) is bad
    assert rig.provider.calls == 2


async def test_an_error_of_a_provider_is_passed_on_and_not_kept() -> None:
    def fails(_: Exchange) -> Response:
        raise CallError(502, "upstream_error", "no")

    rig, runtime = Rig(provider=Provider(fails)), a_runtime()
    for _ in range(2):
        with pytest.raises(CallError):
            await rig.ask(a_call(runtime, ASKED))
    assert rig.provider.calls == 2


async def test_the_answer_to_a_body_that_can_be_read_in_two_ways_is_not_kept() -> None:
    rig, runtime = Rig(), a_runtime()
    raw = (
        b'{"model":"assistant","messages":[{"role":"user","content":"poison","content":"How do I reset my password?"}]}'
    )
    await rig.ask(a_call(runtime, ASKED, raw=raw))
    assert await rig.text(a_call(runtime, ASKED)) == "answer 2"


async def test_a_call_is_not_answered_by_a_backend_that_it_could_not_ask() -> None:
    house = a_provider("house", clearance="Restricted")
    runtime = a_runtime(
        a_route("assistant", a_rule("openai/gpt", "house/gpt", cache=a_policy())), providers=(a_provider(), house)
    )
    rig = Rig()
    await rig.ask(a_call(runtime, ASKED))
    assert await rig.text(a_call(runtime, ASKED)) == "answer 1"
    lowered = (a_provider(clearance="Public"), house)
    stricter = a_runtime(a_route("assistant", a_rule("openai/gpt", "house/gpt", cache=a_policy())), providers=lowered)
    assert await rig.text(a_call(stricter, ASKED)) == "answer 2"
    blind = (a_provider("openai", a_model(capabilities=("Embeddings",))), house)
    lacking = a_runtime(a_route("assistant", a_rule("openai/gpt", "house/gpt", cache=a_policy())), providers=blind)
    assert await rig.text(a_call(lacking, OTHERWISE)) == "answer 3"


async def test_an_answer_for_sensitive_data_is_for_such_calls_alone() -> None:
    house = a_provider("openai", clearance="Restricted")
    secret = a_runtime(a_route("assistant", a_rule(cache=a_policy()), sensitivity="Confidential"), providers=(house,))
    usual = a_runtime(a_route("assistant", a_rule(cache=a_policy())), providers=(house,))
    rig = Rig()
    await rig.ask(a_call(secret, ASKED))
    assert await rig.text(a_call(usual, ASKED)) == "answer 2"
    assert await rig.text(a_call(secret, ASKED)) == "answer 1"


STREAM = [delta(), delta("Hel"), delta("lo"), delta(finish="stop")]


def streaming(pieces: Sequence[bytes], *, broken: bool = False) -> Provider:
    return Provider(lambda exchange: Response(200, stream=Frames(exchange, pieces, broken=broken)))


async def test_a_stream_is_kept_at_its_end_and_replayed_as_a_stream_and_as_a_whole() -> None:
    rig, runtime = Rig(provider=streaming([*STREAM, DONE])), a_runtime()
    first = await rig.ask(a_call(runtime, streamed()))
    assert await all_of(first) == b"".join([*STREAM, DONE])
    await rig.stage.keeper.settled()
    again = a_call(runtime, streamed(), number=7)
    stream = await all_of(await rig.ask(again))
    assert again.cache_state == "exact"
    assert stream.endswith(DONE)
    assert b'"usage"' not in stream
    assert again.id.encode() in stream
    whole = a_call(runtime, ASKED)
    assert await rig.text(whole) == "Hello"
    assert whole.cache_state == "exact"
    assert rig.provider.calls == 1


async def test_usage_of_a_stream_is_kept_though_its_chunk_was_taken_out() -> None:
    rig, runtime = Rig(provider=streaming([*STREAM, DONE])), a_runtime()
    await all_of(await rig.ask(a_call(runtime, streamed())))
    await rig.stage.keeper.settled()
    stream = await all_of(await rig.ask(a_call(runtime, streamed(stream_options={"include_usage": True}))))
    last = orjson.loads(stream.split(b"\n\n")[-3].removeprefix(b"data: "))
    assert last["usage"] == {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    assert last["choices"] == []


async def test_a_whole_answer_is_replayed_as_a_stream() -> None:
    rig, runtime = Rig(), a_runtime()
    await rig.ask(a_call(runtime, ASKED))
    call = a_call(runtime, streamed(OTHERWISE))
    response = await rig.ask(call)
    assert call.cache_state == "semantic"
    assert response.headers["content-type"].startswith("text/event-stream")
    assert b"answer 1" in await all_of(response)


@pytest.mark.parametrize(
    ("pieces", "broken"),
    [
        (STREAM[:2], True),
        ([*STREAM[:3], DONE], False),
        ([*STREAM[:3], delta(finish="length"), DONE], False),
        ([event({"error": {"message": "x"}}), DONE], True),
        ([*STREAM[:3], b"data: not json\n\n", delta(finish="stop"), DONE], False),
        ([event({"choices": [{"delta": {"tool_calls": [{"index": 0, "id": "1"}]}}]}), delta(finish="stop"), DONE], False),
        ([delta("x"), event({"choices": [{"delta": {"annotations": [{"u": 1}]}}]}), delta(finish="stop"), DONE], False),
        ([delta("x" * 3_000_000), delta(finish="stop"), DONE], False),
        ([USAGE, DONE], False),
        ([DONE], False),
        ([], False),
    ],
)  # fmt: skip
async def test_a_stream_that_is_no_whole_good_answer_is_not_kept(pieces: list[bytes], broken: bool) -> None:
    rig, runtime = Rig(provider=streaming(pieces, broken=broken)), a_runtime()
    assert await all_of(await rig.ask(a_call(runtime, streamed()))) == b"".join(pieces)
    await rig.stage.keeper.settled()
    again = a_call(runtime, streamed())
    await rig.ask(again)
    assert again.cache_state == "miss"


async def test_a_stream_that_is_left_is_closed_below_and_not_kept() -> None:
    inner: list[Frames] = []

    def write(exchange: Exchange) -> Response:
        inner.append(Frames(exchange, [*STREAM, DONE]))
        return Response(200, stream=inner[0])

    rig, runtime = Rig(provider=Provider(write)), a_runtime()
    for read_first in (0, 2):
        response = await rig.ask(a_call(runtime, streamed()))
        assert response.stream is not None
        for _ in range(read_first):
            await response.stream.__anext__()
        await response.stream.aclose()
        await response.stream.aclose()
        assert inner.pop().closed
    await rig.stage.keeper.settled()
    assert await rig.memory.partition_counts(10) == []


class BadStore:
    """A store that does what a test says instead of its work."""

    def __init__(self, *, get: Any = None, search: Any = None, put: Any = None) -> None:
        self.get_does, self.search_does, self.put_does = get, search, put

    async def get(self, partition: str, exact_key: str) -> Entry | None:
        entry: Entry | None = await self._do(self.get_does, None)
        return entry

    async def search(self, partition: str, context_key: str, vector: Any, limit: int) -> list[Candidate]:
        found: list[Candidate] = await self._do(self.search_does, [])
        return found

    async def put(self, entry: Entry, vector: Any) -> None:
        await self._do(self.put_does, None)

    async def _do(self, what: Any, usual: Any) -> Any:
        if isinstance(what, Exception):
            raise what
        if what == "hang":
            await asyncio.Event().wait()
        return usual if what is None else what


@pytest.mark.parametrize(
    ("store", "reason"),
    [
        (BadStore(get=StoreUnavailable("open")), "store-open"),
        (BadStore(get="hang"), "store-timeout"),
        (BadStore(search=StoreUnavailable("failed", "with details")), "store-failed"),
        (BadStore(search="hang"), "store-timeout"),
    ],
)
async def test_a_store_that_is_down_or_slow_is_passed_by(store: BadStore, reason: str) -> None:
    rig = Rig(store=store)
    call = a_call(a_runtime(), ASKED)
    assert await rig.text(call) == "answer 1"
    assert (call.cache_state, call.cache_reason) == ("bypass", reason)


@pytest.mark.parametrize("trouble", [StoreUnavailable("busy"), RuntimeError("a fault"), ValueError("another")])
async def test_an_answer_that_cannot_be_kept_is_still_given(trouble: Exception) -> None:
    call = a_call(a_runtime(), ASKED)
    assert await Rig(store=BadStore(put=trouble)).text(call) == "answer 1"
    assert call.cache_state == "miss"


class BadEmbedder(WordEmbedder):
    """Hangs or refuses while a call waits; `later` it works."""

    def __init__(self, trouble: str, *, later: bool = False) -> None:
        super().__init__()
        self._trouble = trouble
        self._later = later

    async def embed(self, texts: Sequence[str]) -> np.ndarray:
        first = not self.asked
        self.asked += texts
        if first or not self._later:
            if self._trouble == "hang":
                await asyncio.Event().wait()
            raise EmbedderUnavailable(self._trouble)
        return await WordEmbedder().embed(texts)


@pytest.mark.parametrize("trouble", ["hang", "busy"])
async def test_an_embedder_that_is_slow_or_away_is_a_miss_and_the_exact_cache_still_works(trouble: str) -> None:
    rig, runtime = Rig(embedder=BadEmbedder(trouble, later=True)), a_runtime()
    first = a_call(runtime, ASKED)
    assert await rig.text(first) == "answer 1"
    assert (first.cache_state, first.cache_reason) == ("miss", "embedder")
    assert await rig.text(a_call(runtime, ASKED)) == "answer 1"
    assert await rig.text(a_call(runtime, OTHERWISE)) == "answer 1"


async def test_an_answer_whose_question_gets_no_vector_is_kept_for_the_very_same_question() -> None:
    rig, runtime = Rig(embedder=BadEmbedder("away")), a_runtime()
    await rig.ask(a_call(runtime, ASKED))
    assert await rig.text(a_call(runtime, ASKED)) == "answer 1"
    assert await rig.text(a_call(runtime, OTHERWISE)) == "answer 2"


async def asked_at_once(rig: Rig, exchange: Exchange) -> None:
    """A call that does not wait until anything is kept."""

    async def cached(routed: Exchange) -> Response:
        return await rig.stage(routed, rig.provider)

    await resolve_route(exchange, cached)


async def test_the_same_call_asked_again_at_once_is_a_hit_though_its_answer_waits_to_be_kept() -> None:
    rig, runtime = Rig(), a_runtime(semantic=False)
    calls = [a_call(runtime, ASKED, number=number) for number in range(3)]
    for call in calls:
        await asked_at_once(rig, call)
    assert [call.cache_state for call in calls] == ["miss", "exact", "exact"]
    await asked_at_once(rig, other := a_call(runtime, OTHERWISE))
    assert other.cache_state == "miss"
    await asked_at_once(rig, stranger := a_call(runtime, ASKED, caller=Caller("app", "another team")))
    assert stranger.cache_state == "miss"
    assert rig.provider.calls == 3


async def test_as_many_answers_are_kept_as_callers_get_who_ask_again_and_again() -> None:
    rig, runtime = Rig(), a_runtime(semantic=False)

    async def caller(number: int) -> None:
        for count in range(40):
            await asked_at_once(rig, a_call(runtime, f"Question {count} of {number}", number=100 * number + count))
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        for number in range(64):
            group.create_task(caller(number))
    await rig.stage.keeper.settled()
    assert rig.stage.keeper.dropped == 0
    assert [count for _, count in await rig.memory.partition_counts(10)] == [64 * 40]


async def test_of_the_same_call_asked_side_by_side_one_answer_is_kept() -> None:
    rig, runtime = Rig(), a_runtime(semantic=False)
    headers = {"x-turnout-cache": "no-cache"}
    for number in range(300):
        await asked_at_once(rig, a_call(runtime, ASKED, number=number, headers=headers))
    assert rig.stage.keeper.dropped == 0
    await rig.stage.keeper.settled()
    call = a_call(runtime, ASKED)
    assert await rig.text(call) == "answer 300"
    assert call.cache_state == "exact"


async def test_what_no_search_can_find_is_kept_without_its_question() -> None:
    rig, runtime = Rig(), a_runtime(semantic=False)
    call = a_call(runtime, ASKED)
    await rig.text(call)
    found = await rig.memory.get(Partition("ns", "assistant", team_scope("claims")).key, call.exact_key)
    assert found is not None
    assert found.question == ""


async def test_too_many_answers_to_keep_are_dropped_and_no_call_waits() -> None:
    rig, runtime = Rig(store=BadStore(put="hang")), a_runtime()

    async def proceed(exchange: Exchange) -> Response:
        return await rig.provider(exchange)

    for number in range(300):
        exchange = a_call(runtime, f"Question number {number}", number=number)
        exchange.route, exchange.rule = runtime.snapshot.routes[0], runtime.snapshot.routes[0].rules[0]
        found = runtime.routes.find("assistant")
        assert found is not None
        exchange.live_rule = found.rule_for(exchange)
        await rig.stage(exchange, proceed)
    assert rig.stage.keeper.dropped == 300 - 256
    await asyncio.wait_for(rig.stage.close(), 10)


async def test_requests_that_are_very_large_are_answered_and_not_kept() -> None:
    rig, runtime = Rig(), a_runtime()
    for expected in ("answer 1", "answer 2"):
        assert await rig.text(a_call(runtime, "x" * 1_100_000)) == expected


async def test_the_best_candidate_that_verifies_is_served_not_the_nearest() -> None:
    class Graded(WordEmbedder):
        async def embed(self, texts: Sequence[str]) -> np.ndarray:
            scores = {"How do I reset my username?": 0.999, ASKED: 0.98, OTHERWISE: 1.0}
            rows = [[scores[text], (1 - scores[text] ** 2) ** 0.5, 0, 0] for text in texts]
            return np.array(rows, np.float32)

    rig, runtime = Rig(embedder=Graded()), a_runtime()
    await rig.ask(a_call(runtime, "How do I reset my username?"))
    await rig.ask(a_call(runtime, ASKED))
    assert await rig.text(a_call(runtime, OTHERWISE)) == "answer 2"


async def test_callers_share_what_their_scope_says() -> None:
    bob = Caller("app", "claims", user="bob")
    stranger = Caller("other", "sales", user="ann")
    for scope, expected in (("Namespace", (True, True)), ("Team", (True, False)), ("User", (False, False))):
        rig, runtime = Rig(), a_runtime(scope=scope)
        await rig.ask(a_call(runtime, ASKED, caller=ANN))
        for caller, shared in zip((bob, stranger), expected, strict=True):
            call = a_call(runtime, ASKED, caller=caller, headers={"x-turnout-cache": "no-store"})
            await rig.ask(call)
            assert (call.cache_state == "exact") is shared
