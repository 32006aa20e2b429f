"""The metrics that the GenAI conventions name, of one profile (`turnout_contract.semconv`).

The client side is an attempt at a provider, the server side a call as its caller saw it (calls that a provider answered; what
came from the cache was no inference). Prometheus spells the names with underscores.

Rules: one instance for a profile, never two in a registry; the caller has checked that every backend given is a known one, so
that label values are those of the snapshot.
"""

from typing import Final
from urllib.parse import urlsplit

from prometheus_client import CollectorRegistry

from turnout_contract import semconv
from turnout_contract.semconv import Profile, prometheus_name
from turnout_sidecar.adapters.series import Counters, Histograms, Labels, Names
from turnout_sidecar.exchange.call import Attempt, Exchange
from turnout_sidecar.exchange.usage import Usage

_NANO: Final = 1e9
_EMBEDDINGS: Final = "embeddings"
_MOST_KNOWN: Final = 4096
_BASE: Final = tuple(
    prometheus_name(name)
    for name in (
        semconv.OPERATION_NAME,
        semconv.PROVIDER_NAME,
        semconv.REQUEST_MODEL,
        semconv.SERVER_ADDRESS,
        semconv.SERVER_PORT,
    )
)
_WITH_ERROR: Final = (*_BASE, prometheus_name(semconv.ERROR_TYPE))
_SERVER: Final = (*_BASE[:3], prometheus_name(semconv.ERROR_TYPE))


class GenAiMetrics:
    """The families of one profile."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self._labels: dict[tuple[str, ...], Labels] = {}
        self.durations = _seconds(profile.inference_duration, "Attempts at a model.", _WITH_ERROR)
        self.other_durations = (
            self.durations
            if profile.operation_duration == profile.inference_duration
            else _seconds(profile.operation_duration, "Attempts that are no inference.", _WITH_ERROR)
        )
        self.first_chunks = _seconds(profile.time_to_first_chunk, "Streams: to the first chunk.", _BASE)
        self.further_chunks = _seconds(profile.time_per_output_chunk, "Streams: to each further chunk.", _BASE)
        self.calls = _seconds(semconv.SERVER_REQUEST_DURATION, "Calls that a model answered.", _SERVER)
        self.first_tokens = _seconds(
            semconv.SERVER_TIME_TO_FIRST_TOKEN, "Streams: to the first token.", _SERVER[:3], semconv.FIRST_TOKEN_BUCKETS
        )
        self.per_token = _seconds(
            semconv.SERVER_TIME_PER_OUTPUT_TOKEN,
            "Streams: for a token after the first.",
            _SERVER[:3],
            semconv.OUTPUT_TOKEN_BUCKETS,
        )
        self.tokens: _OneHistogram | _ManyCounters = (
            _ManyCounters(profile.token_counters)
            if profile.token_counters is not None
            else _OneHistogram(profile.token_usage or "")
        )

    @property
    def _families(self) -> list[Counters | Histograms]:
        families: dict[str, Counters | Histograms] = {
            family.name: family
            for family in (
                self.durations,
                self.other_durations,
                self.first_chunks,
                self.further_chunks,
                self.calls,
                self.first_tokens,
                self.per_token,
                *self.tokens.families,
            )
        }
        return list(families.values())

    def register(self, registry: CollectorRegistry) -> None:
        """Be collected."""
        for family in self._families:
            registry.register(family)

    def unregister(self, registry: CollectorRegistry) -> None:
        """Be collected no more."""
        for family in self._families:
            registry.unregister(family)

    def prune(self, names: Names) -> None:
        """Forget label sets with names that are gone."""
        self._labels.clear()
        for family in self._families:
            family.prune(names)

    def attempt(self, exchange: Exchange, attempt: Attempt, ended_ns: int, error: str | None) -> None:
        """One try at a provider; `ended_ns` is the call's end, for an attempt that has none of its own."""
        operation = exchange.endpoint.operation
        labels = self._base(operation, attempt)
        end = ended_ns if attempt.ended_ns is None else attempt.ended_ns
        durations = self.other_durations if operation == _EMBEDDINGS else self.durations
        durations.observe((*labels, error or ""), (end - attempt.started_ns) / _NANO)
        if exchange.stream and attempt.first_token_ns is not None:
            self.first_chunks.observe(labels, (attempt.first_token_ns - attempt.started_ns) / _NANO)
        if attempt.chunks is not None:
            self.further_chunks.merge(labels, attempt.chunks.counts, attempt.chunks.total_ns / _NANO)
        if attempt.usage is not None:
            self.tokens.record(labels, attempt.usage)

    def call(self, exchange: Exchange, ended_ns: int, error: str | None) -> None:
        """A call that went to providers, as its caller saw it."""
        last = exchange.attempts[-1]
        labels = self._base(exchange.endpoint.operation, last)[:3]
        self.calls.observe((*labels, error or ""), (ended_ns - exchange.received_ns) / _NANO)
        if not exchange.stream or last.first_token_ns is None:
            return
        self.first_tokens.observe(labels, (last.first_token_ns - exchange.received_ns) / _NANO)
        output = None if exchange.usage is None else exchange.usage.output
        if output is not None and output > 1:
            self.per_token.observe(labels, (ended_ns - last.first_token_ns) / _NANO / (output - 1))

    def _base(self, operation: str, attempt: Attempt) -> Labels:
        provider = attempt.backend
        key = (operation, provider.protocol, provider.endpoint, attempt.model.name)
        found = self._labels.get(key)
        if found is None:
            parts = urlsplit(provider.endpoint)
            port = parts.port or (80 if parts.scheme == "http" else 443)
            name = semconv.provider_name(provider.protocol, provider.endpoint)
            found = (operation, name, attempt.model.name, parts.hostname or "", str(port))
            if len(self._labels) < _MOST_KNOWN:
                self._labels[key] = found
        return found


