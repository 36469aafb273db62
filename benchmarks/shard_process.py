"""What a shard's process takes: seconds and memory up to each step of its start, and memory by copies and by length.

Real processes of the augment phase, from folder to folder, on generated LeRobot datasets. The start is that of one copy
of two frames of 240x320, once as in the image for CPUs and once, in turns, where torch and torchvision are installed as
in the image with CUDA, which also runs on a CPU. Memory is allocated as in these images; what is held is the largest
resident set, at 480x640, without torch.

    python -m benchmarks.shard_process            3 minutes on two quiet cores
    python -m benchmarks.shard_process --short    under a minute; not published
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from augmentation_api import PhaseName
from augmentation_worker.local.run import Pod
from benchmarks.figures import Axis, Cell, Figures, Plot, Series, Table
from benchmarks.generated_datasets import CAMERAS, encode_video, make_episodes, make_images
from benchmarks.local_job import PLACES, as_in_image, prepared_run
from benchmarks.shard_steps import STEPS

FOUR = ("lighting", "noise", "blur", "occlusion")
VIDEO = {"AV1": {"codec": "av1"}, "x264 veryfast": {"codec": "h264", "preset": "veryfast"}}
Taken = tuple[float, float, float, float]
"""Seconds by the clock, of processors, MiB resident, MiB of those anonymous."""
CPU_IMAGE, CUDA_IMAGE = "without torch", "with torch and torchvision"


def job(copies: int, transforms: Sequence[str] = FOUR, video: Mapping[str, str] | None = None) -> dict[str, object]:
    """A spec without its source and output."""
    augmentation = {"transforms": list(transforms), "copies": copies, "seed": 7}
    return {"augmentation": augmentation, **({"output": {**PLACES["output"], "video": dict(video)}} if video else {})}


class Bench:
    """Runs shards in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def dataset(self, frames: int, height: int, width: int, cameras: int = 1) -> Path:
        """A LeRobot dataset of one episode."""
        source = self._folder / f"{frames}-{height}-{cameras}"
        if not source.exists():
            video = self._folder / f"{frames}-{height}.mp4"
            if not video.exists():
                encode_video(video, frames, height, width)
            make_episodes(source, [frames], height, width, [f"{CAMERAS[0]}{n or ''}" for n in range(cameras)], video)
        return source

    def images(self, rows: int) -> Path:
        """An image dataset of rows of 480x640."""
        source = self._folder / f"images-{rows}"
        if not source.exists():
            make_images(source, rows)
        return source

    def steps(self, source: Path, spec: Mapping[str, object], *, torch: bool = False) -> list[Taken | None]:
        """What the shard of a job took up to each of STEPS."""
        steps = self._folder / "steps.json"
        self._run(source, spec, [sys.executable, "-m", "benchmarks.shard_steps", str(steps)], torch=torch)
        taken: list[Taken | None] = json.loads(steps.read_text())
        return taken

    def most_memory(self, source: Path, spec: Mapping[str, object]) -> float:
        """MiB, of the largest resident set of the shard of a job."""
        return self._run(source, spec, [sys.executable, "-m", "augmentation_worker", "augment"], torch=False)

    def _run(self, source: Path, spec: Mapping[str, object], command: Sequence[str], *, torch: bool) -> float:
        with as_in_image(cuda=torch), prepared_run(spec, source, self._folder / "result") as run:
            resolve = Pod(run, PhaseName.RESOLVE)
            if status := resolve.start().wait():
                sys.exit(f"resolve failed: {resolve.failure(status)}")
            environment = Pod(run, PhaseName.AUGMENT, 0).environment()
            with (run.folder / "log").open("wb") as log:
                process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
            _, status, usage = os.wait4(process.pid, 0)
            if status:
                sys.exit(f"the shard failed: {(run.folder / 'log').read_text()[-2000:]}")
        return usage.ru_maxrss / 1024


def measure_start(bench: Bench, rounds: int) -> dict[str, list[Taken]]:
    """By environment, the least of each figure up to each step."""
    source, spec = bench.dataset(2, 240, 320), job(1)
    found: dict[str, list[list[Taken | None]]] = {CPU_IMAGE: [], CUDA_IMAGE: []}
    for place in range(rounds + 1):
        for name, of_rounds in found.items():
            taken = bench.steps(source, spec, torch=name != CPU_IMAGE)
            if place:  # the first round compiles kernels, where a machine has not yet
                of_rounds.append(taken)
    return {name: [_least(each) for each in zip(*taken, strict=True)] for name, taken in found.items()}


