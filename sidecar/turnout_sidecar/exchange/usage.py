"""What one attempt used, and what that cost.

Rules: None is unknown and is not zero; cached and reasoning tokens are parts of input and output, never added on top; a
field once known is never lowered by a later event of the same stream (`merge` takes the larger); `estimated` says that the
provider gave none.
"""

import msgspec

from turnout_contract import money
from turnout_contract.snapshot.model import Price


class Usage(msgspec.Struct, frozen=True):
    """Tokens of one attempt. `input` includes `cached_input`; `output` includes `reasoning`."""

    input: int | None = None
    output: int | None = None
    cached_input: int | None = None
    reasoning: int | None = None
    estimated: bool = False

    def merge(self, other: "Usage") -> "Usage":
        """Field by field the larger of two reports of one attempt; unknown gives way to known."""
        return Usage(
            input=_larger(self.input, other.input),
            output=_larger(self.output, other.output),
            cached_input=_larger(self.cached_input, other.cached_input),
            reasoning=_larger(self.reasoning, other.reasoning),
            estimated=self.estimated and other.estimated,
        )


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
