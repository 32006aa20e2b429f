"""What is known to be a value is found wherever a question holds it, and what only looks like it is not."""

from turnout_sidecar.bodies.leaves import Leaf
from turnout_sidecar.inspection.matches import Match
from turnout_sidecar.inspection.repeated import MOST_CHARACTERS, repeated

WORD = "q1W2e3R4t5!z"


def leaves(*texts: str) -> list[Leaf]:
    return [Leaf(text, "user", ((None, "messages"), at)) for at, text in enumerate(texts)]


def found_at(text: str, value: str, **fields: str) -> Match:
    at = text.index(value)
    named = {"entity": "Secret", "check": "secrets", "rule": "Secret", "action": "Mask", **fields}
    return Match(at, at + len(value), **named)  # type: ignore[arg-type]


def again(value: str, *texts: str, **fields: str) -> dict[int, list[str]]:
    """What is found beside the value in the first text, by the number of its text."""
    given = leaves(*texts)
    found = repeated(given, "\n\0\n".join(texts), {0: [found_at(texts[0], value, **fields)]})
    return {at: [texts[at][one.start : one.end] for one in matches] for at, matches in found.items()}


def test_a_value_without_the_word_that_gave_it_away() -> None:
    texts = (f"password: {WORD}, I said {WORD}", "nothing", f"is '{WORD}' weak? {WORD}.")
    assert again(WORD, *texts) == {0: [WORD], 2: [WORD, WORD]}


def test_only_as_a_word_of_its_own() -> None:
    assert again(WORD, f"password: {WORD}", f"x{WORD} {WORD}9 {WORD}x") == {}


def test_no_ordinary_word_nothing_short_and_nothing_that_is_found_by_its_form() -> None:
    assert again("welcome", "password: welcome", "You are welcome") == {}
    assert again("a1!b", "password: a1!b", "a1!b") == {}
    assert again("a@example.org", "a@example.org", "a@example.org", entity="Email") == {}
    assert again(WORD, WORD, WORD, check="deny") == {}
    assert again(WORD, WORD, WORD, action="Monitor") == {}


def test_what_is_taken_already_stays() -> None:
    text = f"password: {WORD}"
    other = f"the key {WORD} of it"
    taken = [found_at(other, f"key {WORD}")]
    assert repeated(leaves(text, other), f"{text}\n{other}", {0: [found_at(text, WORD)], 1: taken}) == {}


def test_the_work_is_bounded() -> None:
    texts = (f"password: {WORD}", WORD)
    found = {0: [found_at(texts[0], WORD)]}
    assert repeated(leaves(*texts), " ".join(texts) + " " * MOST_CHARACTERS, found) == {}
