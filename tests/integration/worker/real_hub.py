"""A whole job against a hub that runs already: `make test-hub HUB=https://huggingface.co TOKEN=hf_…`.

It puts the sample into a private dataset with a name of its own, augments it into another, checks the result as a user
would read it, says what the hub turned out to do, and deletes both datasets, whatever happened. The token needs the
right to write. A hub that does not say whose token it is wants OWNER=… too.
"""

import hashlib
import os
import sys
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from huggingface_hub import HfApi, set_client_factory
from huggingface_hub.utils._http import default_client_factory

from augmentation_api import PhaseName
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.storage.hub.client import HubClient
from augmentation_worker.storage.hub.commit import Commit
from augmentation_worker.storage.hub.source import open_source
from augmentation_worker.storage.port import OutputMoved
from tests.integration.worker.datasets import file_hashes, info
from tests.integration.worker.jobs import LocalRun, local_run

SAMPLE = Path(__file__).parents[2] / "fixtures/pusht_v30"
VERSION = "v3.0"
EPISODES, SHARDS = "2,4", 2
EPISODES_OF_SAMPLE = 6
RETRY_SECONDS = 60.0


@dataclass(frozen=True)
class Trial:
    """What happened.

    Attributes:
        source, result: names of the datasets, which are deleted.
        run: the job.
    """

    source: str
    result: str
    run: LocalRun

    @property
    def events(self) -> dict[PhaseName, list[tuple[str, str]]]:
        status = self.run.job.status
        phases = (PhaseName.RESOLVE, PhaseName.AUGMENT, PhaseName.PUBLISH)
        return {
            phase: [(event.status or "", event.message or "") for event in status.phase(phase).events]
            for phase in phases
        }

    @property
    def words(self) -> set[str]:
        return {word for events in self.events.values() for word, _ in events}


def try_hub(
    endpoint: str, token: str, owner: str | None, folder: Path, *, during: Callable[[], None] = lambda: None
) -> Trial:
    """Run the job. Raises AssertionError or WorkerFailure, naming what is not as it has to be.

    `during` is called when the result is there and nothing is deleted yet.
    """
    hub = HubClient(endpoint, token, "", RETRY_SECONDS, lambda number, problem: print(f"  retry {number}: {problem}"))
    name = f"{owner or hub.user()}/augmentation-test-{uuid.uuid4().hex[:8]}"
    source, result = name, f"{name}-result"
    try:
        _publish_sample(hub, source)
        uid = str(uuid.uuid4())
        spec = {
            "source": {"hub": {"repoID": source}},
            "output": {"hub": {"repoID": result, "private": True}},
            "augmentation": {"copies": 1, "seed": 7, "episodes": EPISODES},
        }
        run = local_run(folder / "job", endpoint, token, spec, uid=uid, retry_seconds=RETRY_SECONDS)
        run.run_all(SHARDS)
        _check(HubClient(endpoint, token, "", RETRY_SECONDS, lambda *_: None), result, uid, folder / "result")
        during()
        return Trial(source, result, run)
    finally:
        _delete(endpoint, token, source, result)


def _publish_sample(hub: HubClient, dataset: str) -> None:
    hub.create(dataset, private=True)
    paths = [DatasetPath(path.relative_to(SAMPLE).as_posix()) for path in sorted(SAMPLE.rglob("*")) if path.is_file()]
    uploaded = [hub.upload(dataset, path, SAMPLE / path) for path in paths if path.endswith((".mp4", ".parquet"))]
    written = {path: (SAMPLE / path).read_bytes() for path in paths if not path.endswith((".mp4", ".parquet"))}
    try:
        commit = hub.commit(Commit(dataset, "The sample", hub.head(dataset), uploaded, written))
    except OutputMoved:  # by this commit, of which the answer was lost: nobody else knows the dataset
        commit = hub.head(dataset) or ""
    hub.move_tag(dataset, VERSION, commit)


def _check(hub: HubClient, dataset: str, uid: str, folder: Path) -> None:
    refs = hub.refs(dataset, "output")
    heads = {ref.name: ref.target_commit for ref in refs.branches}
    assert set(heads) == {"main"}, f"branches are left behind: {sorted(heads)}"
    tags = {ref.name: ref.target_commit for ref in refs.tags}
    assert tags.get(VERSION) == heads["main"], f"the tag {VERSION} is not at main: {tags}"
    result = open_source(hub, dataset, heads["main"], folder)
    local = {path: result.open(path) for path in result.paths}
    kept = {path: digest for path, digest in file_hashes(SAMPLE).items() if path.startswith(("data/", "videos/"))}
    changed = {
        path for path, digest in kept.items() if path not in result.paths or _digest(local[DatasetPath(path)]) != digest
    }
    assert not changed, f"files of the source came out otherwise: {sorted(changed)}"
    assert info(folder / "source")["total_episodes"] == EPISODES_OF_SAMPLE + 2
    assert uid in local[DatasetPath("meta/augmentation.json")].read_text()


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _delete(endpoint: str, token: str, *datasets: str) -> None:
    set_client_factory(default_client_factory)
    for dataset in datasets:
        HfApi(endpoint=endpoint, token=token).delete_repo(dataset, repo_type="dataset", missing_ok=True)


def report(trial: Trial) -> None:
    """Print what happened and what the hub turned out to do."""
    for phase, events in trial.events.items():
        for word, message in events:
            print(f"  {phase}: {word}: {message}")
    answers = {
        "checking": "gives nothing back that no commit names: results are checked on a branch",
        "waiting": "counts requests, and the job waited for its next window",
        "retrying": "failed to answer at least once",
    }
    for word, meaning in answers.items():
        print(f"The hub {meaning}." if word in trial.words else f"Not seen: the hub {meaning}.")
    print(f"PASSED: {trial.result} was right; it and {trial.source} are deleted.")


def main() -> int:
    """Exit status 1 if the job failed or its result is not right, 2 without a hub or a token."""
    endpoint, token = os.environ.get("HUB", "").rstrip("/"), os.environ.get("TOKEN", "")
    if not endpoint or not token:
        print("make test-hub HUB=https://huggingface.co TOKEN=hf_…  (the token stays in the environment)")
        return 2
    with TemporaryDirectory() as folder:
        try:
            trial = try_hub(endpoint, token, os.environ.get("OWNER") or None, Path(folder))
        except (AssertionError, WorkerFailure) as error:
            print(f"FAILED: {error}")
            return 1
        report(trial)
    return 0


if __name__ == "__main__":
    sys.exit(main())
