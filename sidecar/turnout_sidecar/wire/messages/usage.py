"""What the Messages API says of usage, read and written.

Its `input_tokens` leave out what was read from and written to the provider's cache; ours hold them. A stream tells usage twice:
`message_start` what is known at first, `message_delta` totals so far, which may bring every field again or only some. So the
fields are merged as the API names them, each by the larger value, and only then added up: a delta without cache fields never
makes the input smaller or counts it twice.
"""

from typing import Any, Final

import msgspec

from turnout_sidecar.exchange.usage import Usage
from turnout_sidecar.wire.lenient import count, mapping

_TIERS: Final = {"standard": "default"}
_WRITTEN_TIERS: Final = {"default": "standard", "priority": "priority"}
_NO_COUNT: Final = {"input_tokens": 0, "output_tokens": 0}


class Counts(msgspec.Struct, frozen=True):
    """The fields of a `usage` object; None: not said."""

    input: int | None = None
    output: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    cache_write_5m: int | None = None
    cache_write_1h: int | None = None
    thinking: int | None = None
    searches: int | None = None

    def merge(self, other: "Counts") -> "Counts":
        """Field by field the larger."""
        mine, theirs = msgspec.structs.astuple(self), msgspec.structs.astuple(other)
        return Counts(*(b if a is None else a if b is None else max(a, b) for a, b in zip(mine, theirs, strict=True)))

    def usage(self) -> Usage | None:
        """As the gateway counts; None where nothing is known."""
        if self.input is None and self.output is None:
            return None
        short, long = self._writes()
        given = self.input
        if given is not None:
            given += (self.cache_read or 0) + (short or 0) + (long or 0)
        return Usage(
            input=given,
            output=self.output,
            cached_input=self.cache_read,
            reasoning=self.thinking,
            cache_write_5m=short,
            cache_write_1h=long,
            tool_searches=self.searches,
        )

    def _writes(self) -> tuple[int | None, int | None]:
        """Tokens written for five minutes and for an hour; what is not told apart is of the shorter, the default."""
        if self.cache_write is None:
            return self.cache_write_5m, self.cache_write_1h
        long = self.cache_write_1h
        return max(self.cache_write - (long or 0), self.cache_write_5m or 0), long


def read_counts(usage: Any) -> Counts | None:
    """The counts of a `usage` member; None where it is none."""
    if not isinstance(usage, dict):
        return None
    return Counts(
        input=count(usage.get("input_tokens")),
        output=count(usage.get("output_tokens")),
        cache_read=count(usage.get("cache_read_input_tokens")),
        cache_write=count(usage.get("cache_creation_input_tokens")),
        cache_write_5m=_inner(usage, "cache_creation", "ephemeral_5m_input_tokens"),
        cache_write_1h=_inner(usage, "cache_creation", "ephemeral_1h_input_tokens"),
        thinking=_inner(usage, "output_tokens_details", "thinking_tokens"),
        searches=_inner(usage, "server_tool_use", "web_search_requests"),
    )


def read_usage(usage: Any) -> Usage | None:
    """Usage of a whole answer."""
    counts = read_counts(usage)
    return None if counts is None else counts.usage()


def read_tier(usage: Any) -> str | None:
    """The service tier, in the words of chat completions."""
    tier = usage.get("service_tier") if isinstance(usage, dict) else None
    return _TIERS.get(tier, tier[:64]) if isinstance(tier, str) else None


def write_usage(usage: Usage | None, service_tier: str | None = None) -> dict[str, Any]:
    """A `usage` member. The API has no word for a count that nobody knows: it is 0."""
    written = dict(_NO_COUNT) if usage is None else _counts(usage)
    tier = _WRITTEN_TIERS.get(service_tier or "")
    return written if tier is None else {**written, "service_tier": tier}


def _counts(usage: Usage) -> dict[str, Any]:
    apart = (usage.cached_input or 0) + (usage.cache_write or 0)
    written: dict[str, Any] = {
        "input_tokens": max(0, (usage.input or 0) - apart),
        "output_tokens": usage.output or 0,
    }
    if usage.cached_input is not None:
        written["cache_read_input_tokens"] = usage.cached_input
    if usage.cache_write is not None:
        written["cache_creation_input_tokens"] = usage.cache_write
    if usage.cache_write_1h is not None:
        written["cache_creation"] = {
            "ephemeral_5m_input_tokens": usage.cache_write_5m or 0,
            "ephemeral_1h_input_tokens": usage.cache_write_1h,
        }
    if usage.reasoning is not None:
        written["output_tokens_details"] = {"thinking_tokens": usage.reasoning}
    if usage.tool_searches is not None:
        written["server_tool_use"] = {"web_search_requests": usage.tool_searches, "web_fetch_requests": 0}
    return written


def _inner(usage: dict[str, Any], group: str, name: str) -> int | None:
    return count(mapping(usage.get(group)).get(name))
