"""The background's kernel against its twin, its edge, and its noise."""

import numpy as np
import pytest
import torch
from torchvision import tv_tensors

from augmentation_api.spec import Augmentation
from augmentation_worker.transforms.background import (
    Background,
    BackgroundParameters,
    blend,
    value_noise,
)
from augmentation_worker.transforms.kernels_in_torch import blend_in_torch
from augmentation_worker.transforms.occlusion import Occlusion
from tests.unit.worker.pixels.test_pipeline import moving_square, sampled

MASK = np.zeros((1, 48, 64), np.uint8)
MASK[0, 12:36, 20:44] = 255


def test_the_kernel_and_its_twin_give_the_same_pixels(photo: torch.Tensor) -> None:
    alpha = np.random.default_rng(1).integers(0, 256, (len(photo), 48, 64)).astype(np.uint8)
    alpha[:, :2], alpha[:, 2:4] = 0, 255
    behind = value_noise(7, 48, 64)
    blended = blend(photo.numpy(), behind, alpha)
    assert np.array_equal(blended, blend_in_torch(photo, behind, alpha).numpy())
    share = alpha[:, None] / 255
    exact = photo.numpy() * share + behind * (1 - share)
    assert np.abs(blended - exact).max() <= 0.5
    assert np.array_equal(blended[:, :, 2:4], photo[:, :, 2:4].numpy())
    assert (blended[:, :, :2] == behind[:, :2]).all()


@pytest.mark.parametrize("softness", [0.0, 0.5, 2.0, 20.0])
def test_only_the_edge_is_soft(softness: float) -> None:
    alpha = BackgroundParameters("color", softness, (1, 2, 3), 0).soften(MASK)[0]
    reach = int(np.ceil(4 * softness))
    if 2 * reach < 24:
        assert (alpha[12 + reach : 36 - reach, 20 + reach : 44 - reach] == 255).all()
        assert (alpha[: 12 - reach] == 0).all()
    if softness:
        assert 100 < alpha[11:13, 30].astype(int).mean() < 155 or softness > 2
        assert len(np.unique(alpha)) > 2
    else:
        assert (alpha == MASK[0]).all()


def test_noise_is_soft_and_of_all_colours() -> None:
    noise = value_noise(3, 120, 160).astype(int)
    assert noise.std(axis=(1, 2)).min() > 20
    assert np.abs(np.diff(noise, axis=2)).max() < 32
    assert np.abs(np.diff(noise, axis=1)).max() < 32
    assert not np.array_equal(noise, value_noise(4, 120, 160))
    assert np.abs(noise[:, ::2, ::2] - value_noise(3, 60, 80)).max() <= 16  # the same picture in any resolution


def test_a_mask_is_passed_along_in_a_training_pipeline(photo: torch.Tensor) -> None:
    mask = tv_tensors.Mask(torch.from_numpy(MASK // 255 * 3))
    clip, passed = Background("color", softness=(0, 0))(tv_tensors.Video(photo), mask)
    assert torch.equal(passed, mask)
    kept = MASK[0] > 0
    assert (clip.numpy()[:, :, kept] == photo.numpy()[:, :, kept]).all()
    assert len(np.unique(clip.numpy()[:, 0, ~kept])) == 1
    with pytest.raises(ValueError, match="needs a mask of 48x64 pixels"):
        Background()(photo)


def occluded(where: str, photo: torch.Tensor, *transforms: str, first_frame: int = 0) -> torch.Tensor:
    sizes = {"patchWidth": {"min": 0.3, "max": 0.5}, "patchHeight": {"min": 0.3, "max": 0.5}}
    augmentation = Augmentation.model_validate(
        {"transforms": [*transforms, "occlusion"], "occlusion": {"where": where, "kind": "solid", **sizes}, "seed": 2}
    )
    return sampled(augmentation)(photo, first_frame)


def test_patches_lie_behind_what_a_mask_keeps(photo: torch.Tensor) -> None:
    everywhere, behind = occluded("anywhere", photo), occluded("avoidMask", photo)
    kept = torch.from_numpy(moving_square(0, 4, 48, 64) > 0)[:, None].expand(-1, 3, -1, -1)
    assert torch.equal(behind[kept], photo[kept])
    assert torch.equal(behind[~kept], everywhere[~kept])
    assert not torch.equal(everywhere[kept], photo[kept])
    assert torch.equal(occluded("avoidMask", photo[2:], first_frame=2), behind[2:])


def test_patches_lie_on_what_a_mask_keeps_at_first_and_stay_there(photo: torch.Tensor) -> None:
    on_mask = occluded("onMask", photo)
    covered = (on_mask != photo).any(1)
    kept = torch.from_numpy(moving_square(0, 1, 48, 64)[0] > 0)
    # Neighbours of photo differ: nothing of a patch looks like the frame by chance in all of its frames.
    assert (covered.any(0) & kept).sum() > 60
    assert torch.equal(occluded("onMask", photo[2:], first_frame=2), on_mask[2:])
    moved = occluded("onMask", photo, "affine")
    assert torch.equal(occluded("onMask", photo[3:], "affine", first_frame=3), moved[3:])
    with pytest.raises(ValueError, match="patches that are placed onMask need a mask"):
        Occlusion(where="onMask")(photo)
