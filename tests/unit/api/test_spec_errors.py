"""What a spec may not say, and that the answer names the field, the value and the fix."""

from itertools import chain
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from augmentation_api import AugmentationClassSpec, AugmentationJobSpec
from augmentation_api.model import findings_of
from augmentation_api.spec import Augmentation, HubSource, VolumeSource
from augmentation_api.transforms import TransformName


def nested(path: str, value: object) -> dict[str, Any]:
    """{"a": {"b": value}} for the path "a.b"."""
    for name in reversed(path.split(".")):
        value = {name: value}
    assert isinstance(value, dict)
    return value


def findings(path: str, value: object) -> str:
    """What is said of a spec with this one field; empty if nothing is."""
    fields = {"source": {"hub": {"repoID": "lab/kitchen"}}} | nested(path, value)
    try:
        AugmentationJobSpec.model_validate(fields)
    except ValidationError as error:
        return "; ".join(
            f"{'.'.join(map(str, each['loc']))}: {each['msg']} ({each['input']})" for each in error.errors()
        )
    return ""


OUT_OF_BOUNDS = [
    ("augmentation.copies", 0),
    ("augmentation.copies", 21),
    ("augmentation.copiesPerTransform.noise", 0),
    ("augmentation.seed", -1),
    ("augmentation.seed", 2**53),
    ("augmentation.lighting.brightness.min", -50.1),
    ("augmentation.lighting.brightness.max", 50.1),
    ("augmentation.lighting.contrast.min", -51),
    ("augmentation.lighting.contrast.max", 51),
    ("augmentation.lighting.colorTemperature.min", 1999),
    ("augmentation.lighting.colorTemperature.min", 6501),
    ("augmentation.lighting.colorTemperature.max", 3999),
    ("augmentation.lighting.colorTemperature.max", 10001),
    ("augmentation.noise.gaussianSigma.max", 101),
    ("augmentation.noise.shotScale.max", 10.5),
    ("augmentation.blur.motionKernel.min", 2),
    ("augmentation.blur.motionKernel.max", 102),
    ("augmentation.blur.defocusSigma.min", 0.05),
    ("augmentation.blur.defocusSigma.max", 21),
    ("augmentation.occlusion.patches.min", 0),
    ("augmentation.occlusion.patches.max", 21),
    ("augmentation.occlusion.patchWidth.min", 0.001),
    ("augmentation.occlusion.patchHeight.max", 1.01),
    ("augmentation.sharpness.factor.max", 11),
    ("augmentation.patchBrightness.sigma.min", 0.001),
    ("augmentation.affine.zoom.min", 0.4),
    ("augmentation.affine.drift", 1.5),
    ("augmentation.cropResize.size.max", 1.1),
    ("augmentation.perspective.distortion.max", 21),
    ("output.video.crf", 64),
    ("output.video.gop", 0),
    ("parallelism", 0),
    ("parallelism", 1001),
    ("backoffLimitPerShard", 21),
    ("activeDeadlineSeconds", 0),
    ("ttlSecondsAfterFinished", -1),
    ("attempt", 1001),
    ("displayName", "x" * 256),
]


@pytest.mark.parametrize(("path", "value"), OUT_OF_BOUNDS)
def test_a_value_out_of_bounds_is_refused_with_its_field_its_value_and_the_bound(path: str, value: object) -> None:
    said = findings(path, value)
    assert said.startswith(path), said
    assert str(value) in said
    assert "should" in said


AT_THE_BOUNDS = [
    ("augmentation.copies", 1),
    ("augmentation.copies", 20),
    ("augmentation.seed", 2**53 - 1),
    ("augmentation.lighting.brightness", {"min": -50, "max": 50}),
    ("augmentation.lighting.colorTemperature", {"min": 2000, "max": 10000}),
    ("augmentation.lighting.colorTemperature", {"min": 6500, "max": 6500}),
    ("augmentation.noise.gaussianSigma", {"min": 0, "max": 100}),
    ("augmentation.blur.motionKernel", {"min": 3, "max": 101}),
    ("augmentation.occlusion.patchWidth", {"min": 0.01, "max": 1}),
    ("backoffLimitPerShard", 0),
    ("ttlSecondsAfterFinished", 0),
    ("parallelism", 1000),
    ("displayName", "x" * 255),
]


