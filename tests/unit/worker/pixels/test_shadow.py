"""Shadows: their shape, and the kernel against its twin."""

import torch

from augmentation_worker.transforms.kernels_in_torch import multiply_by_mask_in_torch
from augmentation_worker.transforms.shadow import Shadow, ShadowParameters


def test_a_shadow_darkens_one_side_and_fades_over_its_edge() -> None:
    white = torch.full((2, 3, 100, 200), 200, dtype=torch.uint8)
    params = {"shadow": ShadowParameters(50.0, 0.1, 0.0, 0.5, 0.5)}
    result = Shadow().transform(white, params)
    assert (result[..., :80] == 200).all()  # to the left
    assert (result[..., 120:] == 100).all()  # in the shadow, half as bright
    across = result[0, 0, 0].int()
    assert (across.diff() <= 0).all()
    assert torch.equal(result[0], result[1])


def test_a_shadow_without_strength_changes_nothing_and_one_of_all_is_black(photo: torch.Tensor) -> None:
    none, full = ShadowParameters(0.0, 0.1, 30.0, 0.5, 0.5), ShadowParameters(100.0, 0.0, 90.0, 0.5, 0.99)
    assert torch.equal(Shadow().transform(photo, {"shadow": none}), photo)
    assert (Shadow().transform(photo, {"shadow": full})[:, :, 0] == 0).all()


def test_the_kernel_of_shadows_and_its_twin_give_the_same_pixels(photo: torch.Tensor) -> None:
    parameters = ShadowParameters(63.0, 0.15, 200.0, 0.4, 0.6)
    ours = Shadow().transform(photo, {"shadow": parameters})
    assert torch.equal(ours, multiply_by_mask_in_torch(photo, parameters.mask(48, 64)))
