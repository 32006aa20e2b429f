"""The order in which a cluster's events arrive changes nothing of what gateways are given.

Here the events go through the operator's own store, as the informer hands them over: objects that come, are edited, are
deleted and made anew, and such as are gone again. What a watch promises holds in every order: the events of one object
come as they happened.
"""

import random
from typing import Any

from compile_case import FOLDER, OPERATOR_NAMESPACE, documents_of, inputs_of
from turnout_contract.snapshot import codec
from turnout_operator.compile import compile_namespace
from turnout_operator.store import Store

Json = dict[str, Any]
CASE = FOLDER / "a-busy-namespace-full-of-conflicts.in.yaml"


def life(item: Json, number: int) -> list[tuple[str, Json]]:
    """How an object came to be as it is: a namesake was made and deleted, it was made and edited; or it was simply made."""
    metadata = item["metadata"]
    before = {**item, "metadata": {**metadata, "uid": f"{metadata['uid']}-before", "resourceVersion": "1"}}
    first = {**item, "metadata": {**metadata, "generation": 0, "resourceVersion": "2"}, "spec": {}}
    now = {**item, "metadata": {**metadata, "resourceVersion": "3"}}
    told = {**now, "metadata": {**now["metadata"], "resourceVersion": "4"}, "status": {"conditions": []}}
    events = [("put", before), ("delete", before), ("put", first), ("put", now), ("put", told)]
    return events[number % 4 :] if number % 3 == 0 else [("put", now)]


def ghost(item: Json) -> list[tuple[str, Json]]:
    """One like it that is gone again."""
    metadata = {
        **item["metadata"],
        "name": f"gone-{item['metadata']['name']}"[:63],
        "uid": f"gone-{item['metadata']['uid']}",
    }
    gone = {**item, "metadata": metadata}
    return [("put", gone), ("delete", gone)]


def in_some_order(lives: list[list[tuple[str, Json]]], dice: random.Random) -> list[tuple[str, Json]]:
    """All events, each object's in their own order."""
    turns = [number for number, events in enumerate(lives) for _ in events]
    dice.shuffle(turns)
    left = [iter(events) for events in lives]
    return [next(left[number]) for number in turns]


def test_a_thousand_orders_of_a_clusters_events_give_the_same_bytes() -> None:
    namespace, labels, items = documents_of(CASE)
    inputs = inputs_of(CASE)
    expected = compile_namespace(inputs)
    data = codec.encode(expected.snapshot)
    lives = [life(item, number) for number, item in enumerate(items)] + [ghost(item) for item in items[::5]]
    lives.append([("namespace", {"metadata": {"name": namespace, "labels": labels}})])
    dice = random.Random(2)
    for _ in range(1000):
        store = Store(OPERATOR_NAMESPACE, on_dirty=lambda _namespaces: None)
        for what, item in in_some_order(lives, dice):
            if what == "put":
                store.put(item)
            elif what == "delete":
                store.delete(item["kind"], item["metadata"]["uid"])
            else:
                store.put_namespace(item)
        result = compile_namespace(store.inputs(namespace, inputs.defaults))
        assert result == expected
        assert codec.encode(result.snapshot) == data
