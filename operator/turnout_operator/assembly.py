"""One operator process put together: every room built once, and what happens in one told to the others.

Why apart from `app`: here is who knows whom, there is what starts when. What a room needs of the process (time, whether we lead, an
epoch) it is given as a function, so that none of them asks for more.

Rules: built before the event loop does anything else; callbacks return at once.
"""

import asyncio
import logging
import secrets
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import aiohttp

from turnout_contract.snapshot.model import Gateway, Telemetry
from turnout_operator.audit import Auditor, ClusterLister, RelistDetector
from turnout_operator.certificate_keeper import CertificateKeeper
from turnout_operator.certificate_secret import CertificateSecret
from turnout_operator.compile import Defaults
from turnout_operator.crd_guard import CrdGuard
from turnout_operator.events import DEFINITION, NAMESPACE, Event
from turnout_operator.housekeeping import Housekeeping
from turnout_operator.kube import AsyncKube, ClusterKube, configure
from turnout_operator.leader import Leader, Rooms
from turnout_operator.leadership import Leadership
from turnout_operator.lease import Elector
from turnout_operator.metrics import Metrics
from turnout_operator.publish.auth import TokenReviewer
from turnout_operator.publish.collections import CollectionKeeper
from turnout_operator.publish.credentials import QdrantCollections
from turnout_operator.publish.orphans import CLUSTER_NAMESPACE, OrphanSweeper
from turnout_operator.publish.publisher import Publisher
from turnout_operator.publish.registry import Registry
from turnout_operator.publish.server import GatewayServer
from turnout_operator.settings import OperatorSettings
from turnout_operator.status.engine import StatusEngine
from turnout_operator.status.writer import StatusWriter
from turnout_operator.store import Store
from turnout_operator.workloads.keeper import WorkloadKeeper
from turnout_operator.workloads.reconcile import Reconciler

KUBE_THREADS = 16
_log = logging.getLogger(__name__)


