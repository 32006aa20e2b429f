"""What turns questions into vectors.

Rules: vectors are normalised, so that a dot product is a cosine; the same text gives the same vector in every process of the
same `name`, since vectors of one embedder are never compared with those of another; nothing runs in the event loop.
"""

import zlib
from collections.abc import Sequence
from typing import Protocol

import numpy as np


class EmbedderUnavailable(Exception):  # noqa: N818  says what happened
    """No vectors now: too many texts are waiting, or the model cannot be loaded. The call goes on without them."""


class Embedder(Protocol):
    """One embedding model."""

    @property
    def name(self) -> str:
        """Its name, with everything that changes vectors (weights, pooling); part of the collection's name."""
        ...

    @property
    def dimension(self) -> int:
        """The length of a vector."""
        ...

    async def embed(self, texts: Sequence[str]) -> np.ndarray:
        """One row a text: float32 of shape (n, dimension), each of length 1. Raises EmbedderUnavailable."""
        ...


class FakeEmbedder:
    """Counts words, hashed: equal words in any order give equal vectors. For tests, and as quick as it is crude."""

    name = "fake-words"

    def __init__(self, dimension: int = 64) -> None:
        self.dimension = dimension

    async def embed(self, texts: Sequence[str]) -> np.ndarray:
        """A row a text; a text without words points along the first axis."""
        rows = np.zeros((len(texts), self.dimension), np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in text.lower().split():
                row[zlib.crc32(word.encode("utf-8", "replace")) % self.dimension] += 1
            if not row.any():
                row[0] = 1
        normalised: np.ndarray = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return normalised
