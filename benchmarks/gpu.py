"""What a GPU makes of the pixel half of the worker: `make bench-gpu`, one command of less than eight minutes.

First it checks that the GPU gives the CPU's pixels, for each transform and stacked. Then it measures, side by side:

- each transform, and several stacked, as a share of the bandwidth of a copy within the GPU's memory, which reads and
  writes every byte once and is the floor of any transform;
- the same work by torchvision.v2, kornia, triton-augment, DALI and CV-CUDA, each in a process of its own and as far as
  they can be installed (`.venv-bench-gpu/`, or from the wheels in the folder WHEELS);
- whole episodes: the CPU path of this machine, the GPU with software encoders and, where it has them, with its own;
  what each thread waits for; frames per second and watts.

    python -m benchmarks.gpu                 # on a machine with a GPU; --short for a first look
    python -m benchmarks.gpu --device cpu    # the same code on a CPU and tiny frames: a test; its figures mean nothing

Without a GPU it says so and ends well. Where nothing can be fetched, only what is there takes part. On a machine whose
Python has torch, torchvision, Triton and numba, and is not to be changed: `make bench-gpu PY=python3`, with the rest on
PYTHONPATH (av, pydantic, pydantic-core, annotated-types, kubernetes, aiohttp-retry, durationpy, oauthlib, orjson,
requests-oauthlib, websocket-client, xxhash); the tests likewise, with pytest-asyncio, hypothesis and pytest-timeout:
`make test-gpu PY=python3 GPU_TESTS="tests/unit/worker/gpu tests/unit/worker/cuda"`.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

import torch

from augmentation_api.vocabulary import VideoCodec
from augmentation_worker.media.device import AugmentDevice
from augmentation_worker.media.stage_clock import Stage, StageClock
from augmentation_worker.media.video.encoder import VideoEncoder
from augmentation_worker.media.video.encoding import VideoEncoding
from augmentation_worker.media.video.episode import EncodedEpisode, encode_copies
from augmentation_worker.media.video.gpu.episode import augmentation_of
from augmentation_worker.media.video.nvenc import prefer_nvenc
from augmentation_worker.media.video.segment import VideoSegment
from augmentation_worker.transforms.pipeline import has_triton
from benchmarks.augment_video import scene
from benchmarks.figures import Axis, Figures, Plot, Series, Table, machine_description
from benchmarks.gpu_contenders import CONTENDERS, FUSED, STACKED, Answer, Contender, measure
from benchmarks.gpu_installation import INSTALLED, install, last_line
from benchmarks.gpu_timing import Load, LoadMeter, copy_bandwidth, seconds_per_call
from benchmarks.gpu_transforms import COPIES, FOUR, TASKS, color_conversions, noise, pipelines, pixel_differences

CONTENDER_TIMEOUT_S = 60
TOTAL_S = 7 * 60
"""After so many seconds what is left of the contenders is left out."""
LATE_S = 4 * 60
"""After so many a whole episode is made once: compiling the kernels took longer than expected."""

FPS, OURS = 30, "ours"

T = TypeVar("T")


@dataclass(frozen=True)
class Scale:
    """How much is measured.

    Attributes:
        sizes: height, width and frames per batch of each size of frames.
        video: height, width and frames of whole episodes.
        codecs: of whole episodes.
        copy_bytes: bytes that are copied to see the bandwidth.
        seconds: about how many to spend on each call that is timed.
        rounds: of whole episodes.
    """

    sizes: Sequence[tuple[int, int, int]]
    video: tuple[int, int, int]
    codecs: Sequence[VideoCodec]
    copy_bytes: int
    seconds: float
    rounds: int


# Half a gigabyte a batch: an H200 is done with 64 frames of 480x640 before Python has launched the next ones.
WHOLE = Scale([(480, 640, 512), (1080, 1920, 80)], (480, 640, 240), [VideoCodec.AV1, VideoCodec.H264], 2**30, 0.3, 2)
SHORT = Scale([(480, 640, 256)], (480, 640, 60), [VideoCodec.H264], 2**28, 0.05, 1)
TINY = Scale([(48, 64, 2)], (48, 64, 6), [VideoCodec.H264], 2**16, 0.0, 1)


@dataclass
class Bench:
    """A run of the benchmark.

    Attributes:
        device: what is measured.
        scale: how much.
        differing: findings of the comparison with the CPU.
        failures: what could not be measured, and why.
    """

    device: torch.device
    scale: Scale
    differing: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    _tables: list[Table] = field(default_factory=list)
    _plots: list[Plot] = field(default_factory=list)
    _notes: list[str] = field(default_factory=list)
    _begin: float = field(default_factory=time.monotonic)

    def run(self, command: str, *, short: bool) -> Iterator[Figures]:
        """Compare and measure everything; gives after each stage what is known by then, as a stage may be the last.

        A stage that fails is noted, and the next one begins: each prints its tables when it has them.
        """
        ours: list[dict[str, float]] = []
        stages: list[tuple[str, Callable[[], None]]] = [
            ("Comparing the device's pixels with the CPU's", self._compare),
            ("Timing transforms", lambda: self._all_transforms(ours)),
            ("Timing whole episodes", self._episodes),
            ("Timing other libraries", lambda: self._others(ours)),
        ]
        for title, stage in stages:
            print(f"{title} ({time.monotonic() - self._begin:.0f} s) ...", flush=True)
            known = len(self._tables), len(self._notes)
            self._try(title, stage)
            for table in self._tables[known[0] :]:
                table.print()
            for note in self._notes[known[1] :]:
                print(note, flush=True)
            yield self._figures(command, short=short)

    def _try(self, what: str, measure: Callable[[], T]) -> T | None:
        """What it gives; None where it fails, whatever a compiler, driver or encoder raises: noted as a failure."""
        try:
            return measure()
        except Exception as error:
            finding = f"{what}: {type(error).__name__}: {error}"[:300]
            self.failures.append(finding)
            self._notes.append(f"Failed: {finding}")
            return None

    def _figures(self, command: str, *, short: bool) -> Figures:
        return Figures(
            title=f"On a GPU: {device_name(self.device)}",
            what="Transforms as a share of the GPU's memory bandwidth, the same work by other libraries, and whole "
            "episodes with the CPU's and the GPU's encoders, side by side in one run.",
            command=command,
            tables=self._tables,
            plots=self._plots,
            notes=self._notes,
            short=short,
            machine=f"{device_name(self.device)}; {machine_description()}",
        )

    def _compare(self) -> None:
        self.differing = pixel_differences(self.device)
        self._notes.append(
            "The device's pixels differ from the CPU's: " + "; ".join(self.differing)
            if self.differing
            else f"The device gave the CPU's pixels, bit for bit, for {len(TASKS)} transforms and stacks."
        )

    def _all_transforms(self, ours: list[dict[str, float]]) -> None:
        bandwidth = copy_bandwidth(self.device, self.scale.copy_bytes, self.scale.seconds)
        kernels = "by kernels in Triton" if has_triton() else "without Triton, by the twins of its kernels in torch"
        self._notes.append(f"Transforms are made {kernels if self.device.type == 'cuda' else 'by the CPU'}.")
        self._notes.append(f"A copy within the device's memory moves {bandwidth / 1e9:,.0f} GB/s, read and written.")
        for size in self.scale.sizes:
            ours.append(self._transforms(size, bandwidth))

    def _transforms(self, size: tuple[int, int, int], bandwidth: float) -> dict[str, float]:
        """Seconds per batch by task; the table of one size of frames."""
        height, width, count = size
        frames = noise(size, self.device)
        floor = 2 * frames.numel() / bandwidth
        rows: list[list[str | float | None]] = []
        seconds: dict[str, float] = {}
        for name in TASKS:
            for copies in (1, COPIES) if name == STACKED else (1,):
                label = name if copies == 1 else f"{name}; {copies} copies of each frame"
                taken = self._try(f"{label}, {width}x{height}", partial(self._seconds_of, name, copies, frames))
                if taken is None:
                    rows.append([label, None, None, None])
                    continue
                if copies == 1:
                    seconds[name] = taken
                rows.append([label, 1e3 * taken / count / copies, count * copies / taken, floor * copies / taken])
        for label, call, moved in (
            self._try("conversions of colours", partial(color_conversions, frames, self.device)) or ()
        ):
            taken = self._try(
                f"{label}, {width}x{height}", partial(seconds_per_call, call, self.device, self.scale.seconds)
            )
            if taken is not None:
                rows.append([label, 1e3 * taken / count, count / taken, moved / bandwidth / taken])
        columns = ["transform", "ms per frame", "frames per second", "share of copy bandwidth"]
        self._tables.append(Table(f"Transforms, {width}x{height}, batches of {count}", columns, rows))
        return seconds

    def _seconds_of(self, task: str, copies: int, frames: torch.Tensor) -> float:
        augment = augmentation_of(pipelines(copies, TASKS[task], task), self.device)
        return seconds_per_call(partial(augment, frames, 0), self.device, self.scale.seconds)

    def _others(self, ours: Sequence[Mapping[str, float]]) -> None:
        """The tables of the same work by other libraries, and why some are not in them."""
        missing = install(list(CONTENDERS.values())) if self.device.type == "cuda" else {}
        for size, own in zip(self.scale.sizes, [*ours, *[{}] * len(self.scale.sizes)], strict=False):
            height, width, count = size
            found: dict[str, Mapping[str, float]] = {OURS: own}
            for contender in CONTENDERS.values():
                if contender.name in missing:
                    continue
                if time.monotonic() - self._begin > TOTAL_S:
                    missing[contender.name] = "no time was left"
                    continue
                result = self._other(contender, size)
                if result.missing is not None:
                    missing[contender.name] = result.missing
                    continue
                found[f"{contender.name} {result.version}"] = result.seconds
                for task, error in result.failed.items():
                    self._notes.append(f"{contender.name}, {task}, {width}x{height}: {error}")
            tasks = [
                task for task in TASKS if any(task in seconds for name, seconds in found.items() if name != "ours")
            ]
            rows = [
                [task, *(1e6 * seconds[task] / count if task in seconds else None for seconds in found.values())]
                for task in tasks
            ]
            self._tables.append(
                Table(f"The same work by others, {width}x{height}: microseconds per frame", ["work", *found], rows)
            )
            self._notes += [
                f"{task}, {width}x{height}: {seconds[task] / own[task]:.1f} times as fast as {name}."
                for task in (FUSED, STACKED)
                for name, seconds in found.items()
                if name != OURS and task in seconds and task in own
            ]
        self._notes += [f"Not measured: {name}: {why}" for name, why in missing.items()]

    def _other(self, contender: Contender, size: tuple[int, int, int]) -> Answer:
        if self.device.type != "cuda":
            return measure(contender, noise(size, self.device), self.scale.seconds)
        height, width, count = size
        command = [sys.executable, "-m", "benchmarks.gpu_contenders", contender.name, f"--seconds={self.scale.seconds}"]
        command += [f"--height={height}", f"--width={width}", f"--frames={count}"]
        own = str(INSTALLED / contender.name)
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([*filter(None, sys.path), own])}
        try:
            done = subprocess.run(
                command, env=environment, capture_output=True, text=True, timeout=CONTENDER_TIMEOUT_S, check=True
            )
            return Answer(**json.loads(done.stdout.splitlines()[-1]))
        except subprocess.TimeoutExpired:
            return Answer(missing=f"took longer than {CONTENDER_TIMEOUT_S} s")
        except subprocess.CalledProcessError as error:
            return Answer(missing=last_line(error.stderr))
        except (ValueError, TypeError, IndexError) as error:
            return Answer(missing=f"gave no answer: {error}")

    def _episodes(self) -> None:
        """The tables of whole episodes, and the plot of what the threads wait for."""
        height, width, count = self.scale.video
        rows: list[list[str | float | None]] = []
        bars: dict[str, StageClock] = {}
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            frames = (
                scene(count) if (height, width) == (480, 640) else noise((height, width, count), torch.device("cpu"))
            )
            for codec in self.scale.codecs:
                self._try(f"whole episodes of {codec}", partial(self._variants, codec, frames, folder, rows, bars))
        columns = ["codec", "variant", "frames per second", "times the CPU's", "watts", "joules per frame", "how"]
        title = f"Whole episodes, {count} frames of {width}x{height}, {COPIES} copies, four transforms stacked"
        self._tables.append(Table(title, columns, rows))
        self._timeline(bars)

    def _variants(
        self,
        codec: VideoCodec,
        frames: torch.Tensor,
        folder: Path,
        rows: list[list[str | float | None]],
        bars: dict[str, StageClock],
    ) -> None:
        """Add the rows and the bars of the episodes of a codec."""
        height, width, count = self.scale.video
        software = VideoEncoding.default(codec)
        source = folder / f"{codec}.mp4"
        with VideoEncoder(source, software, fps=FPS, width=width, height=height) as encoder:
            encoder.write(frames.numpy())
        segment = VideoSegment(source, 0, count, FPS)
        hardware = prefer_nvenc(software, width=width, height=height, at_once=COPIES, scratch=folder / "trial")
        variants = [("CPU", torch.device("cpu"), software), ("GPU", self.device, software)]
        if hardware.uses_nvenc:
            variants.append(("GPU and its encoders", self.device, hardware))
        else:
            self._notes.append(f"{codec}: this device has no encoder for it (NVENC).")
        expected: list[str] | None = None
        on_cpu: float | None = None
        for label, device, encoding in variants:
            measured = self._try(f"{codec}, {label}", partial(self._episode, segment, encoding, device, folder))
            if measured is None:
                rows.append([str(codec), label, None, None, None, None, "failed"])
                continue
            taken, clock, load, made = measured
            on_cpu = taken if label == "CPU" else on_cpu
            hashes = [copy.pixel_hash for copy in made.copies]
            expected = expected or hashes
            if hashes != expected:
                self.differing.append(f"a whole episode of {codec}, {label}")
            how = made.made_by if device.type == "cuda" else "the CPU's threads"
            speed = count * COPIES / taken
            times = None if on_cpu is None else on_cpu / taken
            joules = None if load.watts is None else load.watts / speed
            rows.append([str(codec), label, speed, times, load.watts, joules, how])
            bars[f"{codec}, {label}"] = clock

    def _episode(
        self, segment: VideoSegment, encoding: VideoEncoding, device: torch.device, folder: Path
    ) -> tuple[float, StageClock, Load, EncodedEpisode]:
        """Seconds, where they went, load and result of the best of several rounds, after a short one to warm up."""
        warm_up = VideoSegment(segment.path, 0, min(4, segment.frames), segment.fps)
        sampled = pipelines(COPIES, FOUR)
        by: AugmentDevice = "cuda" if device.type == "cuda" else "cpu"
        encode_copies(warm_up, sampled, folder / "copies", encoding, device=by)
        best: tuple[float, StageClock, Load, EncodedEpisode] | None = None
        for _ in range(1 if time.monotonic() - self._begin > LATE_S else self.scale.rounds):
            clock = StageClock()
            with LoadMeter(self.device) as meter:
                begin = time.perf_counter()
                made = encode_copies(segment, sampled, folder / "copies", encoding, device=by, stages=clock)
                taken = time.perf_counter() - begin
            if best is None or taken < best[0]:
                best = (taken, clock, meter.load, made)
        assert best is not None
        return best

    def _timeline(self, bars: Mapping[str, StageClock]) -> None:
        stages = [Stage.DECODE, Stage.TRANSFORM, Stage.BUFFER, Stage.GPU, Stage.HASH, Stage.ENCODE]
        seconds = {name: clock.seconds() for name, clock in bars.items()}
        rows: list[list[str | float | None]] = [
            [name, *(by_stage.get(stage, 0.0) for stage in stages)] for name, by_stage in seconds.items()
        ]
        what = {Stage.BUFFER: "wait for encoders", Stage.GPU: "wait for the GPU"}
        labels = [what.get(stage, stage.value) for stage in stages]
        self._tables.append(
            Table("What the threads of these episodes did, seconds of all of them", ["", *labels], rows)
        )
        series = [
            Series(label, [by_stage.get(stage, 0.0) for by_stage in seconds.values()])
            for stage, label in zip(stages, labels, strict=True)
        ]
        axis = Axis("variant", list(seconds))
        self._plots.append(Plot("What the threads of an episode did", "stacked-bars", axis, "seconds", series))


def device_name(device: torch.device) -> str:
    """The GPU's name."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "a CPU in the place of a GPU"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Times the pixel half of the worker on a GPU.")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda", help="cpu: a test of this program")
    parser.add_argument("--short", action="store_true", help="a first look, in less than a minute")
    options = parser.parse_args(arguments)
    if options.device == "cuda" and not torch.cuda.is_available():
        print(
            "There is no GPU that PyTorch can use here, so these figures are missing: transforms as a share of memory "
            "bandwidth, the same by torchvision.v2, kornia, triton-augment, DALI and CV-CUDA, and whole episodes with "
            "NVDEC and NVENC. Run this command on a machine with an NVIDIA GPU."
        )
        return 0
    scale = TINY if options.device == "cpu" else SHORT if options.short else WHOLE
    bench = Bench(torch.device(options.device), scale)
    for figures in bench.run("make bench-gpu", short=scale is not WHOLE):
        if options.device == "cuda":
            print(f"written: {figures.write('gpu')}", flush=True)
    return 1 if bench.differing or bench.failures else 0


if __name__ == "__main__":
    sys.exit(main())
