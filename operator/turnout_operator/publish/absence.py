"""What gateways say of models that do not exist: remembered with when it was said, and brought together.

Each gateway asks the providers for itself and says what it found when that changes. Two may differ for some minutes, since a
model comes or goes between their questions: for each provider the newest word counts. A gateway that has never found anything
amiss has said nothing.

Rules: only what was found of the very generation that is judged counts; names are bounded, whoever sent them.
"""

from collections.abc import Iterable, Mapping
from typing import Protocol

import msgspec

MOST_PROVIDERS = 1024
MOST_MODELS = 256
MOST_CHARACTERS = 256


class Absence(msgspec.Struct, frozen=True):
    """The models that do not exist (none: no longer any), and since when it is said (monotonic seconds)."""

    since: float
    models: tuple[str, ...] = ()


class Report(Protocol):
    """As much of a gateway's view as is needed here."""

    @property
    def sources(self) -> frozenset[tuple[str, int]]:
        """(uid, generation) of all that it runs."""
        ...

    @property
    def absent(self) -> Mapping[str, Absence]:
        """What it said last, by provider."""
        ...


def heard(before: Mapping[str, Absence], said: Mapping[str, tuple[str, ...]], now: float) -> dict[str, Absence]:
    """What is known of a gateway after it said that. What it said before and says again is as old as it was."""
    told = {_cut(name): _models(models) for name, models in list(said.items())[:MOST_PROVIDERS]}
    no_more = [name for name in before if name not in told][:MOST_PROVIDERS]
    return {
        name: before[name] if name in before and before[name].models == models else Absence(now, models)
        for name, models in {**dict.fromkeys(no_more, ()), **told}.items()
    }


def absent_models(reports: Iterable[Report], provider: str, source: tuple[str, int]) -> tuple[str, ...]:
    """The models that this generation of a provider names and that do not exist, by the newest word."""
    words = [report.absent[provider] for report in reports if source in report.sources and provider in report.absent]
    return max(words, key=lambda word: (word.since, word.models)).models if words else ()


def all_absent(reports: Iterable[Report]) -> dict[str, tuple[str, ...]]:
    """By provider, the models of what gateways run that do not exist, by the newest word; sorted."""
    words: dict[str, Absence] = {}
    for report in reports:
        for provider, word in report.absent.items():
            if provider not in words or words[provider].since < word.since:
                words[provider] = word
    return {provider: word.models for provider, word in sorted(words.items()) if word.models}


def _models(models: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(_cut(model) for model in models[:MOST_MODELS]))


def _cut(text: str) -> str:
    return text[:MOST_CHARACTERS]
