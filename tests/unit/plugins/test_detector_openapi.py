"""The description of the detector protocol and the gateway say the same."""

from pathlib import Path
from typing import Any

import jsonschema_rs
import orjson
import pytest
import yaml

from turnout_sidecar.adapters.fake_upstream import FakeReply, FakeUpstream
from turnout_sidecar.plugins.asking import AT_ONCE, MOST_ANSWERED
from turnout_sidecar.plugins.batches import MOST_BYTES, MOST_TEXTS
from turnout_sidecar.plugins.http_detector import VERSION, HttpDetector
from turnout_sidecar.ports.detector import Detected, DetectorFailed

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "detector-openapi.yaml"
DESCRIBED: dict[str, Any] = yaml.safe_load(PAGE.read_text(encoding="utf-8"))
POST = DESCRIBED["paths"]["/detect"]["post"]
QUESTION = POST["requestBody"]["content"]["application/json"]
ANSWER = POST["responses"]["200"]["content"]["application/json"]
TEXTS: list[str] = QUESTION["examples"]["names"]["value"]["texts"]


def fits(schema: str, value: Any) -> bool:
    whole = {"$ref": f"#/components/schemas/{schema}", "components": DESCRIBED["components"]}
    return bool(jsonschema_rs.validator_for(whole).is_valid(value))


async def said_of(answer: object) -> tuple[Detected, bytes]:
    upstream = FakeUpstream([FakeReply(pieces=(orjson.dumps(answer),))])
    one = HttpDetector("names", "http://guards/detect", upstream, timeout=30)
    detected = await one.detect(TEXTS, ["Person", "Location"], "input")
    return detected, upstream.requests[0].body


async def test_what_is_sent_is_as_described_and_the_described_example() -> None:
    _, body = await said_of({"findings": [[], []]})
    assert fits("Question", orjson.loads(body))
    assert orjson.loads(body) == QUESTION["examples"]["names"]["value"]


async def test_the_described_answers_are_believed() -> None:
    names = ANSWER["examples"]["names"]["value"]
    classifier = ANSWER["examples"]["classifier"]["value"]
    assert fits("Answer", names)
    assert fits("Answer", classifier)
    found = (await said_of(names))[0].findings[0][0]
    assert TEXTS[0][found.start : found.end] == "Anna Berg"
    assert (await said_of(classifier))[0].flags == ((1, "prompt-attack", 0.97),)


WRONG: list[Any] = [
    [],
    {},
    {"findings": {}},
    {"findings": [{}, {}]},
    {"findings": [[{"start": 0, "entity": "Person"}], []]},
    {"findings": [[{"start": -1, "end": 1, "entity": "Person"}], []]},
    {"findings": [[{"start": 0, "end": 0, "entity": "Person"}], []]},
    {"findings": [[{"start": 0, "end": 1, "entity": None}], []]},
    {"findings": [[{"start": 0, "end": 1, "entity": "Person", "score": "high"}], []]},
    {"findings": [[], []], "flags": None},
    {"findings": [[], []], "flags": [{"rule": "Attack", "score": 1}]},
    {"findings": [[], []], "flags": [{"rule": "attack-", "score": 1}]},
    {"findings": [[], []], "flags": [{"rule": "attack", "score": 2}]},
    {"findings": [[], []], "flags": [{"rule": "attack"}]},
    {"findings": [[], []], "flags": [{"rule": "attack", "score": 1, "text": -1}]},
]


@pytest.mark.parametrize("answer", WRONG, ids=range(len(WRONG)))
async def test_what_is_not_as_described_is_not_believed(answer: object) -> None:
    assert not fits("Answer", answer)
    with pytest.raises(DetectorFailed, match="malformed"):
        await said_of(answer)


def test_the_limits_are_those_that_are_told() -> None:
    told = DESCRIBED["info"]["description"]
    assert DESCRIBED["info"]["version"] == str(VERSION)
    assert f"at most {MOST_TEXTS:,} texts and {MOST_BYTES // 1_000_000} MB" in told
    assert f"At most {AT_ONCE} requests" in told
    assert f"more than {MOST_ANSWERED // 1_000_000} MB" in told
    assert DESCRIBED["components"]["schemas"]["Question"]["properties"]["texts"]["maxItems"] == MOST_TEXTS
