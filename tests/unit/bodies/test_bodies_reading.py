"""What is read of a body, and what is written back."""

import base64
from typing import Any

import orjson
import pytest

from turnout_sidecar.bodies.leaves import Leaves
from turnout_sidecar.bodies.raw import rewrite_raw
from turnout_sidecar.bodies.reading import read
from turnout_sidecar.wire.json_body import quotes


def texts(leaves: Leaves) -> list[str]:
    return [leaf.text for leaf in leaves.items]


def replaced(endpoint: str, raw: bytes, old: str, new: str) -> bytes:
    """The bytes with one text put for another in every leaf, checked against the parsed form."""
    body = orjson.loads(raw)
    leaves = read(endpoint, body)
    changes = {index: leaf.text.replace(old, new) for index, leaf in enumerate(leaves.items) if old in leaf.text}
    assert changes, f"{old} is in no leaf"
    edited = rewrite_raw(raw, body, leaves, changes)
    assert orjson.loads(edited) == leaves.rewritten(changes)
    return edited


CHAT = {
    "model": "gpt",
    "temperature": 0.5,
    "stream": True,
    "user": "u-1",
    "messages": [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]},
    ],
}


def test_a_chat_is_its_texts_and_nothing_of_the_api() -> None:
    leaves = read("chat", CHAT)
    assert texts(leaves) == ["u-1", "Be kind.", "one", "two"]
    assert [leaf.part for leaf in leaves.items] == ["other", "system", "user", "user"]
    assert leaves.items[2].place == "messages[1].content[0].text"
    assert leaves.page == "u-1\n\x00\nBe kind.\n\x00\none\ntwo"


def test_nothing_new_is_the_very_same_bytes_and_body() -> None:
    raw = b'{ "model":"m", "messages": [ {"role":"user","content":"a \\u00e9 \\" b"} ], "seed": 12345678901234567890 }'
    body = orjson.loads(raw)
    leaves = read("chat", body)
    assert rewrite_raw(raw, body, leaves, {}) is raw
    assert leaves.rewritten({0: leaves.items[0].text}) is body


def test_only_the_string_that_changes_is_written() -> None:
    raw = b'{ "n": 1.50, "messages": [ {"role": "user", "content": "\\u0041nn"} , {"role":"user","content":"\\u0042ob"}] }'
    assert replaced("chat", raw, "Ann", "<X>") == raw.replace(b"\\u0041nn", b"<X>")


def test_arguments_of_a_tool_stay_json_with_their_spacing_and_numbers() -> None:
    arguments = '{ "to": "ann@example.org",  "n": 123456789012345678901234567890, "x": {"y": "a \\" \\u00e9"} }'
    raw = orjson.dumps(
        {"messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": arguments}}]}]}
    )
    edited = orjson.loads(replaced("chat", raw, "ann@example.org", 'q"<X>'))
    assert edited["messages"][0]["tool_calls"][0]["function"]["arguments"] == arguments.replace(
        "ann@example.org", 'q\\"<X>'
    )


def test_a_text_data_url_is_read_and_encoded_again() -> None:
    url = "data:text/plain;base64," + base64.b64encode(b"mail ann@example.org").decode()
    raw = orjson.dumps({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}]})
    body = orjson.loads(replaced("chat", raw, "ann@example.org", "<X>"))
    said = body["messages"][0]["content"][0]["image_url"]["url"]
    assert base64.b64decode(said.partition(",")[2]) == b"mail <X>"


def test_a_member_given_twice_is_written_once() -> None:
    raw = b'{"messages":[{"role":"user","content":"ann@example.org","content":"hi"}]}'
    body = orjson.loads(raw)
    assert rewrite_raw(raw, body, read("chat", body), {}) == b'{"messages":[{"role":"user","content":"hi"}]}'


@pytest.mark.parametrize(
    ("raw", "count"),
    [(b'{"a":"b"}', 4), (b'{"a\\"":"\\\\"}', 4), (b'{"\\\\\\"":"\\\\\\\\"}', 4), (b'["\\\\","\\""]', 4), (b"[1]", 0)],
)
def test_quotes_of_strings_are_counted_without_escaped_ones(raw: bytes, count: int) -> None:
    assert quotes(raw) == count


@pytest.mark.parametrize(
    ("endpoint", "body"),
    [
        ("embeddings", {"input": [1, 2, 3]}),
        ("embeddings", {"input": [[1, 2], [3]]}),
    ],
)
def test_tokens_cannot_be_inspected(endpoint: str, body: dict[str, Any]) -> None:
    leaves = read(endpoint, body)
    assert leaves.items == ()
    assert leaves.binary


def spoken(endpoint: str, body: dict[str, Any]) -> dict[str, str]:
    """Whose words the texts of a body are."""
    return {leaf.text: leaf.part for leaf in read(endpoint, body).items}


def test_who_speaks_is_told_by_the_place_and_not_by_a_name_or_type() -> None:
    part = {"type": "mcp_list_tools", "role": "system", "schema": {"title": "A"}, "tools": [{"description": "B"}]}
    listed = {"type": "mcp_list_tools", "tools": [{"description": "C"}]}
    found = {"type": "tool_search_output", "tools": [{"description": "D", "parameters": {"title": "E"}}], "note": "F"}
    said = {"role": "user", "content": [part]}
    assert spoken("responses", {"input": [said, listed, found]}) == {
        "A": "user",
        "B": "user",
        "C": "definition",
        "D": "definition",
        "E": "definition",
        "note": "tool",
        "F": "tool",
    }
    assert spoken("chat", {"messages": [said]}) == {"A": "user", "B": "user"}


@pytest.mark.parametrize(
    ("endpoint", "where"),
    [
        ("chat", "tools functions tool_choice function_call response_format"),
        ("responses", "tools tool_choice text"),
        ("messages", "tools tool_choice mcp_servers output_config output_format"),
        ("count_tokens", "tools tool_choice mcp_servers output_config output_format"),
        ("embeddings", ""),
    ],
)
def test_definitions_stand_where_the_endpoint_has_them(endpoint: str, where: str) -> None:
    names = "tools functions tool_choice function_call response_format text mcp_servers output_config output_format"
    body = {name: {"title": name} for name in names.split()}
    assert {name for name, part in spoken(endpoint, body).items() if part == "definition"} == set(where.split())
