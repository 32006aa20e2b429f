"""Whether another question's answer may be served: a cosine of 0.97 or more, and the same words that matter, in the same order.

A cosine alone is not safe: two questions with their cities exchanged are at 0.999. So both questions are brought into a form in
which only harmless differences are gone, and these forms must be equal word for word. With that the numbers, dates, units,
names, negations and the words after from, to, before, after and all others are the same and in the same order, and no word of
either question is without its equal: enable is not disable, and "a of b" is not "b of a".

What counts as harmless (all lists are in `words`, and English): an article before its noun, though `a` is not `the`; please,
greetings and thanks at either end; what only says that something is asked ("can you tell me"); how do I, how can I and how to;
contractions; the case of a sentence's first word, and of names where one of the two is written without any capitals;
final punctuation; a phrase that is put in front with a comma ("for CS, which ..."). Singular is not plural, `is` is not
`was`, `my` is not `your`, 5 is not five, and the order of words is never changed.

Where every character may count, only equal texts pass: quotations, code, anything with a colon, line breaks or brackets,
questions about words themselves (translate, spell ...), invisible characters, and texts over 2,000 characters.

Pure and bounded: linear in the length of the texts.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence

import msgspec

from turnout_sidecar.caching import words

MIN_SCORE = 0.97
MAX_LENGTH = 2_000

_SHAPE = re.compile(r"[$€£¥]?[^\W_]+(?:[.,':/&%-][^\W_]+)*%?|&")
_ENDS = re.compile(r"[.,;!?]+\Z")
_PUNCTUATION = re.compile(r"[.,;!?]+")
_SENTENCE = frozenset(".!?")


class Word(msgspec.Struct, frozen=True, gc=False):
    """A word that matters. `article` before it: "a", "the" or "". `first`: it begins a sentence, so its case says nothing."""

    text: str
    low: str
    first: bool = False
    article: str = ""


class Form(msgspec.Struct, frozen=True):
    """A question without its harmless differences. `asks`: it is a question. `plain`: it is written without capitals."""

    words: tuple[Word, ...]
    asks: bool
    plain: bool


def may_serve(score: float, asked: Form, known: str) -> bool:
    """Whether the answer to `known` answers the question `asked`, at this cosine of the two."""
    return score >= MIN_SCORE and same_form(asked, form(known))


def same_question(one: str, other: str) -> bool:
    """Whether the two texts ask the same; never true in doubt."""
    if one == other:
        return bool(one.strip())
    asked = form(one)
    return asked is not None and same_form(asked, form(other))


def same_form(one: Form, other: Form | None) -> bool:
    """Whether two questions are the same but for harmless differences."""
    if other is None or one.asks != other.asks or len(one.words) != len(other.words):
        return False
    plain = one.plain or other.plain
    return all(_same(a, b, plain=plain) for a, b in zip(one.words, other.words, strict=True))


def form(text: str) -> Form | None:
    """The form of a question, or None where only an equal text is the same."""
    if len(text) > MAX_LENGTH or "\n" in text.strip():
        return None
    if not text.isascii():
        text = unicodedata.normalize("NFC", text).replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    if not text.isprintable() and any(unicodedata.category(char)[0] == "C" and char not in "\t\n\r" for char in text):
        return None
    found = _words(text)
    if not found or not words.ABOUT_WORDS.isdisjoint([word.low for word in found]):
        return None
    plain = all(word.first or word.text in (word.low, "I") for word in found)
    asks = text.rstrip().endswith("?")
    rest = _without_courtesy(_expanded(found))
    rest, told = _without_asking(_reordered(rest))
    kept = _with_articles(_rephrased(rest))
    if not any(word.text not in _PUNCTUATION_SIGNS for word in kept):
        return None
    asks = asks or told or kept[0].low in words.WH or kept[0].low in words.AUXILIARIES
    return Form(tuple(kept), asks, plain)


_PUNCTUATION_SIGNS = frozenset(".,;!?")


def _word(text: str, first: bool = False) -> Word:  # noqa: FBT001, FBT002  as the type itself
    return Word(text, text.lower(), first)


_Phrases = dict[str, list[tuple[str, ...]]]


def _by(place: int, phrases: Iterable[tuple[str, ...]]) -> _Phrases:
    """Phrases by their first or last word, longest first."""
    found: _Phrases = {}
    for phrase in sorted(phrases, key=len, reverse=True):
        found.setdefault(phrase[place], []).append(phrase)
    return found


_OPENINGS = _by(0, (*words.GREETINGS, *((word,) for word in words.PLEASE)))
_CLOSINGS = _by(-1, (*words.THANKS, *((word,) for word in words.PLEASE)))
_ASKING = _by(0, words.ASKING)
_ASKING_BEFORE_WH = _by(0, words.ASKING_BEFORE_WH)
_WHAT_IS = _by(0, words.WHAT_IS)
_REPHRASED = _by(0, (said for said, _ in words.REPHRASED))
_MEANT = dict(words.REPHRASED)


def _words(text: str) -> list[Word]:
    """The words and signs of a text; empty where it holds what is neither."""
    found: list[Word] = []
    first = True
    for chunk in text.split():
        ends = _ENDS.search(chunk)
        body = chunk[: ends.start()] if ends else chunk
        if body:
            if _SHAPE.fullmatch(body) is None or _unsegmented(body):
                return []
            if ":" in body and not body.replace(":", "").isdigit():
                return []
            found.append(_word(body, first=first))
            first = False
        if ends:
            sign = ends.group()
            if _PUNCTUATION.fullmatch(sign) is None or len(sign) > 3:  # noqa: PLR2004  more is drawing, not writing
                return []
            found.append(_word(sign[0]))
            first = first or bool(_SENTENCE & set(sign))
    return found


def _unsegmented(text: str) -> bool:
    """Scripts that put no space between words: what is one word here is a sentence there."""
    return not text.isascii() and any(
        "\u0e00" <= char <= "\u0eff" or "\u1000" <= char <= "\u109f" or "\u1780" <= char <= "\u17ff" or char >= "\u2e80"
        for char in text
    )


def _expanded(found: Iterable[Word]) -> list[Word]:
    """Contractions written out, particles without their hyphen, & as and."""
    result: list[Word] = []
    for word in found:
        parts = words.CONTRACTIONS.get(word.low)
        verb, hyphen, particle = word.text.partition("-")
        if parts is not None and not _shouted(word.text):
            result += (_word(parts[0], first=word.first), *map(_word, parts[1:]))
        elif hyphen and particle in words.PARTICLES and len(verb) > 1 and verb.isalpha():
            result += (_word(verb, first=word.first), _word(particle))
        elif word.text in ("i'd", "I'd"):
            result += (_word("i", first=word.first), _word("would"))
        elif word.text == "&":
            result.append(_word("and"))
        else:
            result.append(_word("i") if word.text == "I" and not word.first else word)
    return result


def _without_courtesy(found: list[Word]) -> list[Word]:
    """Without signs, greetings, thanks and please at the ends, and please where it goes with a request."""
    while True:
        low = [word.low for word in found]
        size = len(found)
        start = 1 if low and low[0] in _PUNCTUATION_SIGNS else 0
        start = start or _starts(low, _OPENINGS)
        if start and size > start:
            found = found[start:]
            continue
        end = 1 if low and low[-1] in _PUNCTUATION_SIGNS else 0
        end = end or _ends_with(low, _CLOSINGS)
        if end and size > end:
            found = found[:-end]
            continue
        kept = [word for at, word in enumerate(found) if word.low not in words.FILLERS and not _asks_kindly(low, at)]
        return kept or found


def _asks_kindly(low: Sequence[str], at: int) -> bool:
    """`please` in "can you please ..."."""
    return (
        low[at] in words.PLEASE and at > 1 and low[at - 1] == "you" and low[at - 2] in ("can", "could", "would", "will")
    )


def _starts(low: Sequence[str], phrases: _Phrases) -> int:
    """How long the phrase is that it starts with; 0: none."""
    for phrase in phrases.get(low[0], ()) if low else ():
        if tuple(low[: len(phrase)]) == phrase:
            return len(phrase)
    return 0


def _ends_with(low: Sequence[str], phrases: _Phrases) -> int:
    for phrase in phrases.get(low[-1], ()) if low else ():
        if tuple(low[-len(phrase) :]) == phrase:
            return len(phrase)
    return 0


def _without_asking(found: list[Word]) -> tuple[list[Word], bool]:
    """Without what only says that something is asked, and whether there was such a thing."""
    low = [word.low for word in found]
    size = _starts(low, _ASKING)
    if not size:
        size = _starts(low, _ASKING_BEFORE_WH)
        size = size if low[size : size + 1] and low[size] in words.WH else 0
    told = bool(size)
    if size >= len(found):
        return found, False
    found = found[size:]
    if told:
        found = _inverted(found[1:] if found[0].text == "," and len(found) > 1 else found)
    size = _starts([word.low for word in found], _WHAT_IS)
    if size and len(found) > size:
        return found[size:], True
    return found, told


def _inverted(found: list[Word]) -> list[Word]:
    """ "(tell me) what the capital is" as "what is the capital", and "why my card was declined" as "why was my card declined"."""
    low = [word.low for word in found]
    verbs = [at for at, word in enumerate(low) if at and word in words.AUXILIARIES]
    if len(verbs) != 1 or verbs[0] == 1:
        return found
    at = verbs[0]
    moved = low[0] in ("why", "when", "where") or (low[0] in ("what", "who") and low[at:] in (["is"], ["are"]))
    return [found[0], found[at], *found[1:at], *found[at + 1 :]] if moved else found


def _reordered(found: list[Word]) -> list[Word]:
    """ "for CS, which courses ..." as "which courses ... for CS": one comma, and a question behind it."""
    commas = [at for at, word in enumerate(found) if word.text in _PUNCTUATION_SIGNS]
    if len(commas) != 1 or found[commas[0]].text != ",":
        return found
    at = commas[0]
    front, back = found[:at], found[at + 1 :]
    if len(front) < 2 or len(back) < 2 or front[0].low not in words.PREPOSITIONS:  # noqa: PLR2004  a phrase has two words
        return found
    if back[0].low not in words.WH and back[0].low not in words.AUXILIARIES:
        return found
    return [*back, _word(front[0].low, first=True), *front[1:]]


def _rephrased(found: list[Word]) -> list[Word]:
    """One way to say how to, what and may I, where there are several."""
    low = [word.low for word in found[:4]]
    size = _starts(low, _REPHRASED)
    if not size or len(found) == size:
        return found
    first, *rest = _MEANT[tuple(low[:size])]
    return [_word(first, first=True), *map(_word, rest), *found[size:]]


def _with_articles(found: list[Word]) -> list[Word]:
    """Articles put to the word that they go with."""
    kept: list[Word] = []
    article = ""
    for at, word in enumerate(found):
        if not article and _is_article(found, at, kept):
            article = words.ARTICLES[word.low]
            continue
        kept.append(Word(word.text, word.low, word.first, article) if article else word)
        article = ""
    return kept


def _is_article(found: Sequence[Word], at: int, kept: Sequence[Word]) -> bool:
    word = found[at]
    if word.low not in words.ARTICLES or (word.text != word.low and not word.first) or at + 1 >= len(found):
        return False
    after = found[at + 1].low
    if after in words.NO_ARTICLE_BEFORE or len(after) < 3 or not after[0].isalpha():  # noqa: PLR2004  letters and labels
        return False
    if not kept:
        return True
    before = kept[-1].low
    return before in words.BEFORE_ARTICLE and not (word.low == "a" and before in words.LABELLED)


def _same(one: Word, other: Word, *, plain: bool) -> bool:
    if one.article != other.article and one.article and other.article:
        return False
    if one.text == other.text:
        return True
    low = one.low
    if low != other.low:
        return False
    shouted = _shouted(one.text) or _shouted(other.text)
    if shouted:
        return plain and low in words.SHORT_FORMS
    if one.first or other.first:
        return True
    return plain and low not in words.CASE_MATTERS


def _shouted(text: str) -> bool:
    """All capitals, and more than one."""
    return len(text) > 1 and text.isupper()
