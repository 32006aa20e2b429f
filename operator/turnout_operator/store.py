"""What the operator knows of the cluster: its own copy of every Turnout object and of the namespaces' labels.

Why its own: an informer's index keeps what vanished while a watch was broken (a re-list emits only what exists). Here every
object carries the moment of its last change, so that a listing can be swept against it.

Rules: put and delete are O(1); all of it runs in one thread (the event loop), the informer hands over; an object that cannot be
decoded is kept as `Broken`, so that it gets a verdict; a change of nothing but status marks no namespace dirty.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec

from turnout_contract.api.references import SecretRef
from turnout_contract.api.registry import KINDS, TypedObject
from turnout_operator.compile import Broken, Defaults, Inputs, read
from turnout_operator.compile.inputs import is_organisation_wide

Json = dict[str, Any]
MOST_GRAVES = 10_000
RELEASED = "turnout.dev/released-at"
"""Annotation of a Namespace: a new value says that objects of a kind whose definition went are meant to be gone."""
ORGANISATION_KINDS = ("Budget", "GuardrailPolicy")


class Stored(msgspec.Struct, frozen=True):
    """One object: decoded, or what can be said of it where it could not be.

    `status` is what it says now; `secrets` are the secret files (NAME/KEY) that it names; `touched` the moment of its last event.
    """

    kind: str
    namespace: str
    name: str
    uid: str
    generation: int
    resource_version: str
    read: TypedObject | Broken
    status: Json
    secrets: frozenset[str]
    touched: int

    @property
    def organisation_wide(self) -> bool:
        """Whether it is a policy that selects namespaces."""
        if isinstance(self.read, Broken):
            return isinstance(self.read.spec, dict) and "namespaceSelector" in self.read.spec
        return is_organisation_wide(self.read)

    def same_for_the_compiler(self, other: "Stored") -> bool:
        """Whether a change from one to the other changes nothing that is compiled."""
        if isinstance(self.read, Broken) or isinstance(other.read, Broken):
            return self.read == other.read
        return (self.uid, self.generation, self.read.metadata) == (other.uid, other.generation, other.read.metadata)


class NamespaceFacts(msgspec.Struct, frozen=True):
    """A namespace: its labels, and whether it is being deleted."""

    labels: dict[str, str]
    terminating: bool
    touched: int
    released: str = ""
    uid: str = ""


class Mark(msgspec.Struct, frozen=True):
    """A moment before a listing."""

    at: int


class Store:
    """All objects by kind and uid, and by namespace. `on_dirty` hears of namespaces that must be compiled again.

    `on_status` hears of namespaces in which only a status changed; `on_lost` and `on_back` of a kind's objects that go and
    come; `on_released` of a namespace whose loss is meant.
    """

    def __init__(
        self,
        operator_namespace: str,
        on_dirty: Callable[[Iterable[str]], None],
        on_status: Callable[[str], None] = lambda _namespace: None,
        on_lost: Callable[[str, str], None] = lambda _kind, _namespace: None,
        on_back: Callable[[str, str], None] = lambda _kind, _namespace: None,
        on_released: Callable[[str], None] = lambda _namespace: None,
    ) -> None:
        self._operator_namespace = operator_namespace
        self._on_dirty = on_dirty
        self._on_status = on_status
        self._on_lost = on_lost
        self._on_back = on_back
        self._on_released = on_released
        self._by_kind: dict[str, dict[str, Stored]] = {kind: {} for kind in KINDS}
        self._by_namespace: dict[str, dict[tuple[str, str], Stored]] = {}
        self._namespaces: dict[str, NamespaceFacts] = {}
        self._graves: OrderedDict[str, int] = OrderedDict()
        self._moment = 0

    # --- changes

    def put(self, raw: Json) -> bool:
        """Take an object as the API server sent it; True where it was known with that very resource version."""
        self._moment += 1
        new = _stored(raw, self._moment)
        old = self._by_namespace.get(new.namespace, {}).get((new.kind, new.name))
        if old is not None and old.uid != new.uid:
            self._bury(self._by_kind[old.kind].pop(old.uid))
        self._by_kind[new.kind][new.uid] = new
        self._by_namespace.setdefault(new.namespace, {})[new.kind, new.name] = new
        self._on_back(new.kind, new.namespace)
        if old is None or not old.same_for_the_compiler(new):
            self._dirty(new, old)
        elif old.status != new.status:
            self._on_status(new.namespace)
        return old is not None and old.uid == new.uid and old.resource_version == new.resource_version

    def delete(self, kind: str, uid: str) -> bool:
        """Forget an object; False where it was not known."""
        self._moment += 1
        old = self._by_kind[kind].pop(uid, None)
        if old is None:
            return False
        self._bury(old)
        objects = self._by_namespace[old.namespace]
        if objects[old.kind, old.name].uid == uid:
            del objects[old.kind, old.name]
            if not objects:
                del self._by_namespace[old.namespace]
        self._on_lost(kind, old.namespace)
        self._dirty(old, None)
        return True

    def put_namespace(self, raw: Json) -> None:
        """Take a Namespace; one that is new, that ends, is released or whose labels changed is dirty."""
        self._moment += 1
        metadata = raw.get("metadata") or {}
        name = str(metadata.get("name", ""))
        old = self._namespaces.get(name)
        labels = {str(key): str(value) for key, value in (metadata.get("labels") or {}).items()}
        released = str((metadata.get("annotations") or {}).get(RELEASED, ""))
        uid, terminating = str(metadata.get("uid", "")), bool(metadata.get("deletionTimestamp"))
        new = NamespaceFacts(labels, terminating, self._moment, released, uid)
        self._namespaces[name] = new
        if old is not None and old.released != new.released:
            self._on_released(name)
        if old is None or msgspec.structs.replace(old, touched=new.touched) != new:
            self._on_dirty((name,))

    def delete_namespace(self, name: str) -> bool:
        """Forget a Namespace; False where it was not known."""
        self._moment += 1
        known = self._namespaces.pop(name, None) is not None
        if known:
            self._on_released(name)
            self._on_dirty((name,))
        return known

    # --- mark and sweep

    def mark(self) -> Mark:
        """A moment: ask for it before a listing begins."""
        return Mark(self._moment)

    def sweep(self, kind: str, mark: Mark, listed: Iterable[Json], within: str | None = None) -> int:
        """Make the store agree with a listing of a kind (of one namespace) that began after `mark`; returns the ghosts.

        What an event touched since the mark is newer than the listing and stays as it is.
        """
        seen = set()
        for raw in listed:
            uid = str((raw.get("metadata") or {}).get("uid", ""))
            seen.add(uid)
            known = self._by_kind[kind].get(uid)
            if known is None and self._graves.get(uid, 0) > mark.at:
                continue
            if known is None or (known.touched <= mark.at and known.resource_version != _version(raw)):
                self.put({"kind": kind, **raw})
        ghosts = [
            stored
            for stored in self._by_kind[kind].values()
            if stored.uid not in seen and stored.touched <= mark.at and within in (None, stored.namespace)
        ]
        for ghost in ghosts:
            self.delete(kind, ghost.uid)
        return len(ghosts)

    def sweep_namespaces(self, mark: Mark, listed: Iterable[Json]) -> int:
        """The same for Namespaces."""
        seen = set()
        for raw in listed:
            name = str(raw["metadata"]["name"])
            seen.add(name)
            known = self._namespaces.get(name)
            if known is None or known.touched <= mark.at:
                self.put_namespace(raw)
        ghosts = [name for name, facts in self._namespaces.items() if name not in seen and facts.touched <= mark.at]
        for name in ghosts:
            self.delete_namespace(name)
        return len(ghosts)

    # --- what is known

    def inputs(self, namespace: str, defaults: Defaults) -> Inputs:
        """All that the compiler needs of one namespace, sorted by kind and name."""
        objects = [stored for _, stored in sorted(self._by_namespace.get(namespace, {}).items())]
        facts = self._namespaces.get(namespace)
        organisation = list(self._organisation())
        return Inputs(
            namespace=namespace,
            objects=_typed(objects),
            broken=_broken(objects),
            organisation=_typed(organisation),
            organisation_broken=_broken(organisation),
            namespace_labels=facts.labels if facts is not None else {},
            defaults=defaults,
        )

    def objects(self, namespace: str) -> list[Stored]:
        """The namespace's objects, sorted by kind and name."""
        return [stored for _, stored in sorted(self._by_namespace.get(namespace, {}).items())]

    def get(self, namespace: str, kind: str, name: str) -> Stored | None:
        """One object by name."""
        return self._by_namespace.get(namespace, {}).get((kind, name))

    def knows(self, kind: str, uid: str) -> bool:
        """Whether that very object is known."""
        return uid in self._by_kind[kind]

    def namespaces(self) -> set[str]:
        """Every namespace that has an object of ours."""
        return set(self._by_namespace)

    def namespace(self, name: str) -> NamespaceFacts | None:
        """What is known of a Namespace."""
        return self._namespaces.get(name)

    def known_namespaces(self) -> set[str]:
        """Every Namespace of the cluster that was seen."""
        return set(self._namespaces)

    def counts(self) -> dict[str, int]:
        """How many objects of each kind there are."""
        return {kind: len(objects) for kind, objects in self._by_kind.items()}

    # --- inside

    def _organisation(self) -> Iterator[Stored]:
        for (kind, _), stored in sorted(self._by_namespace.get(self._operator_namespace, {}).items()):
            if kind in ORGANISATION_KINDS and stored.organisation_wide:
                yield stored

    def _bury(self, gone: Stored) -> None:
        """Remember what went, so that a listing that is older does not bring it back."""
        self._graves[gone.uid] = self._moment
        if len(self._graves) > MOST_GRAVES:
            self._graves.popitem(last=False)

    def _dirty(self, *changed: Stored | None) -> None:
        present = [stored for stored in changed if stored is not None]
        dirty = {stored.namespace for stored in present}
        if self._operator_namespace in dirty and any(stored.organisation_wide for stored in present):
            dirty |= self.namespaces()
        self._on_dirty(dirty)


