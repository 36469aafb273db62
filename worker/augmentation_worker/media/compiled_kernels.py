"""Compiles all kernels ahead, for every kind of processor, into a folder of an image: `python -m … FOLDER`.

A pod would otherwise compile what it uses, one to two seconds a kernel, as its file system holds none of an earlier
one's. Which kernels there are, and of which types, is found out by running every transform; another process per kind
of processor then compiles them all, without running them: the machine that builds need not be of that kind.
"""

import argparse
import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numba.core.dispatcher import Dispatcher

from augmentation_api.spec import Augmentation
from augmentation_api.transforms import TransformName
from augmentation_worker.media.image_statistics import ImageStatisticsCollector
from augmentation_worker.media.video import color_kernels
from augmentation_worker.media.video.colors import ColorConverter, ColorTags
from augmentation_worker.transforms.cpu import blur_kernels, kernels, noise_kernels, resampler_kernels
from augmentation_worker.transforms.cpu.kernel_target import KERNEL_TARGETS, kernel_target
from augmentation_worker.transforms.pipeline import sample_pipeline

_MODULES = (kernels, blur_kernels, noise_kernels, resampler_kernels, color_kernels)
_KINDS = {
    TransformName.NOISE: ("gaussian", "shot"),
    TransformName.BLUR: ("motion", "defocus"),
    TransformName.BACKGROUND: ("color",),
}
"""Of transforms that have a kernel for each kind."""
_HEIGHT, _WIDTH = 8, 8

Signatures = dict[tuple[str, str], list[Any]]
"""By module and name of a kernel, the types for which it is compiled."""


def run_all_kernels() -> Signatures:
    """Run all that uses kernels on a few pixels. Returns which of them this process has compiled, or loaded, so far."""
    frames = np.zeros((1, 3, _HEIGHT, _WIDTH), np.uint8)
    ImageStatisticsCollector(1).add(frames, 0)
    for name in TransformName:
        for kind in _KINDS.get(name, (None,)):
            asked = {"transforms": [name], **({name.value: {"kind": kind}} if kind else {})}
            pipeline = sample_pipeline(
                Augmentation.model_validate(asked),
                camera="any",
                episode=0,
                copy=0,
                episode_mean=(0.5, 0.5, 0.5),
                masks=lambda first, count, height, width: np.full((count, height, width), 255, np.uint8),
            )
            pipeline(frames, 0)
    _convert_colors()
    return {(module, name): kernel.signatures for module, name, kernel in _dispatchers() if kernel.signatures}


def _convert_colors() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (3, 8, 8), dtype=np.uint8)
    converter = ColorConverter()
    converter.to_rgb(converter.to_yuv(pixels, "yuv420p", ColorTags()), pixels)


def recompiled() -> int:
    """How many kernels this process had to compile, as they were in no cache."""
    return sum(sum(kernel.stats.cache_misses.values()) for _, _, kernel in _dispatchers())


def compile_ahead(folder: Path) -> int:
    """Fill a folder with all kernels for each kind of processor. Returns how many there are of each.

    Raises:
        subprocess.CalledProcessError: if a process fails; it has said why.
    """
    with tempfile.TemporaryDirectory() as scratch:
        found = Path(scratch, "signatures")
        own = kernel_target()
        first = own.environment(folder / own.name) if own else {}
        _run("run", found, first)
        for target in KERNEL_TARGETS if own else ():
            if target is not own:
                _run("compile", found, target.environment(folder / target.name))
        return sum(map(len, pickle.loads(found.read_bytes()).values()))  # noqa: S301  # our own


def _run(what: str, found: Path, environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", __spec__.name, f"--{what}", str(found)]
    subprocess.run(command, check=True, env={**os.environ, **environment})


def _compile(signatures: Signatures) -> None:
    for module, name, kernel in _dispatchers():
        for signature in signatures.get((module, name), ()):
            kernel.compile(signature)


def _dispatchers() -> Iterator[tuple[str, str, Any]]:
    for module in _MODULES:
        for name, value in vars(module).items():
            if isinstance(value, Dispatcher) and value.__module__ == module.__name__:
                yield module.__name__, name, value


def main() -> None:
    """Compile ahead into the folder that is named; the two options are for the processes that do it."""
    parser = argparse.ArgumentParser(description="Compiles the kernels for every kind of processor.")
    asked = parser.add_mutually_exclusive_group(required=True)
    asked.add_argument("folder", nargs="?", type=Path)
    asked.add_argument("--run", type=Path, help=argparse.SUPPRESS)
    asked.add_argument("--compile", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        options.run.write_bytes(pickle.dumps(run_all_kernels()))
    elif options.compile:
        _compile(pickle.loads(options.compile.read_bytes()))  # noqa: S301  # our own
    else:
        print(
            f"{compile_ahead(options.folder)} kernels are compiled for each of", *(each.name for each in KERNEL_TARGETS)
        )


if __name__ == "__main__":
    main()
