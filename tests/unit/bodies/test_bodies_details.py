"""What is a leaf and what is not, who says it, where it stands on the page, and what is passed over."""

import base64
import json
from typing import Any

import orjson
import pytest

from turnout_sidecar.bodies import texts as texts_module
from turnout_sidecar.bodies.leaves import Leaves
from turnout_sidecar.bodies.raw import rewrite_raw
from turnout_sidecar.bodies.reading import read
from turnout_sidecar.bodies.skipped import SKIPPED, is_bias, is_credential, is_id, is_opaque
from turnout_sidecar.exchange.errors import CallError
from turnout_sidecar.guarding.findings import Finding
from turnout_sidecar.wire import signed_ids
from turnout_sidecar.wire.json_body import MAX_DEPTH

PDF = base64.b64encode(b"%PDF-1.4 a").decode()
SOUND = base64.b64encode(b"\xff\xfb\x90" * 99).decode()
SIGNATURE = base64.b64encode(bytes(range(128, 256))).decode()


def said(leaves: Leaves) -> list[str]:
    return [leaf.text for leaf in leaves.items]


def parts(endpoint: str, body: dict[str, Any]) -> dict[str, str]:
    return {leaf.text: leaf.part for leaf in read(endpoint, body).items}


def finding(leaves: Leaves, text: str) -> Finding:
    at = leaves.page.index(text)
    return Finding(at, at + len(text), "Email", "test")


# who says it


def test_each_role_of_a_chat_has_its_part() -> None:
    roles = ("system", "developer", "user", "assistant", "tool", "function")
    body = {"messages": [{"role": role, "content": f"{role}s words"} for role in roles]}
    assert parts("chat", body) == {
        "systems words": "system",
        "developers words": "system",
        "users words": "user",
        "assistants words": "assistant",
        "tools words": "tool",
        "functions words": "tool",
    }


def test_a_tool_of_anthropic_speaks_in_a_users_message() -> None:
    result = {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "row"}]}
    use = {"type": "tool_use", "id": "u", "name": "f", "input": {"k": "v"}}
    body = {
        "system": [{"type": "text", "text": "rules"}],
        "messages": [
            {"role": "assistant", "content": [use]},
            {"role": "user", "content": [result, {"type": "text", "text": "mine"}]},
        ],
        "tools": [{"name": "f", "input_schema": {"properties": {"k": {"default": "d"}}}}],
    }
    found = parts("messages", body)
    assert found["rules"] == "system"
    assert found["v"] == "assistant"
    assert found["row"] == "tool"
    assert found["mine"] == "user"
    assert found["d"] == found["k"] == "definition" or found["k"] == "assistant"


def test_items_of_responses_have_their_parts() -> None:
    body = {
        "instructions": "rules",
        "input": [
            {"role": "user", "content": "mine"},
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": '{"k": "v"}'},
            {"type": "function_call_output", "call_id": "c", "output": "row"},
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]},
            {"type": "brand_new_call_output", "call_id": "c", "output": "new"},
        ],
    }
    found = parts("responses", body)
    assert (found["rules"], found["mine"], found["v"], found["row"], found["hm"], found["new"]) == (
        "system",
        "user",
        "assistant",
        "tool",
        "assistant",
        "tool",
    )
    assert parts("responses", {"input": "mine"}) == {"mine": "user"}


# where it stands


def test_a_place_names_fields_of_the_api_and_never_a_key_of_the_callers() -> None:
    body = {
        "metadata": {"ann@example.org": {"name": "x"}},
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}],
        "tool": {"inner": ["y"]},
        "z": '{"a": "b"}',
    }
    assert {leaf.text: leaf.place for leaf in read("chat", body).items} == {
        "ann@example.org": "metadata.*",
        "name": "metadata.*.name",
        "x": "metadata.*.name",
        "hi": "messages[0].content[0].text",
        "tool": "*",
        "inner": "*.*",
        "y": "*.*[0]",
        "z": "*",
        "a": "*{}",
        "b": "*{}",
    }


def test_a_key_stands_right_before_its_value_and_nothing_else_does() -> None:
    body = {"metadata": {"password": "x1", "note": "x2"}, "user": "u"}
    assert read("chat", body).page == "password: x1\n\x00\nnote: x2\n\x00\nu"


