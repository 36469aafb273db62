"""Verification of datasets with LeRobot's own loaders, in the environments that `make lerobot` creates."""

import json
import subprocess
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from devcluster.settings import CHECKOUT

JUDGE = Path(__file__).with_name("lerobot_judge.py")
ENVIRONMENTS = {"v3.0": CHECKOUT / ".venv-lerobot", "v2.1": CHECKOUT / ".venv-lerobot-v21"}
"""By version of the format, where the loader that reads it is installed."""


@dataclass(frozen=True)
class Expected:
    """A dataset that LeRobot should open.

    Attributes:
        folder: path of the dataset.
        repo_id: its name.
        episodes, frames: expected numbers.
        odd_rows: whether its rows hold NaN, other timestamps or numbers than LeRobot itself writes.
        recorded: frames of one more episode that LeRobot is to record into it first; counted in the others.
        aggregated: whether its statistics are to be those that LeRobot makes of those of its episodes.
    """

    folder: str
    repo_id: str
    episodes: int
    frames: int
    odd_rows: bool = False
    recorded: int = 0
    aggregated: bool = False

    @property
    def version(self) -> str:
        info = json.loads((Path(self.folder) / "meta/info.json").read_text())
        return str(info["codebase_version"])


def check_opens_in_lerobot(folder: Path, dataset_id: str, episodes: int, frames: int) -> None:
    """Open the dataset in LeRobot and iterate over all of it; fail with its objection."""
    check_all_open_in_lerobot([Expected(str(folder), dataset_id, episodes, frames)])


def check_all_open_in_lerobot(datasets: Iterable[Expected]) -> dict[str, list[str]]:
    """Open each dataset in LeRobot, with the loader of its version.

    Returns by name of the dataset the tasks of each episode, joined by ` | ` where it has several.
    """
    tasks: dict[str, list[str]] = {}
    by_version: dict[str, list[Expected]] = {}
    for dataset in datasets:
        by_version.setdefault(dataset.version, []).append(dataset)
    for version, expected in by_version.items():
        status, output, errors = judged(version, json.dumps([asdict(entry) for entry in expected]))
        assert status == 0, output + errors
        judgements = [json.loads(line) for line in output.splitlines()]
        tasks |= {entry.repo_id: judgement["tasks"] for entry, judgement in zip(expected, judgements, strict=True)}
    return tasks


def judged(version: str, document: str) -> tuple[int, str, str]:
    """Exit status, standard output and error of the judge of a version, for a document.

    A judge that has looked at many datasets may end, for memory or by a fault of its own: then a new one is asked, and
    what ends that one, too, is the dataset.
    """
    ended: list[int] = []
    while len(ended) < 2:
        judge = _judge(version)
        assert judge.stdin is not None
        assert judge.stdout is not None
        try:
            judge.stdin.write(document + "\n")
            judge.stdin.flush()
            answer = judge.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if answer:
            status, output, errors = json.loads(answer)
            return status, output, errors
        ended.append(judge.wait())
        _judge.cache_clear()
    raise AssertionError(f"the judge of {version} ended with {ended[0]}, and a new one with {ended[1]}")


@cache
def _judge(version: str) -> subprocess.Popen[str]:
    """The process that has imported the loader of a version; it ends with this one, which holds its input."""
    program = [str(ENVIRONMENTS[version] / "bin" / "python"), str(JUDGE), "--serve"]
    return subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
