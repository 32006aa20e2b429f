"""Collections of namespaces that nobody saw go: removed where they are surely ours, counted where they may be somebody else's."""

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from support.ports import free_port
from turnout_operator.kube import ApiError, AsyncKube
from turnout_operator.kube_fake import FakeKube
from turnout_operator.publish.credentials import MARK, FakeCollections, QdrantCollections, QdrantError, collection_of
from turnout_operator.publish.orphans import GRACE_SECONDS, OrphanSweeper, namespace_of
from turnout_operator.settings import SharedQdrant

OURS = "uid-of-kube-system"
PATH = "/api/v1/namespaces"


class Rig:
    """A sweeper with a clock, in a cluster with three namespaces."""

    def __init__(self) -> None:
        self.kube, self.there, self.now, self.leads = FakeKube(), FakeCollections(), 0.0, True
        self.left: list[int] = []
        for name in ("kube-system", "turnout-system", "team"):
            self.add(name)
        self.sweeper = OrphanSweeper(
            self.there,
            AsyncKube(self.kube, ThreadPoolExecutor(1)),
            own="turnout-system",
            leading=lambda: self.leads,
            monotonic=lambda: self.now,
            left=self.left.append,
        )

    def add(self, name: str) -> None:
        self.kube.objects[f"{PATH}/{name}"] = {"metadata": {"name": name, "uid": f"uid-of-{name}"}}

    async def after(self, seconds: float) -> set[str]:
        """The namespaces that have a collection after a look so much later."""
        self.now += seconds
        await self.sweeper.sweep()
        return {str(namespace_of(name)) for name in self.there.marks}


async def with_an_orphan() -> Rig:
    rig = Rig()
    for namespace in ("team", "gone"):
        await rig.there.ensure(collection_of(namespace), OURS)
    return rig


async def test_an_orphan_with_our_mark_goes_after_the_grace_and_no_other() -> None:
    rig = await with_an_orphan()
    assert await rig.after(0) == {"team", "gone"}
    assert await rig.after(GRACE_SECONDS - 1) == {"team", "gone"}
    assert await rig.after(1) == {"team"}
    assert await rig.after(10 * GRACE_SECONDS) == {"team"}


async def test_a_collection_of_another_cluster_or_without_a_mark_is_counted_and_kept() -> None:
    rig = Rig()
    await rig.there.ensure(collection_of("theirs"), "uid-of-another-cluster")
    await rig.there.ensure(collection_of("old"), "")
    rig.there.marks["documents"] = ""
    await rig.after(0)
    await rig.after(10 * GRACE_SECONDS)
    assert set(rig.there.marks) == {collection_of("theirs"), collection_of("old"), "documents"}
    assert rig.left[-1] == 2


async def test_a_namespace_that_comes_back_begins_a_new_grace_when_it_goes_again() -> None:
    rig = await with_an_orphan()
    await rig.after(0)
    rig.add("gone")
    await rig.after(GRACE_SECONDS)
    del rig.kube.objects[f"{PATH}/gone"]
    assert await rig.after(1) == {"team", "gone"}
    assert await rig.after(GRACE_SECONDS) == {"team"}


@pytest.mark.parametrize("missing", ["kube-system", "turnout-system"])
async def test_a_listing_that_cannot_be_complete_removes_nothing(missing: str) -> None:
    rig = await with_an_orphan()
    await rig.after(0)
    del rig.kube.objects[f"{PATH}/{missing}"]
    assert await rig.after(GRACE_SECONDS) == {"team", "gone"}


async def test_a_listing_that_fails_removes_nothing() -> None:
    rig = await with_an_orphan()
    await rig.after(0)

    def away(_method: str, _path: str) -> None:
        raise ApiError(0, "NoAnswer", "down")

    rig.kube.fault = away
    with pytest.raises(ApiError):
        await rig.after(GRACE_SECONDS)
    assert collection_of("gone") in rig.there.marks


