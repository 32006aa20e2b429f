"""Resources changed at random, for the question whether two judges of them agree."""

import copy
import random
from collections.abc import Iterator
from typing import Any

VALUES: tuple[Any, ...] = (
    None, 0, 1, -1, 2.5, True, False, "", "x", "0", "1.0", "2", "Public", "all", "a b", [], {}, ["a"], ["a", "a"],
    {"a": 1}, [None], {"name": "x"}, "0s", "25h", "\n", "é" * 64,
)  # fmt: skip
"""What a field may be replaced by: all types, many wrong. No whole floats: kubectl makes integers of them, and a server that is
sent one as it is takes it for an integer only where no CEL rule reads it."""


def mutations(objects: list[dict[str, Any]], count: int, seed: int) -> Iterator[dict[str, Any]]:
    """`count` objects, each one of those given with one or two changes below its spec. Equal seeds, equal objects."""
    dice = random.Random(seed)
    for _ in range(count):
        changed = copy.deepcopy(dice.choice(objects))
        for _ in range(dice.choice((1, 1, 2))):
            _change(changed, dice)
        yield changed


def _change(obj: dict[str, Any], dice: random.Random) -> None:
    spots = [spot for spot in _spots(obj["spec"], ("spec",)) if len(spot) > 1]
    if not spots:
        return
    *above, last = dice.choice(spots)
    parent: Any = obj
    for step in above:
        parent = parent[step]
    chance = dice.random()
    if chance < 0.15:
        del parent[last]
    elif chance < 0.25 and isinstance(parent, list):
        parent.append(copy.deepcopy(parent[last]))
    elif chance < 0.35 and isinstance(parent, dict):
        parent["extra"] = 1
    else:
        parent[last] = copy.deepcopy(dice.choice(VALUES))


def _spots(value: Any, spot: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    yield spot
    if isinstance(value, dict):
        for key in value:
            yield from _spots(value[key], (*spot, key))
    elif isinstance(value, list):
        for at, item in enumerate(value):
            yield from _spots(item, (*spot, at))
