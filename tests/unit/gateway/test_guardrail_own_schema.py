"""A schema that a call brings itself is the caller's to get right: what cannot be used is refused before anything is asked."""

from typing import Any, Literal

import pytest

from gateway_rig import a_gateway, call
from guard_rig import EMAIL, PATHS, Echo, a_guard, asked, native
from turnout_contract.snapshot import guards
from turnout_sidecar.ports.telemetry import FakeTelemetry

DEEP: dict[str, Any] = {"$defs": {f"l{i}": {"anyOf": [{"$ref": f"#/$defs/l{i - 1}"}] * 4} for i in range(1, 14)}}
UNUSABLE: dict[str, dict[str, Any]] = {
    "a $ref to the outside": {"properties": {"a": {"$ref": "http://127.0.0.1:9/x.json"}}},
    "a look-ahead": {"properties": {"a": {"type": "string", "pattern": "^(?=.*a).*$"}}},
    "a $ref to itself": {"$ref": "#"},
    "too much": {"enum": [f"{at:08}" for at in range(30_000)]},
    "too many ways": {**DEEP, "$ref": "#/$defs/l13"},
    "an unknown draft": {"$schema": "http://drafts.test/s", "type": "object"},
}
PLACES = {
    "chat": "response_format.json_schema.schema",
    "responses": "text.format.schema",
    "messages": "output_config.format.schema",
}


def asking(name: str, schema: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A call that brings a schema."""
    if name == "chat":
        wanted = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}
        return asked(name, "Tell me.", response_format=wanted, **fields)
    held = {"format": {"type": "json_schema", "name": "a", "schema": schema}}
    return {**asked(name, "Tell me.", **fields), "text" if name == "responses" else "output_config": held}


def own(wish: Literal["Monitor", "Block"] = "Block", **fields: Any) -> guards.Guard:
    """A guard that holds answers to the call's own schema."""
    return a_guard(schemas=(guards.AnswerSchema("default", wish),), **fields)


@pytest.mark.parametrize("name", PATHS)
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("what", UNUSABLE)
async def test_a_schema_that_cannot_be_used_is_refused_before_anything_is_asked(
    name: str, what: str, stream: bool
) -> None:
    echo, telemetry = Echo(), FakeTelemetry()
    async with a_gateway(native(name, own()), upstream=echo, telemetry=telemetry) as gateway:
        reply = await call(gateway, asking(name, UNUSABLE[what], stream=stream), PATHS[name])
    error = reply.json["error"]
    assert reply.status == 400
    assert PLACES[name] in error["message"]
    assert name == "messages" or error["param"] == PLACES[name]
    assert echo.requests == []
    trail = telemetry.ended[-1].guard
    assert trail.outcome == "blocked"
    assert [(v.state, v.done) for v in trail.verdicts if v.check == "schema"] == [("failed", "blocked")]


async def test_the_older_field_of_messages_is_named_as_it_stands() -> None:
    body = asked("messages", "Tell me.", output_format={"type": "json_schema", "schema": {"$ref": "#"}})
    async with a_gateway(native("messages", own()), upstream=Echo()) as gateway:
        reply = await call(gateway, body, PATHS["messages"])
    assert (reply.status, reply.json["error"]["message"][:21]) == (400, "output_format.schema:")


@pytest.mark.parametrize("guard", [own("Monitor"), own(fail_open=True), a_guard()], ids=["Monitor", "FailOpen", "none"])
async def test_a_policy_that_does_not_hold_answers_to_it_refuses_nothing(guard: guards.Guard) -> None:
    async with a_gateway(native("chat", guard), upstream=Echo()) as gateway:
        assert (await call(gateway, asking("chat", UNUSABLE["a look-ahead"]), PATHS["chat"])).status == 200


async def test_what_is_said_of_the_schema_holds_nothing_that_must_not_leave() -> None:
    schema = {"type": EMAIL, "$ref": f"https://{EMAIL}/x"}
    async with a_gateway(native("chat", own()), upstream=Echo()) as gateway:
        reply = await call(gateway, asking("chat", schema), PATHS["chat"])
    assert reply.status == 400
    assert EMAIL.encode() not in reply.body
