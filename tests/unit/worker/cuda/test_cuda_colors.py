"""Conversion of colours in Triton against that of the CPU, which is compared with swscale's in test_colors."""

import numpy as np
import pytest
import torch

from augmentation_worker.media.video import color_kernels, cuda_colors
from augmentation_worker.media.video.colors import ColorConverter, ColorTags, _to_rgb_factors
from augmentation_worker.media.video.planes import planes_of

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
pytestmark = [pytest.mark.gpu] if DEVICE.type == "cuda" else []
HEIGHT, WIDTH = 10, 136
COLORS = [ColorTags(matrix, color_range) for matrix, color_range in ((2, 0), (1, 1), (9, 2))]


def noise(*shape: int, seed: int = 1) -> torch.Tensor:
    # More of the ends than of the middle: there sums are clipped, and wrap around.
    values = np.random.default_rng(seed).integers(-128, 384, shape).clip(0, 255)
    return torch.from_numpy(values.astype(np.uint8))


def planar(memory: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Views of I420 [N, 3 / 2 H W]."""
    size = HEIGHT * WIDTH
    chroma = memory[:, size:].view(len(memory), 2, HEIGHT // 2, WIDTH // 2)
    return memory[:, :size].view(len(memory), HEIGHT, WIDTH), chroma[:, 0], chroma[:, 1]


def semiplanar(memory: torch.Tensor, pitch: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Views of NV12 [N, 3 / 2 H, pitch]."""
    chroma = memory[:, HEIGHT:, :WIDTH]
    return memory[:, :HEIGHT, :WIDTH], chroma[..., ::2], chroma[..., 1::2]


@pytest.mark.parametrize(("colors", "siting"), [(COLORS[0], "center"), (COLORS[1], "left"), (COLORS[2], "center")])
def test_rgb_has_the_bits_of_the_cpu(colors: ColorTags, siting: str) -> None:
    memory = noise(2, 3 * HEIGHT // 2, WIDTH + 24)
    planes = semiplanar(memory.to(DEVICE), WIDTH + 24)
    pixels = cuda_colors.yuv_to_rgb(*planes, colors, siting=siting).cpu().numpy()
    for frame, made in enumerate(pixels):
        expected = np.empty_like(made)
        of_frame = [np.ascontiguousarray(plane[frame].numpy()) for plane in semiplanar(memory, WIDTH + 24)]
        color_kernels.to_rgb(*of_frame, expected, _to_rgb_factors(colors), siting == "left")
        assert np.array_equal(made, expected)


@pytest.mark.parametrize("colors", COLORS)
def test_yuv_has_the_bits_of_the_cpu(colors: ColorTags) -> None:
    frames = noise(1, 3, HEIGHT, WIDTH)
    dense = torch.zeros((len(frames), 3 * HEIGHT * WIDTH // 2), dtype=torch.uint8, device=DEVICE)
    cuda_colors.rgb_to_yuv(frames.to(DEVICE), colors, *planar(dense))
    surface = torch.zeros((len(frames), 3 * HEIGHT // 2, WIDTH + 24), dtype=torch.uint8, device=DEVICE)
    cuda_colors.rgb_to_yuv(frames.to(DEVICE), colors, *semiplanar(surface, WIDTH + 24))
    for frame, pixels in enumerate(frames.numpy()):
        expected = planes_of(ColorConverter().to_yuv(pixels, "yuv420p", colors))
        for planes in (planar(dense.cpu()), semiplanar(surface.cpu(), WIDTH + 24)):
            assert all(
                np.array_equal(plane[frame].numpy(), wanted) for plane, wanted in zip(planes, expected, strict=True)
            )
    assert not surface[:, :, WIDTH:].any()


def test_formats_that_the_gpu_converts() -> None:
    assert cuda_colors.supports("nv12", COLORS[0], 480, 640)
    assert cuda_colors.supports("yuv420p", COLORS[1], 480, 640)
    assert not cuda_colors.supports("yuv444p", COLORS[0], 480, 640)
    assert not cuda_colors.supports("yuv420p", ColorTags(matrix=8), 480, 640)


def test_planes_of_chroma_have_the_same_strides() -> None:
    y, u, v = noise(1, 16, 16), noise(1, 8, 8), noise(1, 8, 16)[..., ::2]
    with pytest.raises(ValueError, match="planes of chroma have the same strides"):
        cuda_colors.yuv_to_rgb(y, u, v, COLORS[0])
