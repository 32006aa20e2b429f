"""A folder keeps what was good where what is new is not."""

from collections.abc import Mapping

import pytest

from turnout_cli.standalone.folder import Folder, Loaded
from turnout_contract.api.provider import ModelProviderSpec
from turnout_contract.schema.admission import Admission

PROVIDER = """
apiVersion: turnout.dev/v1alpha1
kind: ModelProvider
metadata: {name: NAME, namespace: a}
spec: {protocol: OpenAI, endpoint: ENDPOINT, models: [{name: m}]}
"""


def _provider(name: str = "p", endpoint: str = "http://127.0.0.1:1/v1") -> bytes:
    return PROVIDER.replace("NAME", name).replace("ENDPOINT", endpoint).encode()


def _load(folder: Folder, files: Mapping[str, bytes | str]) -> Loaded:
    return folder.load({name: text.encode() if isinstance(text, str) else text for name, text in files.items()})


def _folder() -> Folder:
    return Folder(Admission())


def _endpoints(loaded: Loaded) -> dict[str, str]:
    return {item.name: item.spec.endpoint for item in loaded.objects if isinstance(item.spec, ModelProviderSpec)}


def test_a_file_that_cannot_be_parsed_keeps_all_its_objects() -> None:
    folder = _folder()
    _load(folder, {"a.yaml": _provider("one") + b"---" + _provider("two")})
    loaded = _load(folder, {"a.yaml": "kind: ["})
    assert sorted(_endpoints(loaded)) == ["one", "two"]
    assert [finding.file for finding in loaded.findings] == ["a.yaml"]
    assert "stay as they were" in str(loaded.findings[0])


def test_an_object_that_would_be_refused_keeps_its_last_good_version_and_its_neighbours_go_on() -> None:
    folder = _folder()
    _load(folder, {"a.yaml": _provider("one"), "b.yaml": _provider("two")})
    loaded = _load(
        folder, {"a.yaml": _provider("one", "ftp://nowhere"), "b.yaml": _provider("two", "http://127.0.0.1:2/v1")}
    )
    assert _endpoints(loaded) == {"one": "http://127.0.0.1:1/v1", "two": "http://127.0.0.1:2/v1"}
    assert [(f.file, f.ref, f.path) for f in loaded.findings] == [("a.yaml", "ModelProvider/one", "spec.endpoint")]


def test_an_object_that_was_never_good_is_not_there() -> None:
    loaded = _load(_folder(), {"a.yaml": _provider("one", "ftp://nowhere")})
    assert loaded.objects == ()
    assert len(loaded.findings) == 1


def test_what_a_file_no_longer_holds_is_gone() -> None:
    folder = _folder()
    _load(folder, {"a.yaml": _provider("one") + b"---" + _provider("two")})
    assert list(_endpoints(_load(folder, {"a.yaml": _provider("two")}))) == ["two"]
    assert _load(folder, {}).objects == ()


def test_an_object_that_stands_in_two_files_is_taken_from_the_first_and_said() -> None:
    loaded = _load(_folder(), {"b.yaml": _provider("one", "http://127.0.0.1:2/v1"), "a.yaml": _provider("one")})
    assert _endpoints(loaded) == {"one": "http://127.0.0.1:1/v1"}
    assert [str(finding) for finding in loaded.findings] == [
        "b.yaml: ModelProvider/one: stands in a.yaml too; that one is used"
    ]


def test_secrets_are_read_from_data_and_string_data() -> None:
    text = "apiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: a}\ndata: {one: c2stMQ==}\nstringData: {two: sk-2}\n"
    assert _load(_folder(), {"s.yaml": text}).secrets == {"a": {"s": {"one": b"sk-1", "two": b"sk-2"}}}


def test_a_broken_secret_names_its_field_and_not_its_value() -> None:
    folder = _folder()
    _load(folder, {"s.yaml": "kind: Secret\nmetadata: {name: s}\nstringData: {k: good}"})
    loaded = _load(folder, {"s.yaml": "kind: Secret\nmetadata: {name: s}\ndata: {k: sk-canary!}"})
    assert loaded.secrets == {"default": {"s": {"k": b"good"}}}
    assert [str(finding) for finding in loaded.findings] == ["s.yaml: Secret/s: data.k: is not base64"]


def test_kinds_of_others_are_left_out_and_said() -> None:
    loaded = _load(_folder(), {"a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}"})
    assert loaded.notes == ("a.yaml: ConfigMap/c is not Turnout's; left out",)


def test_a_name_is_required() -> None:
    loaded = _load(_folder(), {"a.yaml": "kind: ModelRoute\nmetadata: {}"})
    assert [str(finding) for finding in loaded.findings] == ["a.yaml: ModelRoute: metadata.name: required"]


CALLERS = "{apiVersion: turnout.dev/v1alpha1, kind: ModelGateway, metadata: {name: %s, namespace: default}, spec: %s}"
GOOD_CALLERS = "{clients: [{name: a, team: a, keys: [{secretRef: {name: k, key: k}}]}]}"


@pytest.mark.parametrize(
    "text", [CALLERS % ("default", "{clients: [{name: a, rotues: []}]}"), CALLERS % ("other", GOOD_CALLERS), "{"]
)
def test_where_who_may_call_was_never_good_nobody_may(text: str) -> None:
    folder = _folder()
    files: dict[str, bytes | str] = {"gateway.yaml": text, "provider.yaml": _provider()}
    assert _load(folder, files).why_closed("default")
    assert _load(folder, {**files, "more.yaml": _provider("q")}).why_closed("default")
    assert _load(folder, {**files, "gateway.yaml": CALLERS % ("default", GOOD_CALLERS)}).why_closed("default") is None
    assert _load(folder, files).why_closed("default") is None or "other" in text


def test_a_renamed_gateway_does_not_open_the_door() -> None:
    folder = _folder()
    assert _load(folder, {"g.yaml": CALLERS % ("default", GOOD_CALLERS)}).why_closed("default") is None
    assert _load(folder, {"g.yaml": CALLERS % ("other", GOOD_CALLERS)}).why_closed("default")


def test_a_new_file_that_cannot_be_read_closes_nothing() -> None:
    folder = _folder()
    _load(folder, {"provider.yaml": _provider()})
    assert _load(folder, {"provider.yaml": _provider(), "new.yaml": "{"}).why_closed("default") is None
