"""One gateway's side of the protocol, as a pure state machine: messages and moments in, messages and closes out.

Rules, each of which a property test holds: one push is in flight at most; while it is, newer states coalesce; a version that the
gateway runs is never pushed, one that it refused never again; a version is pushed only where every Secret that it names is
mounted; nothing is pushed under an epoch lower than one that the gateway has seen.
"""

from collections.abc import Callable, Mapping, MutableMapping
from typing import Literal

import msgspec

from turnout_contract.protocol import Ack, Hello, Nack, NackError, Push, Synced

ACK_SECONDS = 10.0
GIVE_UP_SECONDS = 60.0
CLOSE_PROTOCOL = 4400
CLOSE_NO_ACK = 4408
MOST_REFUSED = 32
MOST_ERRORS = 16
MOST_CHARACTERS = 1024
MOST_VERSION_CHARACTERS = 64

State = Literal["SYNCED", "STALE", "NACKED", "DISCONNECTED"]


class Wanted(msgspec.Struct, frozen=True):
    """What a namespace's gateways are to run. `sources` are (uid, generation) of all that went in."""

    version: str
    text: str
    secrets: frozenset[str]
    sources: frozenset[tuple[str, int]]
    revision: int


class Send(msgspec.Struct, frozen=True):
    """Send this message."""

    message: Push | Synced


class Close(msgspec.Struct, frozen=True):
    """Close the connection with this code and reason."""

    code: int
    reason: str


class RaiseEpoch(msgspec.Struct, frozen=True):
    """The gateway has seen this epoch, which is higher than ours."""

    seen: int


Action = Send | Close | RaiseEpoch


class _InFlight(msgspec.Struct, frozen=True):
    nonce: str
    version: str
    epoch: int
    since: float


