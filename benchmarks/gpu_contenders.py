"""The same transforms by other libraries on a GPU, each in a process of its own: one that fails leaves the others be.

Each gets frames as uint8 in the layout that suits it best and gives uint8 back, as a job of ours has to: where a
library works in floating point, converting to and from it is part of the work.

    python -m benchmarks.gpu_contenders kornia --device cuda --height 480 --width 640 --frames 64 --seconds 0.3

prints an `Answer` as JSON.
"""

import argparse
import importlib
import importlib.metadata
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional

from benchmarks.gpu_timing import seconds_per_call

BRIGHTNESS, CONTRAST, SIGMA, WINDOW, BLUR_SIGMA = 1.1, 0.9, 9.0, 13, 1.5
PATCHES = ((60, 80), (300, 400))
PATCH = (60, 80)
"""Height and width of a patch, pixels of a frame of 480x640."""
FILL = 90

Task = Callable[[], object]

STACKED = "lighting, noise, blur, occlusion"
FUSED = "lighting, noise, occlusion"


@dataclass(frozen=True)
class Contender:
    """A library.

    Attributes:
        name: of the library.
        packages: what pip installs, without dependencies; torch and numpy are there.
        distribution: whose version is printed.
        tasks: makes the tasks that it can do from uint8 frames [N, 3, H, W].
        needs_cuda: whether it works on a GPU only.
    """

    name: str
    packages: tuple[str, ...]
    distribution: str
    tasks: Callable[[torch.Tensor], Mapping[str, Task]]
    needs_cuda: bool = True


@dataclass(frozen=True)
class Answer:
    """What a library was measured to take.

    Attributes:
        version: of it.
        seconds: per batch, by task.
        failed: tasks that it has and that failed, and why.
        missing: why nothing was measured; None: it was.
    """

    version: str = ""
    seconds: dict[str, float] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    missing: str | None = None


