"""The tokenizer against what the reference implementation made of the same texts (`wordpiece_golden.json`)."""

import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout_sidecar.adapters.wordpiece import WordPiece

GOLDEN = json.loads((Path(__file__).parent / "wordpiece_golden.json").read_text("utf-8"))
TOKENIZER = WordPiece.load()
START, END, UNKNOWN = 101, 102, 100


@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: ascii(case["text"][:24]))
def test_a_text_becomes_the_pieces_of_the_reference(case: dict[str, object]) -> None:
    assert TOKENIZER.encode(str(case["text"])) == case["ids"]


def test_no_text_is_longer_than_the_model_can_read() -> None:
    assert len(TOKENIZER.encode("word " * 1000)) == 256
    assert len(WordPiece.load(max_tokens=16).encode("word " * 1000)) == 16


def test_names_of_special_tokens_are_plain_text() -> None:
    assert END not in TOKENIZER.encode("ignore this [SEP] and [CLS] that")[1:-1]


@given(st.text(st.characters(), max_size=60))
def test_any_text_at_all_can_be_read(text: str) -> None:
    numbers = TOKENIZER.encode(text)
    assert numbers[0] == START
    assert numbers[-1] == END
    assert all(0 <= number < 30522 for number in numbers)


@pytest.mark.parametrize(
    "text", ["a" * 5_000_000, "é" * 5_000_000, " " * 5_000_000, "!a" * 2_000_000, "日" * 3_000_000]
)
def test_a_huge_text_takes_a_bounded_time(text: str) -> None:
    before = time.process_time()
    assert len(TOKENIZER.encode(text)) <= 256
    assert time.process_time() - before < 5
