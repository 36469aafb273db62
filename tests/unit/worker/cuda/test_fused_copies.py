"""The Triton kernels against the CPU's: on a GPU where there is one, else by Triton's interpreter."""

from collections.abc import Mapping

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from augmentation_api.spec import Augmentation
from augmentation_api.transforms import TransformName
from augmentation_worker.transforms.cuda.fused_copies import FusedCopies
from augmentation_worker.transforms.cuda.operation import Kind, passes
from augmentation_worker.transforms.pipeline import EpisodeTransform, sample_pipeline

MEAN = (0.4, 0.5, 0.6)
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
pytestmark = [pytest.mark.gpu] if DEVICE.type == "cuda" else []

JPEG = TransformName.JPEG


def moving_square(first_frame: int, count: int, height: int, width: int) -> NDArray[np.uint8]:
    masks = np.zeros((count, height, width), np.uint8)
    for place in range(count):
        left = first_frame + place
        masks[place, height // 4 : -(height // 4), left : left + width // 2] = 255
    return masks


def frames_of(height: int, width: int, count: int = 2) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(7).integers(0, 256, (count, 3, height, width), dtype=np.uint8))


def pipelines_of(asked: Mapping[str, object], copies: int = 1, episode: int = 7) -> list[EpisodeTransform]:
    augmentation = Augmentation.model_validate({"seed": 42, "copies": copies, **asked})
    return [
        sample_pipeline(augmentation, camera="top", episode=episode, copy=copy, episode_mean=MEAN, masks=moving_square)
        for copy in range(copies)
    ]


def assert_same_pixels(pipelines: list[EpisodeTransform], frames: torch.Tensor, first_frame: int = 3) -> None:
    augmented = FusedCopies(pipelines)(frames.to(DEVICE), first_frame)
    for pipeline, pixels in zip(pipelines, augmented, strict=True):
        differing = int((pixels.cpu() != pipeline(frames, first_frame)).sum())
        assert differing == 0


KINDS: dict[str, dict[str, object]] = {
    "gaussian": {"transforms": ["noise"], "noise": {"kind": "gaussian"}},
    "strong gaussian": {
        "transforms": ["noise"],
        "noise": {"kind": "gaussian", "gaussianSigma": {"min": 99, "max": 100}},
    },
    "shot": {"transforms": ["noise"], "noise": {"kind": "shot"}},
    "solid": {"transforms": ["occlusion"], "occlusion": {"kind": "solid"}},
    "patches of noise": {"transforms": ["occlusion"], "occlusion": {"kind": "noise"}},
    "behind a mask": {
        "transforms": ["occlusion"],
        "occlusion": {"where": "avoidMask", "patches": {"min": 5, "max": 6}},
    },
    "on a mask": {"transforms": ["occlusion"], "occlusion": {"where": "onMask"}},
    "background": {"transforms": ["background"], "background": {"kind": "noise"}},
    "lighting": {"transforms": ["lighting"]},
    "two tables": {"transforms": ["lighting", "gamma"]},
    "shadow": {"transforms": ["shadow"]},
    "patches of light": {"transforms": ["patchBrightness"]},
    "colours": {"transforms": ["hueSaturation"]},
    "motion": {"transforms": ["blur"], "blur": {"kind": "motion"}},
    "defocus": {"transforms": ["blur"], "blur": {"kind": "defocus"}},
    "sharpness": {"transforms": ["sharpness"], "sharpness": {"factor": {"min": 8, "max": 10}}},
    "turned": {"transforms": ["affine"], "affine": {"border": "black"}},
    "shrunk": {"transforms": ["affine"], "affine": {"zoom": {"min": 0.6, "max": 0.65}}},
    "drifting": {"transforms": ["affine", "perspective"], "affine": {"drift": 1}, "perspective": {"drift": 1}},
    "perspective": {"transforms": ["perspective"]},
    "cropped": {"transforms": ["cropResize"]},
    "jpeg": {"transforms": ["jpeg"]},
}

NEIGHBOURS = ("motion", "defocus", "sharpness", "turned", "shrunk", "drifting", "perspective", "cropped")
"""Kinds of which a copy is a launch of its own, with and without others."""


