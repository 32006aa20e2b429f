"""Converse's count of tokens.

AWS does not say whether `inputTokens` holds what the cache gave and took, and its models differ. The total decides: where it is
the sum of all four it holds none of it; where it is input and output alone it holds all. Without a word from it, none: so it is
for the models that cache on request.
"""

from typing import Any

from turnout_sidecar.exchange.usage import Usage
from turnout_sidecar.wire import lenient


def read_usage(said: Any) -> Usage | None:
    """The usage of `usage`; None where there is none that can be read."""
    counts = lenient.mapping(said)
    given, made = lenient.count(counts.get("inputTokens")), lenient.count(counts.get("outputTokens"))
    if given is None and made is None:
        return None
    cached = lenient.count(counts.get("cacheReadInputTokens"))
    written = lenient.count(counts.get("cacheWriteInputTokens"))
    aside = (cached or 0) + (written or 0)
    whole = lenient.count(counts.get("totalTokens"))
    holds = whole is not None and whole == (given or 0) + (made or 0) and aside <= (given or 0)
    short, long = _by_time(counts.get("cacheDetails"), written)
    return Usage(
        input=given if given is None or holds else given + aside,
        output=made,
        cached_input=cached,
        cache_write_5m=short,
        cache_write_1h=long,
    )


def _by_time(details: Any, written: int | None) -> tuple[int | None, int | None]:
    """Tokens written for five minutes and for an hour; what no detail explains is for five minutes."""
    long = lenient.total(
        *(lenient.count(item.get("inputTokens")) for item in lenient.mappings(details) if item.get("ttl") == "1h")
    )
    short = lenient.total(
        *(lenient.count(item.get("inputTokens")) for item in lenient.mappings(details) if item.get("ttl") == "5m")
    )
    if written is None:
        return short, long
    return max(short or 0, written - (long or 0)), long