@pytest.mark.parametrize(
    ("value", "page"),
    [
        ({"token": ["a", "b"]}, "token\n\x00\ntoken: a\n\x00\ntoken: b"),
        ({"token": {"value": "a"}}, "token\n\x00\nvalue\n\x00\ntoken: a"),
        ({"env": [{"name": "TOKEN", "value": "a"}]}, "env\n\x00\nname: TOKEN\n\x00\nvalue\n\x00\nTOKEN: a"),
        ({"": "a", "b": {"": "c"}}, "a\n\x00\nb\n\x00\nc"),
        ({"a": 1, "b": None, "c": True, "d": ""}, "a\n\x00\nb\n\x00\nc\n\x00\nd"),
    ],
)
def test_a_value_stands_behind_the_name_that_it_goes_by(value: dict[str, Any], page: str) -> None:
    assert read("chat", {"metadata": value}).page == page


def test_json_in_a_string_reads_as_an_object_does_and_what_is_said_again_is_one_leaf() -> None:
    text = json.dumps([{"token": "a"}, {"token": "a"}, {"token": "b"}])
    leaves = read("chat", {"messages": [{"role": "tool", "content": text}]})
    assert leaves.page == "token: a\n\x00\ntoken: b"
    new = json.loads(leaves.rewritten({0: "key", 1: "x"})["messages"][0]["content"])
    assert new == [{"key": "x"}, {"key": "x"}, {"key": "b"}]


def test_a_finding_is_told_in_the_offsets_of_its_leaf() -> None:
    leaves = read(
        "chat", {"messages": [{"role": "user", "content": "a b"}, {"role": "user", "content": "say \U0001f600 it"}]}
    )
    assert leaves.split([finding(leaves, "\U0001f600")]) == {1: [Finding(4, 5, "Email", "test")]}


def test_a_finding_over_several_leaves_is_cut_up_and_one_between_them_left_out() -> None:
    content = [{"type": "text", "text": "ab"}, {"type": "text", "text": "cd"}]
    leaves = read("chat", {"messages": [{"role": "user", "content": content}]})
    assert leaves.page == "ab\ncd"
    assert leaves.split([Finding(1, 4, "Email", "t")]) == {
        0: [Finding(1, 2, "Email", "t")],
        1: [Finding(0, 1, "Email", "t")],
    }
    assert leaves.split([Finding(2, 3, "Email", "t")]) == {}


def test_parts_of_different_messages_never_join() -> None:
    part = [{"type": "text", "text": "ab"}]
    assert read("chat", {"messages": [{"role": "user", "content": part}] * 2}).page == "ab\n\x00\nab"
    picture = {"type": "image_url", "image_url": {"url": "https://x.test"}}
    between = [{"type": "text", "text": "ab"}, picture, {"type": "text", "text": "cd"}]
    assert (
        read("chat", {"messages": [{"role": "user", "content": between}]}).page == "ab\n\x00\nhttps://x.test\n\x00\ncd"
    )


# names without brackets


def test_names_and_ids_take_placeholders_without_brackets() -> None:
    body = {
        "messages": [{"role": "tool", "tool_call_id": "ann", "name": "bo", "content": "cy"}],
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {"properties": {"dee": {}}}}}],
    }
    assert {leaf.text for leaf in read("chat", body).items if leaf.bare} == {"ann", "bo", "f", "dee"}


# numbers


def test_a_long_number_is_a_leaf_and_becomes_a_string() -> None:
    raw = b'{"metadata": {"card": 4111111111111111, "n": 12, "x": 1e3, "big": 123456789012345678901234567890}}'
    body = orjson.loads(raw)
    leaves = read("chat", body)
    index = said(leaves).index("4111111111111111")
    assert leaves.items[index].number
    assert rewrite_raw(raw, body, leaves, {index: "<C>"}) == raw.replace(b"4111111111111111", b'"<C>"')


def test_settings_that_are_numbers_are_none() -> None:
    assert said(read("chat", {"seed": 4111111111111111, "max_tokens": 10000000, "temperature": 1.0})) == []


# what is not inspected is told