@pytest.mark.parametrize("kind", KINDS)
def test_kernels_give_the_pixels_of_the_cpu(kind: str) -> None:
    copies = 1 if kind in NEIGHBOURS else 2
    assert_same_pixels(pipelines_of(KINDS[kind], copies), frames_of(16, 32))


@pytest.mark.parametrize("kind", ["gaussian", "shot", "behind a mask", "background", "colours", "sharpness", "shrunk"])
def test_frames_of_odd_sizes_too(kind: str) -> None:
    assert_same_pixels(pipelines_of(KINDS[kind]), frames_of(13, 37, count=3))


def test_a_blur_that_reaches_beyond_both_sides() -> None:
    wide = {"transforms": ["blur"], "blur": {"kind": "defocus", "defocusSigma": {"min": 4, "max": 5}}}
    for height, width in ((6, 4), (7, 12)):
        assert_same_pixels(pipelines_of(wide), frames_of(height, width, count=1))


def test_a_frame_larger_than_one_tile() -> None:
    stacked = {"transforms": ["lighting", "noise", "occlusion", "shadow"], "noise": {"kind": "gaussian"}}
    assert_same_pixels(pipelines_of(stacked), frames_of(96, 80, count=1))
    assert_same_pixels(pipelines_of({"transforms": ["hueSaturation", "sharpness"]}), frames_of(48, 48, count=1))


def test_all_transforms_stacked() -> None:
    names = [name for name in TransformName if name is not JPEG]
    assert_same_pixels(pipelines_of({"transforms": names}, copies=2), frames_of(16, 32, count=1), first_frame=0)


@pytest.mark.gpu
@pytest.mark.skipif(DEVICE.type == "cpu", reason="no GPU: the interpreter would take hours for frames of this size")
@pytest.mark.parametrize(("height", "width"), [(480, 640), (1080, 1920), (479, 641)])
def test_frames_of_real_sizes_on_a_gpu(height: int, width: int) -> None:
    names = [name for name in TransformName if name is not JPEG]
    assert_same_pixels(pipelines_of({"transforms": names}, copies=4), frames_of(height, width))
    for asked in KINDS.values():
        assert_same_pixels(pipelines_of(asked, copies=3), frames_of(height, width))


def test_copies_of_different_kinds_keep_their_order() -> None:
    asked = {"transforms": ["noise", "lighting", "occlusion"], "choose": 2}
    pipelines = pipelines_of(asked, copies=5)
    assert len({tuple(name for name, _, _ in pipeline.steps) for pipeline in pipelines}) > 1
    assert_same_pixels(pipelines, frames_of(16, 32))


def test_a_copy_without_transforms_is_the_source() -> None:
    frames = frames_of(16, 32)
    augmented = FusedCopies([EpisodeTransform(())] * 2)(frames.to(DEVICE), 0)
    assert all(torch.equal(pixels.cpu(), frames) for pixels in augmented)
    assert augmented[0].data_ptr() != augmented[1].data_ptr()


def test_tables_are_made_once_for_a_size() -> None:
    (pipeline,) = pipelines_of({"transforms": ["shadow"]})
    fused = FusedCopies([pipeline])
    first = fused(frames_of(16, 32).to(DEVICE), 0)
    shadow = pipeline.steps[0][2]["shadow"]
    object.__setattr__(shadow, "strength_percent", 0)  # would be seen if the mask were made again
    assert torch.equal(fused(frames_of(16, 32).to(DEVICE), 0)[0], first[0])


def test_one_pass_for_what_changes_values_alone() -> None:
    noise, table, cover, mix, other = Kind.ADD_NORMALS, Kind.LOOK_UP, Kind.COVER, Kind.MIX, None
    assert passes([table, noise, cover]) == [range(3)]
    assert passes([table, other, cover, table]) == [range(1), range(1, 2), range(2, 4)]
    assert passes([other, other]) == [range(1), range(1, 2)]
    assert passes([mix, table, noise, table]) == [range(2), range(2, 4)]
    assert passes([noise, table, mix, noise]) == [range(2), range(2, 3), range(3, 4)]
    assert passes([]) == []
