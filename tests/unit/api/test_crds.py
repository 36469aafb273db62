"""The CustomResourceDefinitions: up to date, documented, and of the structural kind that the API server takes."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from augmentation_api.crd import augmentation_class_crd, augmentation_job_crd
from augmentation_api.spec import MUTABLE_FIELDS

CHECKOUT = Path(__file__).resolve().parents[3]
DEFINITIONS = {"AugmentationJob": augmentation_job_crd(), "AugmentationClass": augmentation_class_crd()}


def schema(kind: str) -> dict[str, Any]:
    found: dict[str, Any] = DEFINITIONS[kind]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return found


def fields(node: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every named field below a schema, and its own schema."""
    for name, child in node.get("properties", {}).items():
        yield f"{path}.{name}", child
        yield from fields(child, f"{path}.{name}")
    for keyword in ("items", "additionalProperties"):
        if isinstance(node.get(keyword), dict):
            yield from fields(node[keyword], f"{path}[]")


ALL_FIELDS = [
    pytest.param(child, id=f"{kind}{path}")
    for kind in DEFINITIONS
    for path, child in fields(schema(kind))
    if path not in (".apiVersion", ".kind", ".metadata")
]


def test_the_files_in_the_repository_are_what_the_models_say() -> None:
    done = subprocess.run(
        [sys.executable, CHECKOUT / "deploy" / "crds" / "generate.py", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("field", ALL_FIELDS)
def test_kubectl_explain_has_a_sentence_for_every_field(field: dict[str, Any]) -> None:
    assert len(field.get("description", "")) > 3


@pytest.mark.parametrize("field", ALL_FIELDS)
def test_every_list_and_map_is_bounded(field: dict[str, Any]) -> None:
    if field.get("type") == "array":
        assert "maxItems" in field
    if "additionalProperties" in field:
        assert "maxProperties" in field


@pytest.mark.parametrize("field", ALL_FIELDS)
def test_nothing_is_left_that_a_structural_schema_does_not_know(field: dict[str, Any]) -> None:
    assert not {"$ref", "anyOf", "oneOf", "allOf", "title", "const", "$defs", "propertyNames"} & set(field)
    assert field.get("additionalProperties") is not True
    assert "type" in field or field.get("x-kubernetes-int-or-string")


@pytest.mark.parametrize(
    ("path", "key"),
    [("conditions", "type"), ("phases", "name"), ("shards", "index")],
)
def test_a_list_with_several_writers_is_merged_by_its_key(path: str, key: str) -> None:
    shared = schema("AugmentationJob")["properties"]["status"]["properties"][path]
    assert shared["x-kubernetes-list-type"] == "map"
    assert shared["x-kubernetes-list-map-keys"] == [key]
    assert key in shared["items"]["required"]


def test_the_events_of_a_phase_are_merged_by_their_id() -> None:
    phases = schema("AugmentationJob")["properties"]["status"]["properties"]["phases"]
    assert phases["items"]["properties"]["events"]["x-kubernetes-list-map-keys"] == ["id"]


def test_status_is_a_subresource_of_a_job() -> None:
    assert DEFINITIONS["AugmentationJob"]["spec"]["versions"][0]["subresources"] == {"status": {}}


def test_every_field_of_a_spec_but_six_is_guarded_against_change() -> None:
    spec = schema("AugmentationJob")["properties"]["spec"]
    guarded = {
        rule["message"].split()[0]
        for rule in spec["x-kubernetes-validations"]
        if "cannot be changed" in rule["message"]
    }
    assert set(spec["properties"]) - guarded == {*MUTABLE_FIELDS}
    assert len(MUTABLE_FIELDS) == 6


def test_a_job_from_before_the_rule_on_priorities_can_still_be_cancelled() -> None:
    """A rule of a field is not asked again while the field stays; one of the spec is, at every change of the spec."""
    spec = schema("AugmentationJob")["properties"]["spec"]
    said = "names a PriorityClass that Kubernetes reserves for itself"
    assert said in spec["properties"]["priorityClassName"]["x-kubernetes-validations"][0]["message"]
    assert not any(said in rule["message"] for rule in spec["x-kubernetes-validations"])


def test_kubectl_get_shows_state_reason_phase_progress_type_node_and_age() -> None:
    columns = DEFINITIONS["AugmentationJob"]["spec"]["versions"][0]["additionalPrinterColumns"]
    shown = [column["name"] for column in columns if not column.get("priority")]
    assert shown == ["State", "Reason", "Phase", "Progress", "Type", "Node", "Age"]


@pytest.mark.parametrize("kind", DEFINITIONS)
def test_a_printer_column_shows_a_field_that_exists(kind: str) -> None:
    known = {path for path, _ in fields(schema(kind))} | {".metadata.creationTimestamp"}
    for column in DEFINITIONS[kind]["spec"]["versions"][0]["additionalPrinterColumns"]:
        path = column["jsonPath"]
        assert re.sub(r"\[\?\(@\.type==\"Ready\"\)\]", "[]", path) in known
