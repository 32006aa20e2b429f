"""What is written to statuses, and how often: once, and not again while nothing changed."""

from collections.abc import Iterable
from typing import Any

from turnout_contract.api import conditions as names
from turnout_operator.compile import ConditionValue, Verdict
from turnout_operator.kube import Json
from turnout_operator.publish.registry import GatewayView
from turnout_operator.status.engine import Standing, StatusEngine
from turnout_operator.status.writer import Write
from turnout_operator.store import Store

ROUTE: Json = {
    "apiVersion": "turnout.dev/v1alpha1",
    "kind": "ModelRoute",
    "metadata": {"name": "a", "namespace": "claims", "uid": "u", "generation": 1, "resourceVersion": "1"},
    "spec": {"rules": [{"name": "all", "backendRefs": [{"name": "openai", "model": "gpt"}]}]},
    "status": {"conditions": names.pending()},
}
VERDICT = Verdict(
    kind="ModelRoute",
    name="a",
    namespace="claims",
    uid="u",
    generation=1,
    accepted=ConditionValue("True", "Accepted"),
    resolved=ConditionValue("True", "ResolvedRefs"),
)
SYNCED = GatewayView(pod="p", state="SYNCED", version="v", since=0, sources=frozenset({("u", 1)}))


class Rig:
    """An engine that writes into a list; `echo` is the watch that brings a write back."""

    def __init__(self) -> None:
        self.writes: list[Write] = []
        self.views: tuple[GatewayView, ...] = (SYNCED,)
        self.now = 0.0
        self.version = 1
        self.store = Store("system", on_dirty=self._ignore)
        self.store.put(ROUTE)
        self.engine = StatusEngine(
            self.store,
            self,
            views=lambda _namespace: self.views,
            leading=lambda: True,
            settled=lambda: True,
            monotonic=lambda: self.now,
            timestamp=lambda: f"2026-11-22T12:{int(self.now) // 60:02}:{int(self.now) % 60:02}Z",
        )
        self.engine.compiled("claims", Standing(verdicts=(VERDICT,), wants_gateway=True, version="v"))

    @staticmethod
    def _ignore(_namespaces: Iterable[str]) -> None:
        """Nobody compiles here."""

    def write(self, write: Write) -> None:
        self.writes.append(write)

    def settled(self, key: tuple[str, str, str]) -> None:
        self.writes = [write for write in self.writes if write.key != key]

    def refresh(self, seconds: float = 1.0) -> list[Write]:
        self.now += seconds
        self.writes = []
        self.engine.refresh("claims")
        return self.writes

    def echo(self, status: dict[str, Any]) -> None:
        self.version += 1
        metadata = {**ROUTE["metadata"], "resourceVersion": str(self.version)}
        self.store.put({**ROUTE, "metadata": metadata, "status": status})


async def test_a_status_is_written_once_and_not_again_before_or_after_its_echo() -> None:
    rig = Rig()
    (write,) = rig.refresh()
    assert rig.refresh() == []
    rig.echo(write.status)
    assert rig.refresh() == []
    assert rig.refresh(100) == []


async def test_no_message_of_the_schemas_default_is_left() -> None:
    (write,) = Rig().refresh()
    assert all("message" in condition for condition in write.status["conditions"])
    assert "Waiting for the operator" not in str(write.status)


async def test_a_write_that_never_comes_back_is_made_again_later() -> None:
    rig = Rig()
    assert len(rig.refresh()) == 1
    assert rig.refresh(29) == []
    assert len(rig.refresh(2)) == 1


async def test_what_somebody_else_wrote_is_put_right() -> None:
    rig = Rig()
    (write,) = rig.refresh()
    rig.echo(write.status)
    wrong = [{**condition, "message": "hello"} for condition in write.status["conditions"]]
    rig.echo({"conditions": wrong})
    (again,) = rig.refresh()
    assert again.status == write.status


async def test_an_acknowledgement_on_its_way_is_waited_for() -> None:
    rig = Rig()
    asked = GatewayView(pod="p", state="STALE", version="", since=0, asked=True, fresh=True)
    rig.views = (asked,)
    assert rig.refresh() == []
    rig.views = (GatewayView(pod="p", state="STALE", version="", since=0),)
    (write,) = rig.refresh()
    programmed = [one for one in write.status["conditions"] if one["type"] == "Programmed"]
    assert [one["reason"] for one in programmed] == ["Pending"]


async def test_while_a_gateway_is_expected_that_has_not_dialled_in_what_stands_there_stands() -> None:
    """However long the grace is over: it may have been running that generation all the time."""
    rig = Rig()
    (write,) = rig.refresh()
    rig.echo(write.status)
    rig.views = (GatewayView(pod="p", state="STALE", version="", since=0, expected=True),)
    assert rig.refresh() == []
    rig.views = (GatewayView(pod="p", state="DISCONNECTED", version="", since=0),)
    (write,) = rig.refresh()
    programmed = [one for one in write.status["conditions"] if one["type"] == "Programmed"]
    assert [(one["status"], one["reason"]) for one in programmed] == [("Unknown", "Disconnected")]


async def test_an_object_that_is_another_by_now_is_left_to_the_next_compilation() -> None:
    rig = Rig()
    rig.store.put({**ROUTE, "metadata": {**ROUTE["metadata"], "generation": 2, "resourceVersion": "9"}})
    assert rig.refresh() == []
