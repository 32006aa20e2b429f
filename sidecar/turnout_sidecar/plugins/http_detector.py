"""A detector that speaks Turnout's own protocol, version 1 (docs/reference/detector-openapi.yaml).

    POST url   {"version": 1, "side": "input", "entities": ["Person"], "texts": ["I am Anna Berg"]}
    200        {"findings": [[{"start": 5, "end": 14, "entity": "Person", "score": 0.93}]], "flags": []}

Rules: see `asking` for the way there and `answers` for what is believed.
"""

from collections.abc import Sequence
from typing import Final

import msgspec
import orjson

from turnout_sidecar.plugins.answers import Answer, believed
from turnout_sidecar.plugins.asking import AT_ONCE, Line, address
from turnout_sidecar.ports.detector import Detected, DetectorFailed, Side
from turnout_sidecar.ports.upstream import Upstream

VERSION: Final = 1
_ANSWER: Final = msgspec.json.Decoder(Answer)


class HttpDetector:
    """See `ports.detector.Detector`. `timeout` in seconds, over all that a call of `detect` does.

    Raises UnusableAddress.
    """

    def __init__(self, name: str, url: str, upstream: Upstream, *, timeout: float, at_once: int = AT_ONCE) -> None:
        target, path, query = address(url)
        self._name = name
        self._line = Line(
            upstream, target, (path or "/") + ("?" + query if query else ""), timeout=timeout, at_once=at_once
        )

    async def detect(self, texts: Sequence[str], entities: Sequence[str], side: Side) -> Detected:
        """Ask; see the port."""

        async def ask(batch: list[str]) -> Detected:
            asked = {"version": VERSION, "side": side, "entities": list(entities), "texts": batch}
            body = await self._line.post(orjson.dumps(asked))
            try:
                answer = _ANSWER.decode(body)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                raise DetectorFailed("malformed", "not an answer of the protocol") from None
            return believed(answer, batch, entities, self._name)

        return await self._line.each_batch(texts, ask)

    async def close(self) -> None:
        """Nothing is kept: the connections are the gateway's."""
