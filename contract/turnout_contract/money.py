"""Money as integers of nano-dollars (1 USD = 1,000,000,000 nUSD).

Prices are written as decimal strings (dollars for a million tokens) and become nano-dollars for a million tokens, which is
exact for up to nine places. A cost is a sum of `tokens * price` divided once, rounded half up, so nothing drifts.

Rules: never a float; an unknown price is None, which is not zero.
"""

from decimal import Decimal, InvalidOperation

NANO = 1_000_000_000
MILLION = 1_000_000


def parse_usd(text: str) -> int:
    """Nano-dollars of a decimal string of dollars, such as "0.25". Raises ValueError where it is not exact or negative."""
    try:
        amount = Decimal(text)
    except InvalidOperation as error:
        raise ValueError(f"{text!r} is not a decimal amount of dollars") from error
    if not amount.is_finite() or amount < 0:
        raise ValueError(f"{text!r} is not an amount of dollars of zero or more")
    nano = amount * NANO
    if nano != nano.to_integral_value():
        raise ValueError(f"{text!r} has more than nine decimal places")
    return int(nano)


def format_usd(nano: int) -> str:
    """Plain decimal dollars without exponent or trailing zeros: 1_500_000 -> "0.0015", 0 -> "0"."""
    sign = "-" if nano < 0 else ""
    whole, fraction = divmod(abs(nano), NANO)
    return f"{sign}{whole}.{fraction:09d}".rstrip("0").rstrip(".") if fraction else f"{sign}{whole}"


def per_million(total: int) -> int:
    """Nano-dollars for a sum of (tokens * nano-dollars per million tokens), rounded half up."""
    return (2 * total + MILLION) // (2 * MILLION)