def _least(of_rounds: Sequence[Taken | None]) -> Taken:
    taken = [each for each in of_rounds if each is not None]
    clock, processor, resident, anonymous = (min(values) for values in zip(*taken, strict=True))
    return clock, processor, resident, anonymous


def start_table(name: str, start: Sequence[Taken]) -> Table:
    columns = ["up to", "seconds", "of a core", "MiB", "anonymous"]
    rows: list[list[Cell]] = [[step, *taken] for step, taken in zip(STEPS, start, strict=True)]
    return Table(f"Start of a shard {name}", columns, rows)


def start_plots(start: Mapping[str, Sequence[Taken]]) -> list[Plot]:
    """Seconds of a core and MiB that each step adds, up to the first frames."""
    plots = []
    for title, unit, figure in (("Seconds of a core", "s", 1), ("Resident memory", "MiB", 2)):
        series = []
        for place, step in enumerate(STEPS[:-1]):
            before = [start[name][place - 1][figure] if place else 0.0 for name in start]
            added = [start[name][place][figure] - each for name, each in zip(start, before, strict=True)]
            series.append(Series(step, [max(0.0, each) for each in added]))
        plots.append(Plot(f"{title} up to the first frames", "stacked-bars", Axis("", list(start)), unit, series))
    return plots


def measure_memory(bench: Bench, copies: Sequence[int], videos: Sequence[str], frames: int) -> tuple[Table, Plot]:
    """Memory by codec and copies."""
    source = bench.dataset(frames, 480, 640)
    found = {name: [bench.most_memory(source, job(each, video=VIDEO[name])) for each in copies] for name in videos}
    rows: list[list[Cell]] = [
        [name, *values, (values[-1] - values[0]) / (copies[-1] - copies[0])] for name, values in found.items()
    ]
    columns = ["codec", *(f"{each} {'copy' if each == 1 else 'copies'}" for each in copies), "a copy more"]
    lines = [Series(name, values) for name, values in found.items()]
    plot = Plot("Memory of a shard by copies", "lines", Axis("copies", list(copies)), "MiB", lines)
    return Table(f"MiB at most, an episode of {frames} frames of 480x640, four transforms", columns, rows), plot


def measure_length(bench: Bench) -> Table:
    """Memory by length, of videos of two cameras and of an image dataset."""
    of_videos = [bench.most_memory(bench.dataset(frames, 480, 640, cameras=2), job(4)) for frames in (100, 400)]
    of_images = [bench.most_memory(bench.images(rows), job(1)) for rows in (800, 1600)]
    rows: list[list[Cell]] = [
        ["videos of two cameras, AV1, four copies", "100 frames", of_videos[0], "400 frames", of_videos[1]],
        ["an image dataset, one copy", "800 rows", of_images[0], "1600 rows", of_images[1]],
    ]
    return Table("MiB at most, by length, 480x640", ["", "of", "MiB", "of more", "MiB of more"], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="fewer rounds and copies, AV1 only")
    short = parser.parse_args().short
    with tempfile.TemporaryDirectory(prefix="bench-shard-") as name:
        bench = Bench(Path(name))
        start = measure_start(bench, 1 if short else 4)
        memory, plot = measure_memory(bench, (1, 4) if short else (1, 2, 4, 8), list(VIDEO)[: 1 if short else 2], 48)
        tables = [
            *(start_table(*each) for each in start.items()),
            memory,
            *([] if short else [measure_length(bench)]),
        ]
    ready = STEPS.index("first frames encoded")
    figures = Figures(
        title="A shard's process",
        what="What the process of a shard takes up to each step of its start (one copy of two frames of 240x320), in "
        "the image for CPUs and, in turns, where torch is installed; and how much memory it holds at most. Memory is "
        "allocated as in the worker's image.",
        command="python -m benchmarks.shard_process" + (" --short" if short else ""),
        tables=tables,
        plots=[*start_plots(start), plot],
        notes=[
            f"Up to its first frames a shard takes {start[CPU_IMAGE][ready][1]:.1f} s of a core and "
            f"{start[CPU_IMAGE][ready][2]:.0f} MiB; with torch and torchvision {start[CUDA_IMAGE][ready][1]:.1f} s and "
            f"{start[CUDA_IMAGE][ready][2]:.0f} MiB."
        ],
        short=short,
    )
    figures.print()
    figures.write("shard_process")


if __name__ == "__main__":
    main()
