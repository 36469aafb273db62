"""Measures what a frame costs on this machine, for the model that says what a job will take (decision 0071).

    python -m benchmarks.estimate            # measure (under three minutes) and compare with the model
    python -m benchmarks.estimate --write    # and make it the figures of the model

Measured by processor time, of all threads, on generated footage of three kinds (a still camera; one that pans over a
texture; the same with a sensor's noise), on a quarter of it, on PushT's, of 224x224 pixels, and on an arm over a table,
clean and with noise, which takes as few bytes as footage of cameras does:

- each codec and preset: milliseconds of encoding and decoding, fitted by least squares as so much for each frame, each
  megapixel and each kibibyte, since frames that take more bytes take more time; and what beginning a file takes;
- into how many threads each encoder divides its work: so many cores can be busy with a copy;
- each transform with its default ranges: milliseconds, and how many bytes the frames take afterwards;
- whole episodes as the worker makes them, with other transforms, copies and sizes than those that were fitted: what
  hashes and statistics take is what is left of them, and they are what the model is compared with.

It also prints how fast this machine is compared with the one whose figures are stored: the `relativeSpeed` of an
AugmentationClass for nodes like this one.
"""

import argparse
import json
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import combinations
from math import exp, log
from pathlib import Path

import av
import numpy as np
import torch
from pydantic import TypeAdapter

import augmentation_api.estimate
from augmentation_api.estimate.figures import (
    FIGURES,
    FILE,
    CodecFigures,
    Cost,
    EncodingFigures,
    Figures,
    GopFigures,
    Measurement,
    Provenance,
    TransformFigures,
)
from augmentation_api.estimate.work import KIBIBYTE, MEGAPIXEL, Work, work_of
from augmentation_api.spec import Augmentation, AugmentationJobSpec
from augmentation_api.status import SourceStatus, StreamStatus
from augmentation_api.transforms import TransformName
from augmentation_api.vocabulary import VideoCodec
from augmentation_worker.media.cores import usable_cores
from augmentation_worker.media.image_statistics import ImageStatisticsCollector
from augmentation_worker.media.images.codec import decode_image, encode_image
from augmentation_worker.media.images.decoder import ImageEncoding
from augmentation_worker.media.images.header import ImageFormat
from augmentation_worker.media.pixel_hash import PixelHash
from augmentation_worker.media.video.decoder import decode_segment
from augmentation_worker.media.video.encoder import VideoEncoder
from augmentation_worker.media.video.encoding import MAX_SVT_PARALLELISM, VideoEncoding
from augmentation_worker.media.video.episode import encode_copies
from augmentation_worker.media.video.segment import VideoSegment
from augmentation_worker.transforms.pipeline import EpisodeTransform, sample_pipeline
from benchmarks import figures as document
from benchmarks.augment_video import FPS, scene
from benchmarks.footage import Footage as Recorded
from benchmarks.footage import generated_footage
from benchmarks.image_allocator import restart_as_in_image

COMMAND = "python -m benchmarks.estimate"
STORED = Path(augmentation_api.estimate.__file__).with_name(FILE)
PUSHT = document.CHECKOUT / "tests/fixtures/pusht_v30/videos/observation.image/chunk-000/file-000.mp4"
PRESETS = {
    VideoCodec.AV1: ("8", "10", "12"),
    VideoCodec.H264: ("ultrafast", "veryfast", "medium"),
    VideoCodec.HEVC: ("ultrafast", "medium"),
}
LONGER_GOPS = (10, 30)
AS_IT_WAS = "default"
"""The one preset of images."""
MOVING = 4
"""Pixels per frame by which what moves does so in footage of a still camera."""
SAMPLES = 12
"""Copies over whose sampled parameters a transform is averaged."""
SAMPLE_FRAMES = 8
"""Frames of each of them whose bytes are measured."""
SECONDS_OF_THREADS = 3.0
"""Processor time after which threads are compared: at first an encoder only looks ahead, and some have more to do."""
SHORT_AND_LONG = (6, 30)
"""Frames of the files whose difference says what a frame takes; what is left is what a file takes."""


@dataclass(frozen=True)
class Footage:
    """uint8 [frames, 3, height, width], and what they show."""

    name: str
    frames: torch.Tensor

    @property
    def megapixels(self) -> float:
        return self.frames.shape[2] * self.frames.shape[3] / MEGAPIXEL