def _typed(stored: Iterable[Stored]) -> tuple[TypedObject, ...]:
    return tuple(one.read for one in stored if not isinstance(one.read, Broken))


def _broken(stored: Iterable[Stored]) -> tuple[Broken, ...]:
    return tuple(one.read for one in stored if isinstance(one.read, Broken))


def _version(raw: Json) -> str:
    return str((raw.get("metadata") or {}).get("resourceVersion", ""))


def _stored(raw: Json, moment: int) -> Stored:
    metadata = raw.get("metadata") or {}
    known = read(raw)
    status = raw.get("status") or {}
    return Stored(
        kind=str(raw.get("kind", "")),
        namespace=str(metadata.get("namespace", "")),
        name=str(metadata.get("name", "")),
        uid=str(metadata.get("uid", "")),
        generation=int(metadata.get("generation", 0)),
        resource_version=_version(raw),
        read=known,
        status=status,
        secrets=frozenset(_secrets(known.spec)) if not isinstance(known, Broken) else frozenset(),
        touched=moment,
    )


def _secrets(value: object) -> Iterator[str]:
    if isinstance(value, SecretRef):
        yield f"{value.name}/{value.key}"
    elif isinstance(value, msgspec.Struct):
        for field in value.__struct_fields__:
            yield from _secrets(getattr(value, field))
    elif isinstance(value, tuple):
        for item in value:
            yield from _secrets(item)
