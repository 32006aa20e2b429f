"""Gemini's log probabilities in the shape of the OpenAI API, which is how the canonical answer holds them."""

from typing import Any

from turnout_sidecar.wire import lenient


def read_logprobs(said: Any) -> dict[str, Any] | None:
    """`logprobsResult` as `{"content": [...], "refusal": null}`; None where there is none."""
    result = lenient.mapping(said)
    chosen = lenient.mappings(result.get("chosenCandidates"))
    tops = lenient.mappings(result.get("topCandidates"))
    content = []
    for place, item in enumerate(chosen):
        top = lenient.mappings(tops[place].get("candidates")) if place < len(tops) else []
        content.append(_token(item) | {"top_logprobs": [_token(other) for other in top]})
    return {"content": content, "refusal": None} if content else None


def _token(item: dict[str, Any]) -> dict[str, Any]:
    token = lenient.text(item.get("token")) or ""
    probability = item.get("logProbability")
    known = isinstance(probability, int | float) and not isinstance(probability, bool)
    return {"token": token, "logprob": probability if known else 0.0, "bytes": list(token.encode())}
