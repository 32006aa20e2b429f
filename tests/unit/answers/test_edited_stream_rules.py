"""What the editor of a stream does with what it holds, drops and adds, format by format."""

import itertools
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from support.edited_streams import TRANSCRIPTS, frames_of, holding, idle, said_in, texts_of
from turnout_sidecar.answers.formats import FORMATS, Channel, Kind, StreamEditor

HOLD_ALL = holding({}, 1000)


def chat(delta: dict[str, Any] | None, finish: str | None = None, **more: Any) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return b"data: " + orjson.dumps({"id": "c1", "created": 7, "model": "m", "choices": [choice], **more}) + b"\n\n"


def event(kind: str, **data: Any) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), orjson.dumps({"type": kind, **data}))


def run(name: str, frames: list[bytes], make: Callable[[Kind, str], Channel] = HOLD_ALL) -> list[dict[str, Any]]:
    editor = FORMATS[name].editor(make)
    out = b"".join([editor.feed(frame) for frame in frames]) + editor.finish()
    return [said for _, said in said_in(out)]


def test_what_a_choice_holds_goes_out_in_a_chunk_before_its_finish() -> None:
    frames = [
        chat({"reasoning_content": "why"}),
        chat({"content": "a"}),
        chat({"content": "b"}),
        chat({}, "stop"),
        b"data: [DONE]\n\n",
    ]
    out = run("chat", frames)
    assert [said["choices"][0]["delta"] for said in out] == [{"reasoning_content": "why"}, {"content": "ab"}, {}]
    assert [said["choices"][0]["finish_reason"] for said in out] == [None, None, "stop"]
    assert {(said["id"], said["created"], said["model"]) for said in out} == {("c1", 7, "m")}


def test_a_finish_that_brings_text_brings_what_was_held_too() -> None:
    out = run("chat", [chat({"content": "a"}), chat({"content": "b"}, "stop")])
    assert [said["choices"][0]["delta"] for said in out] == [{"content": "ab"}]


