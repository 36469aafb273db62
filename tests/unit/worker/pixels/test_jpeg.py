"""JPEG artefacts against torchvision's."""

import torch
from torchvision.transforms.v2 import functional

from augmentation_worker.transforms.jpeg import Jpeg
from augmentation_worker.transforms.keyed_random import KeyedRandom


def test_jpeg_is_torchvisions_and_worse_at_lower_quality(photo: torch.Tensor) -> None:
    scene = functional.gaussian_blur(photo, [7, 7])
    error = {}
    for quality in (10, 50, 95):
        transform = Jpeg((quality, quality), random=KeyedRandom(0, "top", 0, 0, "jpeg"))
        ours = transform.transform(scene, transform.make_params([]))
        assert torch.equal(ours[1], functional.jpeg(scene[1], quality))
        error[quality] = (ours.float() - scene.float()).square().mean()
    assert error[10] > error[50] > error[95]
