from typing import Any

import numpy as np
import pytest
import torch

from augmentation_worker.transforms.keyed_random import KeyedRandom
from augmentation_worker.transforms.occlusion import Occlusion, OcclusionParameters, Patch

MEAN = (0.2, 0.4, 0.6)


def occlusion(kind: str = "solid", copy: int = 0, **ranges: Any) -> tuple[Occlusion, dict[str, Any]]:
    transform = Occlusion(kind, episode_mean=MEAN, random=KeyedRandom(0, "top", 0, copy, "occlusion"), **ranges)
    return transform, transform.make_params([])


def covered(before: torch.Tensor, after: torch.Tensor) -> np.ndarray:
    return (before != after).any(dim=1).numpy()


@pytest.mark.parametrize("kind", ["solid", "mean", "noise"])
def test_patches_stand_still_over_an_episode(photo: torch.Tensor, kind: str) -> None:
    transform, params = occlusion(kind)
    still = photo[:1].expand(3, -1, -1, -1)
    result = transform.transform(still, params)
    assert torch.equal(result[0], result[2])
    assert covered(still, result).any()


def test_pixels_outside_of_patches_are_unchanged(photo: torch.Tensor) -> None:
    transform, params = occlusion(patches=(3, 3))
    sampled: OcclusionParameters = params["occlusion"]
    outside = torch.ones(48, 64, dtype=torch.bool)
    for patch in sampled.patches:
        outside[patch.box(48, 64)] = False
    result = transform.transform(photo, params)
    assert torch.equal(result[..., outside], photo[..., outside])
    assert not torch.equal(result[..., ~outside], photo[..., ~outside])


def test_a_patch_of_the_mean_has_the_episodes_mean_color() -> None:
    transform, params = occlusion("mean", patches=(1, 1))
    black = torch.zeros((1, 3, 48, 64), dtype=torch.uint8)
    rows, columns = params["occlusion"].patches[0].box(48, 64)
    patch = transform.transform(black, params)[0, :, rows, columns]
    assert [int(value) for value in patch[:, 0, 0]] == [51, 102, 153]
    assert (patch == patch[:, :1, :1]).all()


def test_a_patch_of_noise_holds_all_values_evenly() -> None:
    transform, params = occlusion("noise", patches=(1, 1), patch_width=(1, 1), patch_height=(1, 1))
    values = transform.transform(torch.zeros((1, 3, 200, 300), dtype=torch.uint8), params).numpy()
    share = np.bincount(values.ravel(), minlength=256) / values.size
    assert share.min() > 0.7 / 256
    assert share.max() < 1.3 / 256


def test_sizes_are_fractions_of_the_frame_whatever_its_resolution() -> None:
    _, params = occlusion(patches=(1, 1), patch_width=(0.2, 0.2), patch_height=(0.1, 0.1))
    patch: Patch = params["occlusion"].patches[0]
    for height, width in ((48, 64), (480, 640), (1080, 1920)):
        rows, columns = patch.box(height, width)
        assert rows.stop - rows.start == pytest.approx(0.1 * height, abs=1)
        assert columns.stop - columns.start == pytest.approx(0.2 * width, abs=1)


def test_patches_lie_inside_the_frame_and_keep_to_their_ranges() -> None:
    kinds, numbers = set(), set()
    for copy in range(100):
        _, params = occlusion("mixed", copy)
        sampled: OcclusionParameters = params["occlusion"]
        kinds.add(sampled.kind)
        numbers.add(len(sampled.patches))
        for patch in sampled.patches:
            assert 0 <= patch.left <= 1 - patch.width
            assert 0 <= patch.top <= 1 - patch.height
            assert 0.05 <= patch.width <= 0.2
            assert 0.05 <= patch.height <= 0.2
    assert (kinds, numbers) == ({"solid", "mean", "noise"}, {1, 2, 3})
