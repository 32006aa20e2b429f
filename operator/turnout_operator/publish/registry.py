"""Every gateway that is known, connected or not, and how it stands: pure but for the clock that is passed in.

A gateway is a pod (by uid, from its token). One that was disconnected counts with what it last said for a while, then as
DISCONNECTED, until its pod is gone or it is forgotten: so `Programmed` never says more than is known.

Rules: a newer connection of a pod replaces the older; what a version contained is remembered for the last versions of a
namespace, so that a gateway that is one behind still counts for what did not change.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping

import msgspec

from turnout_contract.protocol import NackError
from turnout_operator.publish.absence import Absence, heard
from turnout_operator.publish.session import Session, State, Wanted

MOST_VERSIONS = 32
ASKED_SECONDS = 1.0


class Peer(msgspec.Struct, frozen=True):
    """A gateway, as its token says."""

    namespace: str
    pod: str
    uid: str


class GatewayView(msgspec.Struct, frozen=True):
    """One gateway, for status. `sources` is what the version that it runs contains; `absent` are by provider the models that it
    found not to exist; `fresh`: it never ran any and is not late; `asked`: it was sent what is wanted a moment ago; `expected`:
    its pod is there, and it may yet dial in for the first time."""

    pod: str
    state: State
    version: str
    since: float
    sources: frozenset[tuple[str, int]] = frozenset()
    missing: tuple[str, ...] = ()
    absent: Mapping[str, Absence] = {}
    errors: tuple[NackError, ...] = ()
    not_mounted: tuple[str, ...] = ()
    fresh: bool = False
    asked: bool = False
    expected: bool = False


class _Record(msgspec.Struct):
    peer: Peer
    seen: float
    session: Session | None = None
    running: str = ""
    missing: tuple[str, ...] = ()
    absent: dict[str, Absence] = {}
    state: State = "STALE"
    since: float = 0.0
    expected: bool = False
    refused: dict[str, tuple[NackError, ...]] = {}


class Registry:
    """The gateways of all namespaces. Times are monotonic seconds."""

    def __init__(self, *, disconnected_after: float, forget_after: float) -> None:
        self._disconnected_after = disconnected_after
        self._forget_after = forget_after
        self._records: dict[str, dict[str, _Record]] = {}
        self._contents: dict[str, OrderedDict[str, frozenset[tuple[str, int]]]] = {}

    # --- what happens

    def expect(self, peer: Peer, now: float) -> None:
        """There is such a pod; it has not connected to us yet."""
        records = self._records.setdefault(peer.namespace, {})
        records.setdefault(peer.uid, _Record(peer=peer, seen=now, since=now, expected=True))

    def memory(self, peer: Peer) -> dict[str, tuple[NackError, ...]]:
        """What that pod has refused; shared between its connections."""
        record = self._records.get(peer.namespace, {}).get(peer.uid)
        return record.refused if record is not None else {}

    def connect(
        self, peer: Peer, session: Session, refused: dict[str, tuple[NackError, ...]], now: float
    ) -> Session | None:
        """It connected; returns the session that this one replaces."""
        records = self._records.setdefault(peer.namespace, {})
        known = records.get(peer.uid)
        if known is None:
            records[peer.uid] = _Record(peer=peer, seen=now, session=session, since=now, refused=refused)
            return None
        replaced, known.session, known.seen, known.expected = known.session, session, now, False
        return replaced

    def disconnect(self, peer: Peer, session: Session, now: float) -> None:
        """Its connection ended; nothing where another has replaced it."""
        record = self._records.get(peer.namespace, {}).get(peer.uid)
        if record is not None and record.session is session:
            self._remember(record, session, now)
            record.session = None
            record.seen = now

    def forget(self, peer: Peer) -> None:
        """Its pod is gone."""
        records = self._records.get(peer.namespace, {})
        record = records.get(peer.uid)
        if record is not None and record.session is None:
            del records[peer.uid]
            if not records:
                del self._records[peer.namespace]

    def publish(self, namespace: str, wanted: Wanted) -> None:
        """Remember what a version contains."""
        contents = self._contents.setdefault(namespace, OrderedDict())
        contents[wanted.version] = wanted.sources
        contents.move_to_end(wanted.version)
        while len(contents) > MOST_VERSIONS:
            contents.popitem(last=False)

    def gone(self, namespace: str) -> None:
        """There is no such namespace any more: what its versions contained is forgotten."""
        self._contents.pop(namespace, None)

    def clear(self) -> None:
        """Know nothing: this operator leads no more."""
        self._records.clear()

    # --- what is known

    def views(self, namespace: str, now: float) -> tuple[GatewayView, ...]:
        """The namespace's gateways, sorted by pod; those that were silent for too long are left out."""
        records = list(self._records.get(namespace, {}).values())
        for record in records:
            if record.session is None and now - record.seen >= self._forget_after:
                self.forget(record.peer)
        known = self._records.get(namespace, {}).values()
        return tuple(sorted((self._view(record, now) for record in known), key=lambda view: view.pod))

    def sessions(self, namespace: str) -> list[Session]:
        """The connected gateways' sessions."""
        return [record.session for record in self._records.get(namespace, {}).values() if record.session is not None]

    def namespaces(self) -> set[str]:
        """Every namespace with a gateway."""
        return set(self._records)

    def unsettled(self) -> set[str]:
        """Every namespace with a gateway that is not connected or does not run what is wanted."""
        return {
            record.peer.namespace
            for record in self._everything()
            if record.session is None or record.session.state != "SYNCED"
        }

    def absent(self, now: float, longer_than: float) -> list[Peer]:
        """Gateways that have been disconnected for longer than that: is there still a pod?"""
        return [
            record.peer for record in self._everything() if record.session is None and now - record.seen >= longer_than
        ]

    def connected(self) -> int:
        """How many gateways are connected."""
        return sum(record.session is not None for record in self._everything())

    # --- inside

    def _everything(self) -> Iterable[_Record]:
        return [record for records in self._records.values() for record in records.values()]

    def _view(self, record: _Record, now: float) -> GatewayView:
        session = record.session
        if session is not None and session.greeted:
            self._remember(record, session, now)
        state: State = session.state if session is not None else record.state
        if session is None and now - record.seen >= self._disconnected_after:
            state = "DISCONNECTED"
        if state != record.state:
            record.state, record.since = state, now
        return GatewayView(
            pod=record.peer.pod,
            state=state,
            version=record.running,
            since=record.since,
            sources=self._contained(record),
            missing=record.missing,
            absent=record.absent,
            errors=session.errors if session is not None else (),
            not_mounted=session.not_mounted if session is not None and session.greeted else (),
            asked=session is not None and session.waiting(now, ASKED_SECONDS),
            expected=record.expected and state != "DISCONNECTED",
            fresh=not record.running and session is not None and session.waiting(now),
        )

    def _contained(self, record: _Record) -> frozenset[tuple[str, int]]:
        contents = self._contents.get(record.peer.namespace)
        return contents.get(record.running, frozenset()) if contents is not None else frozenset()

    @staticmethod
    def _remember(record: _Record, session: Session, now: float) -> None:
        record.running = session.running
        if session.missing is not None:  # until it says so itself, it misses what it missed before
            record.missing = session.missing
            record.absent = heard(record.absent, session.absent, now)
