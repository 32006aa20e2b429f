"""Request headers: one that stands on several lines, and those that go on to a provider.

A proxy on the way adds a line of its own rather than change the caller's. Rule: a header that restricts a call is read
whole, since the line that is overlooked may be the stricter one.
"""

from collections.abc import Mapping
from typing import Final

from multidict import MultiMapping

FORWARDED: Final[Mapping[str, tuple[str, ...]]] = {
    "chat": ("openai-beta",),
    "responses": ("openai-beta",),
    "embeddings": ("openai-beta",),
    "messages": ("anthropic-beta",),
}
"""Headers of the caller's, by the format asked, that reach a backend which speaks it and may change what it does."""


def lines(headers: Mapping[str, str], name: str) -> list[str]:
    """The value of each line of a header, in order."""
    if isinstance(headers, MultiMapping):
        return list(headers.getall(name, ()))
    value = headers.get(name)
    return [] if value is None else [value]


def joined(headers: Mapping[str, str], name: str) -> str | None:
    """All lines of a header that is a list, as one; None where there is none."""
    return ", ".join(lines(headers, name)) if name in headers else None
