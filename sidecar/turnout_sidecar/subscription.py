"""Keeps the gateway in step with the operator: dials, says what it runs, applies what is pushed, keeps the last good.

The decisions are `subscription_state`'s, the way there `adapters.operator_dial`'s. What is pushed is built and swapped in one
step by `apply`, kept on disk, and acknowledged.

Rules: with a last good snapshot the gateway runs before any operator was reached; a connection that is lost, or an operator that
does not lead, changes nothing that runs; pauses are random, so that many gateways do not come back at once; credentials are
handed on and kept nowhere; a token that was refused is not shown again.
"""

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec
from aiohttp import ClientWebSocketResponse, WSMsgType

from turnout_contract import semconv
from turnout_contract.protocol import (
    CLOSE_FORBIDDEN,
    CLOSE_LOST_LEASE,
    CLOSE_STANDBY,
    Ack,
    Build,
    Credentials,
    FromOperator,
    Nack,
    NackError,
    Push,
    Synced,
)
from turnout_sidecar.adapters.metrics import GatewayMetrics
from turnout_sidecar.adapters.operator_dial import (
    Candidate,
    Connection,
    DialError,
    Operator,
    Trust,
    candidates,
    read_token,
)
from turnout_sidecar.last_good import Kept, LastGood
from turnout_sidecar.ports.clock import Dice
from turnout_sidecar.ports.secrets import Secrets
from turnout_sidecar.runtime import BuildError
from turnout_sidecar.subscription_state import Action, Apply, Give, Redial, Save, Send, SubscriptionState

_LOG: Final = logging.getLogger(__name__)
_DECODER: Final[msgspec.json.Decoder[Push | Synced | Credentials]] = msgspec.json.Decoder(FromOperator)
_ENCODER: Final = msgspec.json.Encoder()
_NEXT: Final = frozenset((CLOSE_STANDBY, CLOSE_LOST_LEASE))

ApplySnapshot = Callable[[bytes, str], tuple[str, ...]]
"""Builds and swaps: canonical bytes and version in, missing secret files out. Raises BuildError and changes nothing."""


class SubscriptionSettings(msgspec.Struct, frozen=True):
    """Whom to dial, by what right, and how long to pause (seconds; a pause is random up to these)."""

    operators: tuple[Operator, ...]
    token_file: Path
    ca_file: Path | None = None
    pause: float = 5.0
    next_pause: float = 0.2
    token_interval: float = 1.0


class _Envelope(msgspec.Struct, frozen=True):
    """As much of a message as tells whether it wants an answer."""

    type: str = ""
    nonce: str = ""


