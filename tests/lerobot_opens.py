"""LeRobot's own loader as the judge of a dataset, in the environment that `make lerobot` makes."""

import subprocess
from pathlib import Path

from devcluster.settings import CHECKOUT

LEROBOT = CHECKOUT / ".venv-lerobot" / "bin" / "python"
JUDGE = Path(__file__).with_name("lerobot_judge.py")


def opens_in_lerobot(folder: Path, dataset_id: str, episodes: int, frames: int) -> None:
    """LeRobot opens the dataset and iterates over all of it. Fails with what it objects to."""
    arguments = [LEROBOT, JUDGE, folder, dataset_id, "--episodes", str(episodes), "--frames", str(frames)]
    judged = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert judged.returncode == 0, judged.stdout + judged.stderr
