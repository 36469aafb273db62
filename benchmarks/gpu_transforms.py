"""What the GPU benchmark measures of ours: transforms alone and stacked, and conversions of colours."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import torch

from augmentation_api.spec import Augmentation
from augmentation_api.transforms import TransformName
from augmentation_worker.media.video.colors import ColorTags
from augmentation_worker.media.video.gpu.color_kernels import gpu_colors
from augmentation_worker.media.video.gpu.episode import augmentation_of
from augmentation_worker.media.video.gpu.plane_layout import PlaneLayout
from augmentation_worker.transforms.pipeline import EpisodeTransform, sample_pipeline
from benchmarks.gpu_contenders import FUSED, STACKED

FOUR = [TransformName.LIGHTING, TransformName.NOISE, TransformName.BLUR, TransformName.OCCLUSION]
THREE = [TransformName.LIGHTING, TransformName.NOISE, TransformName.OCCLUSION]
COPIES = 3
TASKS: Mapping[str, list[TransformName]] = {
    **{name.value: [name] for name in TransformName if name is not TransformName.BACKGROUND},
    FUSED: THREE,
    STACKED: FOUR,
}
"""What is measured, by the names that contenders use; `background` needs masks and images of a dataset."""


def noise(size: tuple[int, int, int], device: torch.device) -> torch.Tensor:
    """uint8 [N, 3, H, W] of all values, for a size of height, width and frames."""
    height, width, count = size
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (count, 3, height, width), dtype=torch.uint8, generator=generator).to(device)


def pipelines(copies: int, transforms: Sequence[TransformName]) -> list[EpisodeTransform]:
    """The pipelines of an episode's copies."""
    augmentation = Augmentation(copies=copies, transforms=list(transforms))
    return [
        sample_pipeline(augmentation, camera="top", episode=0, copy=copy, episode_mean=(0.5, 0.4, 0.5))
        for copy in range(copies)
    ]


def color_conversions(frames: torch.Tensor, device: torch.device) -> list[tuple[str, Callable[[], None], int]]:
    """What converts frames to YUV and back on a GPU, if it does, and how many bytes each reads and writes."""
    colors, tags = gpu_colors(device), ColorTags()
    height, width = frames.shape[-2:]
    if colors is None or not colors.makes("yuv420p", tags, height, width):
        return []
    layout = PlaneLayout.of("yuv420p", height, width)
    planes = layout.views(torch.zeros((len(frames), layout.size), dtype=torch.uint8, device=device))
    moved = frames.numel() + len(frames) * layout.size
    kernels, target = colors.kernels, torch.empty_like(frames)
    return [
        ("RGB to YUV", partial(kernels.to_yuv, frames, tags, planes), moved),
        ("YUV to RGB", partial(kernels.to_rgb, planes, tags, kernels.sitings[0], target), moved),
    ]


def pixel_differences(device: torch.device) -> list[str]:
    """Where a device gives other pixels than the CPU: each transform, and stacked, of frames with odd sides too."""
    cpu = torch.device("cpu")
    findings = []
    for name, transforms in TASKS.items():
        for height, width in ((48, 64), (45, 67)):
            frames, sampled = noise((height, width, 3), cpu), pipelines(COPIES, transforms)
            try:
                made = [each.cpu() for each in augmentation_of(sampled, device)(frames.to(device), 5)]
            except Exception as error:  # whatever a compiler or driver raises is a finding
                findings.append(f"{name}, {width}x{height}: {type(error).__name__}: {error}"[:300])
                continue
            wrong = [copy for copy, pipeline in enumerate(sampled) if not torch.equal(made[copy], pipeline(frames, 5))]
            if wrong:
                findings.append(f"{name}, {width}x{height}, copies {wrong}")
    return findings
