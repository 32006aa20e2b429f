"""What a provider's protocol cannot say: left out and named in `x-turnout-dropped`, or refused with 400, as its table says."""

from typing import Any

import anthropic
import openai
import pytest

from pair_clients import IN, Wish
from pair_rig import DISTINCT, OUT, a_world, talking
from turnout_sidecar.wire.registry import outbound
from turnout_sidecar.wire.support import Feature

QUESTION = "Which of these claims is about water?"

ASKED: dict[str, dict[Feature, dict[str, Any]]] = {
    "chat": {
        "seed": {"seed": 7},
        "n": {"n": 2},
        "logit_bias": {"logit_bias": {"100": -5}},
        "penalties": {"presence_penalty": 0.5},
        "stop": {"stop": ["zzz"]},
        "logprobs": {"logprobs": True},
        "verbosity": {"verbosity": "low"},
        "prompt_cache_key": {"prompt_cache_key": "one"},
        "json_object": {"response_format": {"type": "json_object"}},
    },
    "responses": {
        "verbosity": {"text": {"verbosity": "low"}},
        "prompt_cache_key": {"prompt_cache_key": "one"},
        "metadata": {"metadata": {"case": "one"}},
        "stateful": {"previous_response_id": "resp_1"},
        "provider_tools": {"tools": [{"type": "web_search"}]},
    },
    "messages": {
        "top_k": {"extra_body": {"top_k": 20}},
        "stop": {"stop_sequences": ["zzz"]},
        "provider_tools": {"tools": [{"type": "web_search_20250305", "name": "web_search"}]},
    },
}
CASES = [(asked, feature) for asked, features in ASKED.items() for feature in features]


@pytest.mark.parametrize("name", DISTINCT)
@pytest.mark.parametrize(("asked", "feature"), CASES)
async def test_what_cannot_be_said_is_named_or_refused(name: str, asked: str, feature: Feature) -> None:
    out = OUT[name]
    same = out.format == asked
    fate = "exact" if same else outbound(out.format).support[feature].fate
    said = ASKED[asked][feature]
    member = next(iter(said.get("extra_body", said)))
    async with a_world(out) as world, talking(world, asked) as talk:
        wish = Wish(extra=said)
        if fate == "refused":
            with pytest.raises((openai.BadRequestError, anthropic.BadRequestError)) as caught:
                await talk.ask(QUESTION, wish)
            assert member in str(caught.value)
            assert world.calls == []
            return
        if same and feature == "stateful":
            return  # passes; the provider has no such response
        await talk.ask(QUESTION, wish)
        named = talk.headers[-1].get("x-turnout-dropped", "")
        if fate == "dropped":
            assert member in named
        elif fate == "exact":
            assert member not in named
        assert world.last.error is None


@pytest.mark.parametrize("asked", IN)
async def test_what_nobody_knows_passes_to_its_own_protocol_and_is_named_elsewhere(asked: str) -> None:
    for name in ("chat", "anthropic", "responses"):
        async with a_world(OUT[name]) as world, talking(world, asked) as talk:
            beta = {"anthropic-beta": "new-2030-01-01"} if OUT[name].format == asked == "messages" else {}
            await talk.ask(QUESTION, Wish(extra={"extra_body": {"brand_new": {"a": 1}}, "extra_headers": beta}))
            named = talk.headers[-1].get("x-turnout-dropped", "")
            assert ("brand_new" in named) is (OUT[name].format != asked)
            assert ("brand_new" in world.sent) is (OUT[name].format == asked)
