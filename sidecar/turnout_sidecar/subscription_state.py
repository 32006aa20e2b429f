"""The gateway's side of the push protocol as a pure state machine: what the operator says in, what to do out.

`subscription.Subscription` does the doing: it dials, applies, saves, sends. The messages are `turnout_contract.protocol`'s.

Rules, each of which a test holds: the highest epoch ever seen is kept and a lower one refused; a snapshot must have the digest
that is its version; what runs is never built again; a refused push changes nothing; every push gets exactly one answer; the
operator hears of missing files and of models that do not exist when it does not know of them.
"""

from collections.abc import Mapping

import msgspec

from turnout_contract import canonical
from turnout_contract.protocol import Ack, Build, Credentials, FromOperator, Have, Hello, Nack, NackError, Push, Synced
from turnout_sidecar.last_good import Kept


class Apply(msgspec.Struct, frozen=True):
    """Build and swap these bytes; then say `applied` or `refused`."""

    push: Push
    data: bytes


class Save(msgspec.Struct, frozen=True):
    """Keep this on disk."""

    kept: Kept


class Send(msgspec.Struct, frozen=True):
    """Send this message."""

    message: Ack | Nack


class Give(msgspec.Struct, frozen=True):
    """Hand these credentials on."""

    credentials: Credentials


class Redial(msgspec.Struct, frozen=True):
    """The conversation makes no sense any more: begin anew."""

    reason: str


Action = Apply | Save | Send | Give | Redial


class SubscriptionState:
    """What this gateway runs, and what the operator knows of it."""

    def __init__(self, build: Build) -> None:
        self._build = build
        self._running = Kept(epoch=0, revision=0, version="", data=b"")
        self._missing: tuple[str, ...] = ()
        self._absent: Mapping[str, tuple[str, ...]] = {}
        self._told: tuple[str, tuple[str, ...], Mapping[str, tuple[str, ...]]] | None = None
        self._connected = False
        self._saved_epoch = 0
        self.epoch = 0
        self.confirmed = False

    @property
    def version(self) -> str:
        """What runs, "" for nothing."""
        return self._running.version

    def seen(self, epoch: int) -> None:
        """An epoch that was kept on disk, whether or not what was kept with it can be run."""
        self.epoch = max(self.epoch, epoch)

    def started(self, kept: Kept, missing: tuple[str, ...]) -> None:
        """The last good snapshot runs."""
        self._running, self._missing = kept, missing
        self._saved_epoch = kept.epoch
        self.seen(kept.epoch)

    def dialled(self, secrets: tuple[str, ...]) -> Hello:
        """A connection is up: the first message."""
        self._connected = True
        self._told = None
        have = Have(version=self.version, epoch=self.epoch, revision=self._running.revision)
        return Hello(have=have, secrets=secrets, build=self._build)

    def lost(self) -> None:
        """The connection is gone."""
        self._connected = False
        self.confirmed = False

    def received(self, message: FromOperator) -> list[Action]:
        """What the operator said."""
        match message:
            case Push():
                return self._push(message)
            case Synced():
                return self._synced(message)
            case Credentials():
                return [Give(message)]

    def applied(self, done: Apply, missing: tuple[str, ...]) -> list[Action]:
        """A push runs."""
        self._running = Kept(self.epoch, done.push.revision, done.push.version, done.data)
        self._missing = missing
        return [self._save(), self._acknowledge(done.push.nonce)]

    def refused(self, push: Push, errors: tuple[NackError, ...]) -> list[Action]:
        """A push could not be built; what ran goes on."""
        self.confirmed = False
        nack = Send(Nack(nonce=push.nonce, using=self.version, errors=errors, epoch=self.epoch))
        return [*self._save_epoch(), nack]

    def missing_changed(self, missing: tuple[str, ...]) -> list[Action]:
        """Other secret files are missing than before, or may be."""
        self._missing = missing
        return self._tell()

    def absent_changed(self, absent: Mapping[str, tuple[str, ...]]) -> list[Action]:
        """Other models do not exist than before."""
        self._absent = absent
        return self._tell()

    def _push(self, push: Push) -> list[Action]:
        if push.epoch < self.epoch:
            return [self._stale(push.nonce)]
        data = push.snapshot.encode("utf-8", "surrogatepass")
        if canonical.digest(data) != push.version:
            error = NackError("Snapshot", "version", "it is not the digest of the snapshot that came with it")
            return self.refused(push, (error,))
        self.epoch = push.epoch
        if push.version != self.version:
            return [Apply(push, data)]
        self._running = msgspec.structs.replace(self._running, revision=push.revision)
        return [self._save(), self._acknowledge(push.nonce)]

    def _synced(self, synced: Synced) -> list[Action]:
        if synced.epoch < self.epoch:
            return [self._stale("")]
        if synced.version != self.version:
            return [Redial("the operator takes another version for ours")]
        self.epoch = synced.epoch
        self.confirmed = True
        return [*self._save_epoch(), *self._tell()]

    def _save(self) -> Save:
        self._saved_epoch = self.epoch
        self._running = msgspec.structs.replace(self._running, epoch=self.epoch)
        return Save(self._running)

    def _save_epoch(self) -> list[Action]:
        return [self._save()] if self.version and self.epoch > self._saved_epoch else []

    def _stale(self, nonce: str) -> Send:
        return Send(Nack(nonce=nonce, using=self.version, epoch=self.epoch, reason="StaleEpoch"))

    def _acknowledge(self, nonce: str) -> Send:
        self.confirmed = True
        self._told = (self.version, self._missing, self._absent)
        return Send(Ack(nonce=nonce, version=self.version, missing=self._missing, absent=dict(self._absent)))

    def _tell(self) -> list[Action]:
        """An unsolicited acknowledgement, where the operator does not know what is missing, or absent."""
        known = self._told == (self.version, self._missing, self._absent)
        return [] if known or not self._connected or not self.confirmed else [self._acknowledge("")]
