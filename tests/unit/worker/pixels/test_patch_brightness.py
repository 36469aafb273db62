"""Patch brightness against LeRobot's formula, and the mask's kernel against its twin."""

import numpy as np
import pytest
import torch

from augmentation_worker.transforms.kernels_in_torch import multiply_by_mask_in_torch
from augmentation_worker.transforms.mask import BRIGHTEST, fixed_point, multiply
from augmentation_worker.transforms.patch_brightness import BrightnessPatch, BrightnessPatches, PatchBrightness

PATCHES = (BrightnessPatch(0.2, 0.7, 0.1, 0.4), BrightnessPatch(0.5, 0.5, 0.25, 1.6), BrightnessPatch(1, 0, 0.05, 1.2))


def test_it_is_lerobots_gaussian_patch_brightness(photo: torch.Tensor) -> None:
    # GaussianPatchBrightness.transform of lerobot 0.6.1 (lerobot/transforms/transforms.py), in double precision.
    rows, columns = torch.meshgrid(torch.linspace(0, 1, 48).double(), torch.linspace(0, 1, 64).double(), indexing="ij")
    mask = torch.ones(48, 64).double()
    for patch in PATCHES:
        distance = (rows - patch.top) ** 2 + (columns - patch.left) ** 2
        mask *= 1 + (patch.factor - 1) * torch.exp(-distance / (2 * patch.sigma**2))
    theirs = (photo.double() / 255 * mask).clamp(0, 1) * 255
    ours = PatchBrightness().transform(photo, {"patches": BrightnessPatches(PATCHES)})
    assert (ours - theirs).abs().max() <= 0.51
    assert (ours == 255).sum() > (photo == 255).sum()


def test_a_factor_of_one_is_no_patch(photo: torch.Tensor) -> None:
    patch = BrightnessPatch(0.5, 0.5, 0.2, 1.0)
    assert torch.equal(PatchBrightness().transform(photo, {"patches": BrightnessPatches((patch,))}), photo)


@pytest.mark.parametrize("factor", [0.0, 0.3, 1.0, 1.7, 100.0, 1e9])
def test_the_kernel_of_masks_and_its_twin_give_the_same_pixels(photo: torch.Tensor, factor: float) -> None:
    factors = np.random.default_rng(3).random((48, 64)) * factor
    mask = fixed_point(factors)
    changed = multiply(photo.numpy(), mask)
    assert np.array_equal(changed, multiply_by_mask_in_torch(photo, mask).numpy())
    expected = np.minimum(255, np.floor(photo.numpy() * np.minimum(factors, BRIGHTEST) + 0.5))
    assert np.abs(changed - expected).max() <= 1
