"""OpenAI's embeddings as the real client sees them."""

import json
from typing import Any

import numpy as np
import pytest

from unit.simulator.conftest import Start


async def test_vectors_are_of_length_one_and_near_for_texts_that_share_words(start: Start) -> None:
    provider = await start()
    texts = ["how to return a parcel", "how to return the parcel", "weather in the mountains"]
    answer = await provider.openai.embeddings.create(model="e", input=texts)
    vectors = np.array([each.embedding for each in answer.data])
    assert vectors.shape == (3, 1536)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    near = vectors @ vectors.T
    assert near[0, 1] > 0.7
    assert near[0, 2] < 0.4
    assert answer.usage.prompt_tokens == answer.usage.total_tokens > 0


async def test_both_encodings_tell_the_same_vector_of_the_size_asked_for(start: Start) -> None:
    provider = await start()
    decoded = await provider.openai.embeddings.create(model="e", input="hello", dimensions=64)
    asked = {"model": "e", "input": "hello", "dimensions": 64, "encoding_format": "float"}
    _, reply = await provider.post("/v1/embeddings", json.dumps(asked).encode())
    told = json.loads(reply)["data"][0]["embedding"]
    assert len(told) == 64
    assert np.allclose(told, decoded.data[0].embedding, atol=1e-7)


async def test_token_numbers_are_taken_alone_and_in_lists(start: Start) -> None:
    provider = await start()
    one = await provider.openai.embeddings.create(model="e", input=[1, 2, 3])
    two = await provider.openai.embeddings.create(model="e", input=[[1, 2, 3], [4]])
    assert (len(one.data), one.usage.prompt_tokens) == (1, 3)
    assert (len(two.data), two.usage.prompt_tokens) == (2, 4)
    assert one.data[0].embedding == two.data[0].embedding


async def test_vectors_depend_on_model_and_seed_and_on_nothing_else(start: Start) -> None:
    one, other = await start(seed=1), await start(seed=2)

    async def vector(provider: Any, model: str) -> list[float]:
        answer = await provider.openai.embeddings.create(model=model, input="hello", dimensions=8)
        embedding: list[float] = answer.data[0].embedding
        return embedding

    assert await vector(one, "e") == await vector(one, "e")
    assert await vector(one, "e") != await vector(one, "f")
    assert await vector(one, "e") != await vector(other, "e")


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"input": ""}, "input"),
        ({"input": []}, "input"),
        ({"input": ["a", ""]}, "input"),
        ({"input": [["a"]]}, "input"),
        ({"input": None}, "input"),
        ({"input": ["a"] * 2049}, "input"),
        ({"dimensions": 0}, "dimensions"),
        ({"dimensions": 10_000}, "dimensions"),
        ({"encoding_format": "hex"}, "encoding_format"),
        ({"model": None}, "model"),
    ],
)
async def test_a_bad_field_of_an_embedding_is_refused_by_name(start: Start, change: dict[str, Any], param: str) -> None:
    provider = await start()
    status, reply = await provider.post(
        "/v1/embeddings", json.dumps({"model": "e", "input": "hello"} | change).encode()
    )
    assert (status, json.loads(reply)["error"]["param"]) == (400, param)
