"""Runs jobs on hostile datasets, each in its own process, and prints their outcomes, one JSON line per job.

python -m tests.integration.worker.hostile_run FOLDER NAME...
"""

import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

import augmentation_worker.formats.images.shard  # torch, which needs more address space than the children may have
import augmentation_worker.formats.lerobot.shard
import augmentation_worker.phases.augment
import augmentation_worker.phases.publish  # noqa: F401
from augmentation_api import PhaseName
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.lerobot import video_check
from tests.fixtures.hostile.generate import HARMLESS, HOSTILE, forty_million_rows
from tests.integration.worker.jobs import local_run, spec_of

FORTY_MILLION_ROWS = "40 million rows"
MOST_ADDRESS_SPACE_MORE = 4 * 2**30
"""Beyond what the process begins with: nothing gets so far, it keeps a test from taking the machine down."""


def outcome_of(name: str, source: Path, folder: Path) -> dict[str, Any]:
    """Run a job until it fails."""
    run = local_run(folder / "job", "http://127.0.0.1:9", None, spec_of("unused/unused", copies=1), retry_seconds=0.1)
    run = run.with_settings(source_folder=source, output_folder=folder / "result", device="cpu")
    if name in HOSTILE and HOSTILE[name].unseen:
        video_check.MOST_FILES = 1
    begin, before = time.process_time(), _memory()
    outcome: dict[str, Any] = {"name": name, "phase": None, "reason": None, "message": None}
    phases: dict[PhaseName, dict[str, int]] = {
        PhaseName.RESOLVE: {},
        PhaseName.AUGMENT: {"shard": 0, "shards": 1},
        PhaseName.PUBLISH: {"shards": 1},  # fails where augment found nothing that it can use
    }
    if name == FORTY_MILLION_ROWS:
        del phases[PhaseName.AUGMENT], phases[PhaseName.PUBLISH]
    for phase, shards in phases.items():
        try:
            run.run(phase, **shards)
        except WorkerFailure as failure:
            outcome |= {"phase": phase.value, "reason": failure.reason.value, "message": failure.message}
            break
        except MemoryError:
            outcome |= {"phase": phase.value, "message": "out of memory"}
            break
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    status = run.job.status
    return outcome | {
        # Of a processor: how long it takes depends on what else the machine does.
        "seconds": time.process_time() - begin,
        "bytes": peak - before,
        "published": str(folder / "result") if (folder / "result").exists() else None,
        "rows": status.source.episodes if status.source else None,
    }


def _memory() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def main() -> None:
    folder = Path(sys.argv[1])
    for number, name in enumerate(sys.argv[2:]):
        place = folder / str(number)
        # Generated in a separate process too, as that may take more memory than reading it.
        _in_child(lambda name=name, place=place: _make(name, place / "source"))
        _in_child(
            lambda name=name, place=place: print(json.dumps(outcome_of(name, place / "source", place)), flush=True)
        )


def _make(name: str, source: Path) -> None:
    makers = {other: hostile.make for other, hostile in HOSTILE.items()}
    makers |= {**HARMLESS, FORTY_MILLION_ROWS: forty_million_rows}
    makers[name](source)


def _in_child(work: Any) -> None:
    child = os.fork()
    if child == 0:
        try:
            # Limit the memory, so that a hostile dataset cannot take down the machine.
            address_space = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
            most = address_space + MOST_ADDRESS_SPACE_MORE
            resource.setrlimit(resource.RLIMIT_AS, (most, most))
            work()
            os._exit(0)
        except BaseException as error:
            print(json.dumps({"name": None, "message": f"{type(error).__name__}: {error}"}), flush=True)
            os._exit(1)
    os.waitpid(child, 0)


if __name__ == "__main__":
    main()
