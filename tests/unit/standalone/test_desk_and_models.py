"""The standalone mode says which configured models do not exist, once, and when that is no longer so."""

from pathlib import Path

from support.resources import Folder, model, provider, route
from turnout_cli.standalone.desk import Desk
from turnout_operator.compile import Defaults
from turnout_sidecar.ports.secrets import HeldSecrets


def a_desk(folder: Folder, said: list[str]) -> Desk:
    desk = Desk(
        folder.path, namespace=None, secrets=HeldSecrets(), given={}, defaults=Defaults(), say=said.append
    )  # fmt: skip
    desk.read()
    desk.serve(lambda _data, _version: ())
    said.clear()
    return desk


def a_folder(path: Path, *models: str) -> Folder:
    folder = Folder(path)
    folder.write(
        "all.yaml", provider("one", "http://127.0.0.1:9/v1", *map(model, models)), route("r", f"one/{models[0]}")
    )
    return folder


def test_a_model_that_does_not_exist_is_said_once_like_any_other_verdict_and_its_end_too(tmp_path: Path) -> None:
    said: list[str] = []
    desk = a_desk(a_folder(tmp_path, "small", "smal"), said)
    desk.discovered({})
    assert said == []
    desk.discovered({"one": ("smal",)})
    desk.discovered({"one": ("smal",)})
    line = "ModelProvider/one: ResolvedRefs=False ModelNotFound: the provider says that there is no model smal"
    assert said == [line]
    desk.discovered({})
    assert said == [line, "ModelProvider/one: no configured model is known to be missing any more"]
    desk.discovered({"one": ("smal",)})
    assert said[2:] == [line]


def test_what_was_found_of_a_provider_that_is_gone_is_not_said(tmp_path: Path) -> None:
    said: list[str] = []
    desk = a_desk(a_folder(tmp_path, "small"), said)
    desk.discovered({"another": ("smal",)})
    assert said == []
