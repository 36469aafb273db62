"""Verification of results by the input pipelines of policies, and by lerobot-doctor, in LeRobot's environment."""

import json
import subprocess
from pathlib import Path

from tests.lerobot_check import ENVIRONMENTS

JUDGE = Path(__file__).with_name("policy_judge.py")
PROGRAMS = ENVIRONMENTS["v3.0"] / "bin"


def normalized_differences(source: Path, result: Path, episodes: int, frames: int) -> dict[str, float]:
    """Read a result by LeRobot, then take ten batches of it and of its source by each policy; fail where they differ.

    Args:
        source, result: datasets in v3.0.
        episodes, frames: of the result.

    Returns:
        By policy, the largest difference between the normalized state and action of the first frames.
    """
    pair = {"source": str(source), "result": str(result), "episodes": episodes, "frames": frames}
    command = [str(PROGRAMS / "python"), str(JUDGE), json.dumps([pair])]
    judged = subprocess.run(command, capture_output=True, text=True, check=False)
    assert judged.returncode == 0, judged.stdout + judged.stderr
    differences: dict[str, float] = json.loads(judged.stdout)
    return differences


def failed_checks(folder: Path) -> list[str]:
    """What lerobot-doctor finds to be wrong with a dataset; warnings, such as short episodes, are not counted."""
    command = [str(PROGRAMS / "python"), str(PROGRAMS / "lerobot-doctor"), str(folder), "--json"]
    report = json.loads(subprocess.run(command, capture_output=True, text=True, check=False).stdout)
    return [
        f"{check['name']}: {message['message']}"
        for check in report["checks"]
        for message in check["messages"]
        if message["severity"] == "FAIL"
    ]
