"""The call that asks once more: it says what was wrong and is valid for its API."""

import copy
from itertools import pairwise
from typing import Any

import pytest
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming
from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming
from openai.types.responses.response_create_params import ResponseCreateParamsNonStreaming
from pydantic import TypeAdapter

from turnout_sidecar.checks.correction import again
from turnout_sidecar.checks.schema import SchemaError

ERRORS = (SchemaError("/age", "must be at least 18", "minimum"), SchemaError("", "is not JSON", "json"))
TYPES: dict[str, TypeAdapter[Any]] = {
    "chat": TypeAdapter(CompletionCreateParamsNonStreaming),
    "messages": TypeAdapter(MessageCreateParamsNonStreaming),
    "responses": TypeAdapter(ResponseCreateParamsNonStreaming),
}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def chat(*messages: dict[str, Any]) -> dict[str, Any]:
    return {"model": "m", "messages": list(messages), "temperature": 0}


def messages(*turns: dict[str, Any]) -> dict[str, Any]:
    return {"model": "m", "max_tokens": 9, "messages": list(turns), "system": "Be brief."}


def chat_answer(content: str | None, **members: Any) -> dict[str, Any]:
    return {"choices": [{"message": {"role": "assistant", "content": content, **members}}]}


def messages_answer(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"role": "assistant", "content": list(blocks)}


def responses_answer(text: str) -> dict[str, Any]:
    return {"output": [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]}]}


def text(said: str) -> dict[str, Any]:
    return {"type": "text", "text": said}


USER = {"role": "user", "content": "How old?"}
CASES: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "chat": ("chat", chat({"role": "system", "content": "Be brief."}, USER), chat_answer('{"age": 3}')),
    "chat, empty answer": ("chat", chat(USER), chat_answer(None)),
    "messages": ("messages", messages(USER), messages_answer(text('{"age": 3}'))),
    "messages with thinking": (
        "messages",
        messages(USER),
        messages_answer({"type": "thinking", "thinking": "x", "signature": "s"}, text("{")),
    ),
    "messages, empty answer": ("messages", messages(USER), messages_answer()),
    "messages, question in blocks": (
        "messages",
        messages({"role": "user", "content": [text("How old?")]}),
        messages_answer(),
    ),
    "messages, answer begun": (
        "messages",
        messages(USER, {"role": "assistant", "content": "{"}),
        messages_answer(text('"age": 3}')),
    ),
    "messages, answer begun in blocks": (
        "messages",
        messages(USER, {"role": "assistant", "content": [text("{")]}),
        messages_answer(text('"age": 3}')),
    ),
    "messages, tool result": (
        "messages",
        messages(
            USER,
            {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "3"}]},
        ),
        messages_answer(text("three")),
    ),
    "responses, text": ("responses", {"model": "m", "input": "How old?"}, responses_answer('{"age": 3}')),
    "responses, items": (
        "responses",
        {"model": "m", "instructions": "Be brief.", "input": [{"role": "user", "content": "How old?"}]},
        responses_answer('{"age": 3}'),
    ),
    "responses, stored": (
        "responses",
        {"model": "m", "input": "How old?", "previous_response_id": "resp_1"},
        responses_answer("x"),
    ),
    "responses, conversation": (
        "responses",
        {"model": "m", "input": "How old?", "conversation": "conv_1"},
        responses_answer("x"),
    ),
    "responses, empty answer": ("responses", {"model": "m", "input": "How old?"}, {"output": []}),
}


@pytest.mark.parametrize("case", CASES)
def test_the_body_that_asks_again_is_one_of_its_api(case: str) -> None:
    endpoint, body, answer = CASES[case]
    asked = again(endpoint, body, answer, ERRORS)
    assert asked is not None
    TYPES[endpoint].validate_python(asked)


@pytest.mark.parametrize("case", CASES)
def test_nothing_that_was_given_is_changed(case: str) -> None:
    endpoint, body, answer = CASES[case]
    before = copy.deepcopy((body, answer))
    again(endpoint, body, answer, ERRORS)
    assert (body, answer) == before


@pytest.mark.parametrize("case", CASES)
def test_the_last_turn_tells_each_error_by_place_and_rule(case: str) -> None:
    endpoint, body, answer = CASES[case]
    asked = again(endpoint, body, answer, ERRORS)
    assert asked is not None
    last = (asked.get("messages") or asked["input"])[-1]
    assert last["role"] == "user"
    assert "- /age: must be at least 18" in str(last["content"])
    assert "- the answer: is not JSON" in str(last["content"])


@pytest.mark.parametrize("case", [case for case in CASES if case.startswith("messages")])
def test_user_and_assistant_take_turns_in_a_messages_call(case: str) -> None:
    endpoint, body, answer = CASES[case]
    asked = again(endpoint, body, answer, ERRORS)
    assert asked is not None
    roles = [turn["role"] for turn in asked["messages"]]
    assert all(role != after for role, after in pairwise(roles))
    assert all(turn["content"] for turn in asked["messages"])


def test_what_else_was_asked_stays() -> None:
    asked = again("chat", {**chat(USER), "response_format": {"type": "json_object"}}, chat_answer("x"), ERRORS)
    assert asked is not None
    assert asked["response_format"] == {"type": "json_object"}
    assert asked["messages"][:2] == [USER, {"role": "assistant", "content": "x"}]


def test_a_beginning_of_the_answer_is_joined_with_its_end() -> None:
    endpoint, body, answer = CASES["messages, answer begun"]
    asked = again(endpoint, body, answer, ERRORS)
    assert asked is not None
    assert asked["messages"][1] == {"role": "assistant", "content": '{"age": 3}'}


def test_the_choice_that_was_wrong_is_the_one_that_is_told() -> None:
    answer = {"choices": [{"message": {"content": "first"}}, {"message": {"content": "second"}}]}
    asked = again("chat", chat(USER), answer, ERRORS, choice=1)
    assert asked is not None
    assert asked["messages"][1]["content"] == "second"


def test_a_conversation_that_the_provider_keeps_is_told_only_the_errors() -> None:
    endpoint, body, answer = CASES["responses, conversation"]
    asked = again(endpoint, body, answer, ERRORS)
    assert asked is not None
    assert len(asked["input"]) == 1


@pytest.mark.parametrize(
    ("endpoint", "body", "answer"),
    [
        ("chat", chat(USER), chat_answer(None, tool_calls=[CALL])),
        ("chat", {"model": "m"}, chat_answer("x")),
        ("chat", chat(USER), {"choices": []}),
        ("chat", chat(USER), {}),
        ("messages", messages(USER), messages_answer({"type": "tool_use", "id": "t", "name": "f", "input": {}})),
        ("messages", {"model": "m"}, messages_answer(text("x"))),
        ("responses", {"model": "m", "input": "x"}, {"output": [{"type": "function_call", "name": "f"}]}),
        ("responses", {"model": "m", "input": "x", "background": True}, responses_answer("x")),
        ("embeddings", {"model": "m", "input": "x"}, {"data": []}),
    ],
)
def test_what_cannot_be_corrected_is_not(endpoint: str, body: dict[str, Any], answer: dict[str, Any]) -> None:
    assert again(endpoint, body, answer, ERRORS) is None
