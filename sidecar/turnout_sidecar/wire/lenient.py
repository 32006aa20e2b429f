"""Looking into what a provider answered, which is anybody's JSON: what is not there, or of another type, is simply not there.

Rules: nothing here raises but `load` and `decode`; a boolean is no number, a count is no fraction and not
negative; what is passed on as JSON text (`raw_at`) is the provider's own, digit by digit.
"""

from typing import Any, Final, TypeVar

import msgspec
import orjson

from turnout_sidecar.wire.canonical import NotAnAnswer

MAX_COUNT: Final = 10**12
"""More tokens than any call can use: a larger count is a mistake, and no bill is made of it."""

_T = TypeVar("_T")
_OBJECT: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ARRAY: Final = msgspec.json.Decoder(list[msgspec.Raw])


def load(body: bytes, what: str = "the reply") -> dict[str, Any]:
    """The object that `body` holds. Raises NotAnAnswer; `what` names it there."""
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise NotAnAnswer(f"{what} is not JSON") from error
    if not isinstance(found, dict):
        raise NotAnAnswer(f"{what} is not a JSON object")
    return found


def decode(decoder: msgspec.json.Decoder[_T], body: bytes) -> _T:
    """What the decoder makes of it. Raises NotAnAnswer, but msgspec.ValidationError where a member has another type."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError:
        raise
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise NotAnAnswer("the reply is not JSON") from error
    except RecursionError as error:
        raise NotAnAnswer("the reply is nested too deeply") from error


def mapping(value: Any) -> dict[str, Any]:
    """The object, or an empty one."""
    return value if isinstance(value, dict) else {}


def mappings(value: Any) -> list[dict[str, Any]]:
    """The objects in a list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def text(value: Any) -> str | None:
    """The string, empty ones too."""
    return value if isinstance(value, str) else None


def label(value: Any) -> str | None:
    """A string that names something (an id, a model, a reason), not empty and cut at 256 characters."""
    return value[:256] if isinstance(value, str) and value else None


def count(value: Any) -> int | None:
    """A number of tokens."""
    return value if value.__class__ is int and 0 <= value <= MAX_COUNT else None


def total(*counts: int | None) -> int | None:
    """Their sum; None where none is known."""
    known = [number for number in counts if number is not None]
    return sum(known) if known else None


def raw_at(body: bytes, *steps: str | int) -> str | None:
    """The JSON text at a path of member names and places in lists; None where there is nothing."""
    found: bytes | msgspec.Raw = body
    try:
        for step in steps:
            found = _OBJECT.decode(found)[step] if isinstance(step, str) else _ARRAY.decode(found)[step]
        return bytes(found).decode()
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError, IndexError, RecursionError):
        return None
