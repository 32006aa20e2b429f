"""Between what namespaces want and the gateways that are connected: runs each session's actions.

Why apart from the server: it knows no socket, only something that sends and closes; so the whole protocol is tested without a
network. Everything here runs in the event loop and returns at once.

Rules: nothing is sent while we do not lead, whatever the sessions say; whatever a gateway's words change is reported by
`on_change`, and judged elsewhere.
"""

import logging
from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from turnout_contract.protocol import CLOSE_LOST_LEASE, Ack, Credentials, FromOperator, Hello, Nack, Push
from turnout_operator.publish.absence import all_absent
from turnout_operator.publish.registry import GatewayView, Peer, Registry
from turnout_operator.publish.session import Action, Close, RaiseEpoch, Send, Session, Wanted

CLOSE_REPLACED = 4409
CLOSE_PROTOCOL = 4400
_log = logging.getLogger(__name__)


class Connection(Protocol):
    """One open connection."""

    def send(self, message: FromOperator) -> None:
        """Queue a message."""
        ...

    def close(self, code: int, reason: str) -> None:
        """Close it, soon."""
        ...


class Observer(Protocol):
    """Who hears of what gateways do."""

    def changed(self, namespace: str) -> None:
        """Something was said or ended: its status may be another now. Also a gateway of a namespace not yet compiled."""
        ...

    def higher_epoch(self, seen: int) -> None:
        """A gateway has seen a higher epoch than ours."""
        ...

    def exchanged(self, what: str, namespace: str, version: str) -> None:
        """A version was pushed, acknowledged or refused ("push", "ack", "nack"): for the metrics."""
        ...


class Attached(msgspec.Struct, frozen=True, eq=False):
    """A connected gateway."""

    peer: Peer
    connection: Connection
    session: Session


