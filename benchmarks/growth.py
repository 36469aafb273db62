"""How a job's cost grows with frames, episodes, cameras, copies and pixels, and its time falls with shards and cores.

Whole jobs on this machine, from folder to folder, on generated datasets (240x320, AV1 with a group of two frames,
lighting and noise). One property grows at a time, to two, four and eight times the base job's. What grows with the work
is the processor time of the augment phase beyond a shard's start, which is that of a job of one episode of two frames;
what should not grow is the memory of a shard, and the processor time of resolve and publish. The slope of a line
through the logarithms, the exponent, is 1 where a cost is proportional and 0 where it is constant. Memory is allocated
as in the worker's image.

Then one job of 24 episodes is made by one to eight shards, on one core and on two: its augment phase, in which each
shard starts, too, and the whole, compared with the model

    seconds = resolve + publish + augment,  augment = ceil(shards / cores) * start + work / cores

whose parts are those of one shard on one core: start is what a job of two frames takes, work the rest. With the model a
larger job is continued to nodes of a cluster, one for each shard: more than this machine has.

    python -m benchmarks.growth            6 minutes on two quiet cores
    python -m benchmarks.growth --short    under a minute; not published
"""

import argparse
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.figures import Axis, Cell, Figures, Plot, Series, Table
from benchmarks.generated_datasets import CAMERAS, encode_video, make_episodes
from benchmarks.local_job import Spent, measure

GROWTHS = ("frames", "episodes", "cameras", "copies", "pixels")
FACTORS = (1, 2, 4, 8)
SHARDS_BY_CORES = {1: (1, 2, 4, 8), 2: (1, 2, 4, 8)}
CLUSTER_SHARDS = (1, 2, 4, 8, 16, 32, 64, 128)
CLUSTER_FRAMES = 1_000_000
WORK, MEMORY = "augment beyond its start, s of a core", "memory of a shard, MiB"
BESIDE = "resolve, s of a core", "publish, s of a core"


@dataclass(frozen=True)
class Size:
    """How large a job is."""

    episodes: int = 4
    frames: int = 100
    cameras: int = 1
    copies: int = 1
    height: int = 240
    width: int = 320

    @property
    def augmented_frames(self) -> int:
        """Frames that are made, of all cameras."""
        return self.episodes * self.frames * self.cameras * self.copies

    def grown(self, growth: str, factor: int) -> "Size":
        """The same with one property so many times as large; pixels by a taller frame, and then a wider one."""
        values = dict(vars(self))
        if growth == "pixels":
            values["width"] *= 2 if factor > 2 else 1
            values["height"] *= factor // 2 if factor > 2 else factor
        else:
            values[growth] *= factor
        return Size(**values)

    def make(self, folder: Path, videos: Path) -> None:
        """Write its dataset; a video is encoded once for all that have as many frames of the same size."""
        video = videos / f"{self.episodes * self.frames}-{self.width}x{self.height}.mp4"
        if not video.exists():
            videos.mkdir(exist_ok=True)
            encode_video(video, self.episodes * self.frames, self.height, self.width)
        cameras = [f"{CAMERAS[0]}{number or ''}" for number in range(self.cameras)]
        make_episodes(folder, [self.frames] * self.episodes, self.height, self.width, cameras, video)


SCALED = Size(episodes=24, frames=60, copies=2)
STARTED = Size(episodes=1, frames=2)
"""A job that is little but its start: libraries, kernels, metadata, the preview."""


@dataclass(frozen=True)
class Bench:
    """Runs jobs in a folder."""

    folder: Path

    def run(self, size: Size, *, shards: int = 1, cores: int | None = None) -> dict[str, Spent]:
        """What the phases of a job took."""
        source = self.folder / "-".join(map(str, vars(size).values()))
        if not source.exists():
            size.make(source, self.folder / "videos")
        augmentation = {"transforms": ["lighting", "noise"], "copies": size.copies, "seed": 7}
        spec = {"augmentation": augmentation}
        spent = measure(spec, source, self.folder / "result", shards=shards, cores=cores)
        seconds = ", ".join(f"{name} {each.clock:.1f} s" for name, each in spent.items())
        print(f"{size}, {shards} shards, {cores or 'all'} cores: {seconds}", flush=True)
        return spent


