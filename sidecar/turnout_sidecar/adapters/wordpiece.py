"""Text to the numbers of word pieces, as uncased BERT models were trained to read them.

The steps of the reference tokenizer, in its order: control characters go, CJK ideographs stand alone, accents go (NFD), lower case,
punctuation stands alone, then each word is cut greedily into the longest pieces of the vocabulary. Rules: names of special tokens
in a text ("[SEP]") are text, since a caller must not be able to write them; the work is bounded however long the text is, since
only the first `max_tokens` pieces are used.
"""

import re
import string
import unicodedata
from collections.abc import Iterator, Mapping
from importlib.resources import files

MAX_TOKENS = 256
_MAX_WORD = 100
_MAX_TEXT = 65_536
"""Characters that are looked at, at most: far more than 256 pieces take."""

_CONTROLS = dict.fromkeys([*range(0x09), 0x0B, 0x0C, *range(0x0E, 0x20), *range(0x7F, 0xA0), 0xFFFD])
"""What is taken out first; tab, line feed and carriage return are white space and stay."""
_RUN = re.compile(r"\S+")
_ASCII_WORD = re.compile(r"[a-z0-9]+|[^a-z0-9]")
_DROPPED = frozenset(("Cc", "Cf", "Co", "Cs"))
_CJK = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B920, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)


class WordPiece:
    """A tokenizer over one vocabulary; any number of threads may use it."""

    def __init__(self, vocabulary: Mapping[str, int], max_tokens: int = MAX_TOKENS) -> None:
        self._first = {piece: number for piece, number in vocabulary.items() if not piece.startswith("##")}
        self._later = {piece[2:]: number for piece, number in vocabulary.items() if piece.startswith("##")}
        self._unknown = vocabulary["[UNK]"]
        self._start = vocabulary["[CLS]"]
        self._end = vocabulary["[SEP]"]
        self._most = max_tokens - 2

    @classmethod
    def load(cls, max_tokens: int = MAX_TOKENS) -> "WordPiece":
        """The tokenizer of bert-base-uncased, from the vocabulary beside this file."""
        text = (files("turnout_sidecar.adapters") / "data" / "vocab.txt").read_text("utf-8")
        pieces = text.removesuffix("\n").split("\n")
        return cls({piece: number for number, piece in enumerate(pieces)}, max_tokens)

    def encode(self, text: str) -> list[int]:
        """The numbers of its pieces between those of [CLS] and [SEP], at most `max_tokens` in all."""
        numbers = [self._start]
        for run in _RUN.finditer(text[:_MAX_TEXT].translate(_CONTROLS)):
            for word in _words(run.group()):
                numbers.extend(self._pieces(word))
                if len(numbers) > self._most:
                    return [*numbers[: self._most + 1], self._end]
        numbers.append(self._end)
        return numbers

    def _pieces(self, word: str) -> list[int]:
        """The longest piece that it begins with, again and again; one [UNK] where it cannot be cut."""
        length = len(word)
        if length > _MAX_WORD:
            return [self._unknown]
        whole = self._first.get(word)
        if whole is not None:
            return [whole]
        found: list[int] = []
        vocabulary, start = self._first, 0
        while start < length:
            for end in range(length, start, -1):
                number = vocabulary.get(word[start:end])
                if number is not None:
                    found.append(number)
                    vocabulary, start = self._later, end
                    break
            else:
                return [self._unknown]
        return found


def _words(run: str) -> Iterator[str]:
    """The words and signs of a run without white space, normalised."""
    if run.isascii():
        yield from _ASCII_WORD.findall(run.lower())
        return
    word: list[str] = []
    for char in _normalised(run):
        if char.isspace() or _stands_alone(char):
            if word:
                yield "".join(word)
                word = []
            if not char.isspace():
                yield char
        else:
            word.append(char)
    if word:
        yield "".join(word)


def _normalised(run: str) -> Iterator[str]:
    spaced = "".join(
        f" {char} " if _is_cjk(char) else char for char in run if unicodedata.category(char) not in _DROPPED
    )
    for char in unicodedata.normalize("NFD", spaced):
        if unicodedata.category(char) != "Mn":
            yield from char.lower()


def _stands_alone(char: str) -> bool:
    return char in string.punctuation or unicodedata.category(char).startswith("P")


def _is_cjk(char: str) -> bool:
    code = ord(char)
    return code >= _CJK[1][0] and any(first <= code <= last for first, last in _CJK)
