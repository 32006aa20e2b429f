"""What a detector answers is data to judge: what is believed of it, and what makes it wrong."""

import math
from typing import Any

import msgspec
import pytest

from turnout_sidecar.guarding.findings import Finding
from turnout_sidecar.plugins.answers import Answer, believed
from turnout_sidecar.plugins.batches import batches, sendable, worth_asking
from turnout_sidecar.ports.detector import Detected, DetectorFailed, Flag

TEXTS = ["😀 I am Anna", "nothing"]


def judged(said: Any) -> Detected:
    return believed(msgspec.convert(said, Answer), TEXTS, ["Person"], "names")


def test_offsets_are_code_points() -> None:
    said = judged({"findings": [[{"start": 7, "end": 11, "entity": "Person"}], []]})
    assert said == Detected(((Finding(7, 11, "Person", "names"),), ()))
    assert TEXTS[0][7:11] == "Anna"


def test_findings_are_sorted_and_settled() -> None:
    spans = [(7, 11), (0, 3), (8, 11), (7, 11)]
    said = judged({"findings": [[{"start": a, "end": b, "entity": "Person", "score": None} for a, b in spans], []]})
    assert [finding[:2] for finding in said.findings[0]] == [(0, 3), (7, 11)]


def test_entities_that_were_not_asked_for_are_left_out_and_counted() -> None:
    spans = [{"start": 0, "end": 1, "entity": entity} for entity in ("Person", "Location", "Nonsense")]
    said = judged({"findings": [spans, []]})
    assert said.findings == ((Finding(0, 1, "Person", "names"),), ())
    assert said.ignored == 2


@pytest.mark.parametrize(("start", "end"), [(-1, 2), (3, 3), (4, 3), (0, 12), (11, 12), (2**62, 2**62 + 1)])
def test_a_finding_outside_of_its_text_makes_the_whole_answer_wrong(start: int, end: int) -> None:
    for entity in ("Person", "Nonsense"):
        with pytest.raises(DetectorFailed, match="malformed"):
            judged({"findings": [[{"start": start, "end": end, "entity": entity}], []]})


@pytest.mark.parametrize("count", [0, 1, 3])
def test_another_number_of_lists_than_texts_is_wrong(count: int) -> None:
    with pytest.raises(DetectorFailed, match="malformed"):
        judged({"findings": [[]] * count})


def test_flags_are_of_a_text_or_of_all() -> None:
    said = judged(
        {
            "findings": [[], []],
            "flags": [{"rule": "prompt-attack", "score": 1, "text": 1}, {"rule": "abuse", "score": 0.5}],
        }
    )
    assert said.flags == (Flag(1, "prompt-attack", 1.0), Flag(None, "abuse", 0.5))


@pytest.mark.parametrize(
    "flag",
    [
        {"rule": "", "score": 0.5},
        {"rule": "Has Spaces", "score": 0.5},
        {"rule": "anna@example.com", "score": 0.5},
        {"rule": "x" * 41, "score": 0.5},
        {"rule": "abuse\n", "score": 0.5},
        {"rule": "abuse", "score": 1.5},
        {"rule": "abuse", "score": -0.1},
        {"rule": "abuse", "score": math.nan},
        {"rule": "abuse", "score": 0.5, "text": 2},
        {"rule": "abuse", "score": 0.5, "text": -1},
    ],
)
def test_a_flag_that_says_something_else_is_wrong(flag: dict[str, Any]) -> None:
    with pytest.raises(DetectorFailed, match="malformed") as failed:
        judged({"findings": [[], []], "flags": [flag]})
    assert "anna" not in str(failed.value)


def test_texts_without_a_letter_or_digit_are_not_worth_asking() -> None:
    assert worth_asking(["", " \n", "...", "a", "٣", "😀"]) == [3, 4]


def test_batches_keep_to_both_limits_and_to_the_order() -> None:
    assert list(batches(["a"] * 5, most=2)) == [[0, 1], [2, 3], [4]]
    assert list(batches(["aa", "éé", "", "b", "c" * 9, "d"], most_bytes=6)) == [[0, 1], [3], [4], [5]]
    assert list(batches([])) == []


def test_a_lone_surrogate_can_be_sent_and_moves_nothing() -> None:
    text = "\ud800 Anna \udfff😀"
    assert sendable(text) == "\ufffd Anna \ufffd😀"
    assert list(batches([text])) == [[0]]
