"""What a job of many episodes costs: `python -m benchmarks.scale --episodes 1000 10000 100000`.

Three cameras and three copies, in shards of a thousand episodes, on generated datasets whose videos are stand-ins
(scale_dataset.py), from a folder into a folder. resolve and publish are the worker's own programs; what makes pixels is
replaced (scale_stand_ins.py). Time and memory are those of a process, its start with all imports among them; a machine
with other work takes longer than the time on a processor.

Printed is each figure for each number of episodes, how many times as large it is as the one before, and the most that
it may be at 100,000 episodes.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from augmentation_api import AugmentationJobSpec, PhaseName
from augmentation_worker.local.run import LocalRun, Pod, prepared
from benchmarks.scale_dataset import CAMERAS, make_dataset
from benchmarks.scale_stand_ins import SHARDS_VARIABLE

COPIES, EPISODES_PER_SHARD = 3, 1000
CHECKPOINT_BYTES = 100 * 2**20
"""Size of a video file that is made: limits.checkpointMB of a class, which is less than what LeRobot allows."""
MOST: Mapping[str, float] = {
    "resolve: s": 60,
    "resolve: MiB": 1024,
    "plan of a shard: s": 5,
    "plan of a shard: MiB": 500,
    "publish: MiB": 2048,
    "files per camera: of bytes / file size": 1.2,
    "commit: operations": 25_000,
    "status: bytes": 100 * 2**10,
}
"""At 100,000 episodes."""
_TITLES = {"plan": "plan of a shard"}
_FEWEST = 1000
"""Of fewer episodes a file is not filled."""
SPEC = AugmentationJobSpec.model_validate(
    {
        "source": {"hub": {"repoID": "lab/generated"}},
        "augmentation": {"transforms": ["lighting", "noise"], "copies": COPIES, "seed": 7},
        "output": {"hub": {"repoID": "lab/augmented"}},
    }
)
Figures = Mapping[str, float]


@dataclass
class Job:
    """One job, from a generated dataset on.

    Attributes:
        figures: what was measured, by name.
        stopped_by: why there are no more; None: nothing is missing.
    """

    run: LocalRun
    figures: dict[str, float] = field(default_factory=dict)
    stopped_by: str | None = None

    def measure(self) -> None:
        """Run it, and take the figures."""
        try:
            self._measure("resolve", Pod(self.run, PhaseName.RESOLVE))
            self._measure("plan", Pod(self.run, PhaseName.AUGMENT, 0))
            self._make_shards()
            self._measure("publish", Pod(self.run, PhaseName.PUBLISH))
        except subprocess.CalledProcessError as error:
            self.stopped_by = " ".join(error.cmd[2:])
            return
        self._measure_result()

    def _measure(self, name: str, pod: Pod) -> None:
        printed = _output_of_stand_in(name, pod.environment())
        took: dict[str, float] = json.loads(printed.splitlines()[-1])
        self.figures |= {f"{_TITLES.get(name, name)}: {what}": value for what, value in took.items()}

    def _make_shards(self) -> None:
        """All that augment does but pixels; on all cores, as this is not measured."""
        width = min(self.run.shards, os.cpu_count() or 1)
        parts = [range(part, self.run.shards, width) for part in range(width)]
        with ThreadPoolExecutor(width) as threads:
            for _ in threads.map(self._make_some_shards, parts):
                pass

    def _make_some_shards(self, shards: Sequence[int]) -> None:
        environment = Pod(self.run, PhaseName.AUGMENT, shards[0]).environment()
        _output_of_stand_in("augment", {**environment, SHARDS_VARIABLE: ",".join(map(str, shards))})

    def _measure_result(self) -> None:
        result, source = Path(str(self.run.output)), Path(str(self.run.source))
        paths = [path for path in result.rglob("*") if path.is_file()]
        ratios = []
        for camera in CAMERAS:
            new = [
                path.stat().st_size
                for path in paths
                if path.is_relative_to(result / "videos" / camera) and not (source / path.relative_to(result)).exists()
            ]
            ratios.append(len(new) / (sum(new) / CHECKPOINT_BYTES))
        status = self.run.job().to_wire()["status"]
        self.figures |= {
            "files per camera: of bytes / file size": max(ratios),
            "files: in the result": len(paths),
            "commit: operations": len(paths),
            "status: bytes": len(json.dumps(status, separators=(",", ":"))),
        }


def _output_of_stand_in(name: str, environment: Mapping[str, str]) -> bytes:
    command = [sys.executable, "-m", "benchmarks.scale_stand_ins", name]
    return subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True).stdout


def table(columns: Mapping[int, Figures]) -> str:
    """The figures as text, by number of episodes."""
    names = list(dict.fromkeys(name for figures in columns.values() for name in figures))
    head = ["", *(f"{episodes:,} episodes" for episodes in columns), "at most"]
    rows = [head, *(_row(name, list(columns.values())) for name in names)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]), *(map(str.rjust, row[1:], widths[1:]))]).rstrip() for row in rows
    )


def too_large(figures: Figures) -> list[str]:
    """The figures that are larger than they may be, of 100,000 episodes."""
    return [
        f"{name}: {figures[name]:,.1f}, more than {most:,g}"
        for name, most in MOST.items()
        if name in figures and figures[name] > most
    ]


def _row(name: str, columns: Sequence[Figures]) -> list[str]:
    cells = []
    for before, figures in zip([None, *columns], columns, strict=False):
        growth = f" (x{figures[name] / before[name]:.1f})" if before and name in before and name in figures else ""
        cells.append(f"{figures[name]:,.{0 if figures[name] >= 100 else 2}f}{growth}" if name in figures else "-")
    return [name, *cells, f"{MOST[name]:,g}" if name in MOST else ""]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--episodes", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    asked = parser.parse_args()
    columns: dict[int, Figures] = {}
    wrong: list[str] = []
    for episodes in asked.episodes:
        with tempfile.TemporaryDirectory(prefix="bench-scale-") as folder:
            source, output = Path(folder) / "generated", Path(folder) / "augmented"
            make_dataset(source, episodes)
            job = Job(prepared(SPEC, source, output, -(-episodes // EPISODES_PER_SHARD), "cpu"))
            begin = time.monotonic()
            job.measure()
            columns[episodes] = job.figures
        print(f"measured {episodes:,} episodes in {time.monotonic() - begin:.0f} s", file=sys.stderr, flush=True)
        wrong += [f"{episodes:,} episodes: {job.stopped_by} failed"] if job.stopped_by else []
        wrong += [f"{episodes:,} episodes: {finding}" for finding in too_large(job.figures) if episodes >= _FEWEST]
    print(table(columns))
    if wrong:
        sys.exit("\n".join(["", *wrong]))


if __name__ == "__main__":
    main()