@pytest.mark.parametrize(("path", "value"), AT_THE_BOUNDS)
def test_a_value_at_its_bound_is_accepted(path: str, value: object) -> None:
    assert findings(path, value) == ""


RANGES = [
    ("augmentation.lighting.brightness", 10, -10),
    ("augmentation.lighting.contrast", 5, -5),
    ("augmentation.lighting.colorTemperature", 6000, 4500),
    ("augmentation.noise.gaussianSigma", 9, 4),
    ("augmentation.noise.shotScale", 2, 1),
    ("augmentation.blur.motionKernel", 9, 3),
    ("augmentation.blur.defocusSigma", 3, 1),
    ("augmentation.occlusion.patches", 3, 1),
    ("augmentation.occlusion.patchWidth", 0.5, 0.1),
    ("augmentation.occlusion.patchHeight", 0.5, 0.1),
]


@pytest.mark.parametrize(("path", "low", "high"), RANGES)
def test_a_range_upside_down_is_refused_with_both_its_ends_and_the_fix(path: str, low: float, high: float) -> None:
    said = findings(path, {"min": low, "max": high})
    assert said.startswith(path), said
    assert f"min {low}" in said.replace(".0", "")
    assert f"max {high}" in said.replace(".0", "")
    assert "swap them or widen the range" in said


def test_one_end_beyond_the_default_of_the_other_is_upside_down_too() -> None:
    assert "max 15 (the default)" in findings("augmentation.lighting.brightness", {"min": 20})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("end", ["min", "max"])
def test_a_range_takes_no_number_that_is_none(end: str, value: float) -> None:
    assert findings(f"augmentation.lighting.brightness.{end}", value)


def test_a_field_nobody_knows_is_named() -> None:
    assert "augmentation.brightnes: Extra inputs are not permitted" in findings("augmentation.brightnes", 1)


def test_a_source_is_a_hub_or_a_volume_and_not_both() -> None:
    both = {"hub": {"repoID": "lab/kitchen"}, "volume": {"claimName": "data"}}
    assert "exactly one of hub, volume, s3, gcs and azure is needed" in findings("source", both)


def test_a_source_is_a_hub_or_a_volume_and_not_neither() -> None:
    assert "exactly one of hub, volume, s3, gcs and azure is needed" in findings("source", {})


def test_an_output_is_not_on_a_hub_and_a_volume() -> None:
    both = {"hub": {}, "volume": {"claimName": "data"}}
    assert "at most one of hub, volume, s3, gcs and azure may be given" in findings("output", both)


@pytest.mark.parametrize("name", ["kitchen", "lab/kitchen/extra", "/kitchen", "lab/", "la b/kitchen", "lab/kit\nchen"])
def test_a_dataset_is_named_by_its_owner_and_its_name(name: str) -> None:
    assert findings("source.hub.repoID", name).startswith("source.hub.repoID")


@pytest.mark.parametrize("path", ["/etc", "..", "../other", "a/../../b", "a//b", "a/.", "./a", "a/"])
def test_a_path_that_could_leave_the_volume_or_the_repository_is_refused(path: str) -> None:
    assert findings("source", {"volume": {"claimName": "data", "path": path}}).startswith("source.volume.path")
    assert findings("source", {"hub": {"repoID": "lab/kitchen", "path": path}}).startswith("source.hub.path")


@pytest.mark.parametrize("path", ["a", "a/b", ".hidden/a", "...", "..a/b", "two words/a.b"])
def test_other_relative_paths_in_a_volume_are_taken(path: str) -> None:
    volume = VolumeSource.model_validate({"claimName": "data", "path": path})
    assert volume.path == path
    assert HubSource.model_validate({"repoID": "lab/kitchen", "path": path}).path == path


def test_a_transform_named_twice_is_named() -> None:
    said = findings("augmentation.transforms", ["noise", "blur", "noise"])
    assert "noise is named more than once: name each transform once" in said


