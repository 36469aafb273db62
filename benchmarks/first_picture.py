"""From POST to the first augmented frame, on a node of the local cluster that has no image of ours and on one with all.

The product is installed as the demo installs it. A small job is submitted several times, by a class with the worker's
image and by one with that of GPUs, which has torch and CUDA in addition and on a CPU does the same without them. Before
some, the worker's images are removed from the node, so that the kubelet pulls them from the registry next to it: over a
network it takes longer. Times are those of the worker's events, from the moment of the POST; of pulls, those of the
kubelet's.

    python -m devcluster images worker-cuda
    python -m benchmarks.first_picture

`--short` leaves out the image with CUDA. All jobs of the cluster are deleted before: their pods hold layers.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from huggingface_hub import HfApi

from augmentation_api.identifiers import CLASS_PLURAL, FIELD_MANAGER_OPERATOR, GROUP, JOB_PLURAL
from benchmarks.figures import Axis, Cell, Figures, Plot, Series, Table
from devcluster import commands, settings
from devcluster.demo.access import Access
from devcluster.demo.dataset import upload_sample
from devcluster.demo.first_frame import event_seconds, pulls
from devcluster.demo.installation import install, open_access
from devcluster.demo.job_progress import FINAL, gateway_client, read_status, submit
from devcluster.demo.kubectl import Kubectl
from devcluster.errors import DevclusterError
from devcluster.images import read_references
from devcluster.sbom.image_files import from_registry, layer_sizes

CLASS: Final = "cpu"
SOURCE: Final = "demo/pusht"
POLL_SECONDS: Final = 0.2
TIMEOUT_SECONDS: Final = 600.0
CONTAINERS_SECONDS: Final = 180.0
WORKER, WORKER_CUDA = "worker", "worker-cuda"


@dataclass(frozen=True)
class Course:
    """One job: seconds from its POST, and seconds of pulls.

    Attributes:
        situation: what the node had, and which image the class has.
        first_word: the resolve pod has read the job.
        resolved: it has checked the dataset.
        started: a shard begins.
        first_frame: it has augmented its first frames.
        pulls: by phase.
    """

    situation: str
    first_word: float
    resolved: float
    started: float
    first_frame: float
    pulls: Mapping[str, float]


class Cluster:
    """The local cluster with the product on it."""

    def __init__(self, chosen: settings.Settings) -> None:
        if chosen.existing:
            raise DevclusterError("CLUSTER=existing: this empties a node of images, so it wants a cluster of its own.")
        self._node = [str(commands.require_recorded(chosen).provider), "exec", f"{chosen.name}-control-plane"]
        installation = install(chosen)
        self.kubectl: Kubectl = installation.kubectl
        self.access: Access = open_access(installation, "demo")
        upload_sample(HfApi(endpoint=self.access.hub_endpoint, token=self.access.hub_token), SOURCE)

    def set_image(self, reference: str) -> None:
        """Give the class an image; as the operator, whose field it has to stay."""
        patch = json.dumps({"spec": {"image": reference}})
        self.kubectl.run(
            "patch", f"{CLASS_PLURAL}.{GROUP}", CLASS, "--type=merge", f"--patch={patch}",
            f"--field-manager={FIELD_MANAGER_OPERATOR}",
        )  # fmt: skip

    def empty_node(self) -> None:
        """Remove the worker's images, of any build, from the node, and the jobs whose pods hold their layers."""
        self.kubectl.run("delete", f"{JOB_PLURAL}.{GROUP}", "--all", "--all-namespaces", "--cascade=foreground")
        # The kubelet removes containers of deleted pods once a minute.
        deadline = time.monotonic() + CONTAINERS_SECONDS
        while any("/augmentation-worker" in line for line in self._listed("containers")):
            if time.monotonic() > deadline:
                raise DevclusterError(
                    "containers of deleted jobs are still on the node: is a pre-pull DaemonSet there?"
                )
            time.sleep(2)
        digest_of = {words[0]: words[2] for line in self._listed("images") if len(words := line.split()) > 2}
        # The kubelet has an image by its id, too, and any name holds the layers, those of earlier builds included.
        others = [name for name in digest_of if not name.startswith("sha256:") and "/augmentation-worker" not in name]
        kept = {digest_of[name] for name in others}
        if names := [name for name, digest in digest_of.items() if digest not in kept]:
            self._ctr("images", "remove", "--sync", *names)

    def _listed(self, kind: str) -> list[str]:
        return self._ctr(kind, "list").splitlines()[1:]

    def _ctr(self, *words: str) -> str:
        command = [*self._node, "ctr", "--namespace", "k8s.io", *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def run(self, situation: str) -> Course:
        """Submit a job, follow it to its first frame, and cancel it."""
        request = {"dataset_id": SOURCE, "augment_transforms": "lighting", "augment_copies": 1, "parallelism": 1}
        posted = time.time()
        job_id = submit(self.access, {**request, "project_id": "00000000-0000-4000-8000-000000000000"})
        while True:
            status = read_status(self.access, job_id)
            first_frame = event_seconds(status, "augment", "first_frame", posted)
            if first_frame is not None:
                break
            if status["status"] in FINAL or time.time() - posted > TIMEOUT_SECONDS:
                raise DevclusterError(f"no frame was augmented: {status}")
            time.sleep(POLL_SECONDS)
        pulled = pulls(self.kubectl, self.access.namespace, job_id)
        marks = [("resolve", "started"), ("resolve", "completed"), ("augment", "started")]
        first_word, resolved, started = (event_seconds(status, *mark, posted) or 0.0 for mark in marks)
        with gateway_client(self.access) as gateway:
            gateway.post(f"/v1/augmentation/{job_id}/cancel").raise_for_status()
        return Course(situation, first_word, resolved, started, first_frame, pulled)


def measure(chosen: settings.Settings, *, short: bool) -> list[Course]:
    """Run the jobs in turn."""
    references = read_references(chosen.images_file)
    if not short and WORKER_CUDA not in references:
        raise DevclusterError("The image with CUDA is not built yet: run `python3 -m devcluster images worker-cuda`.")
    cluster = Cluster(chosen)
    courses = []
    try:
        for name in (WORKER,) if short else (WORKER_CUDA, WORKER):
            cluster.set_image(references[name])
            cluster.empty_node()
            courses.append(cluster.run(f"{name}, the node has nothing"))
            courses.append(cluster.run(f"{name}, the node has it"))
            print(*courses[-2:], sep="\n", file=sys.stderr)
    finally:
        cluster.set_image(references[WORKER])
    return courses


def sizes(chosen: settings.Settings) -> Table:
    """Compressed sizes of the images, and what a node with the smaller one need not pull for the other."""
    references = read_references(chosen.images_file)
    built = [name for name in (WORKER, WORKER_CUDA) if name in references]
    destination = commands.destination(chosen)
    layers = {}
    for name in built:
        repository, _, digest = references[name].partition("@")
        opened = from_registry(f"{destination.push}/{repository.rpartition('/')[2]}", plain_http=destination.plain_http)
        layers[name] = dict(layer_sizes(opened, digest))
    rows: list[list[Cell]] = [[name, round(sum(layers[name].values()) / 1e6)] for name in built]
    if WORKER_CUDA in layers:
        shared = sum(size for digest, size in layers[WORKER_CUDA].items() if digest in layers[WORKER])
        rows.append(["layers of both", round(shared / 1e6)])
    return Table("Compressed size", ["image", "MB"], rows)


def answer(rows: Sequence[Sequence[Cell]]) -> str:
    """What is to be known of the seconds, in a sentence."""
    seconds = "; ".join(f"{each[0]}: {float(str(each[4])):.1f} s" for each in rows)
    return f"From POST to the first augmented frame: {seconds}."


def figures_of(courses: list[Course], images: Table, *, short: bool) -> Figures:
    """The document."""
    columns = [
        "",
        "resolve's first word",
        "dataset checked",
        "shard begins",
        "first frame",
        "pulled for resolve",
        "for augment",
    ]
    rows: list[list[Cell]] = [
        [
            each.situation, each.first_word, each.resolved, each.started, each.first_frame,
            each.pulls.get("resolve", 0.0), each.pulls.get("augment", 0.0),
        ]
        for each in courses
    ]  # fmt: skip
    layers = {
        "until resolve's first word": [each.first_word for each in courses],
        "resolve": [each.resolved - each.first_word for each in courses],
        "until a shard begins": [each.started - each.resolved for each in courses],
        "until its first frame": [each.first_frame - each.started for each in courses],
    }
    return Figures(
        title="First picture",
        what="Seconds from POST to the first augmented frame of a small job on the local cluster, on a node with no "
        "image of the worker and on one that has it: with the worker's image, and with that of GPUs, which has torch "
        "and CUDA in addition. The local cluster has no GPU: both do the same work.",
        command="make bench-first-picture",
        short=short,
        tables=[Table("Seconds from POST", columns, rows), images],
        notes=[answer(rows)],
        plots=[
            Plot(
                "POST to the first augmented frame", "stacked-bars", Axis("", [each.situation for each in courses]),
                "seconds", [Series(label, values) for label, values in layers.items()],
            )
        ],
    )  # fmt: skip


def main() -> int:
    """Measure, print and write. An error that the user can fix is reported in one sentence."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="only the worker's image")
    chosen, options = settings.from_environment(), parser.parse_args()
    try:
        figures = figures_of(measure(chosen, short=options.short), sizes(chosen), short=options.short)
    except DevclusterError as error:
        print(f"first_picture: {error}", file=sys.stderr)
        return 1
    figures.print()
    figures.write("first_picture")
    return 0


if __name__ == "__main__":
    sys.exit(main())
