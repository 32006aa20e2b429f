"""A kind whose definition is deleted takes no gateway's configuration along."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from turnout_operator.crd_guard import CrdGuard
from turnout_operator.kube import ApiError, AsyncKube
from turnout_operator.kube_fake import FakeKube

FOLDER = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
PATH = f"{FOLDER}/modelroutes.turnout.dev"


def define(kube: FakeKube) -> None:
    kube.objects.pop(PATH, None)
    kube.request("POST", FOLDER, body={"metadata": {"name": "modelroutes.turnout.dev"}})


async def guarding(kube: FakeKube) -> CrdGuard:
    guard = CrdGuard(AsyncKube(kube, ThreadPoolExecutor(1)))
    guard.remember(await guard.definitions())
    return guard


async def test_a_route_that_somebody_deleted_holds_nothing() -> None:
    kube = FakeKube()
    define(kube)
    guard = await guarding(kube)
    guard.lost("ModelRoute", "claims")
    assert await guard.held("claims") == ()


async def test_a_deleted_definition_holds_until_a_route_is_back() -> None:
    kube = FakeKube()
    define(kube)
    guard = await guarding(kube)
    del kube.objects[PATH]
    guard.lost("ModelRoute", "claims")
    assert await guard.held("claims") == ("ModelRoute",)
    assert await guard.held("sales") == ()
    define(kube)
    assert await guard.held("claims") == ("ModelRoute",)
    guard.back("ModelRoute", "claims")
    assert await guard.held("claims") == ()
    guard.lost("ModelRoute", "claims")
    assert await guard.held("claims") == (), "after the new definition, a deletion is a deletion again"


async def test_a_definition_made_anew_before_anyone_looked_holds_too() -> None:
    kube = FakeKube()
    define(kube)
    guard = await guarding(kube)
    define(kube)
    guard.lost("ModelRoute", "claims")
    assert await guard.held("claims") == ("ModelRoute",)


async def test_a_definition_that_is_going_holds() -> None:
    kube = FakeKube()
    define(kube)
    guard = await guarding(kube)
    kube.objects[PATH]["metadata"]["deletionTimestamp"] = "now"
    guard.lost("ModelRoute", "claims")
    assert await guard.held("claims") == ("ModelRoute",)


async def test_without_the_right_to_look_a_deletion_is_a_deletion() -> None:
    kube = FakeKube()
    guard = await guarding(kube)

    def forbidden(_method: str, _path: str) -> None:
        raise ApiError(403, "Forbidden", "no")

    kube.fault = forbidden
    guard.lost("ModelRoute", "claims")
    assert await guard.held("claims") == ()
    assert await guard.definitions() == {}


async def test_while_nobody_can_say_the_question_stays_open() -> None:
    kube = FakeKube()
    define(kube)
    guard = await guarding(kube)
    del kube.objects[PATH]
    guard.lost("ModelRoute", "claims")

    def away(_method: str, _path: str) -> None:
        raise ApiError(0, "NoAnswer", "down")

    kube.fault = away
    with pytest.raises(ApiError):
        await guard.held("claims")
    kube.fault = None
    assert await guard.held("claims") == ("ModelRoute",)
