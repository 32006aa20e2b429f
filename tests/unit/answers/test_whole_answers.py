"""Whole answers: each text is edited, all else is the same bytes."""

import json
from typing import Any

import orjson
import pytest

from support.edited_streams import TRANSCRIPTS
from turnout_sidecar.answers.formats import FORMATS, Kind

ANSWERS = [path for name in FORMATS for path in sorted((TRANSCRIPTS / name).glob("*.json"))]


SUMMARY = [{"type": "summary_text", "text": "secret"}]


def shout(kind: Kind, text: str) -> str:
    del kind
    return text.replace("secret", 'S"\n')


def told(kind: Kind, text: str) -> str:
    """As values are put back: escaped inside of JSON."""
    return text.replace("secret", 'S\\"\\n') if kind == "arguments" else shout(kind, text)


@pytest.mark.parametrize("path", ANSWERS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_an_answer_in_which_nothing_changes_is_the_very_same_object(path: Any) -> None:
    raw = path.read_bytes()
    assert FORMATS[path.parent.name].whole(raw, lambda _, text: text) is raw


def test_only_the_strings_that_change_are_other_bytes() -> None:
    raw = b'{ "n" : 12345678901234567890123 ,"choices":[ {"message" :{"content" :"a secret", "x": 1.0e2 }} ], "y":"\\u00e9"}'
    assert FORMATS["chat"].whole(raw, shout) == raw.replace(b'"a secret"', b'"a S\\"\\n"')


def test_every_text_of_a_chat_answer_is_edited() -> None:
    message = {
        "role": "assistant",
        "content": [{"type": "text", "text": "secret"}, {"type": "thinking", "thinking": [{"text": "secret"}]}],
        "refusal": "secret",
        "reasoning": "secret",
        "reasoning_content": "secret",
        "reasoning_details": [{"type": "reasoning.text", "text": "secret", "signature": "secret"}],
        "tool_calls": [
            {"id": "secret", "function": {"name": "secret", "arguments": '{"a":"secret"}'}},
            {"type": "custom", "custom": {"name": "n", "input": "secret"}},
            {"function": {"name": "n", "arguments": {"secret": ["secret"]}}},
        ],
        "function_call": {"name": "n", "arguments": '{"a":"secret"}'},
        "audio": {"id": "secret", "data": "secret", "transcript": "secret"},
        "annotations": [{"type": "url_citation", "url_citation": {"url": "secret", "title": "secret"}}],
        "new_member": {"deep": ["secret"]},
    }
    answer = {"id": "secret", "model": "secret", "choices": [{"index": 0, "message": message}], "citations": ["secret"]}
    new = orjson.loads(FORMATS["chat"].whole(orjson.dumps(answer), told))
    kept = json.dumps(new).count("secret")
    assert kept == sum((2, 1, 1, 2))  # ids of answer and model, the signature, the call's id, the audio's id and data
    assert new["choices"][0]["message"]["tool_calls"][2]["function"]["arguments"] == {'S"\n': ['S"\n']}
    assert orjson.loads(new["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"]) == {"a": 'S"\n'}


def test_every_text_of_a_message_is_edited_and_no_signature() -> None:
    answer = {
        "id": "secret",
        "type": "message",
        "content": [
            {"type": "thinking", "thinking": "secret", "signature": "secret"},
            {"type": "redacted_thinking", "data": "secret"},
            {"type": "text", "text": "secret", "citations": [{"cited_text": "secret", "encrypted_index": "secret"}]},
            {"type": "tool_use", "id": "secret", "name": "secret", "input": {"secret": {"b": ["secret", 12]}}},
            {
                "type": "web_search_tool_result",
                "tool_use_id": "secret",
                "content": [{"title": "secret", "url": "secret"}],
            },
        ],
        "stop_sequence": "secret",
    }
    new = orjson.loads(FORMATS["messages"].whole(orjson.dumps(answer), told))
    assert json.dumps(new).count("secret") == 6
    assert new["content"][3]["input"] == {'S"\n': {"b": ['S"\n', 12]}}


def test_every_text_of_a_response_is_edited_and_what_it_repeats_of_the_call() -> None:
    answer = {
        "id": "secret",
        "instructions": "secret",
        "metadata": {"secret": "secret", "id": "secret"},
        "tools": [{"type": "function", "name": "secret", "parameters": {"properties": {"id": {"default": "secret"}}}}],
        "previous_response_id": "secret",
        "output": [
            {
                "type": "reasoning",
                "id": "secret",
                "summary": [{"type": "summary_text", "text": "secret"}],
                "encrypted_content": "secret",
            },
            {
                "type": "message",
                "content": [{"type": "output_text", "text": "secret"}, {"type": "refusal", "refusal": "secret"}],
            },
            {"type": "function_call", "call_id": "secret", "arguments": '{"a":"secret"}'},
            {"type": "custom_tool_call", "input": "secret"},
            {"type": "mcp_call", "arguments": '{"a":"secret"}', "output": "secret"},
            {"type": "code_interpreter_call", "code": "secret", "outputs": [{"type": "logs", "logs": "secret"}]},
            {"type": "image_generation_call", "result": "secret"},
        ],
    }
    new = orjson.loads(FORMATS["responses"].whole(orjson.dumps(answer), told))
    assert json.dumps(new).count("secret") == 6
    kinds = [kind for kind, _ in FORMATS["responses"].texts(orjson.dumps(answer))]
    assert kinds.count("arguments") == 2
    assert kinds[:3] == ["reasoning", "content", "refusal"]
    left = orjson.loads(FORMATS["responses"].whole(orjson.dumps(answer), told, echo=False))
    assert left.pop("output") == new.pop("output")
    assert left == {name: value for name, value in answer.items() if name != "output"}


def test_arguments_that_an_edit_breaks_are_edited_string_by_string() -> None:
    body = orjson.dumps(
        {"choices": [{"message": {"function_call": {"arguments": '{"card": 4111111111111111, "b": [true, "x"]}'}}}]}
    )

    def mask(kind: Kind, text: str) -> str:
        del kind
        return text.replace("4111111111111111", "<CARD>")

    new = orjson.loads(FORMATS["chat"].whole(body, mask))
    assert orjson.loads(new["choices"][0]["message"]["function_call"]["arguments"]) == {
        "card": "<CARD>",
        "b": [True, "x"],
    }
    body = b'{"content":[{"type":"tool_use","input":{"card":4111111111111111}}]}'
    assert orjson.loads(FORMATS["messages"].whole(body, mask))["content"][0]["input"] == {"card": "<CARD>"}


def test_a_name_given_twice_hides_nothing() -> None:
    body = b'{"choices":[{"message":{"content":"secret","content":"fine","n":12345678901234567890}}]}'
    new = FORMATS["chat"].whole(body, lambda _, text: text)
    assert new == b'{"choices":[{"message":{"content":"fine","n":12345678901234567890}}]}'


def test_probabilities_of_tokens_go_when_their_text_changes() -> None:
    logprobs = {"content": [{"token": "secret", "logprob": -1, "bytes": [1]}]}
    body = orjson.dumps({"choices": [{"message": {"content": "a secret"}, "logprobs": logprobs}]})
    assert orjson.loads(FORMATS["chat"].whole(body, shout))["choices"][0]["logprobs"] is None
    assert FORMATS["chat"].whole(body, lambda _, text: text) is body


@pytest.mark.parametrize(
    "body", [b"no secret JSON", b"", b"[", b"\xff secret", b'"secret"', b"[" * 3000, b'{"a":"\\ud83d secret"}']
)
def test_what_is_no_answer_is_edited_as_it_is(body: bytes) -> None:
    new = FORMATS["chat"].whole(body, lambda _, text: text.replace("secret", "x"))
    assert new == body.replace(b"secret", b"x") or b"\xef\xbf\xbd" in new
    FORMATS["chat"].texts(body)


def test_the_texts_of_an_answer_are_all_that_may_hold_something() -> None:
    body = (TRANSCRIPTS / "messages" / "answer.json").read_bytes()
    assert FORMATS["messages"].texts(body) == (
        ("reasoning", "Let me think."),
        ("content", "web_search"),
        ("arguments", '{"query": "x"}'),
        ("content", "I look it up."),
        ("content", "get_weather"),
        ("arguments", '{"city": "München", "big": 12345678901234567890123}'),
        ("content", "get_time"),
    )
