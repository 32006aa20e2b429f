"""Models that the gateways found not to exist: on the ModelProvider, for as long as the newest word says so."""

import msgspec

from turnout_cli.status import NamespaceRows, Report, table
from turnout_contract.api import conditions as names
from turnout_contract.api.meta import Condition
from turnout_contract.protocol import Ack, Build, Have, Hello
from turnout_operator.compile import ConditionValue, Verdict
from turnout_operator.publish.absence import MOST_MODELS, MOST_PROVIDERS, Absence, absent_models, all_absent, heard
from turnout_operator.publish.registry import GatewayView, Peer, Registry
from turnout_operator.publish.session import Session, Wanted
from turnout_operator.status.conditions import Scene, conditions

SOURCES = frozenset({("uid", 1)})
WANTED = Wanted("v1", "{}", frozenset(), SOURCES, 1)
NOW = "2026-01-01T00:00:00Z"
FILES = frozenset({"key/apiKey"})


def connected(registry: Registry, pod: str, now: float) -> tuple[Peer, Session]:
    session, peer = Session(nonces=lambda: "n"), Peer("team", pod, f"uid of {pod}")
    registry.connect(peer, session, {}, now)
    session.hello(Hello(have=Have(version="v1"), secrets=("key",), build=Build()), now)
    session.want(WANTED, 7, now)
    return peer, session


def says(session: Session, registry: Registry, now: float, **absent: tuple[str, ...]) -> None:
    session.ack(Ack(nonce="", version="v1", absent=absent), now)
    registry.views("team", now)


def absent(registry: Registry, now: float) -> tuple[str, ...]:
    return absent_models(registry.views("team", now), "openai", ("uid", 1))


def a_registry() -> Registry:
    registry = Registry(disconnected_after=30, forget_after=900)
    registry.publish("team", WANTED)
    return registry


def test_the_newest_word_counts_and_who_says_the_same_again_says_nothing_new() -> None:
    registry = a_registry()
    _, first = connected(registry, "a", 0.0)
    _, second = connected(registry, "b", 0.0)
    says(first, registry, 1.0, openai=("gtp",))
    says(second, registry, 2.0, openai=("gtp",))
    assert absent(registry, 2.0) == ("gtp",)
    says(second, registry, 3.0)
    assert absent(registry, 3.0) == ()
    says(first, registry, 4.0, openai=("gtp",))  # for other reasons, such as a missing file
    assert absent(registry, 4.0) == ()
    says(first, registry, 5.0)
    says(first, registry, 6.0, openai=("gtp",))
    assert absent(registry, 6.0) == ("gtp",)


def test_a_gateway_that_never_found_anything_amiss_contradicts_nobody() -> None:
    registry = a_registry()
    _, first = connected(registry, "a", 0.0)
    _, second = connected(registry, "b", 0.0)
    says(first, registry, 1.0, openai=("gtp",))
    says(second, registry, 2.0)
    assert absent(registry, 2.0) == ("gtp",)


def test_what_is_said_of_one_provider_makes_no_news_of_another() -> None:
    registry = a_registry()
    _, first = connected(registry, "a", 0.0)
    _, second = connected(registry, "b", 0.0)
    says(first, registry, 1.0, openai=("gtp",))
    says(second, registry, 2.0, openai=("gtp",))
    says(second, registry, 3.0)
    says(first, registry, 4.0, openai=("gtp",), other=("x",))
    assert absent(registry, 4.0) == ()


def test_a_gateway_that_reconnects_is_believed_as_before_and_one_that_is_gone_takes_its_word_with_it() -> None:
    registry = a_registry()
    peer, first = connected(registry, "a", 0.0)
    says(first, registry, 1.0, openai=("gtp",))
    registry.disconnect(peer, first, 2.0)
    _, second = connected(registry, "a", 3.0)
    assert absent(registry, 3.0) == ("gtp",)
    registry.disconnect(peer, second, 4.0)
    registry.forget(peer)
    assert absent(registry, 5.0) == ()


def test_what_was_found_of_an_older_generation_says_nothing_of_a_newer() -> None:
    registry = a_registry()
    _, first = connected(registry, "a", 0.0)
    says(first, registry, 1.0, openai=("gtp",))
    assert absent_models(registry.views("team", 1.0), "openai", ("uid", 2)) == ()