class Operator:
    """All rooms of one operator process."""

    def __init__(self, settings: OperatorSettings, session: aiohttp.ClientSession) -> None:
        self._settings = settings
        self.configuration = configure(settings.kubeconfig)
        cluster = ClusterKube(self.configuration)
        self.kube = AsyncKube(cluster, ThreadPoolExecutor(KUBE_THREADS, thread_name_prefix="kube"))
        self.metrics = Metrics()
        self.orphans: OrphanSweeper | None = None
        self._term_began = 0.0
        self._leads = False
        self.elector = Elector(
            ClusterKube(configure(settings.kubeconfig)),
            namespace=settings.namespace,
            name=settings.lease_name,
            identity=settings.pod_name,
            timings=settings.lease,
            monotonic=time.monotonic,
            wall_ms=_wall_ms,
        )
        self.leadership = Leadership(
            self.elector, retry=settings.lease.retry, on_epoch=self._lead, on_stop=self._follow
        )
        self.guard = CrdGuard(self.kube)
        self.definitions_seen = asyncio.Event()
        self.detector = RelistDetector(settings.relist_audit_seconds)
        self.registry = Registry(disconnected_after=settings.disconnected_after, forget_after=settings.forget_after)
        self._build_store()
        self._build_publishing(session)
        self._build_status()
        self._build_leader()
        self._build_edges(cluster)

    # --- building

    def _build_store(self) -> None:
        self.store = Store(
            self._settings.namespace,
            on_dirty=self._dirty,
            on_status=self._status_changed,
            on_lost=self.guard.lost,
            on_back=self.guard.back,
            on_released=self.guard.release,
        )
        self.auditor = Auditor(
            self.store,
            ClusterLister(self.kube),
            namespaces=self._settings.namespaces,
            ghosts=self.metrics.ghosts.inc,
        )

    def _build_publishing(self, session: aiohttp.ClientSession) -> None:
        self.publisher = Publisher(
            self.registry,
            epoch=lambda: self.elector.epoch,
            monotonic=time.monotonic,
            nonces=lambda: secrets.token_hex(8),
            observer=self,
            plausible=self.elector.plausible,
        )
        self.collections = self._build_collections(session)

    def _build_status(self) -> None:
        metrics = self.metrics
        self.writer = StatusWriter(
            self.kube,
            leading=lambda: self.elector.leading,
            monotonic=time.monotonic,
            counted=lambda result: metrics.writes.labels(result).inc(),
        )
        self.engine = StatusEngine(
            self.store,
            self.writer,
            views=self.publisher.views,
            leading=lambda: self.elector.leading,
            settled=self._settled,
            monotonic=time.monotonic,
            timestamp=_timestamp,
        )

    def _build_leader(self) -> None:
        settings, metrics = self._settings, self.metrics
        reconciler = Reconciler(self.kube)
        self.workloads = WorkloadKeeper(
            reconciler,
            settings.gateway,
            leading=lambda: self.elector.leading,
            exists=self._stands,
            trouble=self.engine.workloads,
            monotonic=time.monotonic,
            failed=metrics.workload_failures.inc,
        )
        rooms = Rooms(
            store=self.store,
            guard=self.guard,
            publisher=self.publisher,
            engine=self.engine,
            workloads=self.workloads,
            collections=self.collections,
        )
        self.leader = Leader(
            settings,
            _defaults(settings),
            rooms,
            epoch=lambda: self.elector.epoch,
            ca=lambda: self.certificates.bundle,
            monotonic=time.monotonic,
            metrics=metrics,
            freshen=self.auditor.audit_all,
        )
        self._build_housekeeping(reconciler)

    def _build_housekeeping(self, reconciler: Reconciler) -> None:
        self.housekeeping = Housekeeping(
            self._settings,
            self.kube,
            auditor=self.auditor,
            detector=self.detector,
            registry=self.registry,
            engine=self.engine,
            workloads=self.workloads,
            reconciler=reconciler,
            dirty=self.leader.dirty,
            leading=lambda: self.elector.leading,
            monotonic=time.monotonic,
        )

    def _build_collections(self, session: aiohttp.ClientSession) -> CollectionKeeper | None:
        if self._settings.qdrant is None:
            return None
        collections = QdrantCollections(self._settings.qdrant, session)
        self.orphans = OrphanSweeper(
            collections,
            self.kube,
            own=self._settings.namespace,
            leading=lambda: self.elector.leading,
            monotonic=time.monotonic,
            left=self.metrics.orphans.set,
        )
        return CollectionKeeper(
            self._settings.qdrant,
            collections,
            leading=lambda: self.elector.leading,
            give=self.publisher.credentials,
            wall_ms=_wall_ms,
            mark=self._cluster,
        )

    def _build_edges(self, cluster: ClusterKube) -> None:
        settings = self._settings
        secret = CertificateSecret(
            cluster,
            namespace=settings.namespace,
            name=settings.certificate_secret,
            names=_serving_names(settings),
            now=lambda: datetime.now(UTC),
        )
        self.certificates = CertificateKeeper(secret, changed=self.leader.everything, metrics=self.metrics)
        reviewer = TokenReviewer(self.kube, monotonic=time.monotonic, allowed=self._serves)
        self.server = GatewayServer(self.publisher, reviewer, leading=lambda: self.elector.leading)

    # --- what happens

    def event(self, event: Event) -> None:
        """The informer has something to say."""
        kind, item = event.kind, event.object
        metadata = item.get("metadata") or {}
        if kind == DEFINITION:
            self.definitions_seen.set()
        elif kind == NAMESPACE:
            if event.type == "DELETED":
                self.store.delete_namespace(str(metadata.get("name", "")))
            else:
                self.store.put_namespace(item)
        elif event.type == "DELETED":
            self.store.delete(kind, str(metadata.get("uid", "")))
        else:
            known = self.store.put({"kind": kind, **item})
            if event.type is None:
                self.detector.listed(kind, time.monotonic(), known=known)

    def changed(self, namespace: str) -> None:
        """See `Observer.changed`."""
        self.metrics.connected.set(self.registry.connected())
        self.engine.mark(namespace)
        self.leader.wanted_by(namespace)

    def higher_epoch(self, seen: int) -> None:
        """See `Observer.higher_epoch`."""
        self.leadership.heard_of(seen)

    def exchanged(self, what: str, namespace: str, version: str) -> None:
        """See `Observer.exchanged`."""
        self.metrics.exchanges.labels(what).inc()
        if what == "nack":
            self.metrics.nacks.inc()
        elif what == "ack":
            self.leader.acknowledged(namespace, version)

    # --- inside

    def _lead(self, epoch: int) -> None:
        """A term began, or its epoch was raised."""
        self.metrics.leader.set(1)
        self.metrics.epoch.set(epoch)
        if self._leads:
            self.publisher.epoch_changed()
            return
        self._leads = True
        self._term_began = time.monotonic()
        self.housekeeping.term_began()
        self.leader.everything()
        asyncio.get_running_loop().call_later(self._settings.takeover_grace + 0.1, self.engine.mark_all)

    def _follow(self) -> None:
        """We lead no more."""
        self._leads = False
        self.metrics.leader.set(0)
        self.metrics.epoch.set(0)
        self.writer.forget()
        self.leader.forget()

    def _dirty(self, namespaces: Iterable[str]) -> None:
        self.leader.dirty(namespaces)

    def _status_changed(self, namespace: str) -> None:
        self.engine.mark(namespace)

    def _cluster(self) -> str:
        """What tells our cluster from others; "" while it is not known."""
        known = self.store.namespace(CLUSTER_NAMESPACE)
        return known.uid if known is not None else ""

    def _settled(self) -> bool:
        """Whether gateways that are there had time to come back to us."""
        long_ago = time.monotonic() - self._term_began >= self._settings.takeover_grace
        return long_ago and self.housekeeping.took_over

    def _stands(self, namespace: str) -> bool:
        """Whether something may be made in the namespace."""
        known = self.store.namespace(namespace)
        return known is None or not known.terminating

    def _serves(self, namespace: str) -> bool:
        """Whether a gateway of that namespace is ours."""
        return self._settings.namespaces is None or namespace in self._settings.namespaces


def _defaults(settings: OperatorSettings) -> Defaults:
    return Defaults(
        operator_namespace=settings.namespace,
        allow_insecure_tls=settings.allow_insecure_tls,
        gateway=Gateway(telemetry=Telemetry(otlp_endpoint=settings.gateway.otlp_endpoint)),
        shared_qdrant=settings.qdrant is not None,
    )


def _serving_names(settings: OperatorSettings) -> tuple[str, ...]:
    service = f"{settings.service_name}.{settings.namespace}.svc"
    return (service, f"{service}.cluster.local", f"*.{service}.cluster.local", "localhost", *settings.extra_names)


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000


def _timestamp() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
