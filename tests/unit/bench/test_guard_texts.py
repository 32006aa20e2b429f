"""The texts that guardrails are measured on are what they say."""

import pytest

from bench import guard_texts
from turnout_sidecar.guarding.scanner import scan


@pytest.mark.parametrize("number", range(5))
def test_a_dense_text_is_full_of_personal_data_and_a_plain_one_has_none(number: int) -> None:
    dense, plain = guard_texts.dense(number), guard_texts.plain(number)

    assert len(dense) == len(plain) == guard_texts.SIZE
    assert len(scan(dense)) >= 15
    assert scan(plain) == ()


def test_hostile_texts_are_of_one_size_and_of_many_kinds() -> None:
    texts = guard_texts.hostile()

    assert {len(text) for text in texts.values()} == {guard_texts.HOSTILE_SIZE}
    assert len(set(texts.values())) == len(texts) >= 30
