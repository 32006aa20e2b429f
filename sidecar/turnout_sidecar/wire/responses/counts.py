"""Usage as the Responses API reports it, in and out.

`input_tokens` includes what was read from and written to the provider's cache, `output_tokens` includes reasoning: as in
`Usage`, so that nothing is added or taken away. Rules: what is no sensible count is unknown; the API has no word for unknown,
so that a part that nobody reported is written as 0, and no usage at all as null.
"""

from typing import Any

from turnout_sidecar.exchange.usage import Usage
from turnout_sidecar.wire import lenient


def read_usage(usage: Any) -> Usage | None:
    """The usage of a response; None where there is none that can be read."""
    if not isinstance(usage, dict):
        return None
    given, made = lenient.count(usage.get("input_tokens")), lenient.count(usage.get("output_tokens"))
    if given is None and made is None:
        return None
    return Usage(
        input=given,
        output=made,
        cached_input=_detail(usage, "input_tokens_details", "cached_tokens"),
        reasoning=_detail(usage, "output_tokens_details", "reasoning_tokens"),
        cache_write_5m=_detail(usage, "input_tokens_details", "cache_write_tokens"),
    )


def write_usage(usage: Usage | None) -> dict[str, Any] | None:
    """The `usage` of a response."""
    if usage is None or (usage.input is None and usage.output is None):
        return None
    given, made = usage.input or 0, usage.output or 0
    return {
        "input_tokens": given,
        "input_tokens_details": {
            "cached_tokens": usage.cached_input or 0,
            "cache_write_tokens": usage.cache_write or 0,
        },
        "output_tokens": made,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning or 0},
        "total_tokens": given + made,
    }


def _detail(usage: dict[str, Any], group: str, name: str) -> int | None:
    return lenient.count(lenient.mapping(usage.get(group)).get(name))
