"""A folder of manifests as an API server would hold it.

Each reading takes the files as they are now and keeps what was good before where the new is not: a file that cannot be parsed
keeps all its objects; an object that an API server would refuse keeps its last good version. What a file no longer holds is
gone. Where a ModelGateway was never good, it is not known who may call, so nobody may (`Loaded.why_closed`). A policy that was
never good closes what it would have guarded (see `closing`).

Rules: no IO beyond `read_files`; `Secret` manifests are read here only, their values go into memory and nowhere else; every
finding names file, object and field.
"""

import base64
import binascii
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from turnout_cli.standalone import closing
from turnout_contract import manifests
from turnout_contract.api.registry import KINDS, TypedObject, decode
from turnout_contract.schema.admission import Admission
from turnout_operator.compile import Broken

SUFFIXES = (".yaml", ".yml", ".json")
Key = tuple[str, str, str]  # kind, namespace, name
_CALLERS = "ModelGateway"
_STAYS = "; the file's objects stay as they were"


class FolderFinding(msgspec.Struct, frozen=True):
    """Something that is wrong: in which file, with which object ("" for the whole file), at which field, and why."""

    file: str
    ref: str
    path: str
    message: str

    def __str__(self) -> str:
        """One line."""
        return ": ".join(part for part in (self.file, self.ref, self.path, self.message) if part)


class Loaded(msgspec.Struct, frozen=True):
    """What holds now, and what is wrong with what was read."""

    objects: tuple[TypedObject, ...]
    secrets: dict[str, dict[str, dict[str, bytes]]]  # namespace -> Secret -> key -> value
    findings: tuple[FolderFinding, ...]
    notes: tuple[str, ...] = ()  # what was left out on purpose
    unknown_callers: dict[str, str] = {}  # namespace -> why it is not known who may call; "" for every namespace
    refused: dict[str, tuple[Broken, ...]] = {}  # namespace -> policies that were never good; "" for every namespace

    def refused_in(self, namespace: str) -> tuple[Broken, ...]:
        """The policies that were never good and that could hold for a namespace's calls."""
        return (*self.refused.get(namespace, ()), *self.refused.get("", ()))

    def why_closed(self, namespace: str) -> str | None:
        """Why nobody may call: a ModelGateway was meant to say who may, and none of its versions was ever good."""
        if any(item.kind == _CALLERS and item.namespace == namespace for item in self.objects):
            return None
        return self.unknown_callers.get(namespace) or self.unknown_callers.get("")

    @property
    def namespaces(self) -> tuple[str, ...]:
        """Those that have an object, sorted."""
        return tuple(sorted({item.namespace for item in self.objects}))


class _Held(msgspec.Struct):
    """One object's last good version, or what a policy that has none closes."""

    file: str
    object: TypedObject | None = None  # one of the kinds ...
    secret: dict[str, bytes] | None = None  # ... or a Secret ...
    refused: Broken | None = None  # ... or a policy that was never good


def read_files(folder: Path) -> dict[str, bytes]:
    """The manifests directly in a folder, by name. Raises OSError where the folder cannot be read."""
    found: dict[str, bytes] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix in SUFFIXES and path.is_file() and not path.name.startswith("."):
            try:
                found[path.name] = path.read_bytes()
            except FileNotFoundError:  # removed between listing and reading: as if it had not been listed
                continue
    return found


