"""A text made ready for detectors: its plain form, its shape and the words before a place.

The shape is the text with each digit written 0 and each letter written a, one byte a character: shapes are searched for with
bytes.find and short patterns, at a small part of what patterns over the text itself would cost.

Rules: the shape is as long as the text; letters outside Latin-1 are written ?, which is no letter: a number beside them counts as
standing alone.
"""

_DIGITS = b"0123456789"
_LATIN = 0xC0
_SHAPES = bytes.maketrans(
    bytes(range(256)),
    bytes(
        48
        if code in _DIGITS
        else 97
        if (chr(code).isascii() and chr(code).isalpha()) or (code >= _LATIN and code not in {0xD7, 0xF7})
        else code
        for code in range(256)
    ),
)
_WINDOW = 64
_PATIENCE = 16  # how often words are looked for near a place before the whole text is asked for them


class Page:
    """One text under scan."""

    __slots__ = ("_said", "lower", "shape", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.lower = (text.lower() if text.isascii() else _lowered(text)).replace("\n", " ")
        self.shape = text.encode("latin-1", "replace").translate(_SHAPES)
        self._said: dict[tuple[str, ...], tuple[int, tuple[str, ...]]] = {}

    def alone(self, start: int, end: int) -> bool:
        """Whether no letter, digit or joining sign goes on at either side."""
        shape = self.shape
        before = shape[start - 1] if start else 32
        if before in b"0a_":
            return False
        # 'card-4111' and 'id/4111' are neighbours, 'be91-5003' and '3.1415' are one word
        if (
            before in b".-+"
            and start > 1
            and (shape[start - 2] == _DIGIT or (before == _PLUS and shape[start - 2] == _LETTER))
        ):
            return False
        after = shape[end : end + 2]
        return after[:1] not in _GOES_ON and after not in _JOINED

    def says(self, words: tuple[str, ...], start: int, window: int = _WINDOW) -> bool:
        """Whether one of the words stands in the characters before a place; a space in one also means where the text begins."""
        asked, said = self._said.get(words, (0, words))
        if asked < _PATIENCE:
            asked += 1
            if asked == _PATIENCE:
                whole = f" {self.lower} "
                said = tuple(word for word in words if word in whole)
            self._said[words] = asked, said
        if not said:
            return False
        before = self.lower[start - window : start] if start > window else " " + self.lower[:start]
        for word in said:  # noqa: SIM110 - any() costs twice as much here, and this is asked often
            if word in before:
                return True
        return False


_GOES_ON = {b"0", b"a", b"_"}
_JOINED = {b"-0", b"-a", b".0", b"/0"}
_DIGIT, _LETTER, _PLUS = b"0a+"


def _lowered(text: str) -> str:
    """Lower case with the same length, which str.lower does not promise."""
    lowered = text.lower()
    return lowered if len(lowered) == len(text) else "".join(c.lower() if len(c.lower()) == 1 else c for c in text)