def test_an_acknowledgement_of_another_version_brings_no_word() -> None:
    registry = a_registry()
    _, first = connected(registry, "a", 0.0)
    first.ack(Ack(nonce="", version="v0", absent={"openai": ("gtp",)}), 1.0)
    assert absent(registry, 1.0) == ()


def test_what_a_gateway_may_say_is_bounded() -> None:
    said = {f"p{n}": ("m" * 10_000,) * 1000 for n in range(MOST_PROVIDERS + 100)}
    kept = heard({}, said, 1.0)
    assert len(kept) == MOST_PROVIDERS
    assert len(kept["p0"].models) == MOST_MODELS
    assert len(kept["p0"].models[0]) == 256
    for turn in range(10):
        kept = heard(kept, {f"{turn}.{n}": ("m",) for n in range(MOST_PROVIDERS)}, 2.0)
        assert len(kept) <= 2 * MOST_PROVIDERS


def verdict(kind: str = "ModelProvider", **fields: ConditionValue) -> Verdict:
    filled = {
        "accepted": ConditionValue("True", names.ACCEPTED),
        "resolved": ConditionValue("True", names.RESOLVED_REFS),
        **fields,
    }
    return Verdict(kind=kind, name="openai", namespace="team", uid="uid", generation=1, **filled)


def view(*models: str, missing: tuple[str, ...] = ()) -> GatewayView:
    word = {"openai": Absence(1.0, models)} if models else {}
    return GatewayView(
        pod="a", state="SYNCED", version="v1", since=0.0, sources=SOURCES, missing=missing, absent=word
    )  # fmt: skip


def found(
    judged: Verdict, *views: GatewayView, settled: bool = True, previous: tuple[Condition, ...] = ()
) -> Condition:
    scene = Scene(wants_gateway=True, gateways=views, settled=settled)
    made = conditions(judged, scene, secrets=FILES, previous=previous, now=NOW)
    (resolved,) = [one for one in made if one.type == names.RESOLVED_REFS]
    return resolved


def test_the_provider_names_its_models_that_do_not_exist_and_is_not_ready() -> None:
    scene = Scene(wants_gateway=True, gateways=(view("gtp-4", "gtp-5"),))
    made = {one.type: one for one in conditions(verdict(), scene, secrets=FILES, previous=(), now=NOW)}
    resolved = made[names.RESOLVED_REFS]
    assert (resolved.status, resolved.reason) == ("False", names.MODEL_NOT_FOUND)
    assert "gtp-4, gtp-5" in resolved.message
    assert made[names.READY].reason == names.MODEL_NOT_FOUND
    assert made[names.PROGRAMMED].status == "True"


def test_it_concerns_the_provider_alone() -> None:
    assert found(verdict("ModelRoute"), view("gtp")).status == "True"


def test_other_reasons_go_first() -> None:
    assert found(verdict(), view("gtp", missing=("key/apiKey",))).reason == names.SECRET_MISSING
    lacking = ConditionValue("False", names.REF_NOT_FOUND, "no such Secret")
    assert found(verdict(resolved=lacking), view("gtp")).reason == names.REF_NOT_FOUND
    refused = ConditionValue("False", names.INVALID, "no")
    assert found(verdict(accepted=refused), view("gtp")).status == "True"


def test_many_models_make_no_long_message() -> None:
    message = found(verdict(), view(*(f"m{n:03}" for n in range(100)))).message
    assert message.endswith("m006, m007 and 92 more")


def test_after_a_take_over_it_stands_until_gateways_had_time_to_come_back_and_say_it_again() -> None:
    before = found(verdict(), view("gtp"))
    assert found(verdict(), settled=False, previous=(before,)) == before
    assert found(verdict(), view(), settled=True, previous=(before,)).status == "True"


def test_the_overview_names_what_is_missing_now_by_provider() -> None:
    older, newer = (
        view("gtp"),
        msgspec.structs.replace(view("gtp"), absent={"openai": Absence(2.0), "a": Absence(1.0, ("x",))}),
    )
    assert all_absent([older]) == {"openai": ("gtp",)}
    assert all_absent([older, newer]) == {"a": ("x",)}


def test_turnout_status_prints_it() -> None:
    rows = NamespaceRows(version="v1", absent={"openai": ("gtp-4", "gtp-5")})
    assert table(Report(leader=True, namespaces={"team": rows})).endswith(
        "team: the provider openai has no model gtp-4, gtp-5"
    )
