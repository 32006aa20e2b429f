"""How large a question may be, and what of it cannot be looked at."""

import json
from typing import Any

import pytest

from gateway_rig import a_gateway
from guard_rig import Echo, a_guard
from guard_ways import Way, through
from turnout_contract.snapshot import guards
from turnout_sidecar.ports.telemetry import FakeTelemetry

LONG = "word " * 400
SCHEMA = {"type": "object", "properties": {"a": {"type": "string", "description": LONG}}}
USER = {"role": "user", "content": "Hi"}


def said(*messages: Any, **fields: Any) -> dict[str, Any]:
    return {"messages": [*messages, USER], **fields}


LARGE: dict[str, tuple[str, dict[str, Any]]] = {
    "a shape of chat": (
        "chat",
        said(response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}),
    ),
    "functions": ("chat", said(functions=[{"name": "f", "parameters": SCHEMA}])),
    "a prediction": ("chat", said(prediction={"type": "content", "content": LONG})),
    "a thought": ("chat", said({"role": "assistant", "content": "x", "reasoning_content": LONG})),
    "a name": ("chat", said({**USER, "name": LONG})),
    "what nobody knows": ("chat", said(chat_template_kwargs={"document": LONG})),
    "many members of a shape": (
        "chat",
        said(
            response_format={
                "type": "json_schema",
                "json_schema": {"name": "x", "schema": {"anyOf": [{"type": "string", "minLength": 1}] * 50}},
            }
        ),
    ),
    "a shape of responses": (
        "responses",
        {"input": "Hi", "text": {"format": {"type": "json_schema", "name": "x", "schema": SCHEMA}}},
    ),
    "variables": ("responses", {"input": "Hi", "prompt": {"id": "pmpt_1", "variables": {"a": LONG}}}),
    "a list of tools": (
        "responses",
        {"input": [{"type": "mcp_list_tools", "tools": [{"name": "x", "description": LONG}]}, USER]},
    ),
    "a shape of messages": (
        "messages",
        said(max_tokens=9, output_config={"format": {"type": "json_schema", "schema": SCHEMA}}),
    ),
    "a result of a search": (
        "messages",
        {
            "max_tokens": 9,
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "search_result",
                            "source": "x",
                            "title": "y",
                            "content": [{"type": "text", "text": LONG}],
                        }
                    ],
                }
            ],
        },
    ),
}


@pytest.mark.parametrize("what", LARGE)
async def test_every_text_that_goes_to_the_model_counts(what: str) -> None:
    name, body = LARGE[what]
    way, echo = Way(name, name), Echo()
    guard = a_guard(input=(), token_limits=(guards.TokenLimit(200, "Block"),))
    async with a_gateway(through(way, guard), upstream=echo) as gateway:
        reply = await way.ask(gateway, {"model": "assistant", **body})
    assert (reply.status, echo.requests) == (403, []), reply.body


async def test_what_the_provider_keeps_for_itself_does_not() -> None:
    way, echo = Way("chat", "chat"), Echo()
    guard = a_guard(input=(), token_limits=(guards.TokenLimit(50, "Block"),))
    body = said(metadata={"note": LONG}, user=LONG, model="assistant")
    async with a_gateway(through(way, guard), upstream=echo) as gateway:
        assert (await way.ask(gateway, body)).status == 200


UNSEEN: dict[str, Any] = {
    "a film's address": {"type": "video_url", "video_url": {"url": "https://x.example/v.mp4"}},
    "the same, shorter": {"type": "video_url", "video_url": "https://x.example/v.mp4"},
    "a sound's address": {"type": "audio_url", "audio_url": {"url": "https://x.example/v.mp3"}},
    "a film": {"type": "video_url", "video_url": {"url": "data:video/mp4;base64,AAAAIGZ0eXBpc29tAAACAA=="}},
}


@pytest.mark.parametrize("what", [*UNSEEN, "what was said aloud"])
async def test_films_and_sound_are_counted_and_refused_where_the_policy_says_so(what: str) -> None:
    aloud = {"role": "assistant", "audio": {"id": "audio_68a1b2c3d4e5f60718293a4b"}}
    body = said(aloud if what not in UNSEEN else {"role": "user", "content": [UNSEEN[what]]}, model="assistant")
    way, echo, telemetry = Way("chat", "chat"), Echo(lambda _: "Fine."), FakeTelemetry()
    async with a_gateway(through(way, a_guard(binary_parts="Monitor")), upstream=echo, telemetry=telemetry) as gateway:
        assert (await way.ask(gateway, body)).status == 200
    counted = [verdict.count for verdict in telemetry.ended[-1].guard.verdicts if verdict.check == "binary"]
    assert counted == [1]
    assert json.loads(echo.requests[0].body)["messages"] == body["messages"]
    async with a_gateway(through(way, a_guard(binary_parts="Block")), upstream=echo) as gateway:
        assert (await way.ask(gateway, body)).status == 403
    assert len(echo.requests) == 1
