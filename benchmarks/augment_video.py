"""How long the pixel half of the worker takes, compared with what it cannot do without and with plain torchvision.

In one run, on a generated 480x640 AV1 video:

- transforms alone, on one core: lighting as a lookup table, against torchvision's brightness and contrast; and four
  transforms (lighting, noise, blur, occlusion) against the same written plainly with torchvision's functions;
- sharpness, patch brightness and geometry alone, on one core, against torchvision's own and against copying;
- whole episodes, with lighting alone and with the four stacked: decoding once, K copies, hashing, statistics, encoding
  and joining; against decoding and encoding alone, which is the floor; and against decoding, plain torchvision and
  encoding, without hashes and statistics.

What the transforms do changes how hard a video is to encode, whoever does it: noise makes it harder, blur easier. So
there are two floors: one encodes the source's frames, the other the frames that the four give, made beforehand.

The variants take turns, and the best of several rounds counts: what else the machine does hits all of them alike.
Ratios mean more than frames per second, and those of processor time change least on a machine that is busy. Run it
from the root:

    python benchmarks/augment_video.py --codec av1 --frames 96 --copies 3
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional

from augmentation_api.spec import Augmentation
from augmentation_api.transforms import TransformName
from augmentation_api.vocabulary import VideoCodec
from augmentation_worker.media.cores import usable_cores
from augmentation_worker.media.video.concatenation import JoinedVideo
from augmentation_worker.media.video.decoder import decode_segment
from augmentation_worker.media.video.encoder import VideoEncoder
from augmentation_worker.media.video.encoding import VideoEncoding
from augmentation_worker.media.video.episode import encode_copies
from augmentation_worker.media.video.segment import VideoSegment
from augmentation_worker.transforms.pipeline import EpisodeTransform, sample_pipeline

HEIGHT, WIDTH, FPS = 480, 640, 30
BATCH = 16
FLOOR = "floor: decode, encode the four's frames"


Change = Callable[[torch.Tensor, int, int], torch.Tensor]
"""Frames, the index of the first of them and the number of the copy → the frames to encode."""


class TorchvisionLighting(EpisodeTransform):
    """What a script would do: brightness and contrast with torchvision's functions. Colour temperature it has none.

    Frame by frame, which is how torchvision is fastest: its floating-point intermediates then stay in the cache.
    """

    def __call__(self, frames: torch.Tensor, first_frame: int) -> torch.Tensor:
        return torch.stack([functional.adjust_contrast(functional.adjust_brightness(f, 1.1), 0.9) for f in frames])


def plain_torchvision(frames: torch.Tensor, first_frame: int = 0, copy: int = 0) -> torch.Tensor:
    """As a script has it: lighting, gaussian noise of 9 of 255, a blur of 13 pixels, two patches."""
    changed = []
    for frame in frames:
        lit = functional.adjust_contrast(functional.adjust_brightness(frame, 1.1), 0.9)
        noisy = functional.gaussian_noise(lit.float() / 255, sigma=9 / 255).mul(255).round().to(torch.uint8)
        blurred = functional.gaussian_blur(noisy, [13, 13], [1.5, 1.5])
        for top, left in ((60, 80), (300, 400)):
            blurred = functional.erase(blurred, top, left, 60, 80, torch.full((3, 60, 80), 90, dtype=torch.uint8))
        changed.append(blurred)
    return torch.stack(changed)


def scene(frames: int) -> torch.Tensor:
    """uint8 [frames, 3, 480, 640]: a camera pans over a textured plane, with sensor noise of 2 levels.

    The texture has a spectrum of 1/f, as pictures of natural scenes have (D. Field, JOSA A 4, 2379, 1987), and a
    contrast of 40 levels: smooth gradients would be easier to encode than anything a robot sees.
    """
    generator = np.random.default_rng(0)
    height, width = HEIGHT + frames, WIDTH + 2 * frames
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width))
    amplitude = 1 / np.maximum(frequency, 1 / width)
    planes = []
    for _ in range(3):
        phase = 2j * np.pi * generator.random(amplitude.shape)
        plane = np.fft.irfft2(amplitude * np.exp(phase), s=(height, width))
        planes.append(plane / plane.std())
    texture = np.stack([128 + 40 * planes[0] + 12 * plane for plane in planes])  # mostly of one hue
    made = np.empty((frames, 3, HEIGHT, WIDTH), np.uint8)
    for index in range(frames):
        picture = texture[:, index : index + HEIGHT, 2 * index : 2 * index + WIDTH]
        made[index] = (picture + generator.normal(0, 2, picture.shape)).clip(0, 255)
    return torch.from_numpy(made)


def decode_and_encode(
    segment: VideoSegment,
    copies: int,
    folder: Path,
    encoding: VideoEncoding,
    change: Change = lambda frames, first_frame, copy: frames,
) -> None:
    """What cannot be saved: the same decoder and encoders, as parallel as in the worker, and `change` between them."""
    threads = max(1, usable_cores() // copies)
    with ExitStack() as stack:
        pools = [stack.enter_context(ThreadPoolExecutor(1)) for _ in range(copies)]
        encoders = [
            stack.enter_context(
                VideoEncoder(folder / f"{copy}.mp4", encoding, fps=FPS, width=WIDTH, height=HEIGHT, threads=threads)
            )
            for copy in range(copies)
        ]

        def write(copy: int, frames: torch.Tensor, first: int) -> None:
            encoders[copy].write(change(frames, first, copy))

        waiting: list[Future[None]] = []
        first = 0
        for batch in decode_segment(segment, BATCH):
            for future in waiting:
                future.result()
            waiting = [pool.submit(write, copy, batch, first) for copy, pool in enumerate(pools)]
            first += len(batch)
        for future in waiting:
            future.result()


class Spent(NamedTuple):
    """Seconds on the clock, and seconds of processor time of all threads."""

    clock: float
    processor: float


def least_spent(variants: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, Spent]:
    """The least that each variant took; they take turns."""
    least = dict.fromkeys(variants, Spent(float("inf"), float("inf")))
    for _ in range(rounds):
        for name, variant in variants.items():
            clock, processor = time.perf_counter(), time.process_time()
            variant()
            spent = Spent(time.perf_counter() - clock, time.process_time() - processor)
            least[name] = Spent(*map(min, least[name], spent))
    return least


def report(title: str, frames: int, spent: Mapping[str, Spent], baseline: str) -> None:
    print(f"\n{title}\n  {'':<46} frames/s    speed, with 1 as that of: {baseline}")
    for name, (clock, processor) in spent.items():
        by_clock, by_processor = spent[baseline].clock / clock, spent[baseline].processor / processor
        print(f"  {name:<46} {frames / clock:8.0f}    {by_clock:6.2f}, by processor time {by_processor:6.2f}")


def pipelines(copies: int, *transforms: TransformName) -> Sequence[EpisodeTransform]:
    augmentation = Augmentation(copies=copies, transforms=list(transforms))
    return [
        sample_pipeline(augmentation, camera="top", episode=0, copy=copy, episode_mean=(0.5, 0.4, 0.5))
        for copy in range(copies)
    ]


def _only(value: float) -> dict[str, float]:
    return {"min": value, "max": value}


def moving_variants(batch: torch.Tensor) -> Mapping[str, Callable[[], object]]:
    """Geometry, sharpness and patches against torchvision's, frame by frame, and what copying the frames takes."""
    bilinear = {"interpolation": InterpolationMode.BILINEAR}
    size, corners = [HEIGHT, WIDTH], [[0, 0], [WIDTH, 0], [WIDTH, HEIGHT], [0, HEIGHT]]
    seen = [[20, -10], [620, 12], [650, 470], [-12, 490]]

    def ours(name: str, **parameters: object) -> Callable[[], object]:
        augmentation = Augmentation.model_validate({"transforms": [name], **({name: parameters} if parameters else {})})
        pipeline = sample_pipeline(augmentation, camera="top", episode=0, copy=0, episode_mean=(0.5, 0.4, 0.5))
        return lambda: pipeline(batch, 0)

    def theirs(function: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[], object]:
        return lambda: [function(frame) for frame in batch]

    return {
        "floor: a copy": batch.clone,
        "sharpness": ours("sharpness"),
        "torchvision sharpness": theirs(lambda frame: functional.adjust_sharpness(frame, 1.3)),
        "patchBrightness": ours("patchBrightness"),
        "affine": ours("affine", zoom=_only(1)),
        "affine, zoomed out: with anti-aliasing": ours("affine", zoom=_only(0.9)),
        "affine, drifting": ours("affine", zoom=_only(1), drift=1),
        "torchvision affine, bilinear": theirs(
            lambda frame: functional.affine(frame, 3.0, [20, 10], 1.0, [0.0, 0.0], **bilinear)
        ),
        "cropResize": ours("cropResize"),
        "torchvision resized_crop": theirs(
            lambda frame: functional.resized_crop(frame, 40, 50, 400, 540, size, antialias=True)
        ),
        "perspective": ours("perspective"),
        "perspective, drifting": ours("perspective", drift=1),
        "torchvision perspective, bilinear": theirs(
            lambda frame: functional.perspective(frame, seen, corners, **bilinear)
        ),
    }


