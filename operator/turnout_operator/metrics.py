"""The operator's Prometheus metrics, in a registry of their own.

Rules: no label has a namespace's, an object's or a gateway's name; stages, results and kinds are few and fixed.
"""

from collections import Counter as Counts
from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest

from turnout_contract.api.conditions import (
    DEFINITION_MISSING,
    INTERNAL_ERROR,
    NOT_PUBLISHED,
    WORKLOAD_CONFLICT,
    WORKLOAD_REFUSED,
)

TROUBLES = (DEFINITION_MISSING, INTERNAL_ERROR, NOT_PUBLISHED, WORKLOAD_CONFLICT, WORKLOAD_REFUSED)
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 30.0)


class Metrics:
    """All of them."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.propagation = Histogram(
            "turnout_operator_config_propagation_seconds",
            "From a change to each stage's end: compile, send, ack.",
            ("stage",),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.compile_seconds = Histogram(
            "turnout_operator_compile_seconds", "One compilation.", buckets=_SECONDS, registry=self.registry
        )
        self.compile_failures = self._counter("turnout_operator_compile_failures", "Compilations that failed.")
        self.exchanges = self._counter(
            "turnout_operator_config_messages", "Versions pushed, acknowledged and refused.", ("what",)
        )
        self.nacks = self._counter("turnout_operator_config_nack", "Versions that a gateway refused.")
        self.connected = self._gauge("turnout_operator_gateways_connected", "Gateways that are connected.")
        self.writes = self._counter("turnout_operator_status_write", "Status writes.", ("result",))
        self.ghosts = self._counter("turnout_store_ghosts", "Objects that were gone without an event.")
        self.objects = self._gauge("turnout_operator_objects", "Objects that are known.", ("kind",))
        self.leader = self._gauge("turnout_operator_leader", "1 while this replica leads.")
        self.epoch = self._gauge("turnout_operator_epoch", "The epoch of the term, 0 without one.")
        self.queued = self._gauge("turnout_operator_queue_depth", "Namespaces that wait to be compiled.")
        self.workload_failures = self._counter(
            "turnout_operator_workload_failures", "Reconciliations of workloads that failed."
        )
        self.troubles = self._gauge(
            "turnout_operator_namespaces_in_trouble",
            "Namespaces whose gateways keep what they have, or lack workloads.",
            ("reason",),
        )
        self.orphans = self._gauge(
            "turnout_operator_collections_orphaned",
            "Collections of the shared Qdrant for namespaces that do not exist, without this cluster's mark.",
        )
        self.certificate_expiry = self._gauge(
            "turnout_operator_certificate_expiry_timestamp_seconds", "When the serving certificate ends."
        )

    def in_trouble(self, reasons: Iterable[str]) -> None:
        """How many namespaces are in trouble, given one reason for each."""
        found = Counts(reasons)
        for reason in TROUBLES:
            self.troubles.labels(reason).set(found[reason])

    def text(self) -> bytes:
        """The exposition."""
        return generate_latest(self.registry)

    def _counter(self, name: str, text: str, labels: tuple[str, ...] = ()) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, labels: tuple[str, ...] = ()) -> Gauge:
        return Gauge(name, text, labels, registry=self.registry)
