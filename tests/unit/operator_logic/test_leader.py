"""What a leader pushes, and when it had better not."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from leader_rig import LeaderRig, Line, namespace, provider, resource, route, until
from turnout_contract.protocol import Build, Have, Hello
from turnout_operator.publish.registry import Peer


@pytest.fixture
async def rig() -> AsyncIterator[LeaderRig]:
    running = LeaderRig()
    running.start()
    yield running
    await running.stop()


def dial(rig: LeaderRig) -> Line:
    line = Line()
    attached = rig.publisher.attach(Peer("team", "pod-1", "pod-uid"), line)
    rig.publisher.received(attached, Hello(have=Have(), secrets=(), build=Build()))
    return line


async def test_a_namespace_whose_labels_are_not_known_yet_is_not_published(rig: LeaderRig) -> None:
    """Else what holds for the whole organisation would not hold for it until they are."""
    selector = {"matchLabels": {"regulated": "yes"}}
    spec = {"namespaceSelector": selector, "input": {"pii": {"action": "Block"}}}
    policy = resource("GuardrailPolicy", "pii", spec, namespace="turnout-system")
    rig.store.put_namespace(namespace("turnout-system"))
    rig.store.put(policy)
    rig.store.put(provider())
    rig.store.put(route())
    line = dial(rig)
    await asyncio.sleep(0.5)  # five times the debounce
    assert line.snapshots == []
    rig.store.put_namespace(namespace("team", regulated="yes"))
    await until("it is published", lambda: line.snapshots)
    (snapshot,) = line.snapshots
    assert [guard.policies for guard in snapshot.guards] == [("turnout-system/pii",)]
    assert [[rule.guard for rule in found.rules] for found in snapshot.routes] == [[snapshot.guards[0].id]]


async def test_of_a_namespace_that_is_gone_nothing_is_kept(rig: LeaderRig) -> None:
    objects = [provider(), route()]
    rig.store.put_namespace(namespace("team"))
    for item in objects:
        rig.store.put(item)
    await until("its workloads are made", lambda: any("/team/deployments/" in path for path in rig.kube.objects))
    for item in objects:
        rig.store.delete(item["kind"], item["metadata"]["uid"])
    rig.store.delete_namespace("team")
    await until("nothing is known of it", lambda: rig.publisher.overview() == {} and not rig.workloads.knows("team"))


async def test_a_term_begins_with_a_look_at_what_a_stalled_watch_may_have_kept_from_us() -> None:
    async def freshen() -> None:
        await asyncio.sleep(0.3)
        begun.store.put(route(generation=2, sensitivity="Restricted"))

    begun = LeaderRig(freshen=freshen)
    begun.epoch = None
    begun.store.put_namespace(namespace("team"))
    begun.store.put(provider())
    begun.store.put(route())
    begun.start()
    begun.epoch = 7
    begun.leader.everything()
    line = dial(begun)
    await until("it is published", lambda: line.snapshots)
    assert [found.sensitivity for snapshot in line.snapshots for found in snapshot.routes] == ["Restricted"]
    await begun.stop()


async def test_a_look_at_the_cluster_that_fails_keeps_no_term_from_beginning() -> None:
    async def freshen() -> None:
        raise TimeoutError

    begun = LeaderRig(freshen=freshen)
    begun.store.put_namespace(namespace("team"))
    begun.start()
    begun.store.put(provider())
    begun.store.put(route())
    line = dial(begun)
    await until("it is published", lambda: line.snapshots)
    await begun.stop()
