import hashlib
import json

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torchvision import tv_tensors
from torchvision.transforms import v2

from augmentation_api.copies import transforms_of_copies
from augmentation_api.spec import Augmentation
from augmentation_api.transforms import TRANSFORM_MODELS, TransformName
from augmentation_api.vocabulary import AcrossCameras, AugmentationMode
from augmentation_worker.transforms.keyed_random import KeyedRandom
from augmentation_worker.transforms.pipeline import TRANSFORMS, EpisodeTransform, sample_pipeline

MEAN = (0.4, 0.5, 0.6)


def sampled(augmentation: Augmentation, episode: int = 0, copy: int = 0, camera: str = "top") -> EpisodeTransform:
    return sample_pipeline(
        augmentation, camera=camera, episode=episode, copy=copy, episode_mean=MEAN, masks=moving_square
    )


def moving_square(first_frame: int, count: int, height: int, width: int) -> NDArray[np.uint8]:
    """A mask that keeps a square, which moves by a pixel from frame to frame."""
    masks = np.zeros((count, height, width), np.uint8)
    for place in range(count):
        left = 8 + first_frame + place
        masks[place, 10:34, left : left + 24] = 255
    return masks


def test_the_same_arguments_sample_the_same_pipeline(photo: torch.Tensor) -> None:
    first, second = sampled(Augmentation(seed=5), 3, 1), sampled(Augmentation(seed=5), 3, 1)
    assert first.parameters == second.parameters
    assert torch.equal(first(photo, 0), second(photo, 0))


def test_copies_episodes_cameras_and_seeds_differ() -> None:
    augmentation = Augmentation(across_cameras=AcrossCameras.INDEPENDENT)
    pipelines = [
        sampled(augmentation),
        sampled(augmentation, copy=1),
        sampled(augmentation, episode=1),
        sampled(augmentation, camera="wrist"),
        sampled(Augmentation(across_cameras=AcrossCameras.INDEPENDENT, seed=1)),
    ]
    assert len({json.dumps(pipeline.parameters) for pipeline in pipelines}) == len(pipelines)


def test_sampled_parameters_are_reported_with_units() -> None:
    parameters = json.loads(json.dumps(sampled(Augmentation()).parameters))
    assert set(parameters) == {"lighting"}
    assert set(parameters["lighting"]) == {
        "brightness_percent",
        "contrast_percent",
        "color_temperature_kelvin",
        "contrast_pivot_percent",
    }


@pytest.mark.parametrize("name", TransformName)
def test_the_batch_a_frame_is_in_does_not_matter(photo: torch.Tensor, name: TransformName) -> None:
    pipeline = sampled(Augmentation(transforms=[name]))
    halves = torch.cat([pipeline(photo[:1], 0), pipeline(photo[1:], 1)])
    assert torch.equal(halves, pipeline(photo, 0))


@pytest.mark.parametrize("across_cameras", [*AcrossCameras, None])
@pytest.mark.parametrize("name", TransformName)
def test_pixels_of_a_seed_never_change(
    photo: torch.Tensor, name: TransformName, across_cameras: AcrossCameras | None
) -> None:
    # If this fails, a seed means other pixels than it did: raise key_version.KEY_VERSION and say so in the changelog.
    augmentation = Augmentation(transforms=[name], seed=42, across_cameras=across_cameras)
    pixels = [sampled(augmentation, episode=7, copy=copy)(photo, 0) for copy in range(3)]
    frozen = PIXELS_OF_SEED_42
    if across_cameras is not AcrossCameras.INDEPENDENT:
        frozen = PIXELS_OF_SEED_42 | PIXELS_OF_A_SCENE
    assert hashlib.sha256(torch.stack(pixels).numpy().tobytes()).hexdigest()[:16] == frozen[name]


def test_every_transform_of_the_contract_is_implemented() -> None:
    assert set(TRANSFORMS) == set(TransformName)
    assert len(set(TRANSFORMS.values())) == len(TransformName)


@pytest.mark.parametrize("name", TransformName)
def test_a_transform_alone_has_the_defaults_of_the_spec(name: TransformName) -> None:
    model = TRANSFORM_MODELS[name]
    alone, of_spec = TRANSFORMS[name](), TRANSFORMS[name].from_spec(model(), KeyedRandom(0, "top", 0, 0, name), MEAN)
    for field in model.model_fields:
        assert getattr(alone, field) == getattr(of_spec, field)


@pytest.mark.parametrize("name", TransformName)
def test_every_transform_changes_pixels_and_leaves_its_input_alone(photo: torch.Tensor, name: TransformName) -> None:
    before = photo.clone()
    assert not torch.equal(sampled(Augmentation(transforms=[name]))(photo, 0), before)
    assert torch.equal(photo, before)


