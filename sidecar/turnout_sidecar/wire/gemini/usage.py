"""Gemini's count of tokens.

`promptTokenCount` holds what was read from a cache; what its own tools read and what it thought are counted beside it. JSON
leaves out zeros, so a missing part beside a known total is what is left of it.
"""

from typing import Any

from turnout_sidecar.exchange.usage import Usage
from turnout_sidecar.wire import lenient


def read_usage(said: Any) -> Usage | None:
    """The usage of `usageMetadata`; None where there is none that can be read."""
    counts = lenient.mapping(said)
    prompt = lenient.count(counts.get("promptTokenCount"))
    if prompt is None:
        return None
    read = prompt + (lenient.count(counts.get("toolUsePromptTokenCount")) or 0)
    thoughts = lenient.count(counts.get("thoughtsTokenCount"))
    made = lenient.total(lenient.count(counts.get("candidatesTokenCount")), thoughts)
    whole = lenient.count(counts.get("totalTokenCount"))
    if made is None and whole is not None:
        made = max(0, whole - read)
    prompts = (counts.get("promptTokensDetails"), counts.get("toolUsePromptTokensDetails"))
    return Usage(
        input=read,
        output=made,
        cached_input=lenient.count(counts.get("cachedContentTokenCount")),
        reasoning=thoughts,
        audio_input=lenient.total(*(_of(details, "AUDIO") for details in prompts)),
        image_input=lenient.total(*(_of(details, "IMAGE") for details in prompts)),
        audio_output=_of(counts.get("candidatesTokensDetails"), "AUDIO"),
    )


def _of(details: Any, modality: str) -> int | None:
    found = (item.get("tokenCount") for item in lenient.mappings(details) if item.get("modality") == modality)
    return lenient.total(*(lenient.count(number) for number in found))
