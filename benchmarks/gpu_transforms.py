"""What the GPU benchmark measures of ours: transforms alone and stacked, and conversions of colours."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch

from augmentation_api.spec import Augmentation
from augmentation_api.transforms import TransformName
from augmentation_worker.media.video.colors import ColorTags
from augmentation_worker.media.video.gpu.color_kernels import gpu_colors
from augmentation_worker.media.video.gpu.episode import augmentation_of
from augmentation_worker.media.video.gpu.plane_layout import PlaneLayout
from augmentation_worker.transforms.pipeline import EpisodeTransform, sample_pipeline
from benchmarks.gpu_contenders import BLUR_SIGMA, FUSED, SIGMA, STACKED

FOUR = [TransformName.LIGHTING, TransformName.NOISE, TransformName.BLUR, TransformName.OCCLUSION]
THREE = [TransformName.LIGHTING, TransformName.NOISE, TransformName.OCCLUSION]
COPIES = 3
SHOT, MOTION = "shot noise", "motion blur"
TASKS: Mapping[str, list[TransformName]] = {
    **{name.value: [name] for name in TransformName if name is not TransformName.BACKGROUND},
    SHOT: [TransformName.NOISE],
    MOTION: [TransformName.BLUR],
    FUSED: THREE,
    STACKED: FOUR,
}
"""What is measured, by the names that contenders use; `background` needs masks and images of a dataset."""
_NOISE = {"kind": "gaussian", "gaussianSigma": {"min": SIGMA, "max": SIGMA}}
_BLUR = {"kind": "defocus", "defocusSigma": {"min": BLUR_SIGMA, "max": BLUR_SIGMA}}
SETTINGS: Mapping[str, Any] = {"noise": _NOISE, "blur": _BLUR}
"""Noise and blur are of the kinds and as strong as the contenders', except in the tasks that are other kinds."""
_OTHER_KINDS: Mapping[str, Mapping[str, Any]] = {
    SHOT: {"noise": {"kind": "shot"}},
    MOTION: {"blur": {"kind": "motion"}},
}


def noise(size: tuple[int, int, int], device: torch.device) -> torch.Tensor:
    """uint8 [N, 3, H, W] of all values, for a size of height, width and frames."""
    height, width, count = size
    generator = torch.Generator(device).manual_seed(0)
    shape = (count, 3, height, width)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator, device=device)


def pipelines(copies: int, transforms: Sequence[TransformName], task: str = "") -> list[EpisodeTransform]:
    """The pipelines of an episode's copies, for a task of TASKS or another."""
    settings = {**SETTINGS, **_OTHER_KINDS.get(task, {})}
    used = {name: setting for name, setting in settings.items() if name in transforms}
    augmentation = Augmentation.model_validate({"copies": copies, "transforms": list(transforms), **used})
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
            frames, sampled = noise((height, width, 3), cpu), pipelines(COPIES, transforms, name)
            try:
                made = [each.cpu() for each in augmentation_of(sampled, device)(frames.to(device), 5)]
            except Exception as error:  # whatever a compiler or driver raises is a finding
                findings.append(f"{name}, {width}x{height}: {type(error).__name__}: {error}"[:300])
                continue
            wrong = [copy for copy, pipeline in enumerate(sampled) if not torch.equal(made[copy], pipeline(frames, 5))]
            if wrong:
                findings.append(f"{name}, {width}x{height}, copies {wrong}")
    return findings
