"""Fields of a request, read one by one, each refused by name where it is not what it must be.

Places are told the way of Anthropic (`messages.0.content.1.text`) by every dialect that is not OpenAI's: what matters is that
a wrong request is refused, and that the refusal names the field. Rule: a reader gives back the value, never a guess.
"""

from collections.abc import Collection, Mapping
from typing import Any

from turnout_sidecar.simulator.dialect import Refusal


def refuse(place: str, why: str) -> Refusal:
    """400, naming the field."""
    return Refusal(400, f"{place}: {why}" if place else why, param=place or None)


def as_object(value: Any, place: str) -> dict[str, Any]:
    """An object. Raises Refusal."""
    if not isinstance(value, dict):
        raise refuse(place, "Input should be an object" if value is not None else "Field required")
    return value


def as_list(value: Any, place: str, *, filled: bool = False) -> list[Any]:
    """A list. Raises Refusal."""
    if not isinstance(value, list):
        raise refuse(place, "Input should be a valid list" if value is not None else "Field required")
    if filled and not value:
        raise refuse(place, "List should have at least 1 item")
    return value


def as_text(value: Any, place: str, *, filled: bool = True) -> str:
    """A text, not empty unless told so. Raises Refusal."""
    if not isinstance(value, str):
        raise refuse(place, "Input should be a valid string" if value is not None else "Field required")
    if filled and not value:
        raise refuse(place, "String should have at least 1 character")
    return value


def as_whole(value: Any, place: str, least: int, most: int | None = None) -> int:
    """A whole number within bounds. Raises Refusal."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise refuse(place, "Input should be a valid integer" if value is not None else "Field required")
    if value < least or (most is not None and value > most):
        raise refuse(place, f"Input should be at least {least}" + ("" if most is None else f" and at most {most}"))
    return value


def as_number(value: Any, place: str, least: float, most: float) -> float:
    """A number within bounds. Raises Refusal."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise refuse(place, "Input should be a valid number")
    if not least <= value <= most:
        raise refuse(place, f"Input should be from {least} to {most}")
    return value


def as_flag(value: Any, place: str) -> bool:
    """True or false; absent is false. Raises Refusal."""
    if value is not None and not isinstance(value, bool):
        raise refuse(place, "Input should be a valid boolean")
    return bool(value)


def as_one_of(value: Any, place: str, choices: Collection[str]) -> str:
    """One of these words. Raises Refusal."""
    if not isinstance(value, str) or value not in choices:
        raise refuse(place, f"Input should be one of {', '.join(sorted(choices))}")
    return value


def only(value: Mapping[str, Any], allowed: Collection[str], place: str) -> None:
    """Nothing else stands there. Raises Refusal, naming what does."""
    for name in value:
        if name not in allowed:
            raise refuse(f"{place}.{name[:100]}" if place else name[:100], "Extra inputs are not permitted")


def texts(values: Any, place: str) -> tuple[str, ...]:
    """A list of texts; absent is none. Raises Refusal."""
    return tuple(
        as_text(each, f"{place}.{index}")
        for index, each in enumerate(as_list(values, place) if values is not None else [])
    )
