"""Secret files that gateways miss: said for as long as it is true, also while gateways are on their way back."""

from turnout_contract.api import conditions as names
from turnout_contract.api.meta import Condition
from turnout_contract.protocol import Ack, Build, Have, Hello
from turnout_operator.compile import ConditionValue, Verdict
from turnout_operator.publish.registry import GatewayView, Peer, Registry
from turnout_operator.publish.session import Session, Wanted
from turnout_operator.status.conditions import Scene, conditions

PEER = Peer("team", "pod-1", "pod-uid")
FILES = frozenset({"key/apiKey"})
WANTED = Wanted("v1", "{}", frozenset(), frozenset({("uid", 1)}), 1)


def connected(registry: Registry, version: str, now: float) -> Session:
    session = Session(nonces=lambda: "n")
    registry.connect(PEER, session, {}, now)
    session.hello(Hello(have=Have(version=version), secrets=("key",), build=Build()), now)
    session.want(WANTED, 7, now)
    return session


def missing(registry: Registry) -> tuple[str, ...]:
    (view,) = registry.views("team", 0.0)
    return view.missing


def test_a_gateway_that_reconnects_still_misses_what_it_missed_until_it_says_otherwise() -> None:
    registry = Registry(disconnected_after=30, forget_after=900)
    registry.publish("team", WANTED)
    first = connected(registry, "v1", 0.0)
    first.ack(Ack(nonce="", version="v1", missing=("key/apiKey",)), 0.0)
    assert missing(registry) == ("key/apiKey",)
    registry.disconnect(PEER, first, 0.0)
    assert missing(registry) == ("key/apiKey",)
    second = connected(registry, "v1", 0.0)
    assert missing(registry) == ("key/apiKey",)
    second.ack(Ack(nonce="", version="v1"), 0.0)
    assert missing(registry) == ()


def verdict(resolved: ConditionValue | None = None) -> Verdict:
    return Verdict(
        kind="ModelProvider",
        name="openai",
        namespace="team",
        uid="uid",
        generation=1,
        accepted=ConditionValue("True", names.ACCEPTED),
        resolved=resolved or ConditionValue("True", names.RESOLVED_REFS),
    )


def view(*files: str) -> GatewayView:
    return GatewayView(pod="pod-1", state="SYNCED", version="v1", since=0.0, sources=WANTED.sources, missing=files)


def found(scene: Scene, previous: tuple[Condition, ...] = ()) -> dict[str, Condition]:
    made = conditions(verdict(), scene, secrets=FILES, previous=previous, now="2026-01-01T00:00:00Z")
    return {condition.type: condition for condition in made}


def test_a_missing_file_is_not_taken_for_found_because_another_leader_has_not_heard_of_it_yet() -> None:
    before = found(Scene(wants_gateway=True, gateways=(view("key/apiKey"),)))
    assert (before[names.RESOLVED_REFS].status, before[names.RESOLVED_REFS].reason) == ("False", names.SECRET_MISSING)
    after = found(Scene(wants_gateway=True, settled=False), tuple(before.values()))
    assert after == before


def test_a_missing_file_that_is_there_by_now_is_told_once_a_take_over_is_past() -> None:
    before = found(Scene(wants_gateway=True, gateways=(view("key/apiKey"),)))
    after = found(Scene(wants_gateway=True, gateways=(view(),)), tuple(before.values()))
    assert after[names.RESOLVED_REFS].status == after[names.READY].status == "True"