def main() -> None:
    arguments = argparse.ArgumentParser(description="Times the pixel half of the worker.")
    arguments.add_argument("--frames", type=int, default=96)
    arguments.add_argument("--copies", type=int, default=3)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--codec", choices=["av1", "h264", "hevc"], default="av1")
    options = arguments.parse_args()
    encoding = VideoEncoding.default(VideoCodec(options.codec))
    lighting = pipelines(options.copies, TransformName.LIGHTING)
    stacked = pipelines(
        options.copies, TransformName.LIGHTING, TransformName.NOISE, TransformName.BLUR, TransformName.OCCLUSION
    )
    torchvision_lighting = [TorchvisionLighting(())] * options.copies
    size = f"{options.frames} frames of {WIDTH}x{HEIGHT}"
    print(f"{usable_cores()} cores; {size}; {options.copies} copies; {options.codec}")

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = folder / "source.mp4"
        frames = scene(options.frames)
        with VideoEncoder(source, VideoEncoding(), fps=FPS, width=WIDTH, height=HEIGHT) as encoder:
            encoder.write(frames)
        segment = VideoSegment(source, 0, options.frames, FPS)
        batch = frames[:BATCH].clone()
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        alone = least_spent(
            {
                "lighting, one table per channel": lambda: lighting[0](batch, 0),
                "torchvision brightness": lambda: [functional.adjust_brightness(frame, 1.1) for frame in batch],
                "torchvision contrast": lambda: [functional.adjust_contrast(frame, 0.9) for frame in batch],
                "torchvision brightness and contrast": lambda: torchvision_lighting[0](batch, 0),
                "the four stacked": lambda: stacked[0](batch, 0),
                "torchvision, the four": lambda: plain_torchvision(batch),
            },
            5 * options.rounds,
        )
        moved = least_spent(moving_variants(batch), options.rounds)
        torch.set_num_threads(threads)
        report("Transforms alone, one core", len(batch), alone, "lighting, one table per channel")
        report("Sharpness, patches and geometry alone, one core", len(batch), moved, "torchvision affine, bilinear")

        def whole(pipelines: Sequence[EpisodeTransform]) -> object:
            encoded = encode_copies(
                segment, pipelines, folder / "copies", encoding, device=torch.device("cpu"), batch_size=BATCH
            )
            with JoinedVideo(folder / "made.mp4", segment.fps) as joined:
                for copy in encoded.copies:
                    joined.append(copy.path, copy.frames)
                return joined.close()

        decoded = torch.cat(list(decode_segment(segment, BATCH)))
        made_beforehand = [pipeline(decoded, 0) for pipeline in stacked]

        def look_up(frames: torch.Tensor, first_frame: int, copy: int) -> torch.Tensor:
            return made_beforehand[copy][first_frame : first_frame + len(frames)]

        episodes = least_spent(
            {
                "decoding alone, once for all copies": lambda: [None for _ in decode_segment(segment, BATCH)],
                "floor: decode, encode the source's frames": lambda: decode_and_encode(
                    segment, options.copies, folder, encoding
                ),
                FLOOR: lambda: decode_and_encode(segment, options.copies, folder, encoding, look_up),
                "the worker, lighting": lambda: whole(lighting),
                "the worker, torchvision's lighting instead": lambda: whole(torchvision_lighting),
                "the worker, four stacked": lambda: whole(stacked),
                "plain torchvision, four stacked": lambda: decode_and_encode(
                    segment, options.copies, folder, encoding, plain_torchvision
                ),
            },
            options.rounds,
        )
        made = options.frames * options.copies
        report("Whole episodes, augmented frames", made, episodes, FLOOR)


if __name__ == "__main__":
    main()
