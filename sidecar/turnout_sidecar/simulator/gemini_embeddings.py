"""Gemini's embeddings, simulated: the vectors of `openai_embeddings`, asked for one by one or in a batch."""

from typing import Any, Final

from turnout_sidecar.simulator.answers import count_tokens, pieces
from turnout_sidecar.simulator.dialect import Asked, Refusal, Reply, json_reply, told_usage
from turnout_sidecar.simulator.fields import as_one_of, as_whole
from turnout_sidecar.simulator.gemini_contents import bad, read_content
from turnout_sidecar.simulator.gemini_schema import members
from turnout_sidecar.simulator.openai_embeddings import embed
from turnout_sidecar.simulator.openai_request import read_body

_REQUEST: Final = frozenset(("model", "content", "taskType", "title", "outputDimensionality"))
_TASKS: Final = (
    "RETRIEVAL_QUERY", "RETRIEVAL_DOCUMENT", "SEMANTIC_SIMILARITY", "CLASSIFICATION", "CLUSTERING", "QUESTION_ANSWERING",
    "FACT_VERIFICATION", "CODE_RETRIEVAL_QUERY", "TASK_TYPE_UNSPECIFIED",
)  # fmt: skip
_MOST_DIMENSIONS: Final = 3072
_MOST_IN_A_BATCH: Final = 100


def answer_embed(asked: Asked) -> Reply:
    """The reply to `:embedContent`. Raises Refusal."""
    values, tokens = _vector(read_body(asked.body), asked, "")
    return _told({"embedding": {"values": values}}, tokens, asked)


def answer_batch(asked: Asked) -> Reply:
    """The reply to `:batchEmbedContents`. Raises Refusal."""
    requests = members(read_body(asked.body), frozenset(("requests",)), "").get("requests")
    if not isinstance(requests, list) or not 1 <= len(requests) <= _MOST_IN_A_BATCH:
        raise bad("requests", f"from 1 to {_MOST_IN_A_BATCH} requests can be in one batch")
    made = [_vector(each, asked, f"requests[{index}]") for index, each in enumerate(requests)]
    return _told({"embeddings": [{"values": values} for values, _ in made]}, sum(tokens for _, tokens in made), asked)


def _told(answer: dict[str, Any], tokens: int, asked: Asked) -> Reply:
    usage = told_usage({"promptTokenCount": tokens}, asked.usage_fault)
    return json_reply(answer | ({} if usage is None else {"usageMetadata": usage}))


def _vector(value: Any, asked: Asked, place: str) -> tuple[list[float], int]:
    model = asked.parameters["model"]
    if asked.models and model not in asked.models:
        raise Refusal(404, f"models/{model[:200]} is not found for API version v1beta.")
    request = members(value, _REQUEST, place)
    if request.get("model", f"models/{model}") != f"models/{model}" or (place and "model" not in request):
        raise bad(f"{place}.model".lstrip("."), "it must be the model of the request")
    if "taskType" in request:
        as_one_of(request["taskType"], f"{place}.task_type".lstrip("."), _TASKS)
    text = read_content(request.get("content"), f"{place}.content".lstrip(".")).text
    if not text:
        raise bad(f"{place}.content".lstrip("."), "it must not be empty")
    wanted = request.get("outputDimensionality", _MOST_DIMENSIONS)
    dimensions = as_whole(wanted, f"{place}.output_dimensionality".lstrip("."), 1, _MOST_DIMENSIONS)
    words = [piece.strip().lower() for piece in pieces(text)]
    vector = embed(words, f"{asked.seed}\0{model}\0", dimensions)
    return [float(number) for number in vector], count_tokens(text)