class Publisher:
    """Keeps every gateway at what its namespace wants. `epoch` is asked before anything is sent (None: we do not lead)."""

    def __init__(
        self,
        registry: Registry,
        *,
        epoch: Callable[[], int | None],
        monotonic: Callable[[], float],
        nonces: Callable[[], str],
        observer: Observer,
        plausible: Callable[[int], bool] = lambda _epoch: True,
    ) -> None:
        self._registry = registry
        self._epoch = epoch
        self._monotonic = monotonic
        self._nonces = nonces
        self._observer = observer
        self._plausible = plausible
        self._wanted: dict[str, Wanted] = {}
        self._credentials: dict[str, Credentials] = {}
        self._attached: dict[Session, Attached] = {}

    # --- what the operator wants

    def want(
        self, namespace: str, *, version: str, text: str, secrets: frozenset[str], sources: frozenset[tuple[str, int]]
    ) -> bool:
        """A namespace's gateways are to run this; False where that is so already."""
        known = self._wanted.get(namespace)
        if known is not None and known.version == version:
            return False
        wanted = Wanted(version, text, secrets, sources, known.revision + 1 if known is not None else 1)
        self._wanted[namespace] = wanted
        self._registry.publish(namespace, wanted)
        for session in self._registry.sessions(namespace):
            self._offer(self._attached[session])
        return True

    def wanted(self, namespace: str) -> Wanted | None:
        """What a namespace's gateways are to run."""
        return self._wanted.get(namespace)

    def gone(self, namespace: str) -> None:
        """There is no such namespace any more."""
        self._wanted.pop(namespace, None)
        self._credentials.pop(namespace, None)
        self._registry.gone(namespace)

    def credentials(self, namespace: str, credentials: Credentials | None) -> None:
        """A namespace's gateways may use these, from now on; None: none are sent any more."""
        if credentials is None:
            self._credentials.pop(namespace, None)
            return
        self._credentials[namespace] = credentials
        for session in self._registry.sessions(namespace):
            if session.greeted:
                self._send(self._attached[session], credentials)

    def epoch_changed(self) -> None:
        """Our epoch is another: every gateway is told."""
        for attached in list(self._attached.values()):
            self._offer(attached)

    def stop(self, code: int = CLOSE_LOST_LEASE, reason: str = "this operator leads no more") -> None:
        """Close every connection and forget what was wanted: we do not lead."""
        attached = list(self._attached.values())
        self._attached.clear()
        self._registry.clear()
        self._wanted.clear()
        self._credentials.clear()
        for one in attached:
            one.connection.close(code, reason)

    # --- what gateways do

    def attach(self, peer: Peer, connection: Connection) -> Attached:
        """A gateway connected."""
        refused = self._registry.memory(peer)
        attached = Attached(peer, connection, Session(nonces=self._nonces, refused=refused))
        self._attached[attached.session] = attached
        replaced = self._registry.connect(peer, attached.session, refused, self._monotonic())
        if replaced is not None and (old := self._attached.pop(replaced, None)) is not None:
            old.connection.close(CLOSE_REPLACED, "the same pod has connected again")
        return attached

    def received(self, attached: Attached, message: Hello | Ack | Nack) -> None:
        """A gateway said something."""
        if attached.session not in self._attached:
            return  # it was replaced, or we lead no more; its connection is closing
        now, session, namespace = self._monotonic(), attached.session, attached.peer.namespace
        if isinstance(message, Hello):
            if not self._plausible(message.have.epoch):
                self._act(attached, [Close(CLOSE_PROTOCOL, "an epoch that no operator has had")])
                return
            self._act(attached, session.hello(message, now))
            if namespace in self._credentials:
                self._send(attached, self._credentials[namespace])
            self._offer(attached)
        elif isinstance(message, Ack):
            self._act(attached, session.ack(message, now))
            self._observer.exchanged("ack", namespace, message.version)
        else:
            self._act(attached, session.nack(message, now))
            self._observer.exchanged("nack", namespace, "")
            _log.warning(
                "gateway %s/%s refused a version (%s): %s",
                namespace, attached.peer.pod, message.reason,
                "; ".join(f"{error.ref} {error.path}: {error.message}"[:300] for error in message.errors[:5]),
            )  # fmt: skip
        self._observer.changed(namespace)

    def detach(self, attached: Attached) -> None:
        """A connection ended."""
        self._attached.pop(attached.session, None)
        self._registry.disconnect(attached.peer, attached.session, self._monotonic())
        self._observer.changed(attached.peer.namespace)

    def tick(self) -> None:
        """Time passed: call it about once a second."""
        now = self._monotonic()
        for attached in list(self._attached.values()):
            self._act(attached, attached.session.tick(now))

    def views(self, namespace: str) -> tuple[GatewayView, ...]:
        """How the namespace's gateways stand."""
        return self._registry.views(namespace, self._monotonic())

    def overview(self) -> dict[str, Any]:
        """Version and gateways of every namespace that has either, as plain data; `age` is seconds in that state, `absent` by
        provider the models that gateways found not to exist."""
        now = self._monotonic()
        return {
            namespace: self._overview(namespace, now)
            for namespace in sorted({*self._wanted, *self._registry.namespaces()})
        }

    # --- inside

    def _overview(self, namespace: str, now: float) -> dict[str, Any]:
        views = self._registry.views(namespace, now)
        return {
            "version": self._wanted[namespace].version if namespace in self._wanted else "",
            "gateways": [
                {"pod": view.pod, "state": view.state, "version": view.version, "age": round(now - view.since)}
                for view in views
            ],
            "absent": all_absent(views),
        }

    def _offer(self, attached: Attached) -> None:
        wanted, epoch = self._wanted.get(attached.peer.namespace), self._epoch()
        if wanted is not None and epoch is not None:
            self._act(attached, attached.session.want(wanted, epoch, self._monotonic()))

    def _act(self, attached: Attached, actions: list[Action]) -> None:
        for action in actions:
            if isinstance(action, Send):
                self._send(attached, action.message)
            elif isinstance(action, RaiseEpoch):
                self._observer.higher_epoch(action.seen)
            else:
                attached.connection.close(action.code, action.reason)

    def _send(self, attached: Attached, message: FromOperator) -> None:
        # A leader that has just stopped being one keeps quiet: what it would say is not its to say.
        if self._epoch() is None:
            return
        if isinstance(message, Push):
            self._observer.exchanged("push", attached.peer.namespace, message.version)
        attached.connection.send(message)
