"""A whole job on the real cluster, from POST to completed: where each second goes.

The product is installed as the demo installs it. A generated dataset (episodes of 175 frames of 480x640, one camera,
AV1 with a group of two frames) goes to the local hub; a job of one episode comes first, so that the images are there.
Then one job is posted to the gateway, with four transforms stacked and sixteen copies, in two shards. Its wall time,
from its creation to its completion, is divided by the timestamps of its pods and events and by the seconds that its
shards counted in each stage. At least 0.9 of it is wanted in the augment phase.

    python -m benchmarks.whole_job            33,600 augmented frames: 5 minutes on two quiet cores
    python -m benchmarks.whole_job --short    480 of them; not published
"""

import argparse
import time
from uuid import uuid4

from rich.console import Console

from augmentation_worker.media.cores import usable_cores
from benchmarks.cluster_job import PARTS, JobTimes, have_images, open_user, upload
from benchmarks.figures import Axis, Cell, Figures, Plot, Series, Table
from benchmarks.generated_datasets import CAMERAS, HEIGHT, WIDTH, make_episodes
from devcluster import settings
from devcluster.demo.job_progress import gateway_client
from tests.e2e.user import FINAL, Json, User

OUTPUT = settings.CHECKOUT / "build" / "whole-job"
EPISODE_FRAMES = 175
TRANSFORMS = ("lighting", "noise", "blur", "occlusion")
POLL_SECONDS = 1.0
TIMEOUT_SECONDS = 1800.0


def finished(user: User, job_id: str) -> Json:
    """The resource of a job that has completed. Raises SystemExit where it does not."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        status = user.status(job_id)
        if status["status"] == "completed":
            return user.resource(job_id)
        if status["status"] in FINAL:
            raise SystemExit(f"the job {status['status']}: {status.get('error')}")
        time.sleep(POLL_SECONDS)
    raise SystemExit(f"the job is not finished after {TIMEOUT_SECONDS:.0f} s")


def estimate_of(user: User, fields: Json) -> str:
    """What the gateway says that a request will take, as an earlier job has read the dataset: a sentence."""
    with gateway_client(user.access) as gateway:
        tried = gateway.post("/v1/augmentation", params={"dry_run": True, "estimate": True}, json=fields).json()
    if (found := tried.get("estimate")) is None:
        return f"There was no estimate: {tried.get('estimate_missing', tried)}"
    return estimate_text(found, usable_cores())


def estimate_text(found: Json, cores: int) -> str:
    """An estimate as a sentence: as the gateway gives it, and with the cores that this one node has for all pods.

    The gateway knows what pods may use and request of a node of their own; how many of them share one it cannot know.
    """
    node = found["nodes"][0]
    fastest, slowest = 60 * node["minutes"], 60 * (node["minutes_at_most"] or node["minutes"])
    of_pod, shared = found["processor_seconds"] / node["pods"], min(node["cores"], cores / node["pods"])
    here = fastest + of_pod * (1 / shared - 1 / node["cores"])
    return (
        f"Before the job, the gateway's estimate was {fastest:.0f} s if each pod had {node['cores']:g} cores, and "
        f"{slowest:.0f} s with no more than the cores that they request. They shared {cores} cores, with which it is "
        f"{here:.0f} s; {found['bytes'] / 2**20:.0f} MiB."
    )


def run(user: User, source: str, copies: int, shards: int) -> tuple[JobTimes, str]:
    """Post a job, and wait until it has completed; also gives its estimate, in words."""
    fields = {
        "project_id": str(uuid4()),
        "dataset_id": source,
        "name": "whole job",
        "output_dataset_id": user.new_dataset_id("whole"),
        "augment_transforms": ",".join(TRANSFORMS),
        "augment_copies": copies,
        "parallelism": shards,
        "seed": 7,
    }
    estimate = estimate_of(user, fields)
    job_id = user.submit(**fields)
    job = finished(user, job_id)
    times = JobTimes.of(user, job)
    written = job["status"]["progress"]["bytes"]["done"]
    user.delete(job_id)
    return times, f"{estimate} It took {times.seconds:.0f} s and wrote {written / 2**20:.0f} MiB of video."


def figures_of(times: JobTimes, estimate: str, frames: int, *, short: bool) -> Figures:
    parts, wall = times.parts(), times.seconds
    rows: list[list[Cell]] = [[part, parts[part], f"{parts[part] / wall:.3f}"] for part in PARTS]
    rows.append(["wall time", wall, "1"])
    threads: list[list[Cell]] = [[stage, seconds] for stage, seconds in times.stage_seconds().items()]
    shards = len(times.events("augment", "completed"))
    return Figures(
        title="A whole job, from POST to completed",
        what=f"{frames:,} augmented frames of {HEIGHT}x{WIDTH}, {', '.join(TRANSFORMS)} stacked, AV1 with a group of "
        f"two frames, by {shards} shards on a local cluster, whose node has the images. The time in which shards are "
        "at work is divided in proportion of what each stage took: processor time where it computes, else waiting. "
        "Timestamps are of whole seconds, so what took less than one may be 0.",
        command="python -m benchmarks.whole_job" + (" --short" if short else ""),
        tables=[
            Table("Where each second goes", ["part", "seconds", "share"], rows),
            Table("Seconds of all shards, of a processor where a stage computes", ["stage", "seconds"], threads),
        ],
        plots=[
            Plot(
                "Where each second of a job goes",
                "stacked-bars",
                Axis("", [f"{frames:,} frames"]),
                "seconds",
                [Series(part, [parts[part]]) for part in PARTS],
            )
        ],
        notes=[
            f"Of the wall time, {times.share_of_augment():.3f} is in the augment phase; in "
            f"{times.share_at_work():.3f} of it shards are at work. {frames / wall:.0f} augmented frames a second.",
            estimate,
        ],
        short=short,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="two episodes and copies, at a quarter of the length")
    parser.add_argument("--episodes", type=int, default=12)
    parser.add_argument("--copies", type=int, default=16)
    parser.add_argument("--shards", type=int, default=2)
    asked = parser.parse_args()
    episodes, copies, length = (4, 2, 60) if asked.short else (asked.episodes, asked.copies, EPISODE_FRAMES)
    console = Console(width=120)
    with open_user(OUTPUT) as user:
        source = f"demo/whole-{episodes}-of-{length}"
        console.print(f"the source: {episodes} episodes of {length} frames, which are made once")
        upload(
            user,
            source,
            OUTPUT / source.rpartition("/")[2],
            lambda folder: make_episodes(folder, [length] * episodes, HEIGHT, WIDTH, CAMERAS[:1]),
        )
        have_images(user, source)
        console.print("the images are there; the job is posted")
        times, estimate = run(user, source, copies, asked.shards)
    for what, seconds in times.intervals().items():
        console.print(f"  {what:<40} {seconds:5.0f} s", highlight=False)
    figures = figures_of(times, estimate, episodes * length * copies, short=asked.short)
    figures.print()
    figures.write("whole_job")


if __name__ == "__main__":
    main()