class Session:
    """The conversation on one connection. `refused` outlives it: the same pod need not refuse twice."""

    def __init__(
        self, *, nonces: Callable[[], str], refused: MutableMapping[str, tuple[NackError, ...]] | None = None
    ) -> None:
        self._nonces = nonces
        self._refused = refused if refused is not None else {}
        self._greeted = False
        self._mounted: frozenset[str] = frozenset()
        self._seen_epoch = 0
        self._epoch = 0
        self._wanted: Wanted | None = None
        self._in_flight: _InFlight | None = None
        self._told: tuple[int, str] | None = None
        self._asked_to_raise = (0, 0)
        self.running = ""
        self.missing: tuple[str, ...] | None = None
        self.absent: Mapping[str, tuple[str, ...]] = {}
        self.build = ""

    # --- what happens

    def hello(self, message: Hello, now: float) -> list[Action]:
        """The gateway's first message."""
        if self._greeted:
            return [Close(CLOSE_PROTOCOL, "a second hello")]
        self._greeted = True
        self._mounted = frozenset(message.secrets)
        self._seen_epoch = message.have.epoch
        self.running = _version(message.have.version)
        self.build = message.build.version
        return self._next(now)

    def want(self, wanted: Wanted, epoch: int, now: float) -> list[Action]:
        """The namespace's state is this, under that epoch."""
        self._wanted = wanted
        self._epoch = max(self._epoch, epoch)
        return self._next(now)

    def ack(self, message: Ack, now: float) -> list[Action]:
        """The gateway runs a version, or its missing files changed."""
        flying = self._in_flight
        if not self._greeted:
            return [Close(CLOSE_PROTOCOL, "an ack before the hello")]
        if flying is not None and message.nonce == flying.nonce:
            if message.version != flying.version:
                return [Close(CLOSE_PROTOCOL, "an ack for another version than was pushed")]
            self._in_flight = None
            self.running = message.version
            self._said(message)
            self._seen_epoch = max(self._seen_epoch, self._epoch)
        elif message.version == self.running:
            self._said(message)
        return self._next(now)

    def nack(self, message: Nack, now: float) -> list[Action]:
        """The gateway refused a push."""
        flying = self._in_flight
        if not self._greeted:
            return [Close(CLOSE_PROTOCOL, "a nack before the hello")]
        if flying is None or message.nonce != flying.nonce:
            return []
        self._in_flight = None
        self.running = _version(message.using)
        if message.reason == "StaleEpoch":
            if message.epoch <= flying.epoch:
                return [Close(CLOSE_PROTOCOL, "a stale epoch that is not higher than the push's")]
            self._seen_epoch = max(self._seen_epoch, message.epoch)
        else:
            self._refuse(flying.version, message.errors)
        return self._next(now)

    def tick(self, now: float) -> list[Action]:
        """Time passed."""
        flying = self._in_flight
        if flying is not None and now - flying.since >= GIVE_UP_SECONDS:
            return [Close(CLOSE_NO_ACK, "no ack")]
        return []

    # --- what is known

    @property
    def greeted(self) -> bool:
        """Whether its hello has come."""
        return self._greeted

    @property
    def not_mounted(self) -> tuple[str, ...]:
        """The Secrets that the wanted version names and that this gateway has not mounted, sorted."""
        return tuple(sorted(self._wanted.secrets - self._mounted)) if self._wanted is not None else ()

    @property
    def errors(self) -> tuple[NackError, ...]:
        """Why the wanted version was refused; empty where it was not."""
        return self._refused.get(self._wanted.version, ()) if self._wanted is not None else ()

    @property
    def state(self) -> State:
        """How the gateway stands to what is wanted."""
        if self._wanted is None:
            return "STALE"
        if self.running == self._wanted.version:
            return "SYNCED"
        return "NACKED" if self._wanted.version in self._refused else "STALE"

    def waiting(self, now: float, late: float = ACK_SECONDS) -> bool:
        """Whether an answer is awaited and not yet late."""
        if not self._greeted:
            return True
        flying = self._in_flight
        return flying is not None and now - flying.since < late

    # --- inside

    def _said(self, message: Ack) -> None:
        self.missing = message.missing
        self.absent = message.absent

    def _next(self, now: float) -> list[Action]:
        wanted = self._wanted
        if wanted is None or not self._greeted or self._in_flight is not None:
            return []
        if self._seen_epoch > self._epoch:
            # Once for each epoch of ours: it may have been raised for another gateway, and not far enough for this one.
            if self._asked_to_raise == (self._epoch, self._seen_epoch):
                return []
            self._asked_to_raise = (self._epoch, self._seen_epoch)
            return [RaiseEpoch(self._seen_epoch)]
        if wanted.version == self.running:
            if self._told == (self._epoch, wanted.version):
                return []
            self._told = (self._epoch, wanted.version)
            return [Send(Synced(epoch=self._epoch, version=wanted.version))]
        if wanted.version in self._refused or not wanted.secrets <= self._mounted:
            return []
        self._in_flight = _InFlight(self._nonces(), wanted.version, self._epoch, now)
        self._told = None
        push = Push(
            nonce=self._in_flight.nonce,
            epoch=self._epoch,
            revision=wanted.revision,
            version=wanted.version,
            snapshot=wanted.text,
        )
        return [Send(push)]

    def _refuse(self, version: str, errors: tuple[NackError, ...]) -> None:
        while len(self._refused) >= MOST_REFUSED:
            del self._refused[next(iter(self._refused))]
        kept = (NackError(_cut(error.ref), _cut(error.path), _cut(error.message)) for error in errors[:MOST_ERRORS])
        self._refused[version] = tuple(kept) or (NackError(ref="", path="", message="refused without a reason"),)


def _version(text: str) -> str:
    """A version as a gateway says it; what cannot be one is none."""
    return text if len(text) <= MOST_VERSION_CHARACTERS else ""


def _cut(text: str) -> str:
    return text[:MOST_CHARACTERS]