async def test_a_namespace_made_since_the_listing_keeps_its_collection() -> None:
    rig = await with_an_orphan()
    await rig.after(0)

    def made_just_now(method: str, path: str) -> None:
        if (method, path) == ("GET", f"{PATH}/gone"):
            rig.add("gone")

    rig.kube.fault = made_just_now
    assert await rig.after(GRACE_SECONDS) == {"team", "gone"}


async def test_another_term_begins_another_grace() -> None:
    rig = await with_an_orphan()
    await rig.after(0)
    rig.leads = False
    await rig.after(GRACE_SECONDS)
    rig.leads = True
    assert await rig.after(0) == {"team", "gone"}


def test_only_names_that_turnout_gives_have_a_namespace() -> None:
    assert namespace_of(collection_of("claims-b")) == "claims-b"
    for name in ("documents", "turnout_", "turnout_Claims_minilm_384", "turnout_claims_minilm", "turnout_a_b_c_1"):
        assert namespace_of(name) is None, name


class Server:
    """As much of a Qdrant as keeps collections with their metadata."""

    def __init__(self) -> None:
        self.kept: dict[str, dict[str, Any]] = {}

    async def answer(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        body = await request.json() if request.can_read_body else {}
        if request.method == "PUT":
            self.kept[name] = {"metadata": body.get("metadata")}
        elif name not in self.kept:
            return web.json_response({"status": {"error": "Not found"}}, status=404)
        elif request.method == "PATCH":
            self.kept[name]["metadata"] = {**(self.kept[name]["metadata"] or {}), **body["metadata"]}
        elif request.method == "DELETE":
            del self.kept[name]
        return web.json_response({"result": {"config": self.kept.get(name, {})}, "status": "ok"})

    async def listed(self, _request: web.Request) -> web.Response:
        return web.json_response({"result": {"collections": [{"name": name} for name in self.kept]}})

    async def indexed(self, _request: web.Request) -> web.Response:
        return web.json_response({"result": True})


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[tuple[Server, QdrantCollections]]:
    made, port, key = Server(), free_port(), tmp_path / "key"
    key.write_text("top", encoding="utf-8")
    application = web.Application()
    application.router.add_get("/collections", made.listed)
    application.router.add_put("/collections/{name}/index", made.indexed)
    application.router.add_route("*", "/collections/{name}", made.answer)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    async with aiohttp.ClientSession() as session:
        yield made, QdrantCollections(SharedQdrant(url=f"http://127.0.0.1:{port}", key_file=str(key)), session)
    await runner.cleanup()


async def test_a_collection_bears_the_mark_of_its_cluster(server: tuple[Server, QdrantCollections]) -> None:
    there, collections = server
    name = collection_of("team")
    assert await collections.mark(name) == ""
    await collections.ensure(name, OURS)
    assert there.kept[name]["metadata"] == {MARK: OURS}
    assert (await collections.names(), await collections.mark(name)) == ([name], OURS)
    await collections.delete(name)
    await collections.delete(name)
    assert await collections.names() == []


async def test_an_older_collection_is_marked_and_another_clusters_mark_stays(
    server: tuple[Server, QdrantCollections],
) -> None:
    there, collections = server
    older, theirs = collection_of("older"), collection_of("theirs")
    there.kept = {older: {"metadata": None}, theirs: {"metadata": {MARK: "other", "note": "x"}}}
    for name in (older, theirs):
        await collections.ensure(name, OURS)
    assert there.kept[older]["metadata"] == {MARK: OURS}
    assert there.kept[theirs]["metadata"] == {MARK: "other", "note": "x"}
    await collections.ensure(older, "")
    assert await collections.mark(older) == OURS


async def test_a_qdrant_that_is_down_removes_nothing() -> None:
    rig = await with_an_orphan()
    await rig.after(0)
    rig.there.down = True
    with pytest.raises(QdrantError):
        await rig.after(GRACE_SECONDS)
