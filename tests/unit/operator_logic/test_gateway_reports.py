"""The ModelGateway's list of gateways: a map by pod, whatever happens to pods."""

import time

from leader_rig import TIMESTAMP, LeaderRig, namespace, provider, resource, route, until
from turnout_operator.publish.registry import Peer
from turnout_operator.publish.session import Session


async def test_a_pod_made_anew_under_its_name_stands_in_the_status_once() -> None:
    """An API server refuses a list of which two entries have one key, and with it the whole status."""
    rig, now = LeaderRig(), time.monotonic()
    old, new = Peer("team", "pod-1", "uid-old"), Peer("team", "pod-1", "uid-new")
    before, after = Session(nonces=lambda: "n"), Session(nonces=lambda: "n")
    rig.registry.connect(old, before, {}, now)
    rig.registry.disconnect(old, before, now)
    rig.registry.connect(new, after, {}, now)
    rig.store.put_namespace(namespace("team"))
    for item in (provider(), route(), resource("ModelGateway", "default", {})):
        rig.store.put(item)
    rig.start()
    key = ("ModelGateway", "team", "default")
    await until("the status is written", lambda: key in rig.statuses.written)
    reports = rig.statuses.written[key]["gateways"]
    assert [report["pod"] for report in reports] == ["pod-1"]
    assert reports[0]["since"] == TIMESTAMP
    await rig.stop()
