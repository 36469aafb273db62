"""LeRobot's own loaders as the judges of datasets, in the environments that `make lerobot` makes."""

import json
import subprocess
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from devcluster.settings import CHECKOUT

JUDGE = Path(__file__).with_name("lerobot_judge.py")
ENVIRONMENTS = {"v3.0": CHECKOUT / ".venv-lerobot", "v2.1": CHECKOUT / ".venv-lerobot-v21"}
"""By version of the format, where the loader that reads it is installed."""


@dataclass(frozen=True)
class Expected:
    """A dataset that LeRobot is to open.

    Attributes:
        folder: where it lies.
        repo_id: what it is called.
        episodes, frames: what it has.
    """

    folder: str
    repo_id: str
    episodes: int
    frames: int

    @property
    def version(self) -> str:
        info = json.loads((Path(self.folder) / "meta/info.json").read_text())
        return str(info["codebase_version"])


def opens_in_lerobot(folder: Path, dataset_id: str, episodes: int, frames: int) -> None:
    """LeRobot opens the dataset and iterates over all of it. Fails with what it objects to."""
    all_open_in_lerobot([Expected(str(folder), dataset_id, episodes, frames)])


def all_open_in_lerobot(datasets: Iterable[Expected]) -> None:
    """LeRobot opens each dataset, by the loader of its version: one process a version."""
    by_version: dict[str, list[Expected]] = {}
    for dataset in datasets:
        by_version.setdefault(dataset.version, []).append(dataset)
    for version, expected in by_version.items():
        wanted = json.dumps([asdict(each) for each in expected])
        program = [str(ENVIRONMENTS[version] / "bin" / "python"), str(JUDGE), wanted]
        judged = subprocess.run(program, capture_output=True, text=True, check=False)
        assert judged.returncode == 0, judged.stdout + judged.stderr
        assert len(judged.stdout.splitlines()) == len(expected), judged.stdout