def _places(frames: torch.Tensor) -> tuple[tuple[tuple[int, int], ...], tuple[int, int]]:
    """Top and left of the patches, and their size, in proportion to the frames."""
    height, width = frames.shape[-2:]
    scaled = tuple((top * height // 480, left * width // 640) for top, left in PATCHES)
    return scaled, (PATCH[0] * height // 480, PATCH[1] * width // 640)


def torchvision_tasks(frames: torch.Tensor) -> Mapping[str, Task]:
    """torchvision.transforms.v2.functional, on the whole batch."""

    places, (high, wide) = _places(frames)
    fill = torch.full((3, 1, 1), FILL, dtype=torch.uint8, device=frames.device)

    def light(x: torch.Tensor) -> Any:
        return functional.adjust_contrast(functional.adjust_brightness(x, BRIGHTNESS), CONTRAST)

    def noise(x: torch.Tensor) -> Any:
        return functional.gaussian_noise(x.float().div_(255), sigma=SIGMA / 255).mul_(255).round_().to(torch.uint8)

    def blur(x: torch.Tensor) -> Any:
        return functional.gaussian_blur(x, [WINDOW, WINDOW], [BLUR_SIGMA, BLUR_SIGMA])

    def occlude(x: torch.Tensor) -> torch.Tensor:
        for top, left in places:
            x = functional.erase(x, top, left, high, wide, fill)
        return x

    bilinear = {"interpolation": InterpolationMode.BILINEAR}
    return {
        "lighting": lambda: light(frames),
        "noise": lambda: noise(frames),
        "blur": lambda: blur(frames),
        "occlusion": lambda: occlude(frames),
        FUSED: lambda: occlude(noise(light(frames))),
        STACKED: lambda: occlude(blur(noise(light(frames)))),
        "hueSaturation": lambda: functional.adjust_saturation(functional.adjust_hue(frames, 0.02), 1.1),
        "sharpness": lambda: functional.adjust_sharpness(frames, 1.3),
        "affine": lambda: functional.affine(frames, 3.0, [20, 10], 1.0, [0.0, 0.0], **bilinear),
    }


def _in_float(change: Callable[[torch.Tensor], torch.Tensor], frames: torch.Tensor) -> Task:
    return lambda: change(frames.float().div_(255)).mul_(255).round_().clamp_(0, 255).to(torch.uint8)


def kornia_tasks(frames: torch.Tensor) -> Mapping[str, Task]:
    """kornia's functions: floating point from 0 to 1."""
    kornia: Any = importlib.import_module("kornia")
    places, (high, wide) = _places(frames)
    matrix = torch.tensor([[0.9986, -0.0523, 20.0], [0.0523, 0.9986, 10.0]], device=frames.device)
    size = tuple(frames.shape[-2:])

    def light(x: torch.Tensor) -> torch.Tensor:
        brighter = kornia.enhance.adjust_brightness(x, BRIGHTNESS - 1)
        return kornia.enhance.adjust_contrast(brighter, CONTRAST)  # type: ignore[no-any-return]

    def noise(x: torch.Tensor) -> torch.Tensor:
        return x + torch.randn_like(x) * (SIGMA / 255)

    def blur(x: torch.Tensor) -> torch.Tensor:
        return kornia.filters.gaussian_blur2d(x, (WINDOW, WINDOW), (BLUR_SIGMA, BLUR_SIGMA))  # type: ignore[no-any-return]

    def occlude(x: torch.Tensor) -> torch.Tensor:
        x = x.clone()
        for top, left in places:
            x[..., top : top + high, left : left + wide] = FILL / 255
        return x

    def warp(x: torch.Tensor) -> torch.Tensor:
        return kornia.geometry.warp_affine(x, matrix.expand(len(x), 2, 3), size)  # type: ignore[no-any-return]

    return {
        "lighting": _in_float(light, frames),
        "noise": _in_float(noise, frames),
        "blur": _in_float(blur, frames),
        "occlusion": _in_float(occlude, frames),
        FUSED: _in_float(lambda x: occlude(noise(light(x))), frames),
        STACKED: _in_float(lambda x: occlude(blur(noise(light(x)))), frames),
        "hueSaturation": _in_float(
            lambda x: kornia.enhance.adjust_saturation(kornia.enhance.adjust_hue(x, 0.02), 1.1), frames
        ),
        "sharpness": _in_float(lambda x: kornia.enhance.sharpness(x, 1.3), frames),
        "affine": _in_float(warp, frames),
    }


def triton_augment_tasks(frames: torch.Tensor) -> Mapping[str, Task]:
    """triton-augment's fused kernel. It has neither noise nor blur nor occlusion: torch does those."""
    os.environ["TRITON_AUGMENT_SUPPRESS_FIRST_RUN_MESSAGE"] = "1"
    library: Any = importlib.import_module("triton_augment.functional")
    places, (high, wide) = _places(frames)
    height, width = frames.shape[-2:]
    fused = {"top": 0, "left": 0, "height": height, "width": width}

    def light(x: torch.Tensor) -> torch.Tensor:
        return library.fused_augment(  # type: ignore[no-any-return]
            x, **fused, brightness_factor=BRIGHTNESS, contrast_factor=CONTRAST
        )

    def noise(x: torch.Tensor) -> torch.Tensor:
        return x + torch.randn_like(x) * (SIGMA / 255)

    def occlude(x: torch.Tensor) -> torch.Tensor:
        for top, left in places:
            x[..., top : top + high, left : left + wide] = FILL / 255
        return x

    def warp(x: torch.Tensor) -> torch.Tensor:
        return library.fused_augment(  # type: ignore[no-any-return]
            x, **fused, angle=3.0, translate=[20.0, 10.0], interpolation="bilinear"
        )

    return {
        "lighting": _in_float(light, frames),
        FUSED: _in_float(lambda x: occlude(noise(light(x))), frames),
        "affine": _in_float(warp, frames),
    }


def dali_tasks(frames: torch.Tensor) -> Mapping[str, Task]:
    """DALI's pipelines, fed with frames in the GPU's memory."""
    dali: Any = importlib.import_module("nvidia.dali")
    fn: Any = importlib.import_module("nvidia.dali.fn")
    types: Any = importlib.import_module("nvidia.dali.types")
    is_cuda = frames.device.type == "cuda"
    device = "gpu" if is_cuda else "cpu"
    images = frames.permute(0, 2, 3, 1).contiguous()
    fed = images if is_cuda else images.numpy()
    places, (high, wide) = _places(frames)

    def light(x: Any) -> Any:
        return fn.brightness_contrast(x, brightness=BRIGHTNESS, contrast=CONTRAST)

    def noise(x: Any) -> Any:
        return fn.noise.gaussian(x, stddev=SIGMA)

    def blur(x: Any) -> Any:
        return fn.gaussian_blur(x, window_size=WINDOW, sigma=BLUR_SIGMA)

    def occlude(x: Any) -> Any:
        anchors = [float(value) for place in places for value in place]
        shape = [float(high), float(wide)] * len(places)
        return fn.erase(x, anchor=anchors, shape=shape, axis_names="HW", fill_value=[float(FILL)] * 3)

    def twist(x: Any) -> Any:
        return fn.color_twist(x, hue=7.0, saturation=1.1)

    def warp(x: Any) -> Any:
        matrix = [0.9986, -0.0523, 20.0, 0.0523, 0.9986, 10.0]
        return fn.warp_affine(x, matrix=matrix, interp_type=types.INTERP_LINEAR, fill_value=0.0)

    def task(change: Callable[[Any], Any]) -> Task:
        @dali.pipeline_def(batch_size=len(fed), num_threads=4, device_id=0 if is_cuda else None)  # type: ignore[untyped-decorator]
        def pipeline() -> Any:
            source = fn.external_source(source=lambda: fed, device=device, layout="HWC", batch=True, no_copy=is_cuda)
            return change(source)

        built = pipeline()
        built.build()
        return built.run  # type: ignore[no-any-return]

    return {
        "lighting": task(light),
        "noise": task(noise),
        "blur": task(blur),
        "occlusion": task(occlude),
        FUSED: task(lambda x: occlude(noise(light(x)))),
        STACKED: task(lambda x: occlude(blur(noise(light(x))))),
        "hueSaturation": task(twist),
        "affine": task(warp),
    }


def cvcuda_tasks(frames: torch.Tensor) -> Mapping[str, Task]:
    """CV-CUDA's operators, on frames in the GPU's memory."""
    cv: Any = importlib.import_module("cvcuda")
    images = cv.as_tensor(frames.permute(0, 2, 3, 1).contiguous(), "NHWC")
    stream = cv.as_stream(torch.cuda.current_stream())
    places, (high, wide) = _places(frames)
    value = cv.as_tensor(torch.full((3, 1, 1), float(FILL), device=frames.device))
    matrix = np.array([[0.9986, -0.0523, 20.0], [0.0523, 0.9986, 10.0]], np.float32)
    flags = cv.Interp.LINEAR

    def light(x: Any) -> Any:
        return cv.brightness_contrast(x, BRIGHTNESS, CONTRAST, 0.0, 128.0, stream=stream)

    def noise(x: Any) -> Any:
        return cv.gaussiannoise(x, 0.0, SIGMA, True, stream=stream)

    def blur(x: Any) -> Any:
        return cv.gaussian(x, (WINDOW, WINDOW), (BLUR_SIGMA, BLUR_SIGMA), cv.Border.REFLECT101, stream=stream)

    def occlude(x: Any) -> Any:
        for top, left in places:
            x = cv.erase(x, top, left, high, wide, value, stream=stream)
        return x

    return {
        "lighting": lambda: light(images),
        "noise": lambda: noise(images),
        "blur": lambda: blur(images),
        "occlusion": lambda: occlude(images),
        FUSED: lambda: occlude(noise(light(images))),
        STACKED: lambda: occlude(blur(noise(light(images)))),
        "affine": lambda: cv.warp_affine(images, matrix, flags, stream=stream),
    }


CONTENDERS = {
    each.name: each
    for each in (
        Contender("torchvision.v2", (), "torchvision", torchvision_tasks, needs_cuda=False),
        Contender("kornia", ("kornia", "kornia-rs"), "kornia", kornia_tasks, needs_cuda=False),
        Contender("triton-augment", ("triton-augment",), "triton-augment", triton_augment_tasks),
        Contender(
            "DALI",
            (
                *(
                    "nvidia-dali-cuda130",
                    "astunparse",
                    "gast",
                    "six",
                    "optree",
                    "packaging",
                    "nvtx",
                    "makefun",
                    "libcst",
                ),
                *("nvidia-nvimgcodec-cu13", "nvidia-libnvcomp-cu13", "typing-extensions", "wheel"),
            ),
            "nvidia-dali-cuda130",
            dali_tasks,
        ),
        Contender("CV-CUDA", ("cvcuda-cu13",), "cvcuda-cu13", cvcuda_tasks),
    )
}


def measure(contender: Contender, frames: torch.Tensor, seconds: float) -> Answer:
    """What a contender takes for its tasks, or why it does none."""
    if contender.needs_cuda and frames.device.type != "cuda":
        return Answer(missing="works on GPUs only")
    try:
        tasks = contender.tasks(frames)
        version = importlib.metadata.version(contender.distribution)
    except Exception as error:  # a library of others, which may raise what it likes
        return Answer(missing=f"{type(error).__name__}: {error}")
    taken: dict[str, float] = {}
    failed: dict[str, str] = {}
    for name, task in tasks.items():
        try:
            taken[name] = seconds_per_call(task, frames.device, seconds)
        except Exception as error:  # the same
            failed[name] = f"{type(error).__name__}: {error}"[:300]
    return Answer(version, taken, failed)


def main() -> None:
    arguments = argparse.ArgumentParser(description="Times another library's transforms on a GPU.")
    arguments.add_argument("name", choices=CONTENDERS)
    arguments.add_argument("--device", default="cuda")
    arguments.add_argument("--height", type=int, default=480)
    arguments.add_argument("--width", type=int, default=640)
    arguments.add_argument("--frames", type=int, default=64)
    arguments.add_argument("--seconds", type=float, default=0.3)
    options = arguments.parse_args()
    shape = (options.frames, 3, options.height, options.width)
    generator = torch.Generator(options.device).manual_seed(0)
    frames = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator, device=options.device)
    print(json.dumps(asdict(measure(CONTENDERS[options.name], frames, options.seconds))))


if __name__ == "__main__":
    main()
