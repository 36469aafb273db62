"""Hue and saturation against torchvision's, and against what defines them."""

import numpy as np
import pytest
import torch
from torchvision.transforms.v2 import functional

from augmentation_worker.transforms.hue_saturation import HueSaturation, color_matrix
from augmentation_worker.transforms.kernels_in_torch import multiply_colors_in_torch


@pytest.mark.parametrize("percent", [-100.0, -40.0, 0.0, 60.0])
def test_saturation_is_torchvisions(photo: torch.Tensor, percent: float) -> None:
    transform = HueSaturation((0, 0), (percent, percent))
    ours = transform.transform(photo, transform.make_params([]))
    theirs = functional.adjust_saturation(photo, 1 + percent / 100)
    # torchvision truncates the grey and the result, and its weights of luma are rounded.
    assert (ours.int() - theirs.int()).abs().max() <= 2


def test_greys_have_no_hue_and_a_full_rotation_changes_nothing(photo: torch.Tensor) -> None:
    grey = photo[:, :1].expand(-1, 3, -1, -1)
    turned = HueSaturation((70, 70), (50, 50))
    assert torch.equal(turned.transform(grey, turned.make_params([])), grey)
    assert (color_matrix(360, 0) == color_matrix(0, 0)).all()
    assert (color_matrix(0, 0) == 16384 * np.eye(3)).all()


def test_a_hue_rotation_keeps_luma() -> None:
    colors = torch.tensor([[140, 100, 90], [90, 130, 120], [100, 110, 140]], dtype=torch.uint8).T.reshape(1, 3, 1, 3)
    turned = HueSaturation((120, 120), (0, 0))
    result = turned.transform(colors, turned.make_params([]))
    luma = torch.tensor([0.299, 0.587, 0.114]).reshape(3, 1, 1)
    assert ((result * luma).sum(1) - (colors * luma).sum(1)).abs().max() < 1
    assert not torch.equal(result, colors)


@pytest.mark.parametrize("hue", [-180.0, -33.0, 90.0])
def test_the_kernel_of_colors_and_its_twin_give_the_same_pixels(photo: torch.Tensor, hue: float) -> None:
    transform = HueSaturation((hue, hue), (80, 80))
    params = transform.make_params([])
    assert torch.equal(transform.transform(photo, params), multiply_colors_in_torch(photo, params["matrix"]))
