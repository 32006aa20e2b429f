"""Who may be a gateway: the verdicts on TokenReviews, and how long they are remembered."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from turnout_operator.kube import ApiError, AsyncKube, Json
from turnout_operator.kube_fake import FakeKube
from turnout_operator.publish.auth import ACCEPTED_SECONDS, REFUSED_SECONDS, Refused, TokenReviewer, judge
from turnout_operator.publish.registry import Peer

GATEWAY = "system:serviceaccount:claims:turnout-gateway"


def status(
    username: str = GATEWAY,
    *,
    authenticated: bool = True,
    audiences: tuple[str, ...] = ("turnout.dev",),
    extra: Json | None = None,
) -> Json:
    pod = {"authentication.kubernetes.io/pod-name": ["pod-a"], "authentication.kubernetes.io/pod-uid": ["uid-a"]}
    user = {"username": username, "extra": {**pod, **(extra or {})}}
    return {"authenticated": authenticated, "audiences": list(audiences), "user": user}


def test_a_gateways_token_says_which_pod_of_which_namespace() -> None:
    assert judge(status(), lambda _: True) == Peer("claims", "pod-a", "uid-a")


@pytest.mark.parametrize(
    ("given", "why"),
    [
        pytest.param(status(authenticated=False), "Unauthenticated", id="not authenticated"),
        pytest.param({}, "Unauthenticated", id="empty"),
        pytest.param(status(audiences=()), "Unauthenticated", id="an API server that knows no audiences"),
        pytest.param(status(audiences=("elsewhere",)), "Unauthenticated", id="another audience"),
        pytest.param(status("system:serviceaccount:claims:default"), "Forbidden", id="another account"),
        pytest.param(status("admin"), "Forbidden", id="a person"),
        pytest.param(status("turnout-gateway"), "Forbidden", id="a person of that name"),
        pytest.param(status("system:serviceaccount:turnout-gateway"), "Forbidden", id="no namespace"),
        pytest.param(status("x:system:serviceaccount:claims:turnout-gateway"), "Forbidden", id="a prefix"),
        pytest.param(status(extra={"authentication.kubernetes.io/pod-name": []}), "Forbidden", id="no pod"),
    ],
)
def test_whoever_is_no_gateway_is_refused(given: Json, why: str) -> None:
    answer = judge(given, lambda _: True)
    assert isinstance(answer, Refused)
    assert answer.why == why


def test_a_namespace_that_is_not_served_is_refused() -> None:
    answer = judge(status(), lambda namespace: namespace != "claims")
    assert isinstance(answer, Refused)


class Reviews(FakeKube):
    """Answers every TokenReview with one status."""

    def __init__(self, answer: Json) -> None:
        super().__init__()
        self.answer = answer
        self.asked = 0

    def request(self, method: str, path: str, **rest: Any) -> Json:
        self.asked += 1
        if self.fault is not None:
            self.fault(method, path)
        return {"status": self.answer}


def reviewer(kube: Reviews, clock: list[float]) -> TokenReviewer:
    threads = AsyncKube(kube, ThreadPoolExecutor(1))
    return TokenReviewer(threads, monotonic=lambda: clock[0], allowed=lambda _: True)


async def test_an_answer_is_remembered_for_a_minute_and_a_refusal_for_less() -> None:
    clock, kube = [0.0], Reviews(status())
    judges = reviewer(kube, clock)
    for _ in range(3):
        assert isinstance(await judges.review("token"), Peer)
    assert kube.asked == 1
    kube.answer = status(authenticated=False)
    clock[0] = ACCEPTED_SECONDS
    assert isinstance(await judges.review("token"), Refused)
    assert isinstance(await judges.review("token"), Refused)
    assert kube.asked == 2
    kube.answer = status()
    clock[0] += REFUSED_SECONDS
    assert isinstance(await judges.review("token"), Peer)


async def test_no_token_and_an_endless_one_are_refused_without_asking() -> None:
    kube = Reviews(status())
    judges = reviewer(kube, [0.0])
    assert isinstance(await judges.review(""), Refused)
    assert isinstance(await judges.review("x" * 100_000), Refused)
    assert kube.asked == 0


async def test_an_api_server_that_is_away_refuses_nobody_for_ever() -> None:
    kube = Reviews(status())

    def fault(_method: str, _path: str) -> None:
        raise ApiError(0, "NoAnswer", "down")

    kube.fault = fault
    judges = reviewer(kube, [0.0])
    with pytest.raises(ApiError):
        await judges.review("token")
    kube.fault = None
    assert isinstance(await judges.review("token"), Peer)