def test_a_stream_that_would_move_with_two_cameras_is_named() -> None:
    said = findings("augmentation.alsoApplyTo", {"top": ["mask"], "wrist": ["depth", "mask"]})
    assert "mask is named more than once: a stream moves with one camera" in said
    assert findings("augmentation.alsoApplyTo", {"top": ["mask"], "wrist": ["depth"]}) == ""


def test_a_transform_nobody_knows_is_answered_with_those_there_are() -> None:
    said = findings("augmentation.transforms", ["sparkles"])
    assert "sparkles" in said
    *names, last = (f"'{name}'" for name in TransformName)
    assert f"{', '.join(names)} or {last}" in said


def test_independent_versions_in_place_take_one_transform() -> None:
    both = {"transforms": ["noise", "blur"], "mode": "independent"}
    source = {"hub": {"repoID": "lab/kitchen"}}
    with pytest.raises(ValidationError, match=r"output\.mode inPlace keeps one version"):
        AugmentationJobSpec.model_validate({"source": source, "output": {"mode": "inPlace"}, "augmentation": both})
    AugmentationJobSpec.model_validate({"source": source, "augmentation": both})


def test_no_transform_at_all_is_refused() -> None:
    assert findings("augmentation.transforms", []).startswith("augmentation.transforms")


@pytest.mark.parametrize("text", ["5:3", "5:5", "0:10,9:9"])
def test_an_empty_range_of_episodes_is_refused_with_the_fix(text: str) -> None:
    said = findings("augmentation.episodes", text)
    assert text.rsplit(",", 1)[-1] in said
    assert "write first:last with first < last" in said


@pytest.mark.parametrize("text", ["1-5", "a", "1,", ",1", "1:", ":5", "-1", "1 ,2", "1\n"])
def test_episodes_are_indices_and_half_open_ranges(text: str) -> None:
    assert findings("augmentation.episodes", text).startswith("augmentation.episodes")


@pytest.mark.parametrize(
    ("text", "chosen"), [("", {0, 1, 2, 3, 4}), ("0:2,4", {0, 1, 4}), ("3", {3}), ("1:3,2:4", {1, 2, 3})]
)
def test_episodes_select_what_they_name(text: str, chosen: set[int]) -> None:
    augmentation = Augmentation(episodes=text)
    assert {*chain(*augmentation.selected_ranges(5))} == chosen


@given(st.sets(st.integers(0, 60), min_size=1))
def test_episodes_named_one_by_one_are_exactly_those(chosen: set[int]) -> None:
    augmentation = Augmentation(episodes=",".join(map(str, sorted(chosen))))
    assert {*chain(*augmentation.selected_ranges(64))} == chosen


def test_a_condition_that_cannot_be_read_is_refused_with_its_place_on_one_line() -> None:
    fields = {
        "source": {"hub": {"repoID": "lab/kitchen"}},
        "augmentation": {"where": "success and task contians 'cup'"},
    }
    with pytest.raises(ValidationError) as caught:
        AugmentationJobSpec.model_validate(fields)
    assert findings_of(caught.value) == [
        "augmentation.where: expected ==, !=, <, <=, >, >=, in or contains; found contians: did you mean contains? "
        "(at character 18: contians 'cup')"
    ]


