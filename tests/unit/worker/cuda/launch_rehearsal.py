"""Launches as the worker makes them, up to the GPU: compiled for an H100 with the arguments they really have.

`kernel_compiler` says by hand what arguments are; here Triton looks at them, as it will on a GPU, which shows what a
GPU would trip over first. `kernel_compiler` runs it for the tests, in its process without the interpreter.
"""

import re
from typing import Any

import numpy as np
import torch
from triton.backends.compiler import GPUTarget
from triton.runtime import driver
from triton.runtime.jit import JITFunction

from augmentation_api.spec import Augmentation
from augmentation_worker.media.video import cuda_colors
from augmentation_worker.media.video.colors import ColorTags
from augmentation_worker.transforms.cuda.fused_copies import FusedCopies
from augmentation_worker.transforms.pipeline import sample_pipeline

TARGET = GPUTarget("cuda", 90, 32)
HEIGHT, WIDTH = 480, 640
STACKS: dict[str, dict[str, Any]] = {
    "lighting, noise, occlusion": {
        "transforms": ["lighting", "noise", "occlusion"],
        "noise": {"kind": "gaussian"},
    },
    "hue, sharpness": {"transforms": ["hueSaturation", "sharpness"]},
}


class Driver:
    """Stands in for that of a GPU."""

    def get_current_target(self) -> GPUTarget:
        """What to compile for."""
        return TARGET

    def get_current_device(self) -> int:
        """Its number."""
        return 0

    def get_current_stream(self, _: int) -> int:
        """CUDA's default stream."""
        return 0


class Rehearsal:
    """Compiles what is launched.

    Attributes:
        launches: of each the kernel's name, its stores, its limit of registers, and whether it was compiled before.
    """

    def __init__(self) -> None:
        self.launches: list[dict[str, Any]] = []
        self._compiled: set[str] = set()
        compile_only = JITFunction.run

        def launch(kernel: Any, *arguments: Any, grid: Any, warmup: bool, **options: Any) -> None:
            compiled = compile_only(kernel, *arguments, grid=grid, warmup=True, **options)
            self.launches.append(
                {
                    "kernel": kernel.fn.__name__,
                    "stores": sorted(set(re.findall(r"\bst\.global[\w.:]*", compiled.asm["ptx"]))),
                    "limit": compiled.metadata.maxnreg,
                    "known": compiled.hash in self._compiled,
                }
            )
            self._compiled.add(compiled.hash)

        driver.set_active(Driver())
        JITFunction.run = launch

    def launches_of(self, work: Any, *arguments: Any) -> list[dict[str, Any]]:
        """What a call launches."""
        before = len(self.launches)
        work(*arguments)
        return self.launches[before:]


def rehearse() -> dict[str, list[dict[str, Any]]]:
    """What is launched by transforms of a whole batch and of an episode's last, and by both conversions of colours."""
    rehearsal, results = Rehearsal(), {}
    for name, asked in STACKS.items():
        augmentation = Augmentation.model_validate({"seed": 1, "copies": 3, **asked})
        pipelines = [
            sample_pipeline(augmentation, camera="top", episode=0, copy=copy, episode_mean=(0.4, 0.5, 0.6))
            for copy in range(augmentation.copies)
        ]
        for frames in (16, 13):
            batch = torch.zeros((frames, 3, HEIGHT, WIDTH), dtype=torch.uint8)
            results[f"{name}, {frames} frames"] = rehearsal.launches_of(FusedCopies(pipelines), batch, 3)
    pixels = torch.zeros((2, 3, HEIGHT, WIDTH), dtype=torch.uint8)
    surface = torch.from_numpy(np.zeros((2, 3 * HEIGHT // 2, WIDTH), np.uint8))
    chroma = surface[:, HEIGHT:]
    planes = surface[:, :HEIGHT], chroma[..., ::2], chroma[..., 1::2]
    results["to NV12"] = rehearsal.launches_of(cuda_colors.rgb_to_yuv, pixels, ColorTags(matrix=1, range=1), *planes)
    results["from NV12"] = rehearsal.launches_of(cuda_colors.yuv_to_rgb, *planes, ColorTags(matrix=1, range=1), pixels)
    return results
