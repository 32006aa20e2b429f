"""OpenAI's embeddings, simulated: unit vectors that depend on the words of a text, so that similar texts are near.

Each word has a vector of its own, drawn from its digest; a text's vector is the sum of its words' and a little of the whole
text's own, so that the order of words counts.
"""

import base64
import hashlib
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from turnout_sidecar.simulator.answers import count_tokens, pieces
from turnout_sidecar.simulator.dialect import Asked, Refusal, Reply, json_reply, told_usage
from turnout_sidecar.simulator.openai_request import read_body, read_model

_DEFAULT_DIMENSIONS: Final = 1536
_MOST_DIMENSIONS: Final = 4096
_MOST_INPUTS: Final = 2048
_SHARE_OF_ORDER: Final = 0.1


def answer_embeddings(asked: Asked) -> Reply:
    """The reply to `POST /v1/embeddings`. Raises Refusal."""
    body = read_body(asked.body)
    model = read_model(body, asked.models)
    inputs = _inputs(body.get("input"))
    dimensions = body.get("dimensions", _DEFAULT_DIMENSIONS)
    if not isinstance(dimensions, int) or isinstance(dimensions, bool) or not 1 <= dimensions <= _MOST_DIMENSIONS:
        raise Refusal(400, f"Invalid 'dimensions': an integer from 1 to {_MOST_DIMENSIONS}.", param="dimensions")
    encoding = body.get("encoding_format", "float")
    if encoding not in ("float", "base64"):
        raise Refusal(400, "Invalid 'encoding_format': expected float or base64.", param="encoding_format")
    salt = f"{asked.seed}\0{model}\0"
    data = [
        {"object": "embedding", "index": index, "embedding": _shown(embed(words, salt, dimensions), encoding)}
        for index, (words, _) in enumerate(inputs)
    ]
    tokens = sum(count for _, count in inputs)
    usage = told_usage({"prompt_tokens": tokens, "total_tokens": tokens}, asked.usage_fault)
    told = {} if usage is None else {"usage": usage}
    return json_reply({"object": "list", "data": data, "model": model, **told})


def _inputs(given: Any) -> list[tuple[list[str], int]]:
    """Words and number of tokens of each input: a text, texts, a list of token numbers or lists of them."""
    several = isinstance(given, list) and not all(isinstance(each, int) for each in given)
    inputs = given if several else [given]
    if not isinstance(inputs, list) or len(inputs) > _MOST_INPUTS:
        raise Refusal(400, f"Invalid 'input': at most {_MOST_INPUTS} inputs.", param="input")
    return [_input(each) for each in inputs]


def _input(given: Any) -> tuple[list[str], int]:
    if isinstance(given, str) and given:
        return [piece.strip().lower() for piece in pieces(given)], count_tokens(given)
    numbers = given if isinstance(given, list) else []
    if numbers and all(isinstance(each, int) and not isinstance(each, bool) for each in numbers):
        return [str(each) for each in numbers], len(numbers)
    raise Refusal(400, "Invalid 'input': expected texts or token numbers, none of them empty.", param="input")


def embed(words: list[str], salt: str, dimensions: int) -> NDArray[np.float32]:
    """The unit vector of these words, float32 of shape (dimensions,)."""
    total = _SHARE_OF_ORDER * _drawn(salt + "\0".join(words), dimensions)
    for word in words:
        total += _drawn(salt + word, dimensions)
    return (total / np.linalg.norm(total)).astype(np.float32)


def _drawn(text: str, dimensions: int) -> NDArray[np.float64]:
    stream = hashlib.shake_256(text.encode("utf-8", "surrogatepass")).digest(4 * dimensions)
    return np.frombuffer(stream, "<u4").astype(np.float64) / 2**31 - 1.0


def _shown(vector: NDArray[np.float32], encoding: str) -> list[float] | str:
    if encoding == "base64":
        return base64.b64encode(vector.astype("<f4").tobytes()).decode()
    return [float(value) for value in vector]
