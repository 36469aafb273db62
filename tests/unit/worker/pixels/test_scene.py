"""What belongs to the scene is the same in all its cameras; what belongs to a camera is its own (cf. openpi#859)."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from augmentation_api.spec import Augmentation
from augmentation_api.transforms import TransformName
from augmentation_api.vocabulary import AcrossCameras
from augmentation_worker.transforms.color_temperature import srgb_decode, srgb_encode
from augmentation_worker.transforms.pipeline import TRANSFORMS, EpisodeTransform, sample_pipeline

TOP, WRIST = "observation.images.top", "observation.images.wrist"
OF_SCENE = {name for name in TransformName if TRANSFORMS[name].of_scene}
CARD = (slice(8, 24), slice(8, 40))
"""Rows and columns of the grey card that both cameras see."""


def cameras_of(
    augmentation: Augmentation, copy: int = 0, scene_mean: tuple[float, ...] | None = None
) -> tuple[EpisodeTransform, EpisodeTransform]:
    """The pipelines of two cameras whose images have different means."""
    top, wrist = (
        sample_pipeline(augmentation, camera=camera, episode=3, copy=copy, episode_mean=mean, scene_mean=scene_mean)
        for camera, mean in ((TOP, (0.6, 0.5, 0.4)), (WRIST, (0.2, 0.25, 0.3)))
    )
    return top, wrist


def parameters_of_copies(augmentation: Augmentation) -> tuple[list[str], list[str]]:
    """What each camera's three copies sampled."""
    pairs = [cameras_of(augmentation, copy, (0.4, 0.4, 0.4)) for copy in range(3)]
    return [str(top.parameters) for top, _ in pairs], [str(wrist.parameters) for _, wrist in pairs]


def test_light_and_colours_belong_to_the_scene() -> None:
    of_light = {TransformName.LIGHTING, TransformName.GAMMA, TransformName.SHADOW, TransformName.HUE_SATURATION}
    assert of_light <= OF_SCENE
    assert not OF_SCENE & {TransformName.NOISE, TransformName.BLUR, TransformName.JPEG, TransformName.OCCLUSION}


@pytest.mark.parametrize("name", TransformName)
def test_cameras_share_what_belongs_to_the_scene_by_default(name: TransformName) -> None:
    top, wrist = parameters_of_copies(Augmentation(transforms=[name]))
    assert (top == wrist) == (name in OF_SCENE)
    assert len(set(top)) == 3


@pytest.mark.parametrize("name", TransformName)
def test_independent_cameras_share_nothing(name: TransformName) -> None:
    augmentation = Augmentation(transforms=[name], across_cameras=AcrossCameras.INDEPENDENT)
    top, wrist = parameters_of_copies(augmentation)
    assert top != wrist


def test_a_shadow_has_one_direction_and_lies_elsewhere_in_each_camera() -> None:
    top, wrist = (
        pipeline.steps[0][2]["shadow"] for pipeline in cameras_of(Augmentation(transforms=[TransformName.SHADOW]))
    )
    assert (top.strength_percent, top.softness, top.angle_degrees) == (
        wrist.strength_percent,
        wrist.softness,
        wrist.angle_degrees,
    )
    assert (top.left, top.top) != (wrist.left, wrist.top)


def test_cameras_with_other_ranges_lie_at_the_same_place_in_them() -> None:
    entry = {"camera": WRIST, "lighting": {"brightness": {"min": -5, "max": 5}}}
    augmentation = Augmentation.model_validate({"perCamera": [entry]})
    for copy in range(3):
        top, wrist = (pipeline.parameters["lighting"] for pipeline in cameras_of(augmentation, copy))
        assert wrist["brightness_percent"] == pytest.approx(float(top["brightness_percent"]) / 3)
        assert wrist["color_temperature_kelvin"] == top["color_temperature_kelvin"]


def test_a_camera_may_have_its_own_transforms() -> None:
    entry = {"camera": "*wrist*", "transforms": ["noise", "lighting"]}
    top, wrist = cameras_of(Augmentation.model_validate({"transforms": ["lighting", "affine"], "perCamera": [entry]}))
    assert list(top.parameters) == ["lighting", "affine"]
    assert list(wrist.parameters) == ["noise", "lighting"]


