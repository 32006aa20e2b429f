"""One call, two providers that speak differently: where the first one fails, the second one answers in the asked API."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anthropic
import msgspec
import openai
import pytest

from gateway_rig import a_client, a_gateway, a_route, a_rule, a_snapshot
from pair_clients import IN, Talk, Wish
from pair_rig import KEY, NEVER, OUT, PATIENT, RESPONDS, SECRETS, Spoken, World, a_world, a_world_snapshot, talking
from turnout_contract.snapshot import model as snap
from turnout_sidecar.ports.secrets import FakeSecrets
from turnout_sidecar.ports.telemetry import FakeTelemetry

QUESTION = "Which of these claims is about water?"
PAIRS = [
    ("anthropic", "chat"),
    ("chat", "anthropic"),
    ("responses", "gemini"),
    ("gemini", "bedrock"),
    ("azure", "anthropic"),
]


def provider(world: World, name: str) -> snap.Provider:
    port = int(world.provider_url.rpartition(":")[2])
    return msgspec.structs.replace(a_world_snapshot(world.out, port, cached=False).providers[0], name=name)


@asynccontextmanager
async def between(first: World, second: World, asked: str) -> AsyncIterator[tuple[Talk, FakeTelemetry]]:
    """A client of a gateway whose route falls back from one to the other."""
    rule = a_rule(f"one/{first.out.model}", f"two/{second.out.model}")
    route = a_route("assistant", rule, retry=NEVER, timeouts=PATIENT)
    providers = [provider(first, "one"), provider(second, "two")]
    snapshot = a_snapshot(route, providers=providers, gateway=snap.Gateway(clients=(a_client(),)))
    telemetry = FakeTelemetry()
    async with a_gateway(snapshot, secrets=FakeSecrets(SECRETS), telemetry=telemetry) as gateway:
        talk = IN[asked](f"http://127.0.0.1:{gateway.port}", KEY)
        try:
            yield talk, telemetry
        finally:
            await talk.client.close()


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("asked", IN)
@pytest.mark.parametrize(("one", "two"), PAIRS, ids=["-to-".join(pair) for pair in PAIRS])
async def test_the_second_answers_where_the_first_fails(one: str, two: str, asked: str, stream: bool) -> None:
    async with a_world(OUT[one]) as first, a_world(OUT[two]) as second, between(first, second, asked) as (talk, told):
        await first.faults("status=503")
        said = await talk.ask(QUESTION, Wish(stream=stream, tools=True))
        assert "claims" in said.text
        assert [attempt.error for attempt in told.ended[-1].attempts] == ["503", None]
        assert talk.headers[-1]["x-turnout-backend"] == f"two/{second.out.model}"
        usage = told.ended[-1].usage
        assert usage is not None
        assert (usage.input, usage.output) == (said.input, said.output)
        assert told.ended[-1].attempts[0].cost_nano == 0


@pytest.mark.parametrize("asked", ["chat"])
async def test_who_cannot_be_asked_is_passed_over(asked: str) -> None:
    """Anthropic gives no second answer: a call for two goes to the backend that does, without an attempt at the other."""
    async with (
        a_world(OUT["anthropic"]) as first,
        a_world(OUT["chat"]) as second,
        between(first, second, asked) as (talk, told),
    ):
        await talk.ask(QUESTION, Wish(extra={"n": 2}))
        assert [attempt.name for attempt in told.ended[-1].attempts] == [f"two/{second.out.model}"]
        assert first.calls == []


async def test_a_refusal_is_not_taken_elsewhere() -> None:
    async with (
        a_world(OUT["anthropic"]) as first,
        a_world(OUT["chat"]) as second,
        between(first, second, "messages") as (talk, _),
    ):
        await first.faults("status=400")
        with pytest.raises((openai.BadRequestError, anthropic.BadRequestError)):
            await talk.ask(QUESTION, Wish())
        assert second.calls == []


AZURE = Spoken("azure-v1", "responses", "AzureOpenAI", "azure", "/openai/v1", "gpt-large", RESPONDS)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("asked", IN)
async def test_azure_answers_by_the_newer_paths_too(asked: str, stream: bool) -> None:
    async with a_world(AZURE) as world, talking(world, asked) as talk:
        said = await talk.ask("Please call weather.", Wish(stream=stream, tools=True))
        [call] = said.calls
        given = await talk.give([(call, "41 degrees")], Wish(stream=stream, tools=True))
        assert given.text.startswith("The result is: 41 degrees")
        assert {call["path"] for call in world.calls} == {"/openai/v1/responses"}
