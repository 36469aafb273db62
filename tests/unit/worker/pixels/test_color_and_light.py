"""gamma, hueSaturation, shadow and jpeg against torchvision where it defines the same, else against plain numpy."""

import numpy as np
import pytest
import torch
from torchvision.transforms.v2 import functional

from augmentation_worker.transforms.gamma import Gamma
from augmentation_worker.transforms.hue_saturation import HueSaturation, color_matrix
from augmentation_worker.transforms.hue_saturation import multiply_in_torch as multiply_colors_in_torch
from augmentation_worker.transforms.jpeg import Jpeg
from augmentation_worker.transforms.keyed_random import KeyedRandom
from augmentation_worker.transforms.shadow import Shadow, ShadowParameters
from augmentation_worker.transforms.shadow import multiply_in_torch as multiply_by_mask_in_torch


@pytest.mark.parametrize("gamma", [0.5, 1.0, 1.8])
def test_gamma_is_torchvisions(photo: torch.Tensor, gamma: float) -> None:
    transform = Gamma((gamma, gamma))
    ours = transform.transform(photo, transform.make_params([]))
    theirs = functional.adjust_gamma(photo, gamma)
    assert (ours.int() - theirs.int()).abs().max() <= 1  # theirs truncates


@pytest.mark.parametrize("percent", [-100.0, -40.0, 0.0, 60.0])
def test_saturation_is_torchvisions(photo: torch.Tensor, percent: float) -> None:
    transform = HueSaturation((0, 0), (percent, percent))
    ours = transform.transform(photo, transform.make_params([]))
    theirs = functional.adjust_saturation(photo, 1 + percent / 100)
    # torchvision truncates the grey and the result, and its weights of luma are rounded.
    assert (ours.int() - theirs.int()).abs().max() <= 2


def test_greys_have_no_hue_to_turn_and_a_full_turn_changes_nothing(photo: torch.Tensor) -> None:
    grey = photo[:, :1].expand(-1, 3, -1, -1)
    turned = HueSaturation((70, 70), (50, 50))
    assert torch.equal(turned.transform(grey, turned.make_params([])), grey)
    assert (color_matrix(360, 0) == color_matrix(0, 0)).all()
    assert (color_matrix(0, 0) == 16384 * np.eye(3)).all()


def test_a_turn_of_the_hue_keeps_luma() -> None:
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


def test_jpeg_is_torchvisions_and_worse_at_lower_quality(photo: torch.Tensor) -> None:
    scene = functional.gaussian_blur(photo, [7, 7])
    error = {}
    for quality in (10, 50, 95):
        transform = Jpeg((quality, quality), random=KeyedRandom(0, "top", 0, 0, "jpeg"))
        ours = transform.transform(scene, transform.make_params([]))
        assert torch.equal(ours[1], functional.jpeg(scene[1], quality))
        error[quality] = (ours.float() - scene.float()).square().mean()
    assert error[10] > error[50] > error[95]
