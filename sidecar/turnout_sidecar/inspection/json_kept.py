"""JSON text that was masked stays JSON: what stands for a number is a string.

A placeholder in the place of a number is no JSON. So a text is followed piece by piece, in and out of its strings, and a word
outside of them that holds a placeholder is put between quotes.

Rules: inside of strings nothing changes; a word is held until it has ended; text that is no JSON passes too, whatever it is.
"""

from turnout_sidecar.answers.kinds import Kind

_TEXTS = (".content", ".text", ".output_text")
"""Where what a model says stands, other than code and the input of free-form tools."""
_ENDS_WORD = frozenset(' \t\r\n,:[]{}"')


def says_json(kind: Kind, place: str, *, asked: bool) -> bool:
    """Whether a text of a stream is JSON. `asked`: the call asks for an answer that is."""
    return kind == "arguments" or (asked and kind == "content" and place.endswith(_TEXTS))


class JsonKept:
    """One text. `feed` gives what may be said now, `flush` the word that it ends with."""

    __slots__ = ("_escaped", "_quoted", "_word")

    def __init__(self) -> None:
        self._quoted = False
        self._escaped = False
        self._word = ""

    def feed(self, text: str) -> str:
        """What may be said after this piece."""
        said: list[str] = []
        at = 0
        while at < len(text):
            at = self._string(text, at, said) if self._quoted else self._outside(text, at, said)
        return "".join(said)

    def flush(self) -> str:
        """The end has come."""
        word, self._word = self._word, ""
        return f'"{word}"' if "<" in word and word.endswith(">") else word

    def _string(self, text: str, at: int, said: list[str]) -> int:
        start = at
        while at < len(text):
            character = text[at]
            at += 1
            if self._escaped:
                self._escaped = False
            elif character == "\\":
                self._escaped = True
            elif character == '"':
                self._quoted = False
                break
        said.append(text[start:at])
        return at

    def _outside(self, text: str, at: int, said: list[str]) -> int:
        start = at
        while at < len(text) and text[at] not in _ENDS_WORD:
            at += 1
        self._word += text[start:at]
        if at < len(text):
            said += (self.flush(), text[at])
            self._quoted = text[at] == '"'
            at += 1
        return at
