"""What is taken out of a history before it goes to a provider who did not make it, and what is left alone."""

from typing import Any

import orjson
import pytest

from turnout_sidecar.wire import signed_ids
from turnout_sidecar.wire.canonical import Thinking
from turnout_sidecar.wire.foreign import Cleaned, cleaned
from turnout_sidecar.wire.gemini.signatures import marked
from turnout_sidecar.wire.responses.thoughts import pack, seal

SIGNED = signed_ids.join("call_1", "s" * 80)
USER = {"role": "user", "content": "Weather?"}
OWN = {"type": "thinking", "thinking": "Hm.", "signature": "EqQBCkYIBx=="}
TEXT = {"type": "text", "text": "Let me look."}
BUDGET = {"type": "enabled", "budget_tokens": 2048}


def clean(name: str, **body: Any) -> Cleaned:
    return cleaned(name, body, orjson.dumps(body))


def use(identity: str) -> dict[str, Any]:
    return {"type": "tool_use", "id": identity, "name": "weather", "input": {}}


def turn(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"role": "assistant", "content": list(blocks)}


def result(identity: str) -> dict[str, Any]:
    return {"role": "user", "content": [{"type": "tool_result", "tool_use_id": identity, "content": "rain"}]}


def test_what_holds_nothing_of_others_passes() -> None:
    own = [USER, turn(OWN, use("toolu_1")), result("toolu_1")]
    assert clean("messages", messages=own, thinking=BUDGET) == Cleaned()
    said = [{"role": "user", "content": "Is gemini.google.com up? What are responses: and __sig_ for?"}]
    assert clean("messages", messages=said) == Cleaned()
    assert clean("chat", messages=said) == Cleaned()
    assert clean("responses", input=said) == Cleaned()
    assert clean("responses", input="gemini.") == Cleaned()
    assert clean("embeddings", input="gemini.") == Cleaned()


def test_ids_go_without_the_signatures_in_them() -> None:
    call = {"id": SIGNED, "type": "function", "function": {"name": "weather", "arguments": "{}"}}
    asked = {"role": "assistant", "tool_calls": [call]}
    answered = {"role": "tool", "tool_call_id": SIGNED, "content": "rain"}
    found = clean("chat", messages=[USER, asked, answered])
    assert found.lost == ()
    messages = found.members["messages"]
    assert messages[0] is not None
    assert messages[1]["tool_calls"][0] == {**call, "id": "call_1"}
    assert messages[2] == {**answered, "tool_call_id": "call_1"}
    items = [{"type": "function_call", "call_id": SIGNED}, {"type": "function_call_output", "call_id": SIGNED}]
    given = clean("responses", input=items).members["input"]
    assert [item["call_id"] for item in given] == ["call_1", "call_1"]
    blocks = clean("messages", messages=[USER, turn(use(SIGNED)), result(SIGNED)]).members["messages"]
    assert (blocks[1]["content"][0]["id"], blocks[2]["content"][0]["tool_use_id"]) == ("call_1", "call_1")


def test_an_id_is_no_longer_than_the_provider_takes() -> None:
    long = signed_ids.join("x" * 60, "signature")
    for name, member, most in (("chat", "tool_call_id", 40), ("responses", "call_id", 64)):
        items = clean(name, **{"input" if name == "responses" else "messages": [{member: long}]}).members
        [[item]] = items.values()
        assert len(item[member]) <= most


@pytest.mark.parametrize(
    "foreign",
    [
        {"type": "thinking", "thinking": "Hm.", "signature": marked("abc")},
        {"type": "thinking", "thinking": "Hm.", "signature": pack("rs_1", "abc")},
        {"type": "thinking", "thinking": "Hm.", "signature": ""},
        {"type": "redacted_thinking", "data": pack("rs_1", "abc")},
    ],
)
def test_thoughts_of_others_go_and_are_named(foreign: dict[str, Any]) -> None:
    found = clean("messages", messages=[USER, turn(foreign, TEXT), USER, turn(foreign), USER, turn(OWN, TEXT), USER])
    assert found == Cleaned(
        {"messages": [USER, turn(TEXT), USER, USER, turn(OWN, TEXT), USER]}, ("messages (thinking)",)
    )


def test_thinking_by_budget_goes_where_a_turn_of_another_model_goes_on() -> None:
    history = [USER, turn(use("call_1")), result("call_1")]
    assert clean("messages", messages=history, thinking=BUDGET) == Cleaned({"thinking": None}, ("thinking",))
    assert clean("messages", messages=history, thinking={"type": "adaptive"}) == Cleaned()
    assert clean("messages", messages=history) == Cleaned()


def test_a_mistake_of_the_callers_own_is_left_to_the_provider() -> None:
    history = [USER, turn(use("toolu_1")), result("toolu_1")]
    assert clean("messages", messages=history, thinking=BUDGET) == Cleaned()


def test_thoughts_that_were_sealed_here_go() -> None:
    content = seal(Thinking("Hm.", "c2ln"))
    sealed: dict[str, Any] = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": content}
    own = {**sealed, "encrypted_content": "gAAAAA"}
    found = clean("responses", input=[USER, sealed, own])
    assert found == Cleaned({"input": [USER, own]}, ("input (reasoning)",))


@pytest.mark.parametrize("odd", [None, 1, "x", [1, None, [2]], [{"content": 7}], [{"role": "assistant"}], {}])
@pytest.mark.parametrize("name", ["chat", "messages", "responses"])
def test_whatever_the_body_holds_nothing_breaks(name: str, odd: Any) -> None:
    assert clean(name, messages=odd, input=odd, thinking=BUDGET, metadata={"x": "gemini."}) == Cleaned()
