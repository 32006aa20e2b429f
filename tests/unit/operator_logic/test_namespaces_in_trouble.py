"""What is wrong with a whole namespace is told in its objects' status, on /gateways and as a metric, as long as it is so."""

from collections.abc import AsyncIterator

import pytest

from leader_rig import LeaderRig, Line, namespace, provider, resource, route, until
from turnout_contract.protocol import Ack, Build, Have, Hello, Push
from turnout_operator import compiling, leader
from turnout_operator.app import overview
from turnout_operator.compile import Inputs
from turnout_operator.kube import ApiError
from turnout_operator.metrics import Metrics
from turnout_operator.publish.registry import Peer
from turnout_operator.store import RELEASED
from turnout_operator.workloads.refusal import MOST_CHARACTERS, told

DEPLOYMENT = "/apis/apps/v1/namespaces/team/deployments/turnout-gateway"
QUOTA = 'deployments.apps "turnout-gateway" is forbidden: exceeded quota: small, requested: count/deployments.apps=1'


@pytest.fixture
async def rig() -> AsyncIterator[LeaderRig]:
    running = LeaderRig()
    running.start()
    running.store.put_namespace(namespace("team"))
    running.store.put(provider())
    running.store.put(route())
    yield running
    await running.stop()


class Gateway:
    """One that takes whatever it is given."""

    def __init__(self, rig: LeaderRig) -> None:
        self._rig = rig
        self.line = Line()
        self._acknowledged = 0
        self._attached = rig.publisher.attach(Peer("team", "pod-1", "pod-uid"), self.line)
        rig.publisher.received(self._attached, Hello(have=Have(), secrets=(), build=Build()))

    def acknowledge(self) -> None:
        pushes = [message for message in self.line.sent if isinstance(message, Push)]
        for push in pushes[self._acknowledged :]:
            self._acknowledged += 1
            self._rig.publisher.received(self._attached, Ack(nonce=push.nonce, version=push.version))


async def serving(rig: LeaderRig) -> Gateway:
    """A gateway that runs the route."""
    gateway = Gateway(rig)

    def programmed() -> bool:
        gateway.acknowledge()
        return rig.condition("ModelRoute", "assistant", "Programmed")[0] == "True"

    await until("the route is programmed", programmed)
    return gateway


def says(rig: LeaderRig, kind: str, name: str, about: str = "Programmed") -> str:
    """A condition's status and reason as it was written last."""
    return " ".join(rig.condition(kind, name, about)[:2])


def troubles(rig: LeaderRig) -> list[str]:
    shown = overview(rig.publisher, rig.engine, leader=True)["namespaces"].get("team", {})
    return [trouble["reason"] for trouble in shown.get("troubles", ())]


async def test_a_namespace_that_is_held_since_a_kind_went_says_so_until_an_object_of_the_kind_is_back(
    rig: LeaderRig,
) -> None:
    gateway = await serving(rig)
    pushes = len(gateway.line.snapshots)
    rig.undefine("ModelRoute")
    await until("its provider says so", lambda: says(rig, "ModelProvider", "openai") == "False DefinitionMissing")
    assert "ModelRoute" in rig.condition("ModelProvider", "openai", "Programmed")[2]
    assert rig.condition("ModelProvider", "openai", "Accepted")[0] == "True"
    assert troubles(rig) == ["DefinitionMissing"]
    assert len(gateway.line.snapshots) == pushes
    rig.define("ModelRoute", again="-new")
    rig.store.put(route())
    await until("it goes on", lambda: says(rig, "ModelProvider", "openai") == "True Programmed")
    assert troubles(rig) == []


async def test_a_namespace_that_is_held_is_released_by_a_new_value_of_an_annotation(rig: LeaderRig) -> None:
    gateway = await serving(rig)
    rig.undefine("ModelRoute")
    await until("it is held", lambda: troubles(rig) == ["DefinitionMissing"])
    rig.store.put_namespace(namespace("team", {RELEASED: "2026-01-01T00:00:00Z"}))
    await until("its gateways are told", lambda: gateway.line.snapshots[-1].routes == ())
    await until("nothing is wrong any more", lambda: troubles(rig) == [])
    await until("workloads went", lambda: DEPLOYMENT not in rig.kube.objects)


async def test_an_annotation_that_was_there_before_releases_nothing(rig: LeaderRig) -> None:
    rig.store.put_namespace(namespace("team", {RELEASED: "long ago"}))
    await serving(rig)
    rig.undefine("ModelRoute")
    await until("it is held", lambda: troubles(rig) == ["DefinitionMissing"])
    rig.store.put_namespace(namespace("team", {RELEASED: "long ago"}, tier="gold"))
    assert await rig.guard.held("team") == ("ModelRoute",)