class Subscription:
    """One for a gateway. `start` once, then `run` as a task; cancel it to end."""

    def __init__(
        self,
        settings: SubscriptionSettings,
        *,
        apply: ApplySnapshot,
        secrets: Secrets,
        credentials: Callable[[Credentials], None],
        last_good: LastGood | None,
        build: Build,
        dice: Dice,
    ) -> None:
        self.connected = False
        self.pushes: Counter[str] = Counter()
        self._settings = settings
        self._apply = apply
        self._secrets = secrets
        self._credentials = credentials
        self._last_good = last_good
        self._dice = dice
        self._state = SubscriptionState(build)
        self._trust = Trust(settings.ca_file)
        self._applying = False
        self._told: tuple[str, ...] = ()
        self._outbox: asyncio.Queue[bytes | None] | None = None
        self._refused_token = ""
        self._complaint = ""
        secrets.subscribe(self._secrets_changed)

    @property
    def degraded(self) -> bool:
        """Whether what runs has not been confirmed by the operator that is connected, if any is."""
        return not self._state.confirmed

    @property
    def epoch(self) -> int:
        """The highest that was seen."""
        return self._state.epoch

    def expose(self, metrics: GatewayMetrics) -> None:
        """Show how it stands."""
        metrics.watch(
            semconv.CONFIG_DEGRADED,
            "1 while no operator confirms what runs.",
            lambda: {(): float(self.degraded)},
        )
        metrics.watch(
            semconv.OPERATOR_CONNECTED, "1 while connected to an operator.", lambda: {(): float(self.connected)}
        )
        metrics.watch(
            semconv.CONFIG_PUSHES,
            "Pushes by what became of them.",
            lambda: {(result,): float(count) for result, count in self.pushes.copy().items()},
            labels=("result",),
            counter=True,
        )

    async def start(self) -> bool:
        """Run the last good snapshot, if there is one that can be built; whether one runs."""
        kept = await asyncio.to_thread(self._last_good.candidates) if self._last_good is not None else []
        for each in kept:
            self._state.seen(each.epoch)
        for each in kept:
            try:
                missing = self._build(each.data, each.version)
            except BuildError as error:
                _LOG.warning("the last good snapshot %s cannot be run: %s", each.version[:12], error)
                continue
            self._state.started(each, missing)
            _LOG.info("running the last good snapshot %s until an operator answers", each.version[:12])
            return True
        return False

    async def run(self) -> None:
        """Stay connected, for ever."""
        while True:
            try:
                again_at_once = await self._round()
            except Exception:  # boundary: without this task no change would ever arrive again  # noqa: BLE001
                _LOG.exception("the conversation with the operator failed")
                again_at_once = False
            pause = self._settings.next_pause if again_at_once else self._settings.pause
            await asyncio.sleep(pause * self._dice.random())

    def missing_changed(self, missing: tuple[str, ...]) -> None:
        """What runs was built again (other secrets): the operator is told, where it does not know."""
        if not self._applying:
            self._post(self._state.missing_changed(missing))

    def absent_changed(self, absent: Mapping[str, tuple[str, ...]]) -> None:
        """By provider, the models that do not exist: the operator is told, where it does not know."""
        actions = self._state.absent_changed(absent)
        if not self._applying:
            self._post(actions)

    # --- dialling

    async def _round(self) -> bool:
        """Try each address until one serves; whether to try again at once, since another leads now."""
        found = await candidates(self._settings.operators)
        if not found:
            self._complain("no address of the operator can be resolved")
        for candidate in _shuffled(found, self._dice):
            try:
                code, served = await self._visit(candidate)
            except DialError as error:
                self._complain(f"the operator {candidate}: {error.kind}")
                code, served = None, False
            if code == CLOSE_FORBIDDEN:
                self._complain(f"the operator {candidate} refuses this gateway's token for good")
                await self._another_token()
                return False
            if served:
                return code in _NEXT
            await asyncio.sleep(self._settings.next_pause * self._dice.random())
        return False

    async def _visit(self, candidate: Candidate) -> tuple[int | None, bool]:
        """One connection from beginning to end: its close code, and whether the operator served us. Raises DialError."""
        token = await asyncio.to_thread(read_token, self._settings.token_file)
        context = await asyncio.to_thread(self._trust.context) if candidate.operator.secure else None
        self._refused_token = token.digest
        async with Connection(candidate, token, context) as socket:
            return await self._converse(candidate, socket)

    async def _another_token(self) -> None:
        while True:
            await asyncio.sleep(self._settings.token_interval)
            with contextlib.suppress(DialError):
                token = await asyncio.to_thread(read_token, self._settings.token_file)
                if token.digest != self._refused_token:
                    return

    def _complain(self, complaint: str) -> None:
        """Once, until something else happens: an operator may be away for hours."""
        if complaint != self._complaint:
            _LOG.warning("%s", complaint)
            self._complaint = complaint

    # --- one connection

    async def _converse(self, candidate: Candidate, socket: ClientWebSocketResponse) -> tuple[int | None, bool]:
        outbox: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._told = self._secrets.mounted()
        outbox.put_nowait(_ENCODER.encode(self._state.dialled(self._told)))
        self._outbox = outbox
        writer = asyncio.create_task(_write(socket, outbox), name="operator-writer")
        served = False
        try:
            async for message in socket:
                if message.type not in {WSMsgType.TEXT, WSMsgType.BINARY}:
                    break
                if not served:
                    served = self.connected = True
                    self._complaint = ""
                    _LOG.info("connected to the operator %s", candidate)
                await self._received(message.data)
        finally:
            self._outbox = None
            self.connected = False
            self._state.lost()
            writer.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await writer
        if served:
            self._complain(f"the operator {candidate} is gone (close code {socket.close_code})")
        return socket.close_code, served

    async def _received(self, data: str | bytes) -> None:
        try:
            actions = self._state.received(_DECODER.decode(data))
        except (msgspec.ValidationError, msgspec.DecodeError, UnicodeDecodeError):
            actions = self._not_understood(data)
        for action in actions:
            if isinstance(action, Apply):
                actions = self._applied(action)
                break  # it is the last: what follows depends on what became of it
        for action in actions:
            if isinstance(action, Save):
                await self._save(action.kept)
        self._post(actions)

    def _not_understood(self, data: str | bytes) -> list[Action]:
        """A message of a later build: one that wants an answer gets it, any other is passed over."""
        try:
            envelope = msgspec.json.decode(data, type=_Envelope)
        except (msgspec.ValidationError, msgspec.DecodeError, UnicodeDecodeError):
            envelope = _Envelope()
        _LOG.warning("a message of the operator was not understood: %s", envelope.type[:32] or "no type")
        if envelope.type != "push" or not envelope.nonce:
            return []
        error = NackError("Snapshot", "", "this gateway's build does not understand the push")
        return [Send(Nack(nonce=envelope.nonce, using=self._state.version, errors=(error,), epoch=self._state.epoch))]

    def _applied(self, wanted: Apply) -> list[Action]:
        version = wanted.push.version
        try:
            missing = self._build(wanted.data, version)
        except BuildError as error:
            _LOG.warning("version %s was refused: %s", version[:12], error)
            return self._state.refused(wanted.push, error.errors)
        except Exception as error:  # boundary: a fault of ours is a refusal too, and the connection stays  # noqa: BLE001
            _LOG.exception("version %s could not be built", version[:12])
            message = f"this gateway failed to build it ({type(error).__name__})"
            return self._state.refused(wanted.push, (NackError("Snapshot", "", message),))
        _LOG.info("version %s is live; missing secret files: %d", version[:12], len(missing))
        return self._state.applied(wanted, missing)

    def _build(self, data: bytes, version: str) -> tuple[str, ...]:
        self._applying = True
        try:
            return self._apply(data, version)
        finally:
            self._applying = False

    def _post(self, actions: Sequence[Action]) -> None:
        for action in actions:
            match action:
                case Send(message):
                    self._send(message)
                case Give(credentials):
                    self._credentials(credentials)
                case Redial(reason):
                    self._redial(reason)
                case _:
                    pass

    def _send(self, message: Ack | Nack) -> None:
        if message.nonce:
            self.pushes["acknowledged" if isinstance(message, Ack) else message.reason.lower()] += 1
        if self._outbox is not None:
            self._outbox.put_nowait(_ENCODER.encode(message))

    async def _save(self, kept: Kept) -> None:
        if self._last_good is None:
            return
        try:
            await asyncio.to_thread(self._last_good.save, kept)
        except OSError as error:
            self.pushes["not_kept"] += 1
            _LOG.warning("the last good snapshot could not be kept: %s", error.strerror)

    def _secrets_changed(self) -> None:
        if self._outbox is not None and self._secrets.mounted() != self._told:
            self._redial("other Secrets are mounted")

    def _redial(self, reason: str) -> None:
        if self._outbox is not None:
            _LOG.info("dialling anew: %s", reason)
            self._outbox.put_nowait(None)


async def _write(socket: ClientWebSocketResponse, outbox: asyncio.Queue[bytes | None]) -> None:
    """Send what is queued, in order; a None ends the connection."""
    with contextlib.suppress(ConnectionError):  # the reader hears of it
        while (data := await outbox.get()) is not None:
            await socket.send_str(data.decode())
    await socket.close()


def _shuffled(found: Sequence[Candidate], dice: Dice) -> list[Candidate]:
    return [candidate for _, candidate in sorted(((dice.random(), each) for each in found), key=lambda pair: pair[0])]
