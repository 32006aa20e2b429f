"""The ways past the inspection, tried on a real gateway before a provider of each protocol: whole, streamed, and translated."""

import json

import orjson
import pytest

from gateway_rig import a_gateway, call
from guard_rig import PATHS, Echo, guarded, native
from turnout_contract.snapshot import model as snap
from unit.bodies.adversarial_cases import CASES
from unit.bodies.adversarial_kit import Case
from unit.bodies.test_bodies_adversarial import raw_of, strings

PLACES = {**PATHS, "count_tokens": "/v1/messages/count_tokens", "embeddings": "/v1/embeddings"}
REFUSED = (400, 403, 503)


def asked_of(case: Case) -> bytes:
    """The case for the route of the tests, whose bytes are as they were but for the model's name."""
    raw = raw_of(case)
    model = json.loads(raw).get("model")
    return raw.replace(orjson.dumps(model), b'"assistant"', 1)


def leaked(case: Case, left: bytes) -> list[str]:
    """The values of a case that are in what left, in any form."""
    said = [
        left.decode("utf-8", "replace"),
        *(text for line in left.split(b"\n") for text in strings(json.loads(line))),
    ]
    return [value for value in case.must_not_leave if any(value in text for text in said)]


async def tried(case: Case, snapshot: snap.Snapshot) -> None:
    echo = Echo()
    async with a_gateway(snapshot, upstream=echo) as gateway:
        reply = await call(gateway, asked_of(case), PLACES[case.endpoint])
    assert reply.status == 200 or reply.status in REFUSED, reply.body
    assert not echo.requests or not leaked(case, echo.raw)
    if reply.status != 200:
        assert not echo.requests
        assert not [value for value in case.must_not_leave if value in orjson.loads(reply.body)["error"]["message"]]


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
async def test_nothing_reaches_a_provider_of_the_same_protocol(case: Case) -> None:
    await tried(case, native({"count_tokens": "messages", "embeddings": "chat"}.get(case.endpoint, case.endpoint)))


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.endpoint in ("messages", "responses")], ids=lambda c: c.name
)
async def test_nor_one_of_another(case: Case) -> None:
    await tried(case, guarded())