class Folder:
    """The objects of a folder, over time."""

    def __init__(self, admission: Admission, default_namespace: str = "default") -> None:
        self._admission = admission
        self._default_namespace = default_namespace
        self._held: dict[Key, _Held] = {}
        self._findings: list[FolderFinding] = []
        self._notes: list[str] = []
        self._callers: dict[str, str] = {}
        self._never_read: set[str] | None = None  # files that could not be parsed at the start, nor since

    def load(self, files: Mapping[str, bytes]) -> Loaded:
        """Take the files as they are now."""
        self._findings, self._notes, self._callers = [], [], {}
        unread: set[str] = set()
        fresh: dict[Key, _Held] = {}
        for name in sorted(files):
            documents = self._parse(name, files[name])
            if documents is None:
                unread.add(name)
                self._keep(name, files[name], fresh)
                continue
            for number, document in enumerate(documents, 1):
                self._take(name, number, document, fresh)
        self._held = fresh
        self._never_read = unread if self._never_read is None else self._never_read & unread
        if self._never_read:
            self._callers[""] = f"{min(self._never_read)} cannot be read, and may say who may call"
        return self._loaded()

    def _parse(self, name: str, data: bytes) -> list[dict[str, Any]] | None:
        try:
            return manifests.parse(data.decode())
        except UnicodeDecodeError:
            self._findings.append(FolderFinding(name, "", "", f"not UTF-8{_STAYS}"))
        except manifests.ManifestError as error:
            self._findings.append(FolderFinding(name, "", "", f"{error}{_STAYS}"))
        return None

    def _keep(self, file: str, data: bytes, fresh: dict[Key, _Held]) -> None:
        """What is known of a file that cannot be parsed: its objects of before, else what its words say that it may hold."""
        of_file = ((key, held) for key, held in self._held.items() if held.file == file and key[2] != file)
        known = {key: held for key, held in of_file if key not in fresh}
        fresh.update(known)
        if any(kind in closing.CLOSING for kind, _, _ in known):
            return
        found = closing.unread(file, data, f"cannot be read: {self._findings[-1].message.removesuffix(_STAYS)}")
        if found is not None:
            fresh[found.kind, "", file] = _Held(file=file, refused=found)
            self._findings.append(FolderFinding(file, "", "", "it may hold a policy, which closes every route"))

    def _take(self, file: str, number: int, document: dict[str, Any], fresh: dict[Key, _Held]) -> None:
        kind, before = closing.meant(document), len(self._findings)
        metadata = document.get("metadata")
        name = metadata.get("name") if isinstance(metadata, dict) else None
        if not isinstance(metadata, dict) or not isinstance(name, str) or not name:
            self._findings.append(FolderFinding(file, kind, "metadata.name", "required"))
            self._close(file, f"{number} of {file}", document, before, fresh)
            return
        if kind not in KINDS and kind != "Secret":
            self._notes.append(f"{file}: {kind}/{name} is not Turnout's; left out")
            return
        namespace = metadata.get("namespace") or self._default_namespace
        key = (kind, str(namespace), name)
        if key in fresh:
            message = f"stands in {fresh[key].file} too; that one is used"
            self._findings.append(FolderFinding(file, f"{kind}/{name}", "", message))
            return
        placed = {**document, "metadata": {**metadata, "namespace": str(namespace)}}
        held = self._secret(file, placed) if kind == "Secret" else self._resource(file, placed)
        if held is None and (previous := self._held.get(key)) is not None and previous.refused is None:
            held = msgspec.structs.replace(previous, file=file)
        if held is not None:
            fresh[key] = held
            return
        if kind == _CALLERS:
            self._callers[key[1]] = f"{kind}/{name} in {file} is refused"
        self._close(file, name, document, before, fresh)

    def _close(self, file: str, name: str, document: dict[str, Any], before: int, fresh: dict[Key, _Held]) -> None:
        """What a document that was never good closes, where it is a policy, for the reasons found since `before`."""
        kind, metadata = closing.meant(document), document.get("metadata")
        if kind in closing.CLOSING:
            said = metadata.get("namespace") if isinstance(metadata, dict) else None
            namespace = said if isinstance(said, str) else ""
            why = "; ".join(f"{found.path}: {found.message}" for found in self._findings[before:])
            fresh[kind, namespace, name] = _Held(file=file, refused=closing.refused(kind, name, document, why))

    def _resource(self, file: str, document: dict[str, Any]) -> _Held | None:
        ref = f"{document['kind']}/{document['metadata']['name']}"
        admitted, findings = self._admission.admit(document)
        if not findings:
            try:
                return _Held(file=file, object=decode(admitted))
            except ValueError as error:
                self._findings.append(FolderFinding(file, ref, "", str(error)))
                return None
        self._findings.extend(FolderFinding(file, ref, item.path, item.message) for item in findings)
        return None

    def _secret(self, file: str, document: dict[str, Any]) -> _Held | None:
        ref = f"Secret/{document['metadata']['name']}"
        values: dict[str, bytes] = {}
        for part in ("data", "stringData"):
            entries = document.get(part) or {}
            if not isinstance(entries, dict):
                self._findings.append(FolderFinding(file, ref, part, "must be a map"))
                return None
            for key, value in entries.items():
                try:
                    values[str(key)] = _secret_value(value, encoded=part == "data")
                except ValueError as error:
                    self._findings.append(FolderFinding(file, ref, f"{part}.{key}", str(error)))
                    return None
        return _Held(file=file, secret=values)

    def _loaded(self) -> Loaded:
        secrets: dict[str, dict[str, dict[str, bytes]]] = {}
        for (_, namespace, name), held in self._held.items():
            if held.secret is not None:
                secrets.setdefault(namespace, {})[name] = held.secret
        refused: dict[str, tuple[Broken, ...]] = {}
        ordered = sorted(self._held.items(), key=lambda item: item[0])
        for (_, namespace, _), held in ordered:
            if held.refused is not None:
                refused[namespace] = (*refused.get(namespace, ()), held.refused)
        objects = tuple(held.object for _, held in ordered if held.object is not None)
        return Loaded(objects, secrets, tuple(self._findings), tuple(self._notes), self._callers, refused)


def _secret_value(value: Any, *, encoded: bool) -> bytes:
    if not isinstance(value, str):
        raise ValueError("must be a text")  # noqa: TRY004 - a finding, whatever the type
    if not encoded:
        return value.encode()
    try:
        return base64.b64decode(value, validate=True)
    except binascii.Error as error:
        raise ValueError("is not base64") from error