def exponent(factors: Sequence[int], costs: Sequence[float]) -> float:
    """The slope of a line through the logarithms, by least squares."""
    return float(np.polyfit(np.log(factors), np.log(costs), 1)[0])


def measure_growth(
    bench: Bench, growths: Sequence[str], factors: Sequence[int]
) -> tuple[float, dict[str, dict[str, list[float]]]]:
    """Seconds of a core of a shard's start; by what grows and by cost, a value for each factor."""
    start = min(bench.run(STARTED)["augment"].processor for _ in range(2))
    base = min((bench.run(Size()) for _ in range(2)), key=lambda spent: spent["augment"].processor)
    costs: dict[str, dict[str, list[float]]] = {}
    for growth in growths:
        spent = [base, *(bench.run(Size().grown(growth, factor)) for factor in factors[1:])]
        costs[growth] = {
            WORK: [each["augment"].processor - start for each in spent],
            MEMORY: [each["augment"].mib for each in spent],
            **{cost: [each[cost.partition(",")[0]].processor for each in spent] for cost in BESIDE},
        }
    return start, costs


def growth_table(costs: Mapping[str, Mapping[str, Sequence[float]]], factors: Sequence[int]) -> Table:
    rows: list[list[Cell]] = [
        [growth, cost, *values, f"{exponent(factors, values):.2f}"]
        for growth, of_growth in costs.items()
        for cost, values in of_growth.items()
    ]
    return Table("", ["what grows", "cost", *(f"x{factor}" for factor in factors), "exponent"], rows)


def answer(costs: Mapping[str, Mapping[str, Sequence[float]]], factors: Sequence[int]) -> str:
    """What is to be known of the exponents, in a sentence."""

    def span(*chosen: str) -> str:
        found = [exponent(factors, each[cost]) for each in costs.values() for cost in chosen]
        return f"{min(found):.2f} to {max(found):.2f}"

    return (
        f"Of {', '.join(costs)}, the processor time of augmenting grows with an exponent of {span(WORK)}, that of "
        f"resolve and publish with {span(*BESIDE)}, and the memory of a shard with {span(MEMORY)}."
    )


def growth_plots(costs: Mapping[str, Mapping[str, Sequence[float]]], factors: Sequence[int]) -> list[Plot]:
    axis = Axis("times as much of what grows", list(factors))
    work = [Series(growth, [value / each[WORK][0] for value in each[WORK]]) for growth, each in costs.items()]
    memory = [Series(growth, each[MEMORY]) for growth, each in costs.items()]
    even = Series("proportional", list(factors))
    return [
        Plot("Work against growth", "lines", axis, "times the base job's work", [*work, even], log=True),
        Plot("Memory of a shard against growth", "lines", axis, "MiB", memory),
    ]


