"""The files for Argo CD: the health check in Lua, run where a Lua is there, and the example Applications."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from chart.rendering import ROOT, Json, parse
from turnout_contract.api import conditions
from turnout_contract.api.meta import API_VERSION

ARGOCD = ROOT / "deploy" / "argocd"
HEALTH = ARGOCD / "resource-customizations" / "turnout.dev" / "_"
LUA = next((path for name in ("lua5.4", "lua5.1", "luajit", "lua") if (path := shutil.which(name))), None)
CASES: list[Json] = yaml.safe_load((HEALTH / "health_test.yaml").read_text(encoding="utf-8"))["tests"]

needs_lua = pytest.mark.skipif(LUA is None, reason="no Lua on this machine (Debian: lua5.4)")


def lua_value(value: Any) -> str:
    """A Lua expression of plain data, which is how Argo CD hands an object over."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"[{lua_value(key)}] = {lua_value(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "{" + ", ".join(map(lua_value, value)) + "}"
    return json.dumps(value, ensure_ascii=False)


def health(obj: Json, script: Path = HEALTH / "health.lua") -> Json:
    """What the script says of an object. It sees the base library alone, as in Argo CD."""
    assert LUA is not None
    program = (
        f"obj = {lua_value(obj)}\nlocal answer = assert(loadfile({json.dumps(str(script))}))\n"
        "string, table, math, io, os, debug, package, require = nil\n"
        'local said = answer()\nprint(said.status)\nprint(said.message or "")'
    )
    done = subprocess.run([LUA, "-"], input=program, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    status, message = done.stdout.rstrip("\n").split("\n", 1)
    return {"status": status, "message": message}


@needs_lua
@pytest.mark.parametrize("case", CASES, ids=lambda case: Path(case["inputPath"]).stem)
def test_the_health_check_says(case: Json) -> None:
    (obj,) = parse((HEALTH / case["inputPath"]).read_text(encoding="utf-8"))
    assert health(obj) == case["healthStatus"]


@needs_lua
def test_an_object_as_the_api_server_makes_it_is_progressing() -> None:
    meta = {"name": "default", "generation": 1}
    obj = {
        "apiVersion": API_VERSION,
        "kind": "ModelGateway",
        "metadata": meta,
        "status": {"conditions": conditions.pending()},
    }
    assert health(obj)["status"] == "Progressing"


def test_every_case_of_the_health_check_is_tested() -> None:
    assert {case["inputPath"] for case in CASES} == {
        f"testdata/{path.name}" for path in (HEALTH / "testdata").iterdir()
    }


def test_the_health_check_and_its_cases_use_conditions_and_reasons_that_exist() -> None:
    text = (HEALTH / "health.lua").read_text(encoding="utf-8")
    for name in conditions.CONDITIONS:
        assert f'"{name}"' in text
    assert f'"{conditions.REJECTED}"' in text
    for path in (HEALTH / "testdata").iterdir():
        (obj,) = parse(path.read_text(encoding="utf-8"))
        for condition in obj.get("status", {}).get("conditions", ()):
            assert condition["type"] in conditions.CONDITIONS
            assert condition["reason"] in conditions.REASONS


def test_the_configmap_holds_the_very_health_check() -> None:
    (config,) = parse((ARGOCD / "argocd-cm.yaml").read_text(encoding="utf-8"))
    held = yaml.safe_load(config["data"]["resource.customizations"])
    assert held == {"turnout.dev/*": {"health.lua": (HEALTH / "health.lua").read_text(encoding="utf-8")}}


def test_the_waves_are_definitions_operator_teams() -> None:
    waves = {}
    for path in (ARGOCD / "platform").iterdir():
        (obj,) = parse(path.read_text(encoding="utf-8"))
        waves[path.stem] = int(obj["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"])
    assert sorted(waves, key=lambda name: waves[name]) == ["turnout-crds", "turnout", "teams"]


def test_the_applications_point_to_what_is_here_with_values_that_the_chart_takes() -> None:
    applications = [parse(path.read_text(encoding="utf-8"))[0] for path in (ARGOCD / "platform").glob("turnout*.yaml")]
    applications += parse((ARGOCD / "root.yaml").read_text(encoding="utf-8"))
    for application in applications:
        source = application["spec"]["source"]
        assert (ROOT / source["path"]).is_dir()
        for value in source.get("helm", {}).get("valuesObject", {}):
            assert value in yaml.safe_load((ROOT / source["path"] / "values.yaml").read_text(encoding="utf-8"))


def test_definitions_are_never_pruned_and_teams_may_come_before_them() -> None:
    (definitions,) = parse((ARGOCD / "platform" / "turnout-crds.yaml").read_text(encoding="utf-8"))
    options = definitions["spec"]["syncPolicy"]["syncOptions"]
    assert {"ServerSideApply=true", "Prune=false"} <= set(options)
    assert definitions["spec"]["syncPolicy"]["automated"]["prune"] is False
    (teams,) = parse((ARGOCD / "platform" / "teams.yaml").read_text(encoding="utf-8"))
    assert "SkipDryRunOnMissingResource=true" in teams["spec"]["template"]["spec"]["syncPolicy"]["syncOptions"]
