"""What is asked of an endpoint, and what its answers mean: as plain functions, without IO."""

from collections.abc import Mapping
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout_sidecar.wire.model_lists import Answer, Finding, inquire

Answers = Mapping[str, Any]
NONE: Finding = Finding()


def listing(*names: str) -> dict[str, Any]:
    return {"object": "list", "data": [{"id": name} for name in names]}


def converse(protocol: str, models: set[str], answers: Answers) -> tuple[Finding, list[str]]:
    """The finding, and what was asked. Answers are a status, JSON (200), bytes (200) or None; what is not there is a 404."""
    asked: list[str] = []
    inquiry = inquire(protocol, models)
    try:
        path = next(inquiry)
        while True:
            asked.append(path)
            given = answers.get(path, 404)
            if isinstance(given, int):
                answer: Answer | None = Answer(given)
            elif given is None:
                answer = None
            else:
                answer = Answer(200, given if isinstance(given, bytes) else orjson.dumps(given))
            path = inquiry.send(answer)
    except StopIteration as end:
        finding: Finding = end.value
        return finding, asked


def test_a_model_that_is_listed_is_asked_for_no_further() -> None:
    finding, asked = converse("OpenAI", {"gpt"}, {"/models": listing("gpt", "other")})
    assert finding == Finding(listed=2)
    assert asked == ["/models"]


def test_a_model_that_is_neither_listed_nor_found_alone_is_absent() -> None:
    finding, asked = converse("OpenAI", {"gpt", "gtp"}, {"/models": listing("gpt"), "/models/gpt": {"id": "gpt"}})
    assert finding == Finding(listed=1, absent=frozenset({"gtp"}))
    assert asked == ["/models", "/models/gpt", "/models/gtp"]


def test_an_alias_that_is_not_listed_and_is_found_alone_exists() -> None:
    answers = {
        "/models?limit=1000": listing("claude-x-2"),
        "/models/claude-x-2": {},
        "/models/claude-x": {},
    }
    assert converse("Anthropic", {"claude-x"}, answers)[0] == Finding(listed=1)


def test_where_a_listed_model_is_not_found_alone_either_nothing_is_concluded() -> None:
    finding, asked = converse("OpenAI", {"lora"}, {"/models": listing("base")})
    assert finding == Finding(listed=1)
    assert asked == ["/models", "/models/base"]


def test_a_name_with_a_slash_is_judged_only_by_one_with_a_slash() -> None:
    plain = {"/models": listing("base"), "/models/base": {}}
    assert converse("OpenAI", {"meta/llama"}, plain)[0] == Finding(listed=1)
    both = {"/models": listing("base", "meta/other"), "/models/base": {}, "/models/meta%2Fother": {}}
    assert converse("OpenAI", {"meta/llama"}, both)[0] == Finding(listed=2, absent=frozenset({"meta/llama"}))


@pytest.mark.parametrize(("configured", "listed"), [("llama3", "llama3:latest"), ("llama3:latest", "llama3")])
def test_a_name_without_a_tag_is_that_of_the_latest(configured: str, listed: str) -> None:
    assert converse("OpenAI", {configured}, {"/models": listing(listed)})[1] == ["/models"]


@pytest.mark.parametrize(
    ("configured", "listed"),
    [
        ("claude-x", "claude-x-20250101"),
        ("claude-x-latest", "claude-x-20250101"),
        ("gpt-4o", "gpt-4o-2024-08-06"),
        ("gpt-4", "gpt-4-0613"),
        ("gemini-flash-latest", "gemini-flash-001"),
        ("gemini-flash-latest", "gemini-flash"),
    ],
)
def test_a_name_without_its_date_is_taken_for_an_alias(configured: str, listed: str) -> None:
    assert converse("OpenAI", {configured}, {"/models": listing(listed)})[1] == ["/models"]


def test_googles_collection_before_a_name_makes_no_other_name() -> None:
    page = {"models": [{"name": "models/gemini-x"}, {"name": "models/gemini-y"}]}
    answers = {"/models?pageSize=1000": page, "/models/gemini-x": {}}
    finding, asked = converse("Gemini", {"gemini-x", "models/gemini-y", "models/gemini-z"}, answers)
    assert finding == Finding(listed=2, absent=frozenset({"models/gemini-z"}))
    assert asked == ["/models?pageSize=1000", "/models/gemini-x", "/models/gemini-z"]


