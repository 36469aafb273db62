"""How much memory a shard takes at most: 480x640, two cameras, four copies, on the CPU, for a short and a long episode.

Real processes, as in a pod, on generated datasets: a LeRobot v3.0 dataset of one episode, and an image dataset of as
many rows in one parquet file of one row group. Printed is the largest resident set of any phase of a job, in MiB. It
should not depend on the length. Run it from the root:

    python benchmarks/shard_memory.py --frames 300 1500
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

JOB = "augmentation: {transforms: [lighting, noise, blur, occlusion], copies: 4, seed: 7}"
GENERATOR = Path(__file__).with_name("generated_datasets.py")


def largest_resident_set(folder: Path, source: Path) -> float:
    """MiB, of the largest process of a job. This one has to stay small: a child begins with its parent's size."""
    job = folder / "job.yaml"
    job.write_text(JOB)
    program = [sys.executable, "-m", "augmentation_worker", "run", "-f", str(job), "--source", str(source)]
    process = subprocess.Popen([*program, "--output", str(folder / "result"), "--device", "cpu"])
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit("the job failed")
    return usage.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, nargs="+", default=[300, 1500])
    parser.add_argument("--kinds", nargs="+", choices=["lerobot", "images"], default=["lerobot", "images"])
    asked = parser.parse_args()
    for kind in asked.kinds:
        for frames in asked.frames:
            with tempfile.TemporaryDirectory() as scratch:
                source = Path(scratch) / "source"
                subprocess.run([sys.executable, str(GENERATOR), kind, str(source), str(frames)], check=True)
                print(f"{kind}, {frames} frames: {largest_resident_set(Path(scratch), source):.0f} MiB", flush=True)


if __name__ == "__main__":
    main()
