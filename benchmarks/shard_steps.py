"""The augment phase as its program runs it, which writes down what it took up to each step of its start.

A process of its own, started by `shard_process.py`: `python -m benchmarks.shard_steps FILE`, with the environment of a
shard. It imports nothing but what the program does.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

STEPS = (
    "Python",
    "libraries and models of the job",
    "metadata and plan",
    "libraries for pixels",
    "first frame decoded",
    "first frames encoded",
    "the end",
)
_taken: dict[str, tuple[float, float, float, float]] = {}


def take(step: str) -> None:
    """Write down, once, seconds since the process began and of its processors, and MiB resident and anonymous."""
    if step not in _taken:
        status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
        resident, anonymous = (int(status[name].split()[0]) / 1024 for name in ("VmRSS", "RssAnon"))
        _taken[step] = (_age(), time.process_time(), resident, anonymous)


def _age() -> float:
    began = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")
    return time.clock_gettime(time.CLOCK_BOOTTIME) - began


def main() -> None:
    take(STEPS[0])
    from augmentation_worker import __main__ as program  # noqa: PLC0415
    from augmentation_worker.formats.lerobot.result import LeRobotPlan  # noqa: PLC0415
    from augmentation_worker.phases import augment  # noqa: PLC0415

    take(STEPS[1])
    _before(LeRobotPlan, "maker", _import_what_makes_pixels)
    _after(augment._ShardRun, "_report_first_frame", lambda: take(STEPS[5]))
    status = program.main(["augment"])
    take(STEPS[6])
    Path(sys.argv[1]).write_text(json.dumps([_taken.get(step) for step in STEPS]))
    sys.exit(status)


def _import_what_makes_pixels() -> None:
    take(STEPS[2])
    import augmentation_worker.formats.lerobot.shard  # noqa: PLC0415, F401
    from augmentation_worker.media.video.colors import ColorConverter  # noqa: PLC0415

    take(STEPS[3])
    _after(ColorConverter, "to_rgb", lambda: take(STEPS[4]))


def _before(owner: Any, name: str, call: Callable[[], None]) -> None:
    """Let a call precede each of a function of a class."""
    original: Callable[..., Any] = getattr(owner, name)

    def preceded(*arguments: Any, **named: Any) -> Any:
        call()
        return original(*arguments, **named)

    setattr(owner, name, preceded)


def _after(owner: Any, name: str, call: Callable[[], None]) -> None:
    """Let a call follow each of a function of a class."""
    original: Callable[..., Any] = getattr(owner, name)

    def followed(*arguments: Any, **named: Any) -> Any:
        result = original(*arguments, **named)
        call()
        return result

    setattr(owner, name, followed)


if __name__ == "__main__":
    main()
