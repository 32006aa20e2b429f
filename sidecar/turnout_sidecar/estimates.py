"""What a call used, where its provider does not say: guessed by the text, calibrated by what the backend reports of other calls.

One rule of thumb (see `wire.tokens`) is right for English and half right for everything else, and each family of models cuts text
in its own way. Most backends report usage most of the time: each teaches how far the rule is off for it and for its traffic.

Rules: what was reported is never changed, and whatever is guessed is marked `estimated`; only calls of text teach, since the rule
counts nothing for pictures and sound, and what is far off (a file, a hidden prompt) teaches nothing; every call teaches until a
backend is known, then one in sixteen, and older ones count less and less; a backend that never reported anything is guessed by
the rule alone. Bounded in backends, and forgotten with the process.
"""

from collections.abc import Callable
from typing import Final

import msgspec

from turnout_sidecar.exchange.call import Exchange
from turnout_sidecar.exchange.usage import Usage
from turnout_sidecar.sizes import input_tokens

MOST: Final = 1024
"""Backends that are remembered; the one that was first seen goes first."""
FAMILIAR: Final = 64
ONE_IN: Final = 16
_PRIOR: Final = 500.0  # tokens for which the rule of thumb is believed before anything is known
_KEPT: Final = 0.99  # of what was known, with each call that teaches
_FAR: Final = 4.0
_NO_TEXT: Final = frozenset({"Vision", "Audio"})


class _Scale:
    """How many tokens there are for each that the rule guesses."""

    __slots__ = ("_guessed", "_told")

    def __init__(self) -> None:
        self._told = self._guessed = _PRIOR

    def learn(self, told: int, guessed: int) -> None:
        if guessed > 0 and guessed / _FAR <= told <= guessed * _FAR:
            self._told = self._told * _KEPT + told
            self._guessed = self._guessed * _KEPT + guessed

    def of(self, guessed: int) -> int:
        return round(guessed * self._told / self._guessed)


class _Known:
    """What is known of one backend. A stream's output is guessed by its events too, so that it has a scale of its own."""

    __slots__ = ("calls", "input", "streamed", "whole")

    def __init__(self) -> None:
        self.calls = 0
        self.input = _Scale()
        self.whole = _Scale()
        self.streamed = _Scale()

    def output(self, exchange: Exchange) -> _Scale:
        return self.streamed if exchange.stream else self.whole


class Estimates:
    """Of all backends (provider/model)."""

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}

    def learn(self, backend: str, exchange: Exchange, reported: Usage, made: Callable[[], int]) -> None:
        """A call whose usage was reported. `made` guesses its output; asked for only where the call teaches."""
        known = self._known.get(backend)
        if known is None:
            while len(self._known) >= MOST:
                del self._known[next(iter(self._known))]
            known = self._known[backend] = _Known()
        known.calls += 1
        if known.calls > FAMILIAR and known.calls % ONE_IN:
            return
        if reported.input is None or reported.output is None or not _NO_TEXT.isdisjoint(exchange.needs):
            return
        known.input.learn(reported.input, input_tokens(exchange))
        known.output(exchange).learn(reported.output - (reported.reasoning or 0), made())

    def input(self, backend: str, exchange: Exchange) -> int:
        """Tokens of what was asked."""
        known = self._known.get(backend)
        guessed = input_tokens(exchange)
        return guessed if known is None else known.input.of(guessed)

    def complete(self, backend: str, reported: Usage | None, exchange: Exchange, made: int) -> Usage:
        """What was reported; what was not is estimated, and the whole marked so. `made`: tokens of the answer by the rule."""
        if reported is not None and reported.input is not None and reported.output is not None:
            return reported
        guess = Usage(input=self.input(backend, exchange), output=self._output(backend, exchange, made), estimated=True)
        if reported is None:
            return guess
        return msgspec.structs.replace(
            reported,
            input=_at_least(guess.input, reported) if reported.input is None else reported.input,
            output=guess.output if reported.output is None else reported.output,
            estimated=True,
        )

    def so_far(self, backend: str, reported: Usage | None, exchange: Exchange, made: int) -> Usage:
        """Of a stream that did not come to its end: what was reported until then is not all that was made."""
        usage = self.complete(backend, reported, exchange, made)
        output = max(usage.output or 0, self._output(backend, exchange, made))
        return msgspec.structs.replace(usage, output=output, estimated=True)

    def _output(self, backend: str, exchange: Exchange, made: int) -> int:
        known = self._known.get(backend)
        return made if known is None else known.output(exchange).of(made)


def _at_least(estimated: int | None, reported: Usage) -> int:
    """Input as estimated, but no less than its parts that were reported."""
    return max(estimated or 0, (reported.cached_input or 0) + (reported.cache_write or 0))