def test_a_chunk_that_says_something_else_is_sent_without_its_text() -> None:
    out = run("chat", [chat({"role": "assistant", "content": "a"}), chat({"content": "b"}, usage={"total_tokens": 3})])
    assert out[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert out[1]["usage"] == {"total_tokens": 3}
    assert out[2]["choices"][0]["delta"] == {"content": "ab"}


def test_a_choice_that_goes_on_after_its_finish_is_held_to_the_end() -> None:
    raw = (TRANSCRIPTS / "chat" / "early_finish.sse").read_bytes()
    editor = FORMATS["chat"].editor(HOLD_ALL)
    out = [editor.feed(frame) for frame in frames_of(raw)]
    assert texts_of("chat", out[0]) == {(0, "content"): "One"}
    assert texts_of("chat", out[1] + out[2]) == {}
    assert texts_of("chat", out[3]) == {(0, "content"): " two three"}


def test_calls_that_share_an_index_are_told_apart_by_their_ids() -> None:
    made: list[str] = []

    def make(kind: Kind, place: str) -> Channel:
        made.append(f"{kind} {place}")
        return HOLD_ALL(kind, place)

    editor = FORMATS["chat"].editor(make, edit=lambda _, text: text)
    raw = (TRANSCRIPTS / "chat" / "google_layer.sse").read_bytes()
    out = b"".join([editor.feed(frame) for frame in frames_of(raw)]) + editor.finish()
    [chunk, *_] = [said for _, said in said_in(out)]
    calls = chunk["choices"][0]["delta"]["tool_calls"]
    assert [call["function"]["arguments"] for call in calls] == ['{"city":"Rom"}', "{}"]
    assert made == ["arguments choices[0].tool_calls[0].function.arguments"] * 2


def test_a_stream_that_breaks_off_says_what_was_held() -> None:
    for name, frames, text in (
        ("chat", [chat({"content": "half"})], {(0, "content"): "half"}),
        (
            "messages",
            [event("content_block_delta", index=2, delta={"type": "text_delta", "text": "half"})],
            {(2, "text"): "half"},
        ),
        (
            "responses",
            [
                event(
                    "response.output_text.delta",
                    sequence_number=4,
                    item_id="m",
                    output_index=1,
                    content_index=0,
                    delta="half",
                )
            ],
            {("response.output_text", 1, 0, None): "half"},
        ),
    ):
        editor = FORMATS[name].editor(HOLD_ALL)
        assert editor.feed(frames[0]) == b""
        assert texts_of(name, editor.finish()) == text


@pytest.mark.parametrize("name", list(FORMATS))
def test_what_was_held_goes_out_before_an_error(name: str) -> None:
    path = {"chat": "error_in_stream", "messages": "overloaded", "responses": "failed"}[name]
    raw = (TRANSCRIPTS / name / f"{path}.sse").read_bytes()
    editor = FORMATS[name].editor(HOLD_ALL)
    out = b"".join([editor.feed(frame) for frame in frames_of(raw)])
    assert texts_of(name, out) == texts_of(name, raw)
    assert b'"error"' in frames_of(out)[-1] or b"failed" in frames_of(out)[-1]
    assert editor.finish() == b""


def test_thoughts_are_whole_before_their_signature() -> None:
    raw = (TRANSCRIPTS / "messages" / "thinking.sse").read_bytes()
    out = run("messages", frames_of(raw))
    deltas = [said["delta"] for said in out if said["type"] == "content_block_delta"]
    assert deltas[:2] == [
        {"type": "thinking_delta", "thinking": "Let me think."},
        {"type": "signature_delta", "signature": "EqQBSig=="},
    ]


def test_responses_are_numbered_without_gaps_and_end_as_their_deltas_said() -> None:
    raw = (TRANSCRIPTS / "responses" / "reasoning_tools.sse").read_bytes()
    out = run("responses", frames_of(raw), holding({"two": "2", "Two": "zwei", "look": "L"}, 7))
    assert [said["sequence_number"] for said in out] == list(range(len(out)))
    done = out[-1]["response"]["output"]
    assert done[0]["summary"][1]["text"] == "zwei cities."
    assert done[1]["content"][0]["text"] == "I L at both."
    items = {said["output_index"]: said["item"] for said in out if said["type"] == "response.output_item.done"}
    assert [items[index] for index in sorted(items)] == done


def test_a_text_without_deltas_is_edited_where_it_stands() -> None:
    raw = (TRANSCRIPTS / "responses" / "no_deltas.sse").read_bytes()
    out = run("responses", frames_of(raw), holding({"Oslo": "Rom"}, 3))
    assert b"Oslo" not in orjson.dumps(out)
    assert out[-1]["response"]["output"][0]["arguments"] == '{"city":"Rom"}'


def test_texts_that_come_whole_go_through_the_edit_and_not_through_channels() -> None:
    made: list[str] = []

    def make(kind: Kind, place: str) -> Channel:
        made.append(f"{kind} {place}")
        return idle(kind, place)

    editor = FORMATS["messages"].editor(make, None, lambda _, text: text.upper())
    raw = (TRANSCRIPTS / "messages" / "search.sse").read_bytes()
    out = b"".join([editor.feed(frame) for frame in frames_of(raw)]) + editor.finish()
    assert made == ["arguments content[0].partial_json", "content content[2].text", "content content[2].news"]
    assert b"HTTPS://EXAMPLE.TEST" in out
    assert b'"encrypted_content": "abc"' in out


def test_a_channel_that_raises_ends_the_stream_there() -> None:
    class Blocks:
        def feed(self, text: str) -> str:
            if "bad" in text:
                raise PermissionError(text)
            return text

        def flush(self) -> str:
            return ""

    editor = FORMATS["chat"].editor(lambda kind, place: Blocks())  # noqa: ARG005
    assert editor.feed(chat({"content": "good"})) == chat({"content": "good"})
    with pytest.raises(PermissionError):
        editor.feed(chat({"content": "bad"}) + chat({"content": "after"}))


VERDICT = {"schema": "failed"}
TELLS = {
    "chat": ("plain", lambda said: said.get("turnout")),
    "messages": ("text", lambda said: said.get("turnout")),
    "responses": ("text", lambda said: said.get("turnout")),
}


@pytest.mark.parametrize("name", list(FORMATS))
def test_the_verdict_is_told_once_before_the_end_and_after_all_texts(name: str) -> None:
    told: list[str] = []
    out = b""

    def last() -> dict[str, str]:
        told.append(out.decode())
        return VERDICT

    editor = FORMATS[name].editor(HOLD_ALL, last)
    raw = (TRANSCRIPTS / name / f"{TELLS[name][0]}.sse").read_bytes()
    for frame in frames_of(raw):
        out += editor.feed(frame)
    out += editor.finish()
    frames = frames_of(out)
    assert len(told) == 1
    assert frames[-1].split(b"data: ")[-1][:12] == frames_of(raw)[-1].split(b"data: ")[-1][:12]
    assert orjson.loads(frames[-2].split(b"data: ")[1])["turnout"] == VERDICT


@pytest.mark.parametrize("name", list(FORMATS))
def test_the_verdict_of_a_stream_that_broke_off_is_its_last_frame(name: str) -> None:
    raw = (TRANSCRIPTS / name / f"{TELLS[name][0]}.sse").read_bytes()
    editor = FORMATS[name].editor(HOLD_ALL, lambda: VERDICT)
    out = b"".join([editor.feed(frame) for frame in frames_of(raw)[:-4]]) + editor.finish()
    assert said_in(out)[-1][1]["turnout"] == VERDICT
    silent = FORMATS[name].editor(idle, lambda: None)
    assert b"".join([silent.feed(frame) for frame in frames_of(raw)]) + silent.finish() == raw


def test_half_a_surrogate_pair_is_joined_with_the_other() -> None:
    heard: list[str] = []

    class Hears:
        def feed(self, text: str) -> str:
            heard.append(text)
            return text

        def flush(self) -> str:
            return ""

    frames = [
        chat({"content": "X"}).replace(b"X", half) for half in (b"a\\ud83d", b"\\ude00b", b"c\\ud83d", b"d\\ude00")
    ]
    editor = FORMATS["chat"].editor(lambda kind, place: Hears())  # noqa: ARG005
    out = b"".join([editor.feed(frame) for frame in frames]) + editor.finish()
    assert texts_of("chat", out) == {(0, "content"): "a😀bc\ufffdd\ufffd"}
    assert all(text.isprintable() for text in heard)


def test_frames_like_those_before_are_known_only_if_all_else_is_the_same() -> None:
    frames = [chat({"content": text}) for text in ("a", 'b \\ " \n é 😀', "", "c")]
    frames += [
        chat({"content": "d"}, model="other"),
        chat({"content": "e", "role": "x"}),
        chat({"content": "f"}, "stop"),
    ]
    frames += [frames[0].replace(b'"a"', b'"a","refusal":"g"'), frames[0].replace(b'"a"', b'"a\x01"'), frames[0][:-1]]
    seen: list[str] = []

    class Hears:
        def feed(self, text: str) -> str:
            seen.append(text)
            return text

        def flush(self) -> str:
            return ""

    editor: StreamEditor = FORMATS["chat"].editor(lambda kind, place: Hears())  # noqa: ARG005
    out = b"".join([editor.feed(frame) for frame in frames]) + editor.finish()
    assert out == b"".join(frames)
    assert [text for text in seen if text] == ["a", 'b \\ " \n é 😀', "c", "d", "e", "f", "a", "g", *seen[-2:]]


def test_the_whole_answer_of_a_stream_has_its_calls_and_citations() -> None:
    tools = FORMATS["messages"].collected((TRANSCRIPTS / "messages" / "tools.sse").read_bytes())
    answer = orjson.loads((tools or b"").replace(b"12345678901234567890123", b"1"))
    assert [block["type"] for block in answer["content"]] == ["text", "tool_use", "tool_use"]
    assert answer["content"][1]["input"] == {"city": "München", "big": 1}
    assert (answer["stop_reason"], answer["usage"]["output_tokens"]) == ("tool_use", 77)
    search = orjson.loads(FORMATS["messages"].collected((TRANSCRIPTS / "messages" / "search.sse").read_bytes()) or b"")
    assert search["content"][2]["text"] == "It is so."
    assert search["content"][2]["citations"][0]["cited_text"] == "c"
    calls = orjson.loads(FORMATS["chat"].collected((TRANSCRIPTS / "chat" / "tools.sse").read_bytes()) or b"")
    assert calls["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"] == '{"city":"Kyōto"}'
    ended = orjson.loads(
        FORMATS["responses"].collected((TRANSCRIPTS / "responses" / "incomplete.sse").read_bytes()) or b""
    )
    assert ended["status"] == "incomplete"
    for name, stream in (("messages", "cut"), ("responses", "broken_off"), ("chat", "error_in_stream")):
        assert FORMATS[name].collected((TRANSCRIPTS / name / f"{stream}.sse").read_bytes()) is None


def test_comments_and_other_line_ends_stay() -> None:
    data = b'data: {"choices": [{"delta": {"content":\r\ndata:  "secret"}, "finish_reason": 1}]}\r\n'
    raw = b": ping\r\n\r\nid: 4\r\n%bretry: 5\r\n\r\n" % data
    editor = FORMATS["chat"].editor(holding({"secret": "S"}, 0))
    out = b"".join([editor.feed(frame) for frame in frames_of(raw)]) + editor.finish()
    assert out.startswith(b": ping\r\n\r\nid: 4\r\ndata: ")
    assert b"retry: 5\r\n\r\n" in out
    assert texts_of("chat", out) == {(0, "content"): "S"}


def test_every_kind_of_delta_of_a_response_has_its_own_channel() -> None:
    kinds = {
        "output_text": "content",
        "refusal": "refusal",
        "reasoning_text": "reasoning",
        "reasoning_summary_text": "reasoning",
        "function_call_arguments": "arguments",
        "mcp_call_arguments": "arguments",
        "custom_tool_call_input": "content",
        "code_interpreter_call_code": "content",
        "audio.transcript": "content",
    }
    made: dict[str, str] = {}

    def make(kind: Kind, place: str) -> Channel:
        made[place] = kind
        return idle(kind, place)

    editor = FORMATS["responses"].editor(make)
    number = itertools.count()
    for name in kinds:
        editor.feed(event(f"response.{name}.delta", sequence_number=next(number), output_index=0, delta="x"))
    sound = event("response.output_audio.delta", sequence_number=next(number), delta="QUJD")
    assert editor.feed(sound) == sound
    assert made == {f"output[0].{name}": kind for name, kind in kinds.items()}


def test_what_a_response_repeats_of_the_call_can_be_left_as_it_is() -> None:
    begun = event(
        "response.created",
        sequence_number=0,
        response={"instructions": "secret", "output": [], "text": {"name": "secret"}},
    )
    done = event("response.output_text.done", sequence_number=1, text="secret")
    ended = event(
        "response.completed", sequence_number=2, response={"instructions": "secret", "output": [{"text": "secret"}]}
    )
    make = holding({"secret": "S"}, 0)
    for echo, left in ((True, 0), (False, 3)):
        editor = FORMATS["responses"].editor(make, echo=echo)
        out = b"".join([editor.feed(frame) for frame in (begun, done, ended)]) + editor.finish()
        assert out.count(b"secret") == left
    stop = event("message_delta", delta={"stop_reason": "stop_sequence", "stop_sequence": "secret"})
    assert FORMATS["messages"].editor(make, echo=False).feed(stop) == stop
    assert b"secret" not in FORMATS["messages"].editor(make).feed(stop)


def test_probabilities_go_with_the_text_that_they_spell() -> None:
    logprobs = {"content": [{"token": "secret", "logprob": -0.5, "bytes": [115]}], "refusal": None}
    frame = chat({"role": "assistant", "content": "secret"})
    frame = frame.replace(b'"finish_reason":null', b'"finish_reason":null,"logprobs":' + orjson.dumps(logprobs))
    assert FORMATS["chat"].editor(idle).feed(frame) == frame
    out = run("chat", [frame], holding({"secret": "S"}, 0))
    assert out[0]["choices"][0]["logprobs"] is None
    assert "secret" not in orjson.dumps(out).decode()
    spoken = event(
        "response.output_text.delta", sequence_number=0, delta="secret", logprobs=[{"token": "secret"}], more=1
    )
    said = run("responses", [spoken], holding({"secret": "S"}, 0))
    assert said[0]["logprobs"] == []
    assert "secret" not in orjson.dumps(said).decode()
