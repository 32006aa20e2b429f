"""Whatever a detector answers: it is an answer that holds, or a failure; never anything else, and never anything of a text."""

import asyncio
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from turnout_sidecar.adapters.fake_upstream import FakeReply, FakeUpstream
from turnout_sidecar.plugins.http_detector import HttpDetector
from turnout_sidecar.plugins.presidio import PresidioDetector
from turnout_sidecar.ports.detector import Detected, DetectorFailed

TEXTS = ["Anna 😀 Berg", "", "Oslo"]
ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False)
    | st.sampled_from(["Anna", "Person"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["start", "findings", "x"]), inner, max_size=3)
    ),
    max_leaves=8,
)
SPAN = st.fixed_dictionaries(
    {
        "start": st.integers(-1, 12) | ANY,
        "end": st.integers(-1, 13) | ANY,
        "entity": st.sampled_from(["Person", "Location", "Anna"]) | ANY,
        "entity_type": st.sampled_from(["PERSON", "LOCATION", "Anna"]) | ANY,
    },
    optional={"score": st.floats(0, 1) | ANY, "text": ANY, "more": ANY},
)
SOUND = st.fixed_dictionaries(
    {"start": st.integers(0, 3), "end": st.integers(2, 4)},
    optional={"entity": st.just("Person"), "entity_type": st.just("PERSON"), "score": st.floats(0, 1)},
)
LISTS = st.lists(st.lists(SPAN | SOUND, max_size=6), min_size=1, max_size=3) | st.lists(
    st.lists(SOUND, max_size=6), min_size=2, max_size=2
)
FLAG = st.fixed_dictionaries(
    {"rule": st.sampled_from(["attack", "Anna", ""]), "score": st.floats(-1, 2)}, optional={"text": ANY}
)
ANSWER = st.fixed_dictionaries(
    {"findings": LISTS | ANY}, optional={"flags": st.lists(FLAG, max_size=2) | ANY, "x": ANY}
)


async def _said(make: type[HttpDetector | PresidioDetector], answer: Any) -> Detected | DetectorFailed:
    upstream = FakeUpstream([FakeReply(pieces=(orjson.dumps(answer),))])
    try:
        return await make("names", "http://guards/", upstream, timeout=30).detect(TEXTS, ["Person"], "input")
    except DetectorFailed as failed:
        return failed


def _holds(said: Detected | DetectorFailed) -> None:
    if isinstance(said, DetectorFailed):
        assert said.reason == "malformed"
        assert "Anna" not in str(said)
        return
    assert len(said.findings) == len(TEXTS)
    for text, found in zip(TEXTS, said.findings, strict=True):
        assert {one.entity for one in found} <= {"Person"}
        assert {one.rule for one in found} <= {"names"}
        edges = [edge for one in found for edge in one[:2]]
        assert edges == sorted(edges)
        assert all(0 <= one.start < one.end <= len(text) for one in found)
    assert all(flag.rule == "attack" and flag.text in {None, 0, 2} and 0 <= flag.score <= 1 for flag in said.flags)


@settings(deadline=None)
@given(ANSWER | ANY)
def test_any_answer_of_the_protocol_holds_or_fails(answer: Any) -> None:
    _holds(asyncio.run(_said(HttpDetector, answer)))


@settings(deadline=None)
@given(LISTS | ANY)
def test_any_answer_of_presidio_holds_or_fails(answer: Any) -> None:
    _holds(asyncio.run(_said(PresidioDetector, answer)))