class _OneHistogram:
    """Tokens as v1.41 has them: one histogram with the token type as a label."""

    def __init__(self, name: str) -> None:
        labels = (*_BASE, prometheus_name(semconv.TOKEN_TYPE))
        self._usage = Histograms(prometheus_name(name), "Tokens of an attempt.", labels, semconv.TOKEN_BUCKETS)
        self.families: tuple[Counters | Histograms, ...] = (self._usage,)

    def record(self, labels: Labels, usage: Usage) -> None:
        if usage.input is not None:
            self._usage.observe((*labels, "input"), usage.input)
        if usage.output is not None:
            self._usage.observe((*labels, "output"), usage.output)


class _ManyCounters:
    """Tokens as `latest` has them: a counter for each kind, and histograms of the sizes of calls.

    Tokens of which a provider does not say that they were sound or pictures are of unknown modality.
    """

    def __init__(self, names: semconv.TokenCounters) -> None:
        labels = (*_BASE, prometheus_name(semconv.TOKEN_MODALITY))

        def counter(name: str, text: str) -> Counters:
            return Counters(prometheus_name(name, counter=True), text, labels)

        def sizes(name: str, text: str) -> Histograms:
            return Histograms(prometheus_name(name), text, _BASE, semconv.TOKEN_BUCKETS)

        self._input = counter(names.input, "Input tokens, cached ones too.")
        self._output = counter(names.output, "Output tokens, reasoning too.")
        self._cache_read = counter(names.cache_read, "Input tokens that the provider had cached.")
        self._cache_write = counter(names.cache_write, "Input tokens that the provider wrote to its cache.")
        self._reasoning = counter(names.reasoning, "Output tokens of reasoning.")
        self._input_sizes = sizes(names.input_sizes, "Input tokens of an attempt.")
        self._output_sizes = sizes(names.output_sizes, "Output tokens of an attempt.")
        self.families: tuple[Counters | Histograms, ...] = (
            self._input, self._output, self._cache_read, self._cache_write, self._reasoning,
            self._input_sizes, self._output_sizes,
        )  # fmt: skip

    def record(self, labels: Labels, usage: Usage) -> None:
        full = (*labels, "unknown")
        if usage.input is not None:
            _by_modality(self._input, labels, usage.input, audio=usage.audio_input, image=usage.image_input)
            self._input_sizes.observe(labels, usage.input)
        if usage.output is not None:
            _by_modality(self._output, labels, usage.output, audio=usage.audio_output)
            self._output_sizes.observe(labels, usage.output)
        if usage.cached_input is not None:
            self._cache_read.add(full, usage.cached_input)
        if usage.cache_write is not None:
            self._cache_write.add(full, usage.cache_write)
        if usage.reasoning is not None:
            self._reasoning.add(full, usage.reasoning)


def _by_modality(counter: Counters, labels: Labels, total: int, **parts: int | None) -> None:
    for modality, count in parts.items():
        if count:
            counter.add((*labels, modality), count)
    counter.add((*labels, "unknown"), max(0, total - sum(count or 0 for count in parts.values())))


def _seconds(name: str, text: str, labels: Labels, bounds: tuple[float, ...] = semconv.DURATION_BUCKETS) -> Histograms:
    return Histograms(prometheus_name(name, "s"), text, labels, bounds)