@pytest.mark.parametrize(
    ("endpoint", "part", "place"),
    [
        ("chat", {"type": "image_url", "image_url": {"url": "https://x.test/a.png"}}, "image_url.url"),
        ("chat", {"type": "file", "file": {"file_id": "file-abc"}}, "file.file_id"),
        ("chat", {"type": "input_audio", "input_audio": {"data": SOUND, "format": "mp3"}}, "input_audio.data"),
        (
            "messages",
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": SIGNATURE}},
            "source.data",
        ),
        ("messages", {"type": "image", "source": {"type": "url", "url": "https://x.test/a.png"}}, "source.url"),
        ("messages", {"type": "document", "source": {"type": "file", "file_id": "file_1"}}, "source.file_id"),
        (
            "messages",
            {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": PDF}},
            "source.data",
        ),
        ("messages", {"type": "container_upload", "file_id": "file_1"}, "file_id"),
    ],
)
def test_what_is_binary_is_counted(endpoint: str, part: dict[str, Any], place: str) -> None:
    assert read(endpoint, {"messages": [{"role": "user", "content": [part]}]}).binary == (
        f"messages[0].content[0].{place}",
    )


@pytest.mark.parametrize(
    "item",
    [
        {"type": "input_image", "image_url": "data:image/png;base64,iVBORw0KGgoAAAANSUhEUg=="},
        {"type": "input_image", "file_id": "file-abc"},
        {"type": "input_file", "file_url": "https://x.test/a.pdf"},
    ],
)
def test_files_and_pictures_of_responses_are_counted(item: dict[str, Any]) -> None:
    assert len(read("responses", {"input": [{"role": "user", "content": [item]}]}).binary) == 1


def test_a_picture_that_a_tool_took_or_drew_is_counted() -> None:
    shot = {"type": "computer_screenshot", "image_url": "data:image/png;base64," + SIGNATURE}
    body = {
        "input": [
            {"type": "computer_call_output", "call_id": "c", "output": shot},
            {"type": "image_generation_call", "id": "ig_1", "result": SIGNATURE},
        ]
    }
    assert read("responses", body).binary == ("input[0].output.image_url", "input[1].result")


def test_a_citation_of_a_file_and_a_hidden_thought_are_no_files() -> None:
    cited = {"type": "output_text", "text": "x", "annotations": [{"type": "file_citation", "file_id": "file-abc"}]}
    hidden = {"type": "redacted_thinking", "data": SIGNATURE}
    assert read("responses", {"input": [{"role": "assistant", "content": [cited]}]}).binary == ()
    assert read("messages", {"messages": [{"role": "assistant", "content": [hidden]}]}).binary == ()


# what is passed over


def test_every_row_of_the_table_says_why() -> None:
    assert all(row.why and row.fields for row in SKIPPED)


@pytest.mark.parametrize(
    ("value", "skipped"),
    [
        ("call_Xy7aB3dE5fG7hI9jK1lM3nO5", True),
        ("resp_68a1b2c3d4e5f6a7b8c9d0e1f2a3b4c5d6e7f8a9", True),
        ("550e8400-e29b-41d4-a716-446655440000", True),
        ("tooluse_kZJ-lvQ_RJ6eAyJE5GIl7Q", True),
        ("tooluse_4111-1111-1111-1111-22", False),
        ("call_4111111111111111", False),
        ("ann.weber@example.org", False),
        ("sk_live4eC39HqLyjWDarjtT1zdp7dc", False),
        ("call_ann_weber_4111111111111111x", False),
        (7, False),
    ],
)
def test_ids_of_a_provider_are_told_from_others(value: Any, skipped: bool) -> None:
    assert is_id(value) is skipped


@pytest.mark.parametrize(
    ("value", "skipped"),
    [
        (SIGNATURE, True),
        ("gemini." + SIGNATURE, True),
        ("turnout:signature:" + SIGNATURE, True),
        (base64.b64encode("the card of Zoë is 4111 1111 1111 1111, she says, or so".encode()).decode(), False),
        (base64.b64encode("mail ann.weber@example.org about the card".encode("utf-16")).decode(), False),
        ("sk-proj-" + SIGNATURE[8:120].replace("+", "a").replace("/", "b"), False),
        ("short", False),
        (None, False),
    ],
)
def test_what_is_encrypted_is_told_from_text(value: Any, skipped: bool) -> None:
    assert is_opaque(value) is skipped


@pytest.mark.parametrize(
    ("value", "skipped"),
    [
        ("Bearer abc123-._~+/=", True),
        ("abc12345", True),
        ("mail ann@example.org", False),
        ("ann@example.org", False),
        ({}, False),
    ],
)
def test_a_credential_is_one_word_and_no_address(value: Any, skipped: bool) -> None:
    assert is_credential(value) is skipped


def test_biases_are_tokens_and_numbers() -> None:
    assert is_bias({"50256": -100, "1": 0.5})
    assert not is_bias({"ann": 1})
    assert not is_bias({"1": "ann"})


def test_an_id_keeps_the_signature_that_it_carries() -> None:
    carried = signed_ids.join("call_ann-1", SIGNATURE)
    body = {"messages": [{"role": "tool", "tool_call_id": carried, "content": "x"}]}
    leaves = read("chat", body)
    assert said(leaves) == ["call_ann-1", "x"]
    new = leaves.rewritten({0: "EMAIL"})["messages"][0]["tool_call_id"]
    assert signed_ids.split(new) == ("EMAIL", SIGNATURE)


def test_words_of_a_schema_are_no_text_and_its_own_words_are() -> None:
    schema = {
        "type": "object",
        "properties": {"type": {"type": "string", "pattern": "^a$", "enum": ["x"]}},
        "required": ["type"],
    }
    body = {"text": {"format": {"type": "json_schema", "name": "n", "schema": schema}}}
    assert said(read("responses", body)) == ["n", "^a$", "x", "type"]


# strings that hold others


@pytest.mark.parametrize(
    "text",
    ["{}", "[]", "[1, 2]", " {} ", '""', "{", "[x]", '"a" and "b"', "data:", "data:,", "d", "{'a': 1}", "[", '"'],
)
def test_what_is_no_json_and_no_data_is_text(text: str) -> None:
    body = {"messages": [{"role": "user", "content": text}]}
    leaves = read("chat", body)
    assert said(leaves) in ([], [text])
    assert leaves.rewritten(dict.fromkeys(range(len(leaves.items)), "new")) == (
        {"messages": [{"role": "user", "content": "new"}]} if leaves.items else body
    )


def test_json_that_is_too_long_or_too_full_is_inspected_as_it_stands() -> None:
    for text in (json.dumps({"a": "b" * 300_000}), json.dumps(["a"] * 11_000)):
        assert said(read("chat", {"messages": [{"role": "tool", "content": text}]})) == [text]


def test_json_deeper_in_json_than_anybody_goes_is_inspected_as_it_stands() -> None:
    text = '"ann"'
    for _ in range(6):
        text = json.dumps([text])
    leaves = read("chat", {"messages": [{"role": "tool", "content": text}]})
    assert len(leaves.items) == 1
    assert "ann" in leaves.page


def test_a_lone_surrogate_in_a_string_of_json_does_not_stop_anybody() -> None:
    text = '{"a": "\\ud800 ann", "b": "\\ud83d\\ude00"}'
    leaves = read("chat", {"messages": [{"role": "tool", "content": text}]})
    assert said(leaves) == ["a", "\ufffd ann", "b", "\U0001f600"]
    assert leaves.rewritten({3: "x"})["messages"][0]["content"] == '{"a": "\\ud800 ann", "b": "x"}'
    orjson.dumps(leaves.page)


def test_two_keys_that_become_one_both_stay() -> None:
    raw = b'{"metadata": {"a": "1", "b": "2", "c": "3"}}'
    body = orjson.loads(raw)
    leaves = read("chat", body)
    new = {0: "k", 2: "k"}
    assert leaves.rewritten(new) == {"metadata": {"k": "1", "k_2": "2", "c": "3"}}
    assert orjson.loads(rewrite_raw(raw, body, leaves, new)) == leaves.rewritten(new)


# bounds


def test_a_body_as_deep_as_may_be_is_read_and_written() -> None:
    value: Any = "ann"
    for level in range(MAX_DEPTH - 2):
        value = [value] if level % 2 else {"a": value}
    body = {"metadata": value}
    leaves = read("chat", body)
    index = said(leaves).index("ann")
    assert b'"x"' in orjson.dumps(leaves.rewritten({index: "x"}))


def test_more_texts_than_anybody_could_look_at_are_refused() -> None:
    body: dict[str, Any]
    for body in ({"input": ["a"] * (texts_module.MOST + 1)}, {"metadata": {"a": ["b"] * (texts_module.MOST + 1)}}):
        with pytest.raises(CallError) as refused:
            read("embeddings", body)
        assert refused.value.status == 400


def test_what_did_not_change_is_the_very_same_object() -> None:
    body = {"messages": [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}], "tools": [{"name": "f"}]}
    leaves = read("chat", body)
    new = leaves.rewritten({said(leaves).index("a"): "x"})
    assert new["tools"] is body["tools"]
    assert new["messages"][1] is body["messages"][1]
    assert new["messages"][0] == {"role": "user", "content": "x"}
    assert body["messages"][0] == {"role": "user", "content": "a"}


def test_a_break_of_the_page_cannot_be_typed() -> None:
    leaves = read("chat", {"messages": [{"role": "user", "content": "a\x00b"}], "user": "c\n\x00\nd"})
    assert leaves.page == "a\u200bb\n\x00\nc\n\u200b\nd"
    assert said(leaves) == ["a\x00b", "c\n\x00\nd"]
