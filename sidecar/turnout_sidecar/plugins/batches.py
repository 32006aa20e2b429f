"""How many texts go into one request to a detector.

Rules: texts without a letter or digit are not sent, there is nothing to find in them; the order stays; a text that is larger
than a request may be is sent alone, since cutting it could cut what is to be found.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final

MOST_TEXTS: Final = 1_000
MOST_BYTES: Final = 1_000_000
_SURROGATES: Final = re.compile("[\ud800-\udfff]")


def worth_asking(texts: Sequence[str]) -> list[int]:
    """The places of the texts in which something could be."""
    return [place for place, text in enumerate(texts) if any(map(str.isalnum, text))]


def batches(texts: Sequence[str], *, most: int = MOST_TEXTS, most_bytes: int = MOST_BYTES) -> Iterator[list[int]]:
    """The places of what is worth asking, batch by batch; sizes in UTF-8."""
    batch: list[int] = []
    size = 0
    for place in worth_asking(texts):
        bytes_of_text = len(texts[place].encode("utf-8", "surrogatepass"))
        if batch and (len(batch) == most or size + bytes_of_text > most_bytes):
            yield batch
            batch, size = [], 0
        batch.append(place)
        size += bytes_of_text
    if batch:
        yield batch


def sendable(text: str) -> str:
    """The text without lone surrogates, which no JSON carries; as long as it was, so that offsets stay."""
    return text if text.isascii() else _SURROGATES.sub("\ufffd", text)
