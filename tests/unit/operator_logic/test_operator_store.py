"""The operator's copy of the cluster: what is dirty when, and no ghost survives an audit."""

from collections.abc import Callable, Iterable

from turnout_operator.audit import Auditor, RelistDetector
from turnout_operator.compile import Defaults
from turnout_operator.kube import ApiError, Json
from turnout_operator.store import Store


class Watched:
    """A store, and what it said."""

    def __init__(self) -> None:
        self.dirty: list[set[str]] = []
        self.statuses: list[str] = []
        self.lost: list[tuple[str, str]] = []
        self.store = Store(
            "system",
            on_dirty=lambda namespaces: self.dirty.append(set(namespaces)),
            on_status=self.statuses.append,
            on_lost=lambda kind, namespace: self.lost.append((kind, namespace)),
        )

    def said(self) -> list[set[str]]:
        said, self.dirty = self.dirty, []
        return said


def route(name: str = "a", namespace: str = "claims", *, uid: str = "", generation: int = 1, **rest: object) -> Json:
    rule = {"name": "all", "backendRefs": [{"name": "openai", "model": "gpt"}]}
    metadata = {
        "name": name,
        "namespace": namespace,
        "uid": uid or f"uid-{name}",
        "generation": generation,
        "resourceVersion": str(rest.pop("version", generation)),
    }
    api = {"apiVersion": "turnout.dev/v1alpha1", "kind": "ModelRoute"}
    return {**api, "metadata": metadata, "spec": {"rules": [rule]}, **rest}


def budget(name: str = "all") -> Json:
    spec = {"namespaceSelector": {}, "window": {"per": "Day"}, "limit": {"usd": "1"}}
    metadata = {"name": name, "namespace": "system", "uid": f"uid-{name}", "generation": 1, "resourceVersion": "1"}
    return {"apiVersion": "turnout.dev/v1alpha1", "kind": "Budget", "metadata": metadata, "spec": spec}


def names(store: Store, namespace: str = "claims") -> list[str]:
    return [item.name for item in store.inputs(namespace, Defaults()).objects]


def test_a_new_object_a_new_generation_and_a_deletion_are_dirty_and_a_status_is_not() -> None:
    watched = Watched()
    watched.store.put(route())
    assert watched.said() == [{"claims"}]
    watched.store.put(route(version=2, status={"conditions": []}))
    watched.store.put(route(version=3, status={"conditions": [{"type": "Ready"}]}))
    assert watched.said() == []
    assert watched.statuses == ["claims", "claims"]
    watched.store.put(route(generation=2, version=4))
    assert watched.said() == [{"claims"}]
    assert watched.store.delete("ModelRoute", "uid-a")
    assert watched.said() == [{"claims"}]
    assert watched.lost == [("ModelRoute", "claims")]
    assert not watched.store.delete("ModelRoute", "uid-a")
    assert names(watched.store) == []


def test_an_object_made_anew_under_its_name_takes_the_place_of_the_old_one() -> None:
    watched = Watched()
    watched.store.put(route(uid="old"))
    watched.store.put(route(uid="new"))
    assert [item.metadata.uid for item in watched.store.inputs("claims", Defaults()).objects] == ["new"]
    assert not watched.store.delete("ModelRoute", "old")
    assert names(watched.store) == ["a"]


def test_an_object_that_cannot_be_read_is_kept_as_broken() -> None:
    watched = Watched()
    broken = route()
    broken["spec"] = {"rules": 7}
    watched.store.put(broken)
    inputs = watched.store.inputs("claims", Defaults())
    assert inputs.objects == ()
    assert [(one.kind, one.name, one.uid) for one in inputs.broken] == [("ModelRoute", "a", "uid-a")]


def test_a_policy_of_the_organisation_marks_every_namespace() -> None:
    watched = Watched()
    watched.store.put(route(namespace="claims"))
    watched.store.put(route(namespace="sales", uid="s"))
    watched.said()
    watched.store.put(budget())
    assert watched.said() == [{"claims", "sales", "system"}]
    assert [item.name for item in watched.store.inputs("claims", Defaults()).organisation] == ["all"]
    watched.store.delete("Budget", "uid-all")
    assert watched.said() == [{"claims", "sales", "system"}]


