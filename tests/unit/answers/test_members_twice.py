"""Answers in which a member stands twice: what goes out holds it once, and says what was read."""

import json

import pytest

from support.edited_streams import idle
from turnout_sidecar.answers import whole
from turnout_sidecar.answers.formats import FORMATS
from turnout_sidecar.answers.kinds import Kind

FRAMES = {
    "chat": '{"choices":[{"index":0,"delta":{"content":"first","content":"last"},"finish_reason":null}]}',
    "messages": '{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"first","text":"last"}}',
    "responses": '{"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"first","delta":"last"}',
}
UNREAD = {
    "chat": '{"choices":[{"index":0,"delta":{"content":"x"}}],"system_fingerprint":"first","system_fingerprint":"last"}',
    "messages": '{"type":"ping","type":"ping","note":"first","note":"last"}',
    "responses": '{"type":"response.output_text.delta","type":"response.audio.delta","delta":"first","delta":"last"}',
}


class Reading:
    """An edit that changes nothing and keeps what it was shown."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def __call__(self, kind: Kind, text: str) -> str:
        self.texts.append(text)
        return text


@pytest.mark.parametrize("frames", [FRAMES, UNREAD], ids=["text", "no text"])
@pytest.mark.parametrize("name", FORMATS)
def test_an_event_that_holds_a_member_twice_goes_out_with_what_was_read(name: str, frames: dict[str, str]) -> None:
    editor = FORMATS[name].editor(idle)
    frame = f"id: 7\ndata: {frames[name]}\n\n".encode()
    shown = b"".join([*(editor.feed(frame) for _ in range(3)), editor.finish()])
    assert b"first" not in shown
    assert shown.count(b"last") == 3
    assert shown.count(b"id: 7") == 3


def test_an_event_that_is_a_list_of_such_members_too() -> None:
    editor = FORMATS["chat"].editor(idle)
    assert editor.feed(b'data: [{"a":"first","a":"last"}]\n\n') == b'data: [{"a":"last"}]\n\n'


def test_a_whole_answer_without_any_such_member_is_the_very_same_bytes() -> None:
    body = b'{ "a" : "x\\\\\\"", "b\\u0022": [1.0, 12345678901234567890123] }'
    assert whole.once(body) is body


def test_a_whole_answer_keeps_its_numbers_where_a_member_stood_twice() -> None:
    body = b'{"a": {"x": 1}, "a": {"y": 12345678901234567890123, "z": "\\u00e4"}}'
    assert json.loads(whole.once(body)) == {"a": {"y": 12345678901234567890123, "z": "ä"}}
    assert b'"x"' not in whole.once(body)


def test_what_is_no_json_is_left_to_who_reads_text() -> None:
    assert whole.once(b'{"a": "first", "a": ') == b'{"a": "first", "a": '


@pytest.mark.parametrize("depth", [60, 300, 900])
def test_however_deeply_a_member_stands_twice_only_one_of_them_goes_out_or_both_are_read(depth: int) -> None:
    """What is nested more deeply than answers are is read as one text."""
    body = b'{"a":' * depth + b'{"x":"first","x":"last"}' + b"}" * depth
    read = Reading()
    FORMATS["chat"].whole(whole.once(body), read)
    assert b"first" not in whole.once(body) or "first" in "".join(read.texts)
    seen = Reading()
    shown = FORMATS["chat"].editor(idle, None, seen).feed(b"data: " + body + b"\n\n")
    assert b"first" not in shown or "first" in "".join(seen.texts)
