"""The transcripts of every format, read at random chunk boundaries and written in every API that can be asked."""

import itertools
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest
from anthropic.types import Message
from openai.types.chat import ChatCompletion
from openai.types.responses import Response

from support.event_order import hold_to_the_order
from support.transcripts import FOLDER, random_cuts, read_in_pieces, transcripts
from turnout_sidecar.wire import signed_ids
from turnout_sidecar.wire.canonical import Answer, Ended, Event, Failed, Refusal, Text, Thinking, ToolCall
from turnout_sidecar.wire.formats import Asked
from turnout_sidecar.wire.gather import Gathered
from turnout_sidecar.wire.observing import TranslatingTap, as_events
from turnout_sidecar.wire.registry import INBOUND, outbound

FORMATS = ("chat", "responses", "messages", "gemini", "converse")
FILES = [(name, path) for name in FORMATS for path in transcripts(name, ".sse", ".bin", ".json")]
BODIES = [(name, path) for name, path in FILES if path.suffix == ".json" and path.stem != "list"]
STREAMS = [file for file in FILES if file not in BODIES]  # Gemini has streams that are a JSON list
PAIRS = [(asked, name, path) for asked in INBOUND for name, path in STREAMS]
ASKED = Asked(id="call_0123456789abcdef", model="assistant", created=1760000000, include_usage=True)
BOUNDARIES = 1000
SHAPES: dict[str, Any] = {"chat": ChatCompletion, "responses": Response, "messages": Message}


def label(value: object) -> str:
    return value.stem if isinstance(value, Path) else str(value)


def whole(name: str, path: Path) -> list[Event]:
    return read_in_pieces(outbound(name).reader, path.read_bytes())


def gathered(events: Sequence[Event]) -> Answer | None:
    """The answer that a stream makes; None where it broke off or failed."""
    if not any(isinstance(event, Ended) for event in events) or any(isinstance(event, Failed) for event in events):
        return None
    taken = Gathered()
    taken.feed(events)
    return taken.answer()


def told(answer: Answer) -> list[tuple[str, ...]]:
    """What an answer says, without what some API has no place for."""
    found: list[tuple[str, ...]] = []
    for part in answer.parts:
        if isinstance(part, Text | Refusal):
            if found and found[-1][0] == "text":  # not every API tells a refusal from other text
                found[-1] = ("text", found[-1][1] + part.text)
            elif part.text:
                found.append(("text", part.text))
        elif isinstance(part, ToolCall):
            own = signed_ids.split(part.id)[0]
            found.append(("call", own, part.name, orjson.dumps(orjson.loads(part.arguments)).decode()))
    return sorted(found)


def thoughts(answer: Answer) -> str:
    return "".join(part.text for part in answer.parts if isinstance(part, Thinking))


def test_every_format_has_transcripts() -> None:
    assert {name for name, _ in STREAMS} == {name for name, _ in BODIES} == set(FORMATS)
    assert {path.parent for _, path in STREAMS} == {path for path in FOLDER.iterdir() if path.is_dir()}


@pytest.mark.parametrize(("name", "path"), STREAMS, ids=label)
def test_events_come_in_their_order(name: str, path: Path) -> None:
    hold_to_the_order(whole(name, path))


@pytest.mark.parametrize(("name", "path"), STREAMS, ids=label)
def test_a_thousand_random_chunk_boundaries_make_no_difference(name: str, path: Path) -> None:
    stream, dice, cut = path.read_bytes(), random.Random(f"{name} {path.stem}"), 0
    expected = whole(name, path)
    while cut < BOUNDARIES:
        cuts = random_cuts(dice, len(stream))
        assert read_in_pieces(outbound(name).reader, stream, cuts) == expected, cuts
        cut += len(cuts)


@pytest.mark.parametrize(("asked", "name", "path"), PAIRS, ids=label)
def test_what_is_written_is_the_same_for_any_cut(asked: str, name: str, path: Path) -> None:
    stream, dice = path.read_bytes(), random.Random(f"{asked} {name} {path.stem}")

    def written(cuts: list[int]) -> bytes:
        tap = TranslatingTap(outbound(name).reader(), INBOUND[asked].writer(ASKED))
        edges = [0, *sorted(cuts), len(stream)]
        return b"".join([*(tap.feed(stream[start:end]) for start, end in itertools.pairwise(edges)), tap.finish()])

    whole = written([])
    for _ in range(20):
        assert written(random_cuts(dice, len(stream))) == whole


@pytest.mark.parametrize(("asked", "name", "path"), PAIRS, ids=label)
def test_a_translated_stream_says_what_the_first_one_said(asked: str, name: str, path: Path) -> None:
    events = whole(name, path)
    again = read_in_pieces(outbound(asked).reader, INBOUND[asked].writer(ASKED).write(events))
    hold_to_the_order(again)
    one, two = gathered(events), gathered(again)
    assert (one is None) == (two is None)
    assert any(isinstance(event, Failed) for event in events) == any(isinstance(event, Failed) for event in again)
    if one is not None and two is not None:
        same(one, two)


def same(one: Answer, two: Answer) -> None:
    assert told(two) == told(one)
    assert thoughts(two) == thoughts(one)
    assert (two.finish == "tool_calls") == (one.finish == "tool_calls")
    if one.usage is not None and one.usage.input is not None and one.usage.output is not None:
        assert two.usage is not None
        assert (two.usage.input, two.usage.output) == (one.usage.input, one.usage.output)
        assert two.usage.cached_input in (one.usage.cached_input, one.usage.cached_input or 0)


@pytest.mark.parametrize(("asked", "name", "path"), [(asked, *body) for asked in INBOUND for body in BODIES], ids=label)
def test_a_translated_answer_says_what_the_first_one_said(asked: str, name: str, path: Path) -> None:
    answer = outbound(name).read_answer(path.read_bytes())
    body = INBOUND[asked].write_answer(answer, ASKED)
    SHAPES[asked].model_validate_json(body)
    same(answer, outbound(asked).read_answer(body))
    streamed = read_in_pieces(outbound(asked).reader, INBOUND[asked].writer(ASKED).write(as_events(answer)))
    hold_to_the_order(streamed)
    made = gathered(streamed)
    assert made is not None
    same(answer, made)
