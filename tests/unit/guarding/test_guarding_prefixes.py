"""A long word is asked for a key only if one of its pieces begins as a key does: no beginning in the table may be missed by that.

The table of formats grows; a prefix with a mark that parts a word would otherwise be passed over without a word.
"""

import pytest

from turnout_sidecar.guarding import vendors
from turnout_sidecar.guarding.findings import Claim

BEFORE = ("", "KEY=", "https://", "a!", "é", "?$")
BEHIND = ("a0Bc9dE8fG7hJ6kL", "_-.x", "~", "$", "%x", "=y", "/q", "+w", ":e")
HEADS = sorted(
    {
        head if len(head) > len("K2") else three
        for three, rules in vendors._RULES.items()
        for heads, _, _ in rules
        for head in heads
        if not set(three) & set("\"'`<>(){}[],;&@\\")
    }
)


def asked_words(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A list of the words that are asked from now on."""
    asked: list[str] = []

    def begun(text: str, _at: int, _flat: bytes) -> list[Claim]:
        asked.append(text)
        return []

    monkeypatch.setattr(vendors, "_begun", begun)
    return asked


@pytest.mark.parametrize("before", BEFORE)
def test_a_word_with_a_prefix_is_asked_wherever_the_prefix_stands(before: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = asked_words(monkeypatch)
    words = [before + head + behind for head in HEADS for behind in BEHIND]
    for word in words:
        raw = word.encode("latin-1")
        vendors.keys(word, 0, raw, plain=raw.isalnum())
    assert asked == words


def test_a_word_without_a_prefix_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = asked_words(monkeypatch)
    for word in ("office.example.com", "4e:92:dd:81:1f:8c", "8d44c983-84b5-4495-9cfb-f5b195138892", "user=francopedro"):
        raw = word.encode()
        vendors.keys(word, 0, raw, plain=raw.isalnum())
    assert not asked


@pytest.mark.parametrize("marked", vendors._MARKED, ids=lambda marked: marked.rule)
def test_a_mark_is_looked_for_in_words_that_can_hold_its_key(marked: vendors.Marked) -> None:
    assert marked.shortest >= vendors._SHORTEST_MARKED
    assert marked in vendors._SMALL or "A" in marked.mark or "Q" in marked.mark
    assert marked in vendors._FEW or any(sign in marked.pattern.pattern for sign in "=~:+")
