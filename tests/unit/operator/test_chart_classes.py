"""AugmentationClasses of the chart's values: created and updated, except what somebody has changed by hand."""

from typing import Any

import pytest

from augmentation_operator.controller.chart_classes import (
    HELM_NAMESPACE,
    WRITER,
    keep_edits,
    other_owner,
    spec_to_write,
)

Json = dict[str, Any]

WANTED: Json = {
    "image": "worker:2",
    "resources": {"limits": {"memory": "4Gi", "nvidia.com/gpu": "1"}},
    "placements": [{"name": "l4"}],
}


def owned(*path: str) -> Json:
    """FieldsV1 of one field."""
    fields: Json = {}
    for key in reversed(path):
        fields = {f"f:{key}": fields}
    return fields


def test_values_win_where_nobody_else_wrote() -> None:
    edited: list[str] = []
    live = {**WANTED, "image": "worker:1"}
    assert keep_edits(WANTED, live, [], edited) == WANTED
    assert edited == []


def test_field_changed_by_hand_stays_and_others_follow() -> None:
    edited: list[str] = []
    live = {**WANTED, "image": "worker:1", "resources": {"limits": {"memory": "8Gi", "nvidia.com/gpu": "1"}}}
    spec = keep_edits(WANTED, live, [owned("resources", "limits", "memory")], edited)
    assert spec["image"] == "worker:2"
    assert spec["resources"]["limits"] == {"memory": "8Gi", "nvidia.com/gpu": "1"}
    assert edited == ["spec.resources.limits.memory"]


def test_image_set_by_hand_runs_all_phases_unless_another_is_set_too() -> None:
    wanted, edited = {**WANTED, "cudaImage": "cuda:2"}, list[str]()
    live = {**wanted, "image": "mine:1"}
    assert spec_to_write(wanted, live, [owned("image")], edited) == {**WANTED, "image": "mine:1"}
    live |= {"cudaImage": "mine-too:1"}
    assert spec_to_write(wanted, live, [owned("image"), owned("cudaImage")], edited) == live
    assert spec_to_write(wanted, {}, [], edited) == wanted


def test_list_changed_by_hand_stays_whole() -> None:
    edited: list[str] = []
    live = {**WANTED, "placements": [{"name": "l4"}, {"name": "a100"}]}
    spec = keep_edits(WANTED, live, [owned("placements", 'k:{"name":"a100"}', "name")], edited)
    assert spec["placements"] == live["placements"]
    assert edited == ["spec.placements"]


@pytest.mark.parametrize("live", [{}, {"image": "worker:2"}], ids=["removed by hand", "the same value"])
def test_absent_or_equal_field_is_the_charts_again(live: Json) -> None:
    edited: list[str] = []
    assert keep_edits({"image": "worker:2"}, live, [owned("image")], edited) == {"image": "worker:2"}
    assert edited == []


@pytest.mark.parametrize(
    ("annotations", "owner"),
    [
        ({WRITER: "system/augmentation-operator"}, None),
        ({WRITER: "other/augmentation-operator"}, "the operator other/augmentation-operator"),
        # A class that the operator took over from an older chart keeps Helm's annotations.
        ({WRITER: "other/augmentation-operator", HELM_NAMESPACE: "system"}, "the operator other/augmentation-operator"),
        ({HELM_NAMESPACE: "system"}, None),
        ({HELM_NAMESPACE: "other"}, "a Helm release in namespace other"),
        (None, "whoever created it"),
    ],
)
def test_class_of_somebody_else_is_known(annotations: dict[str, str] | None, owner: str | None) -> None:
    assert other_owner({"annotations": annotations}, "system/augmentation-operator") == owner