@pytest.mark.parametrize("name", TransformName)
def test_every_transform_works_in_a_training_pipeline(photo: torch.Tensor, name: TransformName) -> None:
    mask = tv_tensors.Mask(torch.ones(48, 64, dtype=torch.uint8))
    sample = {"top": tv_tensors.Image(photo[0]), "clip": tv_tensors.Video(photo), "mask": mask, "id": 7}
    torch.manual_seed(1)
    result = v2.Compose([TRANSFORMS[name]()])(sample)
    assert isinstance(result["top"], tv_tensors.Image)
    assert isinstance(result["clip"], tv_tensors.Video)
    assert torch.equal(result["clip"][0], result["top"])
    assert torch.equal(result["mask"], mask)
    torch.manual_seed(1)
    assert torch.equal(TRANSFORMS[name]()(sample)["clip"], result["clip"])
    with pytest.raises(TypeError, match="uint8"):
        TRANSFORMS[name]()(photo.float())


@pytest.mark.parametrize("name", TransformName)
def test_sampled_parameters_are_json_and_reproducible(name: TransformName) -> None:
    augmentation = Augmentation(transforms=[name], copies=20)
    sampled_once = [json.dumps(sampled(augmentation, copy=copy).parameters) for copy in range(20)]
    assert sampled_once == [json.dumps(sampled(augmentation, copy=copy).parameters) for copy in range(20)]
    assert len(set(sampled_once)) > 10


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU: CUDA's pixels are not compared with the CPU's")
@pytest.mark.parametrize("name", TransformName)
def test_cuda_gives_the_same_pixels_as_the_cpu(photo: torch.Tensor, name: TransformName) -> None:
    for copy in range(6):
        pipeline = sampled(Augmentation(transforms=[name], copies=6), copy=copy)
        assert torch.equal(pipeline(photo.cuda(), 3).cpu(), pipeline(photo, 3))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU: CUDA's pixels are not compared with the CPU's")
def test_cuda_gives_the_same_drifting_geometry_as_the_cpu(photo: torch.Tensor) -> None:
    drifting = {"affine": {"drift": 1, "zoom": {"min": 0.6}}, "perspective": {"drift": 1}}
    augmentation = Augmentation.model_validate({"transforms": ["affine", "cropResize", "perspective"], **drifting})
    assert torch.equal(sampled(augmentation)(photo.cuda(), 3).cpu(), sampled(augmentation)(photo, 3))


def test_stacked_copies_get_all_transforms_in_the_order_given() -> None:
    augmentation = Augmentation(transforms=[TransformName.NOISE, TransformName.LIGHTING], copies=2)
    assert transforms_of_copies(augmentation) == ((TransformName.NOISE, TransformName.LIGHTING),) * 2


def test_independent_copies_get_one_transform_each() -> None:
    augmentation = Augmentation(
        transforms=[TransformName.NOISE, TransformName.LIGHTING],
        mode=AugmentationMode.INDEPENDENT,
        copies_per_transform={TransformName.LIGHTING: 2},
    )
    assert transforms_of_copies(augmentation) == (
        (TransformName.NOISE,),
        (TransformName.LIGHTING,),
        (TransformName.LIGHTING,),
    )


def test_a_copy_that_the_job_does_not_make_is_an_error() -> None:
    with pytest.raises(ValueError, match="copy 3: the augmentation makes copies 0 to 2"):
        sampled(Augmentation(copies=3), copy=3)


PIXELS_OF_SEED_42 = {
    TransformName.LIGHTING: "bcc8786b1301b4b7",
    TransformName.NOISE: "300a0ca2354bb700",
    TransformName.BLUR: "1df57c40c15b499e",
    TransformName.OCCLUSION: "f92a3117accfefb1",
    TransformName.GAMMA: "aba0eb2535b34577",
    TransformName.JPEG: "3ea667cafb960e28",
    TransformName.SHADOW: "9a3260e311c05e51",
    TransformName.HUE_SATURATION: "befb1f8cce456560",
    TransformName.SHARPNESS: "274f5203dd0fa93a",
    TransformName.PATCH_BRIGHTNESS: "7994fd9bffcc1936",
    TransformName.AFFINE: "eb1155544e24c1b8",
    TransformName.CROP_RESIZE: "be2d6d01b776d5f2",
    TransformName.PERSPECTIVE: "04b8327f0324d8ec",
    TransformName.BACKGROUND: "9428ecabffc4c9c3",
}
"""The first 16 digits of the SHA-256 of three copies, with independent cameras; so they are since the first release."""
PIXELS_OF_A_SCENE = {
    TransformName.LIGHTING: "848fd21b85905539",
    TransformName.GAMMA: "52792a9c43844bb7",
    TransformName.SHADOW: "7c3e82636413a174",
    TransformName.HUE_SATURATION: "8fd2769bf0bb097c",
    TransformName.BACKGROUND: "cf7002a65bae71ef",
}
"""The same of what cameras share."""
