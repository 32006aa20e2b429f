"""Presidio's REST API, over the upstream port; the real analyzer is asked in tests/presidio."""

from typing import Any

import orjson
import pytest

from turnout_contract.snapshot.guards import BUILT_IN
from turnout_sidecar.adapters.fake_upstream import FakeReply, FakeUpstream
from turnout_sidecar.guarding.findings import Finding
from turnout_sidecar.plugins.asking import UnusableAddress
from turnout_sidecar.plugins.presidio import KINDS, PresidioDetector
from turnout_sidecar.ports.detector import Detected, DetectorFailed

TEXTS = ["Anna lives in Oslo", "", "080-45-1234"]


def detector(upstream: FakeUpstream, url: str = "http://presidio:3000/analyze") -> PresidioDetector:
    return PresidioDetector("names", url, upstream, timeout=30)


def replied(*results: list[dict[str, Any]]) -> FakeUpstream:
    return FakeUpstream([FakeReply(pieces=(orjson.dumps(results),))])


def result(kind: str, start: int, end: int) -> dict[str, Any]:
    return {"entity_type": kind, "start": start, "end": end, "score": 0.85, "analysis_explanation": None}


async def test_names_are_mapped_both_ways() -> None:
    upstream = replied(
        [result("PERSON", 0, 4), result("LOCATION", 14, 18), result("ORGANIZATION", 0, 18)], [result("US_SSN", 0, 11)]
    )
    said = await detector(upstream).detect(TEXTS, ["Person", "Location", "NationalId"], "input")
    assert said == Detected(
        (
            (Finding(0, 4, "Person", "names"), Finding(14, 18, "Location", "names")),
            (),
            (Finding(0, 11, "NationalId", "names"),),
        ),
        ignored=1,
    )
    asked = orjson.loads(upstream.requests[0].body)
    assert asked["text"] == [TEXTS[0], TEXTS[2]]
    assert asked["entities"] == ["PERSON", "LOCATION", *KINDS["NationalId"]]
    assert (asked["language"], asked["score_threshold"]) == ("en", 0.5)


def test_every_entity_but_those_of_urls_has_a_name_there_and_no_name_is_of_two() -> None:
    assert set(KINDS) == {*BUILT_IN, "Person", "Location"} - {"URLCredentials"}
    names = [name for kinds in KINDS.values() for name in kinds]
    assert len(names) == len(set(names))


async def test_language_and_least_score_are_of_the_url_and_other_options_go_along() -> None:
    upstream = replied([])
    one = detector(upstream, "https://presidio.example/v1/analyze?language=de&tenant=a%20b&score_threshold=0.25")
    await one.detect(["Anna"], ["Person"], "input")
    assert upstream.requests[0].path == "/v1/analyze?tenant=a+b"
    asked = orjson.loads(upstream.requests[0].body)
    assert (asked["language"], asked["score_threshold"]) == ("de", 0.25)


async def test_an_address_without_a_path_means_analyze() -> None:
    for url in ("http://presidio:3000", "http://presidio:3000/", "http://presidio:3000/?language=en"):
        upstream = replied([])
        await detector(upstream, url).detect(["Anna"], ["Person"], "input")
        assert upstream.requests[0].path == "/analyze"


@pytest.mark.parametrize("score", ["2", "-1", "high", "nan", ""])
def test_a_least_score_that_is_none_is_refused(score: str) -> None:
    with pytest.raises(UnusableAddress):
        detector(replied(), f"http://presidio/analyze?score_threshold={score}")


async def test_entities_that_presidio_has_none_of_are_a_failure_and_no_pass() -> None:
    upstream = replied([])
    with pytest.raises(DetectorFailed, match="unavailable"):
        await detector(upstream).detect(["Anna"], ["URLCredentials"], "input")
    assert upstream.requests == []


@pytest.mark.parametrize(
    "said",
    [
        b"[]",
        b"[[], []]",
        b'[{"entity_type": "PERSON", "start": 0, "end": 4, "score": 1}]',
        b'[[{"entity_type": "PERSON", "start": 0, "end": 9, "score": 1}]]',
        b'[[{"start": 0, "end": 4, "score": 1}]]',
        b'{"error": "No text provided"}',
    ],
)
async def test_what_is_no_answer_to_a_list_of_texts_is_malformed(said: bytes) -> None:
    with pytest.raises(DetectorFailed) as failed:
        await detector(FakeUpstream([FakeReply(pieces=(said,))])).detect(["Anna"], ["Person"], "input")
    assert failed.value.reason == "malformed"
