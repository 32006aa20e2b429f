"""kopf, as an informer and nothing more: it lists and watches, and hands every event over.

kopf runs in a thread and an event loop of its own, since on its way out it cancels whatever tasks it finds in its loop. Only
`on.startup`, `on.login`, `on.event` and `on.cleanup` are used: these write nothing to any object, so there is no finalizer and
no annotation. It re-lists without telling of deletions; the audit takes care of that.

Rules: handlers hand over and return; a watch that cannot go on ends the thread, and the end of the thread ends the process
(crash-only: a restart is cheap, an informer that hears nothing is not); credentials are asked for anew whenever kopf asks.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import kopf

from turnout_contract.api.meta import GROUP, VERSION
from turnout_contract.api.registry import KINDS
from turnout_operator.events import DEFINITION, NAMESPACE, Event

Json = dict[str, Any]

MOST_BACKOFF = 30.0
STOP_SECONDS = 2.0
_log = logging.getLogger(__name__)


class Backoffs:
    """Seconds between retries: growing to a cap, and without an end. Iterable again and again, as kopf needs."""

    def __iter__(self) -> Iterator[float]:
        delay = 1.0
        while True:
            yield delay
            delay = min(delay * 1.6, MOST_BACKOFF)


class Informer:
    """Watches all our kinds and the Namespaces. `sink` is called in the informer's own thread.

    `configuration` is the kubernetes client's; `namespaces` None: all.
    """

    def __init__(
        self,
        configuration: Any,
        *,
        namespaces: Sequence[str] | None,
        sink: Callable[[Event], None],
        ended: Callable[[BaseException | None], None],
    ) -> None:
        self._configuration = configuration
        self._namespaces = namespaces
        self._sink = sink
        self._ended = ended
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="informer", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether its thread runs."""
        return self._thread.is_alive()

    async def stop(self) -> None:
        """End it, and wait a while until it has."""
        self._stop.set()
        await asyncio.to_thread(self._thread.join, STOP_SECONDS)

    def _run(self) -> None:
        error: BaseException | None = None
        try:
            asyncio.run(self._watch())
        except BaseException as caught:  # noqa: BLE001  boundary: a thread's end must reach the process
            error = caught
        finally:
            self._ended(None if self._stop.is_set() else error or RuntimeError("the informer ended"))

    async def _watch(self) -> None:
        scope: Json = {"clusterwide": True} if self._namespaces is None else {"namespaces": list(self._namespaces)}
        await kopf.operator(
            registry=self._registry(),
            settings=self._settings(),
            stop_flag=self._stop,
            **scope,
        )

    def _settings(self) -> kopf.OperatorSettings:
        settings = kopf.OperatorSettings()
        settings.posting.enabled = False
        settings.posting.loggers = False
        settings.peering.standalone = True
        settings.watching.inactivity_timeout = 70
        settings.watching.chunk_size = 500
        settings.networking.connect_timeout = 10
        settings.networking.request_timeout = 60
        settings.networking.error_backoffs = Backoffs()
        settings.process.ultimate_exiting_timeout = None  # the process ends on its own terms
        settings.scanning.disabled = self._namespaces is not None
        return settings

    def _registry(self) -> kopf.OperatorRegistry:
        registry = kopf.OperatorRegistry()
        kopf.on.login(registry=registry)(self._login)
        for kind in KINDS.values():
            kopf.on.event(GROUP, VERSION, kind.plural, registry=registry, id=kind.plural)(self._handler(kind.name))
        kopf.on.event("", "v1", "namespaces", registry=registry, id="namespaces")(self._handler(NAMESPACE))
        if self._namespaces is None:  # an operator of some namespaces has no right to see definitions
            watch = kopf.on.event(
                "apiextensions.k8s.io", "v1", "customresourcedefinitions", registry=registry, id="crds"
            )
            watch(self._handler(DEFINITION))
        return registry

    def _handler(self, kind: str) -> Any:
        async def handle(event: Any, **_: Any) -> None:
            self._sink(Event(kind, event["type"], dict(event["object"])))

        return handle

    async def _login(self, **_kwargs: Any) -> kopf.ConnectionInfo:
        configuration = self._configuration
        # Asking for the key is what refreshes it: tokens of service accounts and of exec plugins do not last.
        header = configuration.get_api_key_with_prefix("BearerToken") or configuration.get_api_key_with_prefix(
            "authorization"
        )
        scheme, _separator, token = str(header or "").rpartition(" ")
        return kopf.ConnectionInfo(
            server=str(configuration.host),
            ca_path=configuration.ssl_ca_cert,
            insecure=not configuration.verify_ssl,
            username=configuration.username or None,
            password=configuration.password or None,
            scheme=scheme.capitalize() or None,
            token=token or None,
            certificate_path=configuration.cert_file,
            private_key_path=configuration.key_file,
        )
