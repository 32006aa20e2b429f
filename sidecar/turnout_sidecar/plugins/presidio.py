"""A detector that is Presidio: its analyzer's REST API, `POST /analyze`, with lists of texts (from its version 2.2.361 on).

Its entities have names of their own, and a NationalId is one of many there. The language and the least score are taken from the
query of the plug-in's URL, since they are of the server's set-up, not of the policy:

    http://presidio-analyzer.guards:3000/analyze?language=de&score_threshold=0.4

Rules: only what the policy asks for is asked for; a server that knows none of it fails, it never counts as having looked.
"""

from collections.abc import Iterable, Sequence
from typing import Final
from urllib.parse import parse_qsl, urlencode

import msgspec
import orjson

from turnout_sidecar.plugins.answers import Answer, Found, believed
from turnout_sidecar.plugins.asking import AT_ONCE, Line, UnusableAddress, address
from turnout_sidecar.ports.detector import Detected, DetectorFailed, Side
from turnout_sidecar.ports.upstream import Upstream

KINDS: Final[dict[str, tuple[str, ...]]] = {
    "Email": ("EMAIL_ADDRESS",),
    "Phone": ("PHONE_NUMBER",),
    "CreditCard": ("CREDIT_CARD",),
    "IBAN": ("IBAN_CODE",),
    "NationalId": (
        "AU_MEDICARE",
        "AU_TFN",
        "CA_SIN",
        "DE_ID_CARD",
        "DE_SOCIAL_SECURITY",
        "DE_TAX_ID",
        "ES_NIE",
        "ES_NIF",
        "FI_PERSONAL_IDENTITY_CODE",
        "IN_AADHAAR",
        "IN_PAN",
        "IT_FISCAL_CODE",
        "IT_IDENTITY_CARD",
        "KR_FRN",
        "KR_RRN",
        "NG_NIN",
        "PH_TIN",
        "PL_PESEL",
        "SE_PERSONNUMMER",
        "SG_NRIC_FIN",
        "TH_TNIN",
        "TR_NATIONAL_ID",
        "UK_NHS",
        "UK_NINO",
        "US_ITIN",
        "US_SSN",
        "ZA_ID_NUMBER",
    ),
    "IPAddress": ("IP_ADDRESS",),
    "MACAddress": ("MAC_ADDRESS",),
    "CryptoWallet": ("CRYPTO",),
    "Person": ("PERSON",),
    "Location": ("LOCATION",),
}
"""Presidio's names of the API's entities; URLCredentials has none."""

LANGUAGE: Final = "en"
SCORE: Final = 0.5
_ENTITIES: Final = {name: entity for entity, names in KINDS.items() for name in names}


class _Result(msgspec.Struct, frozen=True):
    entity_type: str
    start: int
    end: int
    score: float = 0.0


_ANSWER: Final = msgspec.json.Decoder(list[list[_Result]])


class PresidioDetector:
    """See `ports.detector.Detector`. `timeout` in seconds, over all that a call of `detect` does.

    Raises UnusableAddress.
    """

    def __init__(self, name: str, url: str, upstream: Upstream, *, timeout: float, at_once: int = AT_ONCE) -> None:
        target, path, query = address(url)
        options = parse_qsl(query, keep_blank_values=True)
        self._name = name
        self._language = dict(options).get("language") or LANGUAGE
        self._score = _score(dict(options).get("score_threshold"))
        others = [(key, value) for key, value in options if key not in {"language", "score_threshold"}]
        path = "/analyze" if path in {"", "/"} else path
        self._line = Line(
            upstream, target, path + ("?" + urlencode(others) if others else ""), timeout=timeout, at_once=at_once
        )

    async def detect(self, texts: Sequence[str], entities: Sequence[str], side: Side) -> Detected:
        """Ask; see the port. Presidio is not told the side."""
        del side
        wanted = [name for entity in entities for name in KINDS.get(entity, ())]
        if not wanted:
            raise DetectorFailed("unavailable", "Presidio has none of the entities")

        async def ask(batch: list[str]) -> Detected:
            asked = {
                "text": batch,
                "language": self._language,
                "entities": wanted,
                "score_threshold": self._score,
            }
            body = await self._line.post(orjson.dumps(asked))
            try:
                results = _ANSWER.decode(body)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                raise DetectorFailed("malformed", "not an answer of Presidio to a list of texts") from None
            return believed(Answer([list(_found(of_text)) for of_text in results]), batch, entities, self._name)

        return await self._line.each_batch(texts, ask)

    async def close(self) -> None:
        """Nothing is kept: the connections are the gateway's."""


def _found(results: Iterable[_Result]) -> Iterable[Found]:
    return (Found(result.start, result.end, _ENTITIES.get(result.entity_type, ""), result.score) for result in results)


def _score(text: str | None) -> float:
    try:
        score = SCORE if text is None else float(text)
    except ValueError:
        score = -1.0
    if not 0 <= score <= 1:
        raise UnusableAddress("score_threshold is not a number between 0 and 1")
    return score