def test_a_namespaces_labels_mark_that_namespace() -> None:
    watched = Watched()
    watched.store.put_namespace({"metadata": {"name": "claims", "labels": {"a": "1"}}})
    watched.store.put_namespace({"metadata": {"name": "claims", "labels": {"a": "1"}}})
    watched.store.put_namespace({"metadata": {"name": "claims", "labels": {"a": "2"}}})
    assert watched.said() == [{"claims"}, {"claims"}]
    assert watched.store.inputs("claims", Defaults()).namespace_labels == {"a": "2"}


def test_the_secret_files_that_an_object_names_are_known() -> None:
    watched = Watched()
    spec = {
        "protocol": "OpenAI",
        "endpoint": "https://llm.example/v1",
        "credentials": {"secretRef": {"name": "key", "key": "apiKey"}},
        "tls": {"caSecretRef": {"name": "ca", "key": "ca.crt"}},
        "models": [{"name": "gpt"}],
    }
    metadata = {"name": "openai", "namespace": "claims", "uid": "p", "generation": 1, "resourceVersion": "1"}
    api = {"apiVersion": "turnout.dev/v1alpha1", "kind": "ModelProvider"}
    watched.store.put({**api, "metadata": metadata, "spec": spec})
    stored = watched.store.get("claims", "ModelProvider", "openai")
    assert stored is not None
    assert stored.secrets == {"key/apiKey", "ca/ca.crt"}


def _nothing() -> None:
    """Nothing happens meanwhile."""


class FakeLister:
    """What a listing will show; `meanwhile` happens while it is on its way."""

    def __init__(self, listed: Iterable[Json]) -> None:
        self.listed = list(listed)
        self.error: ApiError | None = None
        self.meanwhile: Callable[[], None] = _nothing

    async def list_kind(self, kind: str, namespace: str | None) -> list[Json]:
        self.meanwhile()
        if self.error is not None:
            raise self.error
        return [item for item in self.listed if item.get("kind") == kind]


async def test_an_audit_sweeps_ghosts_and_brings_what_was_missed() -> None:
    watched, ghosts = Watched(), list[int]()
    for name in ("a", "b"):
        watched.store.put(route(name))
    auditor = Auditor(watched.store, FakeLister([route("b"), route("c")]), namespaces=None, ghosts=ghosts.append)
    await auditor.audit("ModelRoute")
    assert names(watched.store) == ["b", "c"]
    assert ghosts == [1]
    watched.said()
    await auditor.audit("ModelRoute")
    assert (watched.said(), ghosts) == ([], [1])


async def test_what_happened_while_the_listing_was_on_its_way_is_newer_than_the_listing() -> None:
    watched = Watched()
    watched.store.put(route("gone"))
    watched.store.put(route("edited"))
    lister = FakeLister([route("gone"), route("edited")])

    def meanwhile() -> None:
        watched.store.delete("ModelRoute", "uid-gone")
        watched.store.put(route("edited", generation=2))
        watched.store.put(route("new"))

    lister.meanwhile = meanwhile
    await Auditor(watched.store, lister, namespaces=None).audit("ModelRoute")
    assert names(watched.store) == ["edited", "new"]
    edited = watched.store.get("claims", "ModelRoute", "edited")
    assert edited is not None
    assert edited.generation == 2


async def test_a_listing_that_fails_sweeps_nothing() -> None:
    watched = Watched()
    watched.store.put(route())
    lister = FakeLister([])
    lister.error = ApiError(404, "NotFound", "the kind is gone")
    assert await Auditor(watched.store, lister, namespaces=None).audit_all(("ModelRoute",)) == ["ModelRoute"]
    assert names(watched.store) == ["a"]


async def test_a_listing_of_one_namespace_sweeps_that_namespace_alone() -> None:
    watched = Watched()
    watched.store.put(route(namespace="claims"))
    watched.store.put(route(namespace="sales", uid="s"))
    mark = watched.store.mark()
    assert watched.store.sweep("ModelRoute", mark, [], within="claims") == 1
    assert names(watched.store, "sales") == ["a"]


def test_a_second_listing_of_a_known_object_is_the_sign_of_a_relist() -> None:
    detector = RelistDetector(1.0)
    detector.listed("ModelRoute", 0.0, known=False)
    assert detector.due(100.0) == []
    detector.listed("ModelRoute", 100.0, known=True)
    detector.listed("ModelRoute", 100.9, known=True)
    assert detector.due(100.5) == []
    assert detector.due(101.0) == ["ModelRoute"]
    assert detector.due(102.0) == []
