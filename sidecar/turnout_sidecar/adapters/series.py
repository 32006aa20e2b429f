"""Counters and histograms that cost a fraction of a microsecond, collected by prometheus_client.

A call touches a dozen of them. They are touched from the event loop only, so they need no lock, and a family is a dictionary
from label values to numbers, so that a label set needs no object and goes when its route goes. Counts of money stay whole
numbers of nano-dollars until they are read.

Rules: label values are given in the family's order; whoever adds keeps them to names of the snapshot and fixed words (those
begin with `_` where a name could be taken for one).
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from operator import add
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

OTHER: Final = "_other"
NONE: Final = "_none"

Labels = tuple[str, ...]
Names = Mapping[str, frozenset[str]]
"""Which values a label may have; a label that is not there may have any."""


class _Family(Collector):
    def __init__(self, name: str, text: str, labels: Labels) -> None:
        self.name = name
        self._text = text
        self._labels = labels

    def _stale(self, names: Names, every: Iterable[Labels]) -> list[Labels]:
        checks = [(place, names[label]) for place, label in enumerate(self._labels) if label in names]
        return [
            values
            for values in every
            if any(values[place] not in allowed and not values[place].startswith("_") for place, allowed in checks)
        ]


class Counters(_Family):
    """A family of counters; what is added is divided by `scale` when it is read. `name` ends in `_total`."""

    def __init__(self, name: str, text: str, labels: Labels, *, scale: int = 1) -> None:
        super().__init__(name, text, labels)
        self._scale = scale
        self._values: dict[Labels, int] = {}

    def add(self, values: Labels, amount: int = 1) -> None:
        """Count."""
        counts = self._values
        counts[values] = counts.get(values, 0) + amount

    def value(self, values: Labels) -> float:
        """What it stands at, scaled; 0 for a label set never seen."""
        return self._values.get(values, 0) / self._scale

    def prune(self, names: Names) -> None:
        """Forget label sets with names that are gone."""
        for values in self._stale(names, self._values):
            del self._values[values]

    def collect(self) -> Iterator[Metric]:
        """For prometheus_client."""
        family = CounterMetricFamily(self.name, self._text, labels=self._labels)
        for values, amount in self._values.copy().items():
            family.add_metric(values, amount / self._scale)
        yield family

    def describe(self) -> list[Metric]:
        """For prometheus_client."""
        return [CounterMetricFamily(self.name, self._text, labels=self._labels)]


class Histograms(_Family):
    """A family of histograms with one list of bounds."""

    def __init__(self, name: str, text: str, labels: Labels, bounds: tuple[float, ...]) -> None:
        super().__init__(name, text, labels)
        self._bounds = bounds
        self._counts: dict[Labels, list[int]] = {}
        self._sums: dict[Labels, float] = {}

    def observe(self, values: Labels, amount: float) -> None:
        """Count one amount."""
        counts = self._counts.get(values)
        if counts is None:
            counts = self._counts[values] = [0] * (len(self._bounds) + 1)
            self._sums[values] = 0.0
        counts[bisect_left(self._bounds, amount)] += 1
        self._sums[values] += amount

    def merge(self, values: Labels, counts: Sequence[int], total: float) -> None:
        """Count many amounts at once: how many in each bucket (one more than there are bounds), and their sum."""
        if not any(counts):
            return
        before = self._counts.get(values)
        self._counts[values] = list(counts) if before is None else [*map(add, before, counts)]
        self._sums[values] = self._sums.get(values, 0.0) + total

    def count(self, values: Labels) -> int:
        """How many amounts."""
        return sum(self._counts.get(values, ()))

    def prune(self, names: Names) -> None:
        """Forget label sets with names that are gone."""
        for values in self._stale(names, self._counts):
            del self._counts[values], self._sums[values]

    def collect(self) -> Iterator[Metric]:
        """For prometheus_client."""
        family = HistogramMetricFamily(self.name, self._text, labels=self._labels)
        bounds = [*(str(bound) for bound in self._bounds), "+Inf"]
        sums = self._sums.copy()
        for values, counts in self._counts.copy().items():
            total = 0
            buckets = []
            for bound, count in zip(bounds, tuple(counts), strict=True):
                total += count
                buckets.append((bound, float(total)))
            family.add_metric(values, buckets, sums.get(values, 0.0))
        yield family

    def describe(self) -> list[Metric]:
        """For prometheus_client."""
        return [HistogramMetricFamily(self.name, self._text, labels=self._labels)]


class Watched(_Family):
    """A family of values that are asked for when they are read: {label values: number}."""

    def __init__(
        self, name: str, text: str, labels: Labels, read: Callable[[], Mapping[Labels, float]], *, counter: bool = False
    ) -> None:
        super().__init__(name, text, labels)
        self._read = read
        self._family = CounterMetricFamily if counter else GaugeMetricFamily

    def collect(self) -> Iterator[Metric]:
        """For prometheus_client."""
        family = self._family(self.name, self._text, labels=self._labels)
        for values, amount in self._read().items():
            family.add_metric(values, amount)
        yield family

    def describe(self) -> list[Metric]:
        """For prometheus_client."""
        return [self._family(self.name, self._text, labels=self._labels)]