def test_in_copies_of_one_transform_a_camera_without_it_stays_as_it_is(photo: torch.Tensor) -> None:
    augmentation = Augmentation.model_validate(
        {
            "mode": "independent",
            "transforms": ["affine", "lighting"],
            "perCamera": [{"camera": WRIST, "transforms": ["lighting"]}],
        }
    )
    top, wrist = cameras_of(augmentation, 0)
    assert list(top.parameters) == ["affine"]
    assert not wrist.parameters
    assert torch.equal(wrist(photo, 0), photo)
    assert [list(pipeline.parameters) for pipeline in cameras_of(augmentation, 1)] == [["lighting"]] * 2


def test_a_copy_gets_as_many_transforms_as_are_chosen_the_same_in_all_cameras() -> None:
    names = ["lighting", "hueSaturation", "sharpness", "affine"]
    augmentation = Augmentation.model_validate({"transforms": names, "choose": 2, "copies": 20})
    chosen = []
    for copy in range(20):
        top, wrist = (list(pipeline.parameters) for pipeline in cameras_of(augmentation, copy))
        assert top == wrist
        assert top == [name for name in names if name in top]
        chosen.append(tuple(top))
    assert {len(each) for each in chosen} == {2}
    assert len(set(chosen)) == 6
    independent = augmentation.model_copy(update={"across_cameras": AcrossCameras.INDEPENDENT})
    pairs = [cameras_of(independent, copy) for copy in range(20)]
    assert any(list(top.parameters) != list(wrist.parameters) for top, wrist in pairs)


def test_what_is_left_out_of_a_copy_is_left_out_of_every_camera() -> None:
    augmentation = Augmentation.model_validate(
        {
            "transforms": ["lighting", "affine"],
            "choose": 1,
            "copies": 20,
            "perCamera": [{"camera": WRIST, "transforms": ["noise", "lighting"]}],
        }
    )
    for copy in range(20):
        top, wrist = (list(pipeline.parameters) for pipeline in cameras_of(augmentation, copy))
        assert wrist == (["noise", "lighting"] if top == ["lighting"] else ["noise"])


def rendered(albedo: NDArray[np.float64], illuminant: tuple[float, float, float]) -> torch.Tensor:
    """uint8 [1, 3, 48, 64]: surfaces of a reflectance [3, 48, 64] under a light, and a grey card, as a camera gives."""
    scene = albedo.copy()
    # Many greys: what the rounding of 8 bits takes from one it gives to another.
    scene[:, *CARD] = np.linspace(0.2, 0.3, 32)
    light = np.array(illuminant).reshape(3, 1, 1)
    return torch.from_numpy(np.floor(srgb_encode(scene * light) * 255 + 0.5).astype(np.uint8))[None]


def illuminant_shift(source: torch.Tensor, copy: torch.Tensor) -> NDArray[np.float64]:
    """Gains [3] of linear light from the source to its copy, as both show the grey card."""
    before, after = (srgb_decode(image[0].numpy()[:, *CARD] / 255.0).mean((1, 2)) for image in (source, copy))
    gains: NDArray[np.float64] = after / before
    return gains


@pytest.mark.parametrize("seed", range(10))
def test_both_cameras_see_the_same_shift_of_the_illuminant(seed: int) -> None:
    generator = np.random.default_rng(seed)
    light = (0.95, 0.9, 0.8)
    bright = rendered(generator.uniform((0.3, 0.2, 0.1), (1.0, 0.8, 0.5), (48, 64, 3)).transpose(2, 0, 1), light)
    dark = rendered(generator.uniform((0.0, 0.05, 0.1), (0.2, 0.3, 0.5), (48, 64, 3)).transpose(2, 0, 1), light)
    means = [tuple(float(mean) / 255 for mean in image[0].double().mean((1, 2))) for image in (bright, dark)]
    scene_mean = [sum(each) / 2 for each in zip(*means, strict=True)]

    def differences(augmentation: Augmentation) -> list[float]:
        """By copy, how much more one of the cameras' channels is brightened than the other's, at most."""
        found = []
        for copy in range(augmentation.copies):
            shifts = [
                illuminant_shift(
                    image,
                    sample_pipeline(
                        augmentation, camera=camera, episode=0, copy=copy, episode_mean=mean, scene_mean=scene_mean
                    )(image, 0),
                )
                for camera, image, mean in zip((TOP, WRIST), (bright, dark), means, strict=True)
            ]
            found.append(float(np.abs(shifts[0] / shifts[1] - 1).max()))
        return found

    assert max(differences(Augmentation(seed=seed))) < 0.01
    assert max(differences(Augmentation(seed=seed, across_cameras=AcrossCameras.INDEPENDENT))) > 0.05
