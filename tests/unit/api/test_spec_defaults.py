"""What a spec means where it says nothing, and how it is written on the wire."""

from uuid import UUID

import pytest

from augmentation_api import AugmentationClass, AugmentationJob, AugmentationJobSpec, AugmentationType, TransformName
from augmentation_api.model import Model
from augmentation_api.spec import Augmentation
from augmentation_api.vocabulary import AugmentationMode, OutputMode, VideoCodec

SMALLEST = {"source": {"hub": {"repoID": "lab/kitchen"}}}


def spec(**fields: object) -> AugmentationJobSpec:
    return AugmentationJobSpec.model_validate({**SMALLEST, **fields})


def test_a_source_is_all_a_job_needs() -> None:
    hub = spec().source.hub
    assert hub is not None
    assert hub.repo_id == "lab/kitchen"


def test_a_job_is_deterministic_unless_it_says_otherwise() -> None:
    assert spec().type == AugmentationType.DETERMINISTIC


def test_a_job_names_no_class_unless_it_says_otherwise() -> None:
    assert spec().class_name is None


def test_a_job_makes_three_copies_with_lighting_stacked_on_seed_zero() -> None:
    augmentation = spec().augmentation
    assert augmentation.transforms == [TransformName.LIGHTING]
    assert (augmentation.mode, augmentation.copies, augmentation.seed) == (AugmentationMode.STACKED, 3, 0)


def test_a_result_holds_the_originals_too_unless_it_is_in_place() -> None:
    assert spec().output.mode == OutputMode.COPY


def test_videos_are_encoded_as_the_source_is() -> None:
    video = spec().output.video
    assert (video.codec, video.profile, video.crf, video.gop, video.preset) == (VideoCodec.SOURCE, *[None] * 4)


def test_a_shard_is_tried_again_three_times() -> None:
    assert spec().backoff_limit_per_shard == 3


def test_a_job_neither_waits_nor_stops_nor_expires_by_itself() -> None:
    job = spec()
    assert (job.suspend, job.cancel, job.attempt) == (False, False, 0)
    assert job.active_deadline_seconds is None
    assert job.ttl_seconds_after_finished is None


@pytest.mark.parametrize(
    ("transform", "field", "bounds"),
    [
        ("lighting", "brightness", (-15, 15)),
        ("lighting", "contrast", (-10, 10)),
        ("lighting", "color_temperature", (4000, 6500)),
        ("noise", "gaussian_sigma", (3, 15)),
        ("noise", "shot_scale", (0.3, 1)),
        ("blur", "motion_kernel", (5, 15)),
        ("blur", "defocus_sigma", (0.5, 2.5)),
        ("occlusion", "patches", (1, 3)),
        ("occlusion", "patch_width", (0.05, 0.2)),
        ("occlusion", "patch_height", (0.05, 0.2)),
        ("sharpness", "factor", (0.5, 1.5)),
        ("patch_brightness", "patches", (1, 4)),
        ("patch_brightness", "sigma", (0.05, 0.25)),
        ("patch_brightness", "factor", (0.4, 1.6)),
        ("affine", "rotation", (-5, 5)),
        ("affine", "shift_x", (-5, 5)),
        ("affine", "shift_y", (-5, 5)),
        ("affine", "zoom", (0.95, 1.05)),
        ("crop_resize", "size", (0.8, 1)),
        ("crop_resize", "aspect", (0.9, 1.1)),
        ("perspective", "distortion", (0, 5)),
    ],
)
def test_each_range_has_the_default_that_is_documented(transform: str, field: str, bounds: tuple[float, float]) -> None:
    found = getattr(getattr(Augmentation(), transform), field)
    assert (found.min, found.max) == bounds


def test_giving_one_end_of_a_range_keeps_the_default_of_the_other() -> None:
    augmentation = spec(augmentation={"lighting": {"brightness": {"min": -40}}}).augmentation
    assert (augmentation.lighting.brightness.min, augmentation.lighting.brightness.max) == (-40, 15)


def test_default_kind_of_noise_blur_and_occlusion_is_mixed() -> None:
    augmentation = Augmentation()
    assert {augmentation.noise.kind, augmentation.blur.kind, augmentation.occlusion.kind} == {"mixed"}


def test_fields_are_camel_case_on_the_wire_and_acronyms_are_kept() -> None:
    wire = spec(projectID="6f1c2f9e-8a54-4a53-9f6e-4f4f5a6b7c8d", backoffLimitPerShard=2).to_wire()
    assert wire["projectID"] == "6f1c2f9e-8a54-4a53-9f6e-4f4f5a6b7c8d"
    assert wire["backoffLimitPerShard"] == 2
    assert wire["source"] == {"hub": {"repoID": "lab/kitchen"}}


def test_python_code_may_use_the_python_names() -> None:
    project = UUID("6f1c2f9e-8a54-4a53-9f6e-4f4f5a6b7c8d")
    assert spec(project_id=project).project_id == project


def test_a_spec_survives_the_way_over_the_wire() -> None:
    before = spec(
        augmentation={"transforms": ["blur", "noise"], "copiesPerTransform": {"noise": 2}, "episodes": "0:5,9"},
        output={"mode": "inPlace", "hub": {"repoID": "lab/result", "private": True}},
    )
    assert AugmentationJobSpec.model_validate(before.to_wire()) == before


def test_absent_fields_stay_off_the_wire() -> None:
    assert "className" not in spec().to_wire()


def test_what_was_read_cannot_be_changed_by_accident() -> None:
    with pytest.raises(ValueError, match="frozen"):
        spec().type = AugmentationType.GENERATIVE  # type: ignore[misc]


def test_an_object_ignores_what_a_newer_api_server_adds_to_its_metadata() -> None:
    job = AugmentationJob.from_wire({"metadata": {"name": "a", "newField": 1}, "spec": SMALLEST, "status": {"new": 1}})
    assert job.metadata.name == "a"


def test_a_class_needs_only_an_image() -> None:
    found = AugmentationClass.from_wire({"metadata": {"name": "cpu"}, "spec": {"image": "worker:1"}}).spec
    assert [placement.name for placement in found.placements] == ["any"]
    assert found.hub.endpoint == "https://huggingface.co"
    assert found.limits.max_parallelism == 16


def test_a_class_takes_quantities_as_numbers_or_text() -> None:
    found = AugmentationClass.from_wire(
        {
            "metadata": {"name": "cpu"},
            "spec": {"image": "worker:1", "resources": {"requests": {"cpu": 2, "memory": "4Gi"}}},
        }
    ).spec
    assert found.resources.requests == {"cpu": "2", "memory": "4Gi"}


def _models(model: type[Model]) -> set[type[Model]]:
    found = {model}
    for each in model.__subclasses__():
        found |= _models(each)
    return found


def test_every_model_is_frozen() -> None:
    assert all(model.model_config.get("frozen") for model in _models(Model))
