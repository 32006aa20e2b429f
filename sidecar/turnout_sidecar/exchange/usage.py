"""What one attempt used, and what that cost.

Rules: None is unknown and is not zero; what is a part of input or output is never added on top of it; a
field once known is never lowered by a later event of the same stream (`merge` takes the larger); `estimated` says that the
provider gave none.
"""

import msgspec

from turnout_contract import money
from turnout_contract.snapshot.model import Price


class Usage(msgspec.Struct, frozen=True):
    """Tokens of one attempt (`tool_searches`: calls). All that was read is in `input`, all that was made in `output`.

    Parts of `input`: `cached_input` (read from the provider's cache), `cache_write_5m` and `cache_write_1h` (written to it),
    `audio_input`, `image_input`. Parts of `output`: `reasoning`, `audio_output`.
    """

    input: int | None = None
    output: int | None = None
    cached_input: int | None = None
    reasoning: int | None = None
    estimated: bool = False
    cache_write_5m: int | None = None
    cache_write_1h: int | None = None
    audio_input: int | None = None
    audio_output: int | None = None
    image_input: int | None = None
    tool_searches: int | None = None

    def merge(self, other: "Usage") -> "Usage":
        """Field by field the larger of two reports of one attempt; unknown gives way to known."""
        return Usage(
            estimated=self.estimated and other.estimated,
            **{name: _larger(getattr(self, name), getattr(other, name)) for name in _COUNTS},
        )

    @property
    def cache_write(self) -> int | None:
        """Tokens written to the provider's cache, for however long; None where nothing was said of it."""
        if self.cache_write_5m is None:
            return self.cache_write_1h
        return self.cache_write_5m + (self.cache_write_1h or 0)


_COUNTS = tuple(name for name in Usage.__struct_fields__ if name != "estimated")


def _larger(one: int | None, two: int | None) -> int | None:
    if one is None or two is None:
        return two if one is None else one
    return max(one, two)


def cost(usage: Usage | None, price: Price | None) -> int | None:
    """Nano-dollars of a usage at a price; None where either is unknown."""
    if usage is None or price is None or usage.input is None or usage.output is None:
        return None
    cached = min(usage.cached_input or 0, usage.input)
    cached_price = price.input if price.cached_input is None else price.cached_input
    total = (usage.input - cached) * price.input + cached * cached_price + usage.output * price.output
    return money.per_million(total)
