"""Gamma against torchvision's."""

import pytest
import torch
from torchvision.transforms.v2 import functional

from augmentation_worker.transforms.gamma import Gamma


@pytest.mark.parametrize("gamma", [0.5, 1.0, 1.8])
def test_gamma_is_torchvisions(photo: torch.Tensor, gamma: float) -> None:
    transform = Gamma((gamma, gamma))
    ours = transform.transform(photo, transform.make_params([]))
    theirs = functional.adjust_gamma(photo, gamma)
    assert (ours.int() - theirs.int()).abs().max() <= 1  # theirs truncates