@dataclass(frozen=True)
class Model:
    """What a job takes.

    Attributes:
        fixed: seconds of resolve and publish.
        start: seconds that a shard takes to start and to end.
        work: seconds of one core that its frames take.
    """

    fixed: float
    start: float
    work: float

    def augment(self, shards: int, cores: int) -> float:
        """Seconds of the augment phase on one machine, on which as many shards run at a time as there are cores."""
        return -(-shards // cores) * self.start + self.work / cores

    def here(self, shards: int, cores: int) -> float:
        """Seconds of the whole job there."""
        return self.fixed + self.augment(shards, cores)

    def on_nodes(self, shards: int, times: float) -> float:
        """Seconds with a core of its own for each shard, of a job with so many times as many frames."""
        return self.fixed + self.start + times * self.work / shards


@dataclass(frozen=True)
class Scaled:
    """A job by some shards on some cores.

    Attributes:
        cores, shards: how many.
        seconds: of the whole job.
        augment: of them, the augment phase, in which its shards start, too.
    """

    cores: int
    shards: int
    seconds: float
    augment: float


def measure_scaling(
    bench: Bench, size: Size, shards_by_cores: Mapping[int, Sequence[int]]
) -> tuple[Model, list[Scaled]]:
    """The model, from a run of one shard on one core, and what was measured."""
    found: list[Scaled] = []
    model: Model | None = None
    start = bench.run(STARTED, cores=1)["augment"].clock
    for cores, counts in shards_by_cores.items():
        for shards in counts:
            spent = bench.run(size, shards=shards, cores=cores)
            augment = spent["augment"].clock
            found.append(Scaled(cores, shards, sum(each.clock for each in spent.values()), augment))
            model = model or Model(spent["resolve"].clock + spent["publish"].clock, start, augment - start)
    assert model is not None
    return model, found


def scaling_table(size: Size, model: Model, found: Sequence[Scaled]) -> Table:
    rows: list[list[Cell]] = [
        [
            each.cores,
            each.shards,
            each.seconds,
            model.here(each.shards, each.cores),
            each.augment,
            model.augment(each.shards, each.cores),
            size.augmented_frames / each.augment,
        ]
        for each in found
    ]
    title = f"A job of {size.augmented_frames:,} augmented frames by shards and cores of this machine, seconds"
    columns = ["cores", "shards", "whole job", "by the model", "augment", "by the model", "augment, frames a second"]
    return Table(title, columns, rows)


def scaling_plots(size: Size, model: Model, found: Sequence[Scaled]) -> list[Plot]:
    shards = sorted({each.shards for each in found})
    measured = {(each.cores, each.shards): size.augmented_frames / each.augment for each in found}
    lines = []
    for cores in sorted({each.cores for each in found}):
        name = f"{cores} cores" if cores > 1 else "1 core"
        modelled = [size.augmented_frames / model.augment(count, cores) for count in shards]
        lines.append(Series(name, [measured.get((cores, count)) for count in shards]))
        lines.append(Series(f"{name}, by the model", modelled))
    times = CLUSTER_FRAMES / size.augmented_frames
    faster = [model.on_nodes(1, times) / model.on_nodes(count, times) for count in CLUSTER_SHARDS]
    beyond = [Series("model", faster), Series("proportional", list(CLUSTER_SHARDS))]
    nodes = Axis("shards, each on a node of its own", list(CLUSTER_SHARDS))
    title = f"{CLUSTER_FRAMES:,} augmented frames on nodes of one core, by the model"
    return [
        Plot("The augment phase on this machine", "lines", Axis("shards", shards), "frames a second", lines),
        Plot(title, "lines", nodes, "times as fast as one shard", beyond, log=True),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="only copies grow, and there are one and two shards")
    short = parser.parse_args().short
    growths, factors = (("copies",), FACTORS[:3]) if short else (GROWTHS, FACTORS)
    allowed = len(os.sched_getaffinity(0))
    shards_by_cores = {1: (1,), 2: (2,)} if short else SHARDS_BY_CORES
    with tempfile.TemporaryDirectory(prefix="bench-growth-") as name:
        bench = Bench(Path(name))
        start, costs = measure_growth(bench, growths, factors)
        possible = {cores: counts for cores, counts in shards_by_cores.items() if cores <= allowed}
        size = replace(SCALED, episodes=4) if short else SCALED
        model, scaled = measure_scaling(bench, size, possible)
    figures = Figures(
        title="Cost against growth",
        what="A generated job (four episodes of 100 frames of 240x320, one camera, one copy, AV1, lighting and noise), "
        "of which one property grows at a time: an exponent of 1 is a proportional cost, 0 a constant one. Then "
        "one job by more shards and cores, as many shards at a time as cores, and by a model where this machine has no "
        "more. Each shard starts within the augment phase: in so short a job, more shards than cores make it slower. "
        "Memory is allocated as in the worker's image.",
        command="python -m benchmarks.growth" + (" --short" if short else ""),
        tables=[growth_table(costs, factors), scaling_table(size, model, scaled)],
        plots=[*growth_plots(costs, factors), *scaling_plots(size, model, scaled)],
        notes=[
            answer(costs, factors),
            f"A shard starts in {start:.1f} s of a core, which is not part of its work. The model: "
            f"{model.fixed:.1f} s of resolve and publish, {model.start:.1f} s for each shard that a core starts, and "
            f"{1000 * model.work / size.augmented_frames:.1f} ms of a core for each frame.",
        ],
        short=short,
    )
    figures.print()
    figures.write("growth")


if __name__ == "__main__":
    main()
