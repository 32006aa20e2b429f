"""What is generated from the types: bounded everywhere, structural, complete, and fresh in the repository."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import jsonschema_rs
import pytest
import yaml
from msgspec import UNSET, Meta, UnsetType

from resource_folder import VALID, objects
from turnout_contract.api import conditions
from turnout_contract.api.meta import Kind, Part
from turnout_contract.api.registry import KINDS
from turnout_contract.schema import fresh
from turnout_contract.schema.__main__ import generated, main, there
from turnout_contract.schema.admission import Admission
from turnout_contract.schema.crd import crd, helm_template, object_schema
from turnout_contract.schema.json_schema import json_schema
from turnout_contract.schema.structural import SchemaError, schema_of

ROOT = Path(__file__).resolve().parents[3]
ALL = pytest.mark.parametrize("kind", list(KINDS.values()), ids=lambda kind: kind.name)


def walk(schema: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, schema
    for name, field in schema.get("properties", {}).items():
        yield from walk(field, f"{path}.{name}")
    for part in ("items", "additionalProperties"):
        if part in schema:
            yield from walk(schema[part], f"{path}[]")


@ALL
def test_every_string_list_map_and_integer_is_bounded(kind: Kind) -> None:
    for path, schema in walk(object_schema(kind), ""):
        if schema["type"] == "string":
            assert "maxLength" in schema or "enum" in schema, path
        elif schema["type"] == "array":
            assert "maxItems" in schema, path
            assert schema["x-kubernetes-list-type"] in {"atomic", "set", "map"}, path
        elif schema["type"] == "integer":
            assert {"minimum", "maximum"} <= schema.keys(), path
        elif "additionalProperties" in schema:
            assert "maxProperties" in schema, path


@ALL
def test_every_field_says_what_it_is(kind: Kind) -> None:
    for path, schema in walk(object_schema(kind), ""):
        if not path.endswith("[]") and not path.startswith(".metadata"):
            assert schema.get("description"), path


@ALL
def test_nothing_stands_in_a_schema_that_the_structural_dialect_lacks(kind: Kind) -> None:
    for path, schema in walk(object_schema(kind), ""):
        foreign = {"$ref", "anyOf", "oneOf", "allOf", "propertyNames", "uniqueItems", "title", "const"}
        assert not foreign & schema.keys(), path


@ALL
def test_every_pattern_is_anchored_at_both_ends(kind: Kind) -> None:
    for path, schema in walk(object_schema(kind), ""):
        pattern = schema.get("pattern", "^$")
        assert pattern.startswith("^"), path
        assert pattern.endswith("$"), path


@ALL
def test_every_key_of_a_list_map_is_required_or_has_a_default(kind: Kind) -> None:
    for path, schema in walk(object_schema(kind), ""):
        for key in schema.get("x-kubernetes-list-map-keys", ()):
            item = schema["items"]
            assert key in item["required"] or "default" in item["properties"][key], path


@ALL
def test_a_rule_names_a_field_that_exists(kind: Kind) -> None:
    for path, schema in walk(object_schema(kind), ""):
        for rule in schema.get("x-kubernetes-validations", ()):
            field = schema
            for name in rule.get("fieldPath", "").split(".")[1:]:
                assert name in field["properties"], (path, rule)
                field = field["properties"][name]


@ALL
def test_every_kind_has_names_columns_and_conditions(kind: Kind) -> None:
    spec = crd(kind)["spec"]
    (version,) = spec["versions"]
    columns = [column["name"] for column in version["additionalPrinterColumns"]]
    assert columns[-4:] == ["Ready", "Programmed", "Reason", "Age"]
    assert spec["names"]["categories"] == ["turnout"]
    assert spec["names"]["shortNames"] == [kind.short]
    assert version["subresources"] == {"status": {}}
    status = version["schema"]["openAPIV3Schema"]["properties"]["status"]
    assert [item["type"] for item in status["default"]["conditions"]] == list(conditions.CONDITIONS)
    assert {item["status"] for item in status["default"]["conditions"]} == {"Unknown"}


def test_short_names_and_plurals_are_unique() -> None:
    names = [name for kind in KINDS.values() for name in (kind.short, kind.plural, kind.singular)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_a_valid_resource_fits_its_json_schema(path: Path) -> None:
    for obj in objects(path):
        if path.stem != "modelgateway-with-nulls":  # an editor may well frown at a null
            jsonschema_rs.validate(json_schema(KINDS[obj["kind"]]), obj)


def test_a_json_schema_refuses_an_unknown_field() -> None:
    obj = {
        "apiVersion": "turnout.dev/v1alpha1",
        "kind": "CachePolicy",
        "metadata": {"name": "a"},
        "spec": {"modes": "Off"},
    }
    with pytest.raises(jsonschema_rs.ValidationError, match="modes"):
        jsonschema_rs.validate(json_schema(KINDS["CachePolicy"]), obj)


def test_the_generated_files_of_the_repository_are_fresh() -> None:
    assert fresh.differences(ROOT, generated(), there(ROOT)) == []


def test_generating_twice_gives_the_same_bytes() -> None:
    assert generated() == generated()


def test_a_difference_a_missing_and_a_stale_file_are_named_and_mended(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--root", str(tmp_path)]) == 0
    assert main(["--root", str(tmp_path), "--check"]) == 0
    (tmp_path / "crds/budgets.yaml").write_text("changed")
    (tmp_path / "crds/modelroutes.yaml").unlink()
    (tmp_path / "crds/gone.yaml").write_text("")
    capsys.readouterr()
    assert main(["--root", str(tmp_path), "--check"]) == 1
    named = [line.partition(":")[0] for line in capsys.readouterr().out.splitlines()]
    assert named == ["crds/gone.yaml", "crds/budgets.yaml", "crds/modelroutes.yaml"]
    assert main(["--root", str(tmp_path)]) == 0
    assert main(["--root", str(tmp_path), "--check"]) == 0


@ALL
def test_a_template_of_the_chart_keeps_the_definition_and_escapes_braces(kind: Kind) -> None:
    rendered = helm_template(kind).replace('{{ "{{" }}', "{{")
    definition = yaml.safe_load(rendered)
    assert definition["metadata"].pop("annotations") == {"helm.sh/resource-policy": "keep"}
    assert definition == crd(kind)


class Unbounded(Part, frozen=True, kw_only=True):
    """No bound."""

    text: str


class UnboundedList(Part, frozen=True, kw_only=True):
    """No bound."""

    items: tuple[Literal["a"], ...]


class UnboundedNumber(Part, frozen=True, kw_only=True):
    """Half a bound."""

    number: Annotated[int, Meta(ge=0)]


class Nullable(Part, frozen=True, kw_only=True):
    """Null is not in the dialect."""

    text: Annotated[str, Meta(max_length=1)] | None = None


class Holder(Part, frozen=True, kw_only=True):
    """It holds itself."""

    inner: "Holder | UnsetType" = UNSET


@pytest.mark.parametrize(
    ("part", "field"),
    [
        (Unbounded, "Unbounded.text"),
        (UnboundedList, "UnboundedList.items"),
        (UnboundedNumber, "UnboundedNumber.number"),
        (Nullable, "Nullable.text"),
        (Holder, "Holder.inner"),
    ],
)
def test_a_type_without_a_structural_schema_is_refused_naming_the_field(part: type[Part], field: str) -> None:
    with pytest.raises(SchemaError, match=field):
        schema_of(part)


def test_admission_reads_the_same_schemas_as_the_definitions() -> None:
    admission = Admission()
    for kind in KINDS.values():
        (version,) = crd(kind)["spec"]["versions"]
        assert admission._schemas[kind.name] == version["schema"]["openAPIV3Schema"]
