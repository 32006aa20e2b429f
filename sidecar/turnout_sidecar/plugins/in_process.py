"""A detector that is installed beside the gateway: an entry point of the group `turnout.detectors`.

The entry point is a factory: called once without arguments, it returns what is called for every question,

    def detect(texts: list[str], entities: list[str], side: str) -> dict

with what the HTTP protocol's version 1 answers: {"findings": [[{"start", "end", "entity"}, ...], ...], "flags": [...]}. Several
threads may call it at once. A `close` method is called at the end, if it has one.

Rules: loaded and asked in threads, never on the event loop; a call that waits longer than its timeout fails, and its thread goes
on until it ends; what is returned is judged like any other answer; what is raised is told by the name of its class alone.
"""

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from importlib.metadata import entry_points
from typing import Any, Final

import msgspec

from turnout_sidecar.plugins.answers import Answer, believed, together
from turnout_sidecar.plugins.batches import sendable, worth_asking
from turnout_sidecar.plugins.threads import AllLost, Threads, WorkRaised
from turnout_sidecar.ports.detector import Detected, DetectorFailed, Side

GROUP: Final = "turnout.detectors"
AT_ONCE: Final = 4
Detect = Callable[[list[str], list[str], str], object]


class NotInstalled(Exception):  # noqa: N818  says what is so
    """There is no such entry point, or more than one, or it does not give what is asked like one."""


def installed(entry_point: str) -> Detect:
    """What the entry point's factory returns. Raises NotInstalled, and whatever others' code raises."""
    found = tuple(entry_points(group=GROUP, name=entry_point))
    if len(found) != 1:
        raise NotInstalled(f"{len(found)} entry points of {GROUP} have its name")
    made = found[0].load()()
    if not callable(made):
        raise NotInstalled(f"its factory in {GROUP} returns nothing that can be called")
    detect: Detect = made
    return detect


class _NotLoaded(msgspec.Struct, frozen=True):
    why: str


class InProcessDetector:
    """See `ports.detector.Detector`. Loads at once, in a thread of its own; until that is done, calls wait within their time.

    `timeout` in seconds, over all that a call of `detect` does; `load` as `installed` does it.
    """

    def __init__(
        self,
        name: str,
        entry_point: str,
        *,
        timeout: float,
        at_once: int = AT_ONCE,
        load: Callable[[str], Detect] = installed,
    ) -> None:
        self._name = name
        self._timeout = timeout
        self._threads = Threads(f"detector-{name}", most=at_once)
        self._loading: Future[Any] = Future()
        self._loading.set_running_or_notify_cancel()  # so that a call that gives up does not cancel it
        threading.Thread(target=self._load, args=(load, entry_point), name=f"detector-{name}-load", daemon=True).start()

    async def detect(self, texts: Sequence[str], entities: Sequence[str], side: Side) -> Detected:
        """Ask; see the port."""
        places = worth_asking(texts)
        if not places:
            return together(len(texts), ())
        shown = [sendable(texts[place]) for place in places]
        try:
            async with asyncio.timeout(self._timeout):
                detect = await self._loaded()
                said = await self._threads.run(lambda: detect(list(shown), list(entities), side))
        except TimeoutError:
            raise DetectorFailed("timeout") from None
        except AllLost:
            raise DetectorFailed("hung", "no call of it came back") from None
        except WorkRaised as raised:
            raise DetectorFailed("raised", str(raised)) from None
        except RuntimeError:
            raise DetectorFailed("unavailable", "no more threads") from None
        return together(len(texts), [(places, believed(_answer(said), shown, entities, self._name))])

    async def close(self) -> None:
        """Calls its `close` once it is loaded; waits for it no longer than for an answer."""
        try:
            async with asyncio.timeout(self._timeout):
                close = getattr(await self._loaded(), "close", None)
                if callable(close):
                    await self._threads.run(close)
        except (TimeoutError, DetectorFailed, AllLost, WorkRaised, RuntimeError):
            return  # it is asked no more either way

    async def _loaded(self) -> Detect:
        loaded = await asyncio.wrap_future(self._loading)
        if isinstance(loaded, _NotLoaded):
            raise DetectorFailed("unavailable", loaded.why)
        detect: Detect = loaded
        return detect

    def _load(self, load: Callable[[str], Detect], entry_point: str) -> None:
        try:
            self._loading.set_result(load(entry_point))
        except NotInstalled as missing:
            self._loading.set_result(_NotLoaded(str(missing)))
        except BaseException as error:  # noqa: BLE001 - boundary: whatever others' code raises when it is loaded
            self._loading.set_result(_NotLoaded(f"not loaded: {type(error).__name__}"))


def _answer(said: Any) -> Answer:
    try:
        return msgspec.convert(said, Answer)
    except (msgspec.ValidationError, RecursionError):
        raise DetectorFailed("malformed", "not an answer of the protocol") from None
