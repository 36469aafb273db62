import hashlib
import json

import pytest
import torch

from augmentation_api.spec import Augmentation
from augmentation_api.vocabulary import AugmentationMode, TransformName
from augmentation_worker.transforms import IMPLEMENTED_TRANSFORMS, EpisodeTransform, draw_pipeline, transforms_of_copies

MEAN = (0.4, 0.5, 0.6)


def drawn(augmentation: Augmentation, episode: int = 0, copy: int = 0, camera: str = "top") -> EpisodeTransform:
    return draw_pipeline(augmentation, camera=camera, episode=episode, copy=copy, episode_mean=MEAN)


def test_the_same_arguments_draw_the_same_pipeline(photo: torch.Tensor) -> None:
    first, second = drawn(Augmentation(seed=5), 3, 1), drawn(Augmentation(seed=5), 3, 1)
    assert first.parameters == second.parameters
    assert torch.equal(first(photo, 0), second(photo, 0))


def test_copies_episodes_cameras_and_seeds_differ() -> None:
    augmentation = Augmentation()
    pipelines = [
        drawn(augmentation),
        drawn(augmentation, copy=1),
        drawn(augmentation, episode=1),
        drawn(augmentation, camera="wrist"),
        drawn(Augmentation(seed=1)),
    ]
    assert len({json.dumps(pipeline.parameters) for pipeline in pipelines}) == len(pipelines)


def test_what_was_drawn_is_told_with_units() -> None:
    parameters = json.loads(json.dumps(drawn(Augmentation()).parameters))
    assert set(parameters) == {"lighting"}
    assert set(parameters["lighting"]) == {
        "brightness_percent",
        "contrast_percent",
        "color_temperature_kelvin",
        "contrast_pivot_percent",
    }


def test_the_batch_a_frame_is_in_does_not_matter(photo: torch.Tensor) -> None:
    pipeline = drawn(Augmentation())
    halves = torch.cat([pipeline(photo[:1], 0), pipeline(photo[1:], 1)])
    assert torch.equal(halves, pipeline(photo, 0))


def test_pixels_of_a_seed_are_fixed_for_ever(photo: torch.Tensor) -> None:
    # If this fails, a seed means other pixels than it did: raise draws.KEY_VERSION and say so in the changelog.
    pixels = drawn(Augmentation(seed=42), episode=7, copy=2)(photo, 0)
    assert hashlib.sha256(pixels.numpy().tobytes()).hexdigest() == PIXELS_OF_SEED_42


def test_a_transform_that_is_not_implemented_is_named() -> None:
    missing = next(name for name in TransformName if name not in IMPLEMENTED_TRANSFORMS)
    with pytest.raises(ValueError, match=f"transform {missing.value} is not implemented"):
        drawn(Augmentation(transforms=[missing]))


def test_lighting_is_implemented() -> None:
    assert TransformName.LIGHTING in IMPLEMENTED_TRANSFORMS


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
        drawn(Augmentation(copies=3), copy=3)


PIXELS_OF_SEED_42 = "cca50d299949c581b7a039e0cbf854bd3bab2639e48231f8efcaf2176d6b26df"
