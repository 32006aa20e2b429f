"""Answers made of words: readable English that depends on nothing but the request, and the tokens it counts as.

A token here is at most six letters or digits with the white space before them, or one other character: near to what real
tokenizers give for English, and the same for ever.
"""

import re
from typing import Final

from turnout_sidecar.simulator.drawing import Draw

_TOKEN: Final = re.compile(r"\s*(?:\w{1,6}|[^\w\s])|\s+")
_WORD: Final = re.compile(r"[A-Za-z]{4,20}")
_DULL: Final = frozenset(
    (
        "about", "after", "also", "because", "been", "before", "being", "between", "could", "does", "each", "from", "have",
        "here", "into", "just", "like", "more", "most", "much", "only", "other", "over", "please", "should", "some", "such",
        "than", "that", "their", "them", "then", "there", "these", "they", "this", "those", "what", "when", "where",
        "which", "while", "will", "with", "would", "your",
    )
)  # fmt: skip

_OPENERS: Final = (
    "In short,",
    "As a rule,",
    "In practice,",
    "For now,",
    "At first sight,",
    "On balance,",
    "Most often,",
)
_SUBJECTS: Final = (
    "the request",
    "the current plan",
    "a careful reading",
    "the simplest option",
    "the second step",
    "an early check",
    "the whole process",
    "a short summary",
)
_VERBS: Final = ("depends on", "follows from", "comes before", "makes room for", "rests on", "leads to", "is part of")
_OBJECTS: Final = (
    "a clear question",
    "the available data",
    "an agreed budget",
    "the next review",
    "a measured result",
    "steady progress",
    "a second opinion",
    "the same few facts",
)
_FEWEST_SENTENCES: Final = 2
_SENTENCE_SPREAD: Final = 4
_ECHOED: Final = 3


def pieces(text: str) -> list[str]:
    """`text` cut into its tokens; together they are `text`."""
    return _TOKEN.findall(text)


def count_tokens(text: str) -> int:
    """How many tokens `text` is."""
    return len(pieces(text))


def write_text(draw: Draw, question: str) -> str:
    """A few sentences, the first about what `question` is about."""
    topics = list(dict.fromkeys(word.lower() for word in _WORD.findall(question) if word.lower() not in _DULL))
    sentences = []
    if topics:
        chosen = [topics.pop(draw.below(len(topics))) for _ in range(min(_ECHOED, len(topics)))]
        sentences.append(f"This is about {_listed(chosen)}.")
    for _ in range(_FEWEST_SENTENCES + draw.below(_SENTENCE_SPREAD)):
        clause = f"{draw.pick(_SUBJECTS)} {draw.pick(_VERBS)} {draw.pick(_OBJECTS)}."
        opener = draw.pick((*_OPENERS, ""))
        sentences.append(f"{opener} {clause}" if opener else clause.capitalize())
    return " ".join(sentences)


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
