"""How long a whole job takes from a bucket to a bucket, compared with the same job from a folder to a folder.

Both are `augmentation-worker run` with real processes, on the same generated dataset: one 480x640 episode of two
cameras, or with --episodes many short ones of 64x48. The bucket is versitygw's, on loopback. The two take turns, and
the best of several rounds counts: what else the machine does hits both alike. Run it from the root:

    python -m benchmarks.object_store --frames 600 --copies 2 --rounds 3
"""

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import obstore
from obstore.store import S3Store

from benchmarks.generated_datasets import make_lerobot, make_short_episodes
from devcluster.settings import cache_folder
from devcluster.tools import tool_path

BUCKET = "robots"
KEYS = {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench-secret-of-loopback"}
JOB = "augmentation: {{transforms: [lighting], copies: {copies}, seed: 7}}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=600, help="of one episode, of each of two cameras")
    parser.add_argument("--episodes", type=int, help="many short episodes instead")
    parser.add_argument("--copies", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch, versitygw(Path(scratch) / "store") as variables:
        folder = Path(scratch)
        source, job = folder / "source", folder / "job.yaml"
        job.write_text(JOB.format(copies=asked.copies))
        if asked.episodes is None:
            make_lerobot(source, asked.frames)
        else:
            make_short_episodes(source, asked.episodes)
        upload(source, variables)
        best: dict[str, float] = {}
        for number in range(asked.rounds):
            for kind, place, result in (
                ("folder", str(source), str(folder / f"result-{number}")),
                ("s3", f"s3://{BUCKET}/source", f"s3://{BUCKET}/result-{number}"),
            ):
                seconds = seconds_of(job, place, result, variables)
                best[kind] = min(seconds, best.get(kind, seconds))
                print(f"round {number + 1}, {kind}: {seconds:.1f} s", flush=True)
    print(f"best: folder {best['folder']:.1f} s, s3 {best['s3']:.1f} s")
    print(f"s3 has {best['folder'] / best['s3']:.2f} of the folder's throughput (0.90 is wanted)")


def seconds_of(job: Path, source: str, output: str, variables: Mapping[str, str]) -> float:
    """Of a whole job, from the command to its end."""
    program = [sys.executable, "-m", "augmentation_worker", "run", "-f", str(job), "--device", "cpu"]
    started = time.monotonic()
    done = subprocess.run(
        [*program, "--source", source, "--output", output],
        env={**os.environ, **variables},
        cwd=job.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"the job failed: {done.stderr}")
    return time.monotonic() - started


def upload(source: Path, variables: Mapping[str, str]) -> None:
    """Put the dataset into the bucket, links as files."""
    store = S3Store(
        BUCKET,
        endpoint=variables["AWS_ENDPOINT_URL"],
        region="us-east-1",
        access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
        secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
        client_options={"allow_http": True},
    )
    for file in sorted(source.rglob("*")):
        if file.is_file():
            obstore.put(store, f"source/{file.relative_to(source)}", file)


@contextmanager
def versitygw(folder: Path) -> Iterator[Mapping[str, str]]:
    """Run it with one bucket. Gives the variables by which it is reached."""
    (folder / "buckets" / BUCKET).mkdir(parents=True)
    (folder / "metadata").mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = free.getsockname()
    options = ["--quiet", "--keep-alive", "--port", f"127.0.0.1:{address[1]}", "posix"]
    options += ["--sidecar", str(folder / "metadata"), str(folder / "buckets")]
    program = tool_path("versitygw", cache_folder(os.environ))
    keys = {"ROOT_ACCESS_KEY_ID": KEYS["AWS_ACCESS_KEY_ID"], "ROOT_SECRET_ACCESS_KEY": KEYS["AWS_SECRET_ACCESS_KEY"]}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([str(program), *options], env={**os.environ, **keys}, stdout=log, stderr=log)
    try:
        for _ in range(100):
            with socket.socket() as asked:
                if asked.connect_ex(address) == 0:
                    break
            time.sleep(0.1)
        yield {**KEYS, "AWS_REGION": "us-east-1", "AWS_ENDPOINT_URL": f"http://127.0.0.1:{address[1]}"}
    finally:
        process.terminate()
        process.wait(10)


if __name__ == "__main__":
    main()