async def test_a_compiler_that_fails_says_so_keeps_what_was_last_good_and_is_tried_again(
    rig: LeaderRig, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = await serving(rig)
    pushes, broken = len(gateway.line.snapshots), True

    def compiled(inputs: Inputs) -> compiling.Compiled:
        if broken and inputs.namespace == "team":
            raise KeyError("what somebody wrote")
        return compiling.compiled(inputs)

    monkeypatch.setattr(leader, "compiled", compiled)
    rig.store.put(route("second"))
    await until("the new one says so", lambda: says(rig, "ModelRoute", "second", "Accepted") == "Unknown InternalError")
    assert says(rig, "ModelRoute", "second", "Programmed") == "False InternalError"
    await until(
        "the old one says so", lambda: says(rig, "ModelRoute", "assistant", "Programmed") == "False InternalError"
    )
    assert says(rig, "ModelRoute", "assistant", "Accepted") == "True Accepted"
    assert "KeyError" in rig.condition("ModelRoute", "second", "Programmed")[2]
    assert "what somebody wrote" not in str(rig.statuses.written)
    assert troubles(rig) == ["InternalError"]
    assert len(gateway.line.snapshots) == pushes
    failures = rig.metrics.compile_failures
    await until("it is tried again", lambda: failures._value.get() >= 3)
    assert any("team" in record.getMessage() and "KeyError" in record.getMessage() for record in caplog.records)

    rig.store.put_namespace(namespace("other"))
    rig.store.put({**route(), "metadata": {**route()["metadata"], "namespace": "other", "uid": "other-route"}})
    await until("others go on", lambda: ("ModelRoute", "other", "assistant") in rig.statuses.written)

    broken = False
    rig.store.put(route("third"))
    await until("the next try went well", lambda: troubles(rig) == [])
    await until("all are told", lambda: says(rig, "ModelRoute", "second", "Accepted") == "True Accepted")


async def test_what_the_api_server_could_not_be_asked_is_no_failure_of_the_compiler(rig: LeaderRig) -> None:
    await serving(rig)
    failing: list[str] = []

    def away(method: str, path: str) -> None:
        if "customresourcedefinitions" in path:
            failing.append(method)
            raise ApiError(0, "NoAnswer", "down")

    rig.kube.fault = away
    rig.store.delete("ModelRoute", route()["metadata"]["uid"])
    await until("it is asked again and again", lambda: len(failing) >= 3)
    assert rig.metrics.compile_failures._value.get() == 0
    assert troubles(rig) == []


async def test_a_workload_that_is_refused_is_told_with_the_servers_words_until_it_is_taken() -> None:
    rig = LeaderRig()

    def refuse(method: str, path: str) -> None:
        if method == "POST" and path.endswith("/deployments"):
            raise ApiError(403, "Forbidden", QUOTA)

    rig.kube.fault = refuse
    rig.start()
    rig.store.put_namespace(namespace("team"))
    for item in (resource("ModelGateway", "default", {}), provider(), route()):
        rig.store.put(item)
    refused = "False WorkloadRefused"
    await until("the route says so", lambda: says(rig, "ModelRoute", "assistant") == refused)
    await until("the gateway says so", lambda: says(rig, "ModelGateway", "default") == refused)
    message = rig.condition("ModelGateway", "default", "Programmed")[2]
    assert "exceeded quota: small" in message
    assert "Deployment/turnout-gateway" in message
    assert says(rig, "ModelProvider", "openai") == "Unknown NoGateways"
    assert troubles(rig) == ["WorkloadRefused"]
    rig.kube.fault = None
    await until("it is as ever", lambda: says(rig, "ModelRoute", "assistant") == "Unknown NoGateways")
    assert troubles(rig) == []
    await rig.stop()


async def test_pods_that_are_refused_are_told_until_they_are_there(rig: LeaderRig) -> None:
    await until("the Deployment is there", lambda: DEPLOYMENT in rig.kube.objects)
    failure = {
        "type": "ReplicaFailure",
        "status": "True",
        "message": 'pods "turnout-gateway-5d9c7-x2k4p" is forbidden: exceeded quota: small',
    }
    rig.kube.objects[DEPLOYMENT]["status"] = {"conditions": [failure]}
    await until("the route says so", lambda: says(rig, "ModelRoute", "assistant") == "False WorkloadRefused")
    assert (
        'pods "turnout-gateway-…" is forbidden: exceeded quota: small'
        in rig.condition("ModelRoute", "assistant", "Programmed")[2]
    )
    rig.kube.objects[DEPLOYMENT]["status"] = {"availableReplicas": 2, "updatedReplicas": 2, "conditions": []}
    await until("it is as ever", lambda: says(rig, "ModelRoute", "assistant") == "Unknown NoGateways")


async def test_a_failure_that_may_pass_by_itself_is_not_told_at_once() -> None:
    rig = LeaderRig()
    failing: list[str] = []

    def busy(method: str, path: str) -> None:
        if method == "POST" and path.endswith("/deployments"):
            failing.append(path)
            raise ApiError(429, "TooManyRequests", "later")

    rig.kube.fault = busy
    rig.start()
    rig.store.put_namespace(namespace("team"))
    rig.store.put(provider())
    rig.store.put(route())
    await until("it was tried", lambda: len(failing) >= 3)
    assert troubles(rig) == []
    await rig.stop()


def test_a_refusal_is_one_short_line_without_credentials() -> None:
    said = told(
        "denied:\n  token=abcdefgh Authorization: Bearer abc.def.ghi sk-1234567890 http://me:pw@host/ " + "x" * 9999
    )
    assert len(said) == MOST_CHARACTERS
    assert "\n" not in said
    for secret in ("abcdefgh", "abc.def", "1234567890", "me:pw"):
        assert secret not in said
    assert told(QUOTA) == QUOTA


def test_the_metric_counts_namespaces_by_reason() -> None:
    metrics = Metrics()
    metrics.in_trouble(["InternalError", "WorkloadRefused", "WorkloadRefused"])
    text = metrics.text().decode()
    assert 'turnout_operator_namespaces_in_trouble{reason="WorkloadRefused"} 2.0' in text
    assert 'turnout_operator_namespaces_in_trouble{reason="DefinitionMissing"} 0.0' in text
