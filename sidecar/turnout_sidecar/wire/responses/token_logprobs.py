"""Log probabilities of tokens: a list here, an object with that list in chat completions and in the canonical values.

Rules: only the members that are known are taken over, so that nothing a provider sends can be too deep or too odd to write; the
API wants the bytes of each token in a whole answer, so where they are not said they are made of its text.
"""

from typing import Any

from turnout_sidecar.wire import lenient


def read_logprobs(given: object) -> dict[str, Any] | None:
    """A list of them, as chat completions has it; None for none."""
    tokens = [_read(token) for token in lenient.mappings(given)]
    return {"content": tokens, "refusal": None} if tokens else None


def write_logprobs(given: object) -> list[dict[str, Any]]:
    """As this API has them; [] for none."""
    listed = given if isinstance(given, list) else lenient.mapping(given).get("content")
    return [_written(token) for token in lenient.mappings(listed)]


def _read(token: dict[str, Any]) -> dict[str, Any]:
    top = [_one(other) for other in lenient.mappings(token.get("top_logprobs"))]
    return {**_one(token), "top_logprobs": top}


def _one(token: dict[str, Any]) -> dict[str, Any]:
    value, raw = token.get("logprob"), token.get("bytes")
    known = isinstance(raw, list) and all(byte.__class__ is int for byte in raw)
    return {
        "token": lenient.text(token.get("token")) or "",
        "logprob": value if value.__class__ in (int, float) else 0.0,
        "bytes": raw if known else None,
    }


def _written(token: dict[str, Any]) -> dict[str, Any]:
    read = _read(token)
    for one in (read, *read["top_logprobs"]):
        if one["bytes"] is None:
            one["bytes"] = list(one["token"].encode("utf-8", "surrogatepass"))
    return read
