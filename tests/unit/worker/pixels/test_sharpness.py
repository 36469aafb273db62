"""Sharpness against torchvision's own."""

import numpy as np
import pytest
import torch
from torchvision.transforms.v2 import functional

from augmentation_worker.transforms.kernels_in_torch import sharpen_in_torch
from augmentation_worker.transforms.sharpness import Sharpness, gain_of


def sharpened(frames: torch.Tensor, factor: float) -> torch.Tensor:
    made: torch.Tensor = Sharpness().transform(frames, {"factor": factor})
    return made


@pytest.mark.parametrize("factor", [0.0, 0.5, 0.9, 1.5, 4.0, 10.0])
def test_it_is_torchvisions_sharpness(photo: torch.Tensor, factor: float) -> None:
    theirs = functional.adjust_sharpness(photo.double() / 255, factor) * 255
    assert (sharpened(photo, factor) - theirs).abs().max() <= 0.51


def test_a_factor_of_one_changes_nothing(photo: torch.Tensor) -> None:
    assert torch.equal(sharpened(photo, 1.0), photo)


@pytest.mark.parametrize("factor", [0.0, 0.7, 1.3, 10.0])
@pytest.mark.parametrize("size", [(48, 64), (5, 9), (2, 7), (7, 2), (1, 1), (3, 3)])
def test_the_kernel_of_sharpness_and_its_twin_give_the_same_pixels(factor: float, size: tuple[int, int]) -> None:
    frames = torch.from_numpy(np.random.default_rng(2).integers(0, 256, (2, 3, *size), dtype=np.uint8))
    frames[0, 0] = torch.where(frames[0, 0] > 127, 255, 0)  # the largest differences there are
    assert torch.equal(sharpened(frames, factor), sharpen_in_torch(frames, gain_of(factor)))