def test_lists_of_several_pages_are_read_to_their_end() -> None:
    claude = {
        "/models?limit=1000": listing("a") | {"has_more": True, "last_id": "a b"},
        "/models?limit=1000&after_id=a%20b": listing("c") | {"has_more": False, "last_id": "c"},
    }
    assert converse("Anthropic", {"a", "c"}, claude)[0] == Finding(listed=2)
    gemini = {
        "/models?pageSize=1000": {"models": [{"name": "models/a"}], "nextPageToken": "t="},
        "/models?pageSize=1000&pageToken=t%3D": {"models": [{"name": "models/b"}], "nextPageToken": ""},
    }
    assert converse("Gemini", {"a", "b"}, gemini)[0] == Finding(listed=2)


def endless(document: Any, protocol: str) -> int:
    """How many times an inquiry asks that is answered the same for ever."""
    try:
        body = orjson.dumps(document)
    except TypeError:  # an integer beyond 64 bits
        body = b"[]"
    inquiry = inquire(protocol, {"gpt"})
    asked = [next(inquiry)]
    while len(asked) < 100:
        try:
            asked.append(inquiry.send(Answer(200, body)))
        except StopIteration:
            break
    assert all(path.isascii() for path in asked)
    return len(asked)


def test_a_list_without_end_is_read_for_a_bounded_number_of_pages() -> None:
    assert endless(listing("gpt") | {"has_more": True, "last_id": "gpt"}, "Anthropic") == 10


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 405, 501])
def test_an_endpoint_that_gives_no_list_is_not_judged(status: int) -> None:
    assert converse("OpenAI", {"gpt"}, {"/models": status}) == (NONE, ["/models"])


@pytest.mark.parametrize(
    "body", [b"", b"hello", b"3", b"{}", b'{"data":{}}', b'{"data":["gpt"]}', b'{"data":[{"id":3}]}']
)
def test_something_else_than_a_list_is_not_judged(body: bytes) -> None:
    assert converse("OpenAI", {"gpt"}, {"/models": body}) == (NONE, ["/models"])


@pytest.mark.parametrize("body", [b'{"object":"list","data":[]}', b'{"object":"list","data":null}'])
def test_by_an_empty_list_nothing_can_be_known(body: bytes) -> None:
    assert converse("OpenAI", {"gpt"}, {"/models": body}) == (Finding(listed=0), ["/models"])


def test_a_bare_array_is_a_list_too() -> None:
    assert converse("OpenAI", {"a"}, {"/models": [{"id": "a", "type": "chat"}]})[0] == Finding(listed=1)


@pytest.mark.parametrize("answer", [None, 429, 500, 503, 529])
def test_what_fails_for_a_moment_settles_nothing(answer: int | None) -> None:
    assert converse("OpenAI", {"gpt"}, {"/models": answer})[0] == Finding(unsettled=frozenset({"gpt"}))
    known = {"/models": listing("base"), "/models/base": {}}
    finding = converse("OpenAI", {"a", "b", "c"}, known | {"/models/b": answer})[0]
    assert finding == Finding(1, frozenset({"a"}), frozenset({"b", "c"}))
    assert converse("OpenAI", {"a"}, known | {"/models/base": answer})[0] == Finding(1, unsettled=frozenset({"a"}))


@pytest.mark.parametrize("status", [400, 401, 403, 405])
def test_only_a_404_says_that_a_model_does_not_exist(status: int) -> None:
    known = {"/models": listing("base"), "/models/base": {}, "/models/gpt": status}
    assert converse("OpenAI", {"gpt"}, known)[0] == Finding(listed=1)


@pytest.mark.parametrize("protocol", ["AzureOpenAI", "BedrockConverse", "of-tomorrow"])
def test_endpoints_that_do_not_list_what_can_be_called_are_not_asked(protocol: str) -> None:
    assert converse(protocol, {"gpt"}, {}) == (NONE, [])


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda some: st.lists(some) | st.dictionaries(
    st.sampled_from(["data", "models", "id", "name", "object", "has_more", "last_id", "nextPageToken"]), some)))  # fmt: skip
def test_no_answer_can_break_an_inquiry(document: Any) -> None:
    for protocol in ("OpenAI", "Anthropic", "Gemini"):
        assert endless(document, protocol) <= 12