@dataclass(frozen=True)
class Observation:
    """One measurement of a frame: its size, the bytes that it takes, milliseconds of the processor."""

    megapixels: float
    kibibytes: float
    milliseconds: float


def footages(frames: int) -> list[Footage]:
    """Of a still camera, one that pans, the same with noise, a quarter of the same, PushT's, and an arm, also noisy."""
    arm = generated_footage(frames)
    noisy = scene(frames)
    height, width = noisy.shape[2:]
    smooth = torch.nn.functional.avg_pool2d(noisy[:1].float(), 5, 1, 2).to(torch.uint8)
    still = smooth.repeat(frames, 1, 1, 1)
    for number in range(frames):
        left = 40 + MOVING * number
        still[number, :, 100:220, left : left + 120] = noisy[0, :, 300:420, 400:520]
    panning = torch.nn.functional.avg_pool2d(noisy.float(), 3, 1, 1).to(torch.uint8)
    with av.open(PUSHT) as container:
        decoded = (frame.to_ndarray(format="rgb24") for frame in container.decode(video=0))
        pusht = np.stack([frame for frame, _ in zip(decoded, range(frames), strict=False)])
    return [
        Footage("still camera", still),
        Footage("panning", panning),
        Footage("panning, noisy", noisy),
        Footage("panning, small", panning[:, :, : height // 2, : width // 2].contiguous()),
        Footage("PushT", torch.from_numpy(pusht.transpose(0, 3, 1, 2).copy())),
        Footage("arm", _tensor(arm)),
        Footage("arm, noisy", _tensor(arm.noisy())),
    ]


def _tensor(recorded: Recorded) -> torch.Tensor:
    pixels = [frame.to_ndarray(format="rgb24").transpose(2, 0, 1) for frame in recorded.frames]
    return torch.from_numpy(np.ascontiguousarray(np.stack(pixels)))


def thread_seconds() -> dict[str, float]:
    """Seconds of processor time of each thread of this process, by its number."""
    return {
        task.name: int((task / "schedstat").read_text().split()[0]) / 1e9 for task in Path("/proc/self/task").iterdir()
    }


def spent(work: Callable[[], object], rounds: int) -> float:
    """Least processor time of some rounds, milliseconds."""
    least = float("inf")
    for _ in range(rounds):
        begin = time.process_time()
        work()
        least = min(least, time.process_time() - begin)
    return 1000 * least


def fit(observations: Sequence[Observation]) -> Cost:
    """The cost that comes nearest to some observations, by relative error; no part of it is negative."""
    measured = np.array([each.milliseconds for each in observations])
    parts = np.array([[1.0, each.megapixels, each.kibibytes] for each in observations]) / measured[:, None]
    best, least = np.zeros(3), float("inf")
    for size in (1, 2, 3):
        for chosen in combinations(range(3), size):
            found = np.linalg.lstsq(parts[:, chosen], np.ones(len(measured)), rcond=None)[0]
            error = float(np.square(parts[:, chosen] @ found - 1).sum())
            if (found >= 0).all() and error < least:
                best, least = np.zeros(3), error
                best[list(chosen)] = found
    frame, megapixel, kibibyte = (round(float(part), 4) for part in best)
    return Cost(frame=frame, megapixel=megapixel, kibibyte=kibibyte)


@dataclass(frozen=True)
class WholeEpisode:
    """An episode as the worker made it.

    Attributes:
        title: what was measured.
        spec, source: of a job that has this one episode.
        seconds: of the processor.
        bytes: of the copies.
    """

    title: str
    spec: AugmentationJobSpec
    source: SourceStatus
    seconds: float
    bytes: int

    def work(self, figures: Figures) -> Work:
        """The same by the model."""
        work = work_of(self.spec, self.source, figures)
        assert work is not None
        return work


class Bench:
    """Everything that is measured, in a folder for its videos.

    Args:
        folder: for videos.
        frames: of each kind of footage.
        rounds: of which the best counts.
    """

    def __init__(self, folder: Path, frames: int, rounds: int) -> None:
        self._folder, self._rounds = folder, rounds
        self._footages = footages(frames)

    def _encode(self, frames: torch.Tensor, encoding: VideoEncoding) -> Path:
        path = self._folder / "encoded.mp4"
        height, width = frames.shape[2:]
        with VideoEncoder(path, encoding, fps=FPS, width=width, height=height) as encoder:
            encoder.write(frames.numpy())
        return path

    def kibibytes(self, frames: torch.Tensor, encoding: VideoEncoding) -> float:
        """Of a frame."""
        with av.open(self._encode(frames, encoding)) as container:
            return sum(packet.size for packet in container.demux(video=0)) / KIBIBYTE / len(frames)

    def _opening(self, encoding: VideoEncoding) -> tuple[float, float]:
        """Milliseconds of a file in addition to its frames, encoding and decoding: what is left of none of them."""
        shown = self._footages[1].frames[:1, :, :48, :64].contiguous()
        encoded, decoded = [], []
        for count in SHORT_AND_LONG:
            frames = shown.repeat(count, 1, 1, 1)
            segment = VideoSegment(self._encode(frames, encoding), 0, count, FPS)
            decoded.append(spent(lambda: [None for _ in decode_segment(segment, count)], 5 * self._rounds))  # noqa: B023
            encoded.append(spent(lambda: self._encode(frames, encoding), 5 * self._rounds))  # noqa: B023
        short, long = SHORT_AND_LONG
        first, last = (max(0.0, a - short * (b - a) / (long - short)) for a, b in (encoded, decoded))
        return round(first, 3), round(last, 3)

    def codec(self, codec: VideoCodec, reference: Mapping[str, float]) -> CodecFigures:
        """A codec. `reference`: KiB of a frame of each footage with AV1's defaults."""
        default = VideoEncoding.default(codec)
        decoding: list[Observation] = []
        encoding: dict[str, EncodingFigures] = {}
        opened = 0.0
        for preset in PRESETS[codec]:
            settings = replace(default, preset=preset)
            file, opened = self._opening(settings)
            seen, relative = [], []
            for footage in self._footages:
                count = len(footage.frames)
                size = self.kibibytes(footage.frames, settings)
                took = spent(lambda: self._encode(footage.frames, settings), self._rounds)  # noqa: B023
                seen.append(Observation(footage.megapixels, size, (took - file) / count))
                relative.append(size / reference[footage.name])
                if preset == PRESETS[codec][-1]:
                    segment = VideoSegment(self._encode(footage.frames, settings), 0, count, FPS)
                    took = spent(lambda: [None for _ in decode_segment(segment, 16)], 2 * self._rounds)  # noqa: B023
                    decoding.append(Observation(footage.megapixels, size, max(0.01, (took - opened) / count)))
            encoding[preset] = EncodingFigures(
                replace(fit(seen), file=file), round(exp(float(np.mean(np.log(relative)))), 3)
            )
        by_default = default.preset or "medium"
        gops, crf_step = self._levers(replace(default, preset=by_default))
        return CodecFigures(
            decoding=replace(fit(decoding), file=opened),
            encoding=encoding,
            default_preset=by_default,
            default_crf=default.crf,
            crf_step=crf_step,
            gops=gops,
            threads=self._threads(default),
        )

    def _threads(self, encoding: VideoEncoding) -> int:
        """Threads that an encoder keeps busy: how often the work of its busiest fits into all that it does.

        That is so on any number of cores, and the most that can be: threads also wait for each other. Seen before the
        encoder is closed, which ends its threads.
        """
        frames = self._footages[1].frames.numpy()
        height, width = frames.shape[2:]
        path, most = self._folder / "threads.mp4", MAX_SVT_PARALLELISM
        with VideoEncoder(path, encoding, fps=FPS, width=width, height=height, threads=most) as encoder:
            before = thread_seconds()
            begin = time.process_time()
            while time.process_time() < begin + SECONDS_OF_THREADS:
                encoder.write(frames)
            spent = [seconds - before.get(thread, 0.0) for thread, seconds in thread_seconds().items()]
        return max(1, min(most, int(sum(spent) / max(spent))))

    def _levers(self, default: VideoEncoding) -> tuple[tuple[GopFigures, ...], float]:
        """What longer distances of key frames do, and by how much more of crf the bytes halve."""
        chosen = self._footages[:3]

        def both(encoding: VideoEncoding) -> tuple[float, float]:
            times = [spent(lambda: self._encode(each.frames, encoding), self._rounds) for each in chosen]  # noqa: B023
            return sum(map(log, times)), sum(log(self.kibibytes(each.frames, encoding)) for each in chosen)

        time_before, bytes_before = both(default)
        gops = []
        for gop in LONGER_GOPS:
            took, size = both(replace(default, gop=gop))
            ratios = (exp((took - time_before) / len(chosen)), exp((size - bytes_before) / len(chosen)))
            gops.append(GopFigures(gop, *(round(ratio, 3) for ratio in ratios)))
        more = 8 if default.codec is VideoCodec.AV1 else 5
        halvings = (bytes_before - both(replace(default, crf=default.crf + more))[1]) / len(chosen) / log(2)
        return tuple(gops), round(more / halvings, 2)

    def images(self, kind: ImageFormat) -> CodecFigures:
        """Images in the rows of a dataset, in the source's own format."""
        encoding, encoded, decoded = ImageEncoding(kind), [], []
        for footage in self._footages:
            frames = list(footage.frames[:SAMPLE_FRAMES].numpy())
            contents = [encode_image(frame, encoding) for frame in frames]
            size = sum(map(len, contents)) / KIBIBYTE / len(contents)
            took = spent(lambda: [encode_image(frame, encoding) for frame in frames], self._rounds)  # noqa: B023
            encoded.append(Observation(footage.megapixels, size, took / len(frames)))
            took = spent(lambda: [decode_image(content) for content in contents], self._rounds)  # noqa: B023
            decoded.append(Observation(footage.megapixels, size, took / len(frames)))
        return CodecFigures(fit(decoded), {AS_IT_WAS: EncodingFigures(fit(encoded))}, default_preset=AS_IT_WAS)

    def transform(self, name: TransformName) -> TransformFigures:
        """A transform with its default ranges."""
        encoding = VideoEncoding.default(VideoCodec.AV1)
        pipelines = list(_pipelines(Augmentation(transforms=[name], copies=SAMPLES)))
        seen, before, after = [], [], []
        for footage in self._footages[1:]:
            few = footage.frames[:SAMPLE_FRAMES]
            made = [pipeline(few, 0) for pipeline in pipelines]  # which also compiles its kernels
            took = sum(spent(lambda: pipeline(few, 0), self._rounds) for pipeline in pipelines)  # noqa: B023
            seen.append(Observation(footage.megapixels, 0.0, took / len(pipelines) / len(few)))
            before.append(self.kibibytes(few, encoding) / footage.megapixels)
            became = [self.kibibytes(frames, encoding) for frames in made]
            after.append(float(np.mean(became)) / footage.megapixels)
        # By relative error: after = factor * before + added.
        parts = np.array([[size, 1.0] for size in before]) / np.array(after)[:, None]
        factor, added = np.linalg.lstsq(parts, np.ones(len(after)), rcond=None)[0]
        if added < 0 or factor < 0:
            factor, added = exp(float(np.mean(np.log(np.array(after) / np.array(before))))), 0.0
        return TransformFigures(fit(seen), round(float(factor), 3), round(float(added), 2))

    def noise_factor(self, name: TransformName, alone: TransformFigures, noise: TransformFigures) -> float:
        """Of the bytes that noise has added, what a transform after it leaves."""
        encoding = VideoEncoding.default(VideoCodec.AV1)
        pipelines = list(_pipelines(Augmentation(transforms=[TransformName.NOISE, name], copies=SAMPLES)))
        left = []
        for footage in self._footages[3:]:
            few = footage.frames[:SAMPLE_FRAMES]
            after = float(np.mean([self.kibibytes(pipeline(few, 0), encoding) for pipeline in pipelines]))
            before = noise.bytes_factor * self.kibibytes(few, encoding) / footage.megapixels
            shown = alone.bytes_factor * before + alone.added_kibibytes
            left.append((after / footage.megapixels - shown) / noise.added_kibibytes)
        return round(min(1.0, max(0.0, float(np.mean(left)))), 2)

    def finish(self) -> Cost:
        """Hash and statistics of an augmented frame."""
        seen = []
        for footage in self._footages[1:]:
            frames = footage.frames

            def finish(frames: torch.Tensor = frames) -> None:
                digest, statistics = PixelHash(), ImageStatisticsCollector(len(frames))
                digest.update(frames.numpy())
                statistics.add(frames.numpy(), 0)

            seen.append(Observation(footage.megapixels, 0.0, spent(finish, 2 * self._rounds) / len(frames)))
        return fit(seen)

    def whole_episodes(self) -> Iterator[WholeEpisode]:
        """Episodes as the worker makes them."""
        lighting, stacked = ("lighting",), ("lighting", "noise", "blur", "occlusion")
        other = ("jpeg", "shadow", "hueSaturation")
        for number, codec, copies, transforms in (
            (2, VideoCodec.AV1, 3, stacked),
            (1, VideoCodec.AV1, 2, lighting),
            (0, VideoCodec.AV1, 4, lighting),
            (3, VideoCodec.AV1, 4, other),
            (4, VideoCodec.AV1, 12, stacked),
            (5, VideoCodec.AV1, 12, stacked),
            (2, VideoCodec.H264, 2, stacked),
            (0, VideoCodec.H264, 3, lighting),
            (1, VideoCodec.HEVC, 2, other),
        ):
            footage, encoding = self._footages[number], VideoEncoding.default(codec)
            frames = len(footage.frames)
            source = self._folder / "source.mp4"
            self._encode(footage.frames, encoding).replace(source)
            segment = VideoSegment(source, 0, frames, FPS)
            asked = Augmentation(transforms=[TransformName(name) for name in transforms], copies=copies)
            pipelines = list(_pipelines(asked))

            def whole(segment: VideoSegment = segment, encoding: VideoEncoding = encoding) -> None:
                encode_copies(segment, pipelines, self._folder / "copies", encoding, device="cpu")  # noqa: B023

            whole()
            took = spent(whole, self._rounds) / 1000
            written = sum(path.stat().st_size for path in (self._folder / "copies").iterdir())
            height, width = footage.frames.shape[2:]
            size = round(source.stat().st_size / frames)
            stream = StreamStatus(codec=codec.value, height=height, width=width, bytes_per_frame=size)
            spec = AugmentationJobSpec.model_validate(
                {"source": {"hub": {"repoID": "bench/mark"}}, "augmentation": asked.to_wire()}
            )
            status = SourceStatus(selected_frames=frames, selected_episodes=1, streams=[stream], cameras=["top"])
            title = f"{footage.name}, {width}x{height}, {codec.value}, {copies} copies, {', '.join(transforms)}"
            yield WholeEpisode(title, spec, status, took, written)


def _pipelines(augmentation: Augmentation) -> Iterator[EpisodeTransform]:
    for copy in range(augmentation.copies):
        yield sample_pipeline(augmentation, camera="top", episode=0, copy=copy, episode_mean=(0.5, 0.4, 0.5))


def measure(bench: Bench) -> Figures:
    """All figures of this machine; what a job takes in addition to frames stays as it is stored."""
    reference = {
        each.name: bench.kibibytes(each.frames, VideoEncoding.default(VideoCodec.AV1)) for each in bench._footages
    }
    codecs = {codec.value: bench.codec(codec, reference) for codec in PRESETS}
    images = {kind.value.lower(): bench.images(kind) for kind in (ImageFormat.PNG, ImageFormat.JPEG)}
    transforms: dict[TransformName, TransformFigures]
    transforms = {name: bench.transform(name) for name in TransformName if name is not TransformName.BACKGROUND}
    noise = transforms[TransformName.NOISE]
    transforms |= {
        name: replace(each, noise_factor=bench.noise_factor(name, each, noise))
        for name, each in transforms.items()
        if name is not TransformName.NOISE
    }
    # It needs masks of the source; per pixel it does what occlusion does, for all of them.
    lit = transforms[TransformName.LIGHTING].cost
    transforms[TransformName.BACKGROUND] = replace(transforms[TransformName.OCCLUSION], cost=lit)
    return Figures(
        provenance=Provenance(COMMAND, document.machine_description(), _today(), _software()),
        codecs={**codecs, **images},
        transforms={name.value: figures for name, figures in transforms.items()},
        finish=bench.finish(),
        overhead=1.0,
        job=FIGURES.job,
        job_provenance=FIGURES.job_provenance,
        measurements=FIGURES.measurements,
    )


def _today() -> str:
    return f"{datetime.now(UTC):%Y-%m-%d}"


def _software() -> str:
    return f"PyAV {av.__version__}, torch {torch.__version__}, Python {platform.python_version()}"


def relative_speed(figures: Figures) -> float:
    """How fast this machine is, compared with the one of the stored figures: on average over what a frame takes."""
    ratios = [
        stored.encoding[preset].cost.of_frame(0.3, 5) / found.cost.of_frame(0.3, 5)
        for name, codec in figures.codecs.items()
        if (stored := FIGURES.codecs.get(name)) is not None
        for preset, found in codec.encoding.items()
        if preset in stored.encoding
    ]
    ratios += [
        FIGURES.transforms[name].cost.of_frame(0.3) / each.cost.of_frame(0.3)
        for name, each in figures.transforms.items()
        if name in FIGURES.transforms
    ]
    return exp(sum(map(log, ratios)) / len(ratios))


def overhead(figures: Figures, episodes: Sequence[WholeEpisode]) -> float:
    """By what whole episodes take more than the sum of their parts, on average."""
    ratios = [each.seconds / each.work(figures).processor_seconds for each in episodes]
    return round(exp(sum(map(log, ratios)) / len(ratios)), 3)


def answer(rows: Sequence[Sequence[document.Cell]]) -> str:
    """What is to be known of the ratios, in a sentence."""
    times, sizes = ([float(str(row[column])) for row in rows] for column in (3, 5))
    return (
        f"The model gives {min(times):.2f} to {max(times):.2f} of the processor time and {min(sizes):.2f} to "
        f"{max(sizes):.2f} of the bytes of these episodes."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=12, help="of each kind of footage (default: 12)")
    parser.add_argument("--rounds", type=int, default=1, help="of which the best counts (default: 1)")
    parser.add_argument("--write", action="store_true", help=f"make them the model's figures: {FILE}")
    options = parser.parse_args()
    restart_as_in_image()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        bench = Bench(Path(name), options.frames, options.rounds)
        figures = measure(bench)
        episodes = list(bench.whole_episodes())
    figures = replace(figures, overhead=overhead(figures, episodes))
    compared = figures if options.write else FIGURES
    rows: list[list[document.Cell]] = []
    measurements = [each for each in FIGURES.measurements if each.provenance.command != COMMAND]
    for each in episodes:
        work = each.work(compared)
        ratios = work.processor_seconds / each.seconds, work.bytes / each.bytes
        rows.append([each.title, each.seconds, work.processor_seconds, ratios[0], each.bytes / 1024, ratios[1]])
        asked = {"spec": each.spec.to_wire(), "source": each.source.to_wire()}
        measurements.append(Measurement(each.title, figures.provenance, round(each.seconds, 4), asked, each.bytes))
    speed = relative_speed(figures)
    columns = ["", "s measured", "s by the model", "ratio", "KiB measured", "ratio"]
    published = document.Figures(
        title="What a job will take: the model against what was measured",
        what="Whole episodes as the worker makes them, by processor time, with the model of what a frame costs. "
        + (
            "The model's figures are of the same run: by definition a core of this machine has a relative speed of 1."
            if options.write
            else f"A core of this machine has a relative speed of {speed:.2f}."
        ),
        command=COMMAND + (" --write" if options.write else ""),
        tables=[document.Table(f"Episodes on {usable_cores()} cores", columns, rows)],
        notes=[answer(rows)],
    )
    published.print()
    published.write("estimate")
    print(f"relativeSpeed of this machine's cores, by the figures so far: {speed:.2f}")
    if options.write:
        STORED.write_text(_encoded(replace(figures, measurements=tuple(measurements))))
        print(f"written: {STORED.relative_to(document.CHECKOUT)}")
        # In a process of its own, which reads what was written.
        subprocess.run([sys.executable, "-m", "benchmarks.price_table"], check=True)


def _encoded(figures: Figures) -> str:
    return json.dumps(TypeAdapter(Figures).dump_python(figures, mode="json"), indent=1) + "\n"


if __name__ == "__main__":
    main()
