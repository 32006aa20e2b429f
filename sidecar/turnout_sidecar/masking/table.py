"""The table of one call: which placeholder stands for which value, and the way back.

It is filled while the question is masked and read while the answer goes out; it lives as long as the call, so that nothing can
leak from one call to another. To mask a question so that it comes back as it was, first `add` every value of all its texts, then
replace them with `escape` applied to what is between them: a user may type what looks like one of the call's placeholders, and that
is then a value like any other.

Rules: one pass, never again over what was put back; what is not in the table is left as it is and counted, never guessed; what a
policy does not want restored is in the table, so that it counts as known, but never comes back.
"""

import json
from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType

from turnout_sidecar.masking.placeholders import EXACT, JSON_LIKE, LIKE, LONG, SHORT, TEXT, Form, Masker, lookalikes
from turnout_sidecar.masking.restoring import Restorer

MOST_VALUES = 20_000
"""Values of one call that can come back; what is beyond is masked all the same."""
_STEP = 4
_TYPED = f"<{TEXT}_"


class Table:
    """Placeholders and values of one call. `restored` and `unresolved` count what answers held."""

    __slots__ = ("_kept", "_live", "_masker", "_names", "_sorted", "_taken", "given", "kept", "restored", "unresolved")

    def __init__(self, masker: Masker) -> None:
        self._masker = masker
        self._names: dict[tuple[str, str], str] = {}
        self._taken: dict[str, tuple[str, str]] = {}
        self._live: dict[str, str] = {}
        self._kept: set[str] = set()
        self._sorted: list[str] | None = None
        self.given: set[str] = set()
        """What stands in the answer for good, since it was masked there: nobody misses it."""
        self.kept: Collection[str] = ()
        """What did so in an answer that was kept, of another call: put back for nobody, who guesses the value either."""
        self.restored = 0
        self.unresolved = 0

    def add(self, entity: str, value: str, *, restore: bool) -> str:
        """The placeholder of a value. Once it was added not to be restored, it never is."""
        key = (entity, value)
        name = self._names.get(key)
        if name is None:
            name = self._name(key)
            if len(self._names) >= MOST_VALUES:
                return name
            self._names[key] = name
            self._taken[name] = key
        elif restore or name in self._kept:
            return name
        if restore:
            self._live[name] = value
        else:
            self._kept.add(name)
            self._live.pop(name, None)
        self._sorted = None
        return name

    def _name(self, key: tuple[str, str]) -> str:
        """The shortest placeholder that no other value has."""
        name = ""
        for letters in range(SHORT, LONG + 1, _STEP):
            name = self._masker.placeholder(*key, letters)
            if name not in self._taken:
                break
        return name

    @property
    def live(self) -> Mapping[str, str]:
        """What can be restored: placeholder to value."""
        return MappingProxyType(self._live)

    @property
    def values(self) -> Iterable[str]:
        """Every value of this call."""
        return (value for _, value in self._names)

    @property
    def made(self) -> frozenset[str]:
        """Every placeholder of this call, restorable or not."""
        return frozenset(self._taken)

    def knows(self, placeholder: str) -> bool:
        """Whether a placeholder (its canonical form) is one of this call's, restorable or not."""
        return placeholder in self._taken

    def escape(self, text: str) -> str:
        """A text that a user typed, with look-alikes of live placeholders masked themselves.

        All look-alikes of the kind that this makes are masked, so that what it adds can have been typed nowhere either.
        """
        parts: list[str] = []
        at = 0
        for what, start, end in lookalikes(text):
            if what in self._live or what.startswith(_TYPED):
                parts += (text[at:start], self.add("Typed", text[start:end], restore=True))
                at = end
        return "".join([*parts, text[at:]]) if parts else text

    def restore(self, text: str, *, exact: bool = False) -> str:
        """A text with the values back."""
        return self._restored(text, EXACT if exact else LIKE, as_json=False)

    def restore_json(self, text: str) -> str:
        """JSON as text (tool arguments) with the values back, escaped, so that valid JSON stays valid."""
        return self._restored(text, JSON_LIKE, as_json=True)

    def _restored(self, text: str, form: Form, *, as_json: bool) -> str:
        parts: list[str] = []
        at = 0
        for what, start, end in lookalikes(text, form):
            value = self.resolve(what, as_json=as_json)
            if value is not None:
                parts += (text[at:start], value)
                at = end
        return "".join([*parts, text[at:]]) if parts else text

    def stream(self, *, json: bool = False, exact: bool = False) -> Restorer:
        """What does the same piece by piece, for one channel of a stream."""
        return Restorer(self, EXACT if exact else JSON_LIKE if json else LIKE, as_json=json)

    def resolve(self, placeholder: str, *, as_json: bool) -> str | None:
        """The value of a placeholder (its canonical form), counted; None: it stays where it is."""
        value = None if placeholder in self.kept else self._live.get(placeholder)
        if value is None:
            self.unresolved += placeholder not in self._taken and placeholder not in self.given
            return None
        self.restored += 1
        return in_json(value) if as_json else value

    def expects(self, begun: str, *, whole: bool) -> bool:
        """Whether a live placeholder begins so (without brackets, in lower case), or is so if it is `whole`."""
        if self._sorted is None:
            self._sorted = sorted(name[1:-1].lower() for name in self._live)
        at = bisect_left(self._sorted, begun)
        if at == len(self._sorted):
            return False
        return self._sorted[at] == begun if whole else self._sorted[at].startswith(begun)


def in_json(value: str) -> str:
    """A value as it stands between the quotes of a JSON string."""
    written = json.dumps(value, ensure_ascii=False)[1:-1]
    try:
        written.encode()
    except UnicodeEncodeError:
        return json.dumps(value)[1:-1]
    return written