@pytest.mark.parametrize(
    ("fields", "requirement", "value"),
    [
        ({"copies": 99}, "may be at most 20", "99"),
        ({"seed": -3}, "has to be at least 0", "-3"),
        ({"seed": 10**30}, "may be at most 9007199254740991", "1000000000000000000000000000000"),
        ({"mode": "twice"}, "has to be stacked or independent", '"twice"'),
    ],
)
def test_value_out_of_its_range_is_quoted_on_request_only(fields: dict[str, Any], requirement: str, value: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Augmentation.model_validate(fields)
    (name,) = fields
    assert findings_of(caught.value) == [f"{name}: {requirement}"]
    assert findings_of(caught.value, quotes_values=True) == [f"{name} is {value}, but {requirement}"]


def test_limit_of_a_number_has_all_its_digits() -> None:
    with pytest.raises(ValidationError) as caught:
        AugmentationClassSpec.model_validate({"image": "worker:1", "placements": [{"name": "a", "pricePerHour": 2e6}]})
    assert findings_of(caught.value) == ["placements.0.pricePerHour: may be at most 1000000"]


def test_quoted_value_is_cut_and_without_credentials() -> None:
    with pytest.raises(ValidationError) as caught:
        Augmentation.model_validate({"mode": "https://key:secret@hub.example/" + "x" * 500})
    (finding,) = findings_of(caught.value, quotes_values=True)
    assert "secret" not in finding and len(finding) < 120


@pytest.mark.parametrize("name", ["Upper", "under_score", "-dash", "dash-", "a b", "", "x" * 254])
@pytest.mark.parametrize("field", ["className", "priorityClassName", "queueName"])
def test_a_name_that_no_object_can_have_is_refused(field: str, name: str) -> None:
    assert findings(field, name).startswith(field)


@pytest.mark.parametrize("quantity", ["4 Gi", "four", "-1", "1Gib", ""])
def test_a_class_refuses_an_amount_that_kubernetes_would_not_read(quantity: str) -> None:
    with pytest.raises(ValidationError, match="scratchSize"):
        AugmentationClassSpec.model_validate({"image": "worker:1", "scratchSize": quantity})


@pytest.mark.parametrize("endpoint", ["huggingface.co", "ftp://hub", "http://", "http://hub with space"])
def test_a_class_refuses_a_hub_that_is_no_url(endpoint: str) -> None:
    with pytest.raises(ValidationError, match=r"hub\.endpoint"):
        AugmentationClassSpec.model_validate({"image": "worker:1", "hub": {"endpoint": endpoint}})


def test_a_class_has_at_least_one_placement() -> None:
    with pytest.raises(ValidationError, match="placements"):
        AugmentationClassSpec.model_validate({"image": "worker:1", "placements": []})


@pytest.mark.parametrize(
    ("requirement", "said"),
    [
        ({"key": "gpu"}, "gpu: operator In needs values"),
        ({"key": "gpu", "operator": "Exists", "values": ["yes"]}, "gpu: operator Exists takes no values"),
        ({"key": "memory", "operator": "Gt", "values": ["much"]}, "memory: operator Gt takes one whole number"),
    ],
)
def test_node_requirement_of_a_placement_has_fitting_values(requirement: dict[str, Any], said: str) -> None:
    placement = {"name": "l4", "nodeAffinity": {"required": [requirement]}}
    with pytest.raises(ValidationError, match=said):
        AugmentationClassSpec.model_validate({"image": "worker:1", "placements": [placement]})


def test_two_placements_with_one_name_are_refused() -> None:
    with pytest.raises(ValidationError, match="l4 is named more than once: give each placement its own name"):
        AugmentationClassSpec.model_validate({"image": "worker:1", "placements": [{"name": "l4"}, {"name": "l4"}]})


@pytest.mark.parametrize("key", ["team ", "-team", "a/b/c", "example.com/", "/team", "x" * 64, "a\n", "é"])
@pytest.mark.parametrize("place", ["labels", "annotations", "nodeSelector"])
def test_a_key_that_no_label_can_have_is_refused_with_its_form(place: str, key: str) -> None:
    with pytest.raises(ValidationError) as caught:
        AugmentationClassSpec.model_validate({"image": "worker:1", "podTemplate": {place: {key: "x"}}})
    (finding,) = findings_of(caught.value)
    assert finding.startswith(f"podTemplate.{place}.{key}.[key]: a key is a name of at most 63 letters")


@pytest.mark.parametrize("key", ["team", "a.B_c-1", "nvidia.com/gpu.product", "x" * 63, f"{'a' * 253}/x"])
def test_a_key_that_a_label_can_have_is_taken(key: str) -> None:
    template = {"labels": {key: "x"}, "annotations": {key: "any text"}}
    spec = AugmentationClassSpec.model_validate({"image": "worker:1", "podTemplate": template})
    assert spec.pod_template is not None
    assert (spec.pod_template.labels, spec.pod_template.annotations) == ({key: "x"}, {key: "any text"})
