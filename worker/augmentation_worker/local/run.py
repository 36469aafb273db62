"""Running a whole job on this machine, from a folder or bucket to a folder or bucket.

Every phase, and every shard, is a process of `augmentation-worker` as in a pod; a hidden folder next to the result, or
in the working directory where that is a bucket, takes the place of the cluster. The job's id follows from what is asked
for, so the same command goes on where one that was stopped has left off.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import NAMESPACE_URL, uuid5

from pydantic import ValidationError
from tqdm import tqdm

from augmentation_api import AugmentationJob, AugmentationJobSpec, FailureReason, PhaseName, worker_contract
from augmentation_api.augmentation_class import DEFAULT_CHECKPOINT_MB
from augmentation_api.identifiers import API_VERSION, JOB_KIND
from augmentation_api.worker_contract import TerminationMessage
from augmentation_worker.cluster.job import LocalJob
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.local.earlier_runs import (
    LocalFolders,
    folder_name,
    locked,
    remove_others,
    running_elsewhere,
    take_over,
)
from augmentation_worker.local.place import (
    Place,
    beside,
    is_result,
    name_of,
    open_source,
    resolved,
    run_name,
    variables_of,
)
from augmentation_worker.settings import ENV_DEVICE, ENV_LOCAL_JOB, ENV_TERMINATION_MESSAGE_PATH, Device
from augmentation_worker.storage.folder.backend import ENV_FOLLOW_LINKS
from augmentation_worker.storage.folder.held_folder import EntryRefused, HeldFolder

POLL_SECONDS = 0.2
_STOP_SECONDS = 10.0
_Tick = Callable[[], None]


@dataclass(frozen=True)
class LocalRun:
    """A job on this machine.

    Attributes:
        uid: its id.
        source, output: buckets, or folders by paths without links.
        follow_links: one more folder that links in the source may lead into; likewise.
        shards: processes that share the work.
        device: what augments.
        folder: what is known of it while it runs; removed when it is done.
        checkpoint_mb: most megabytes of a file of several episodes.
    """

    uid: str
    source: Place
    output: Place
    shards: int
    device: Device
    folder: Path
    follow_links: Path | None = None
    checkpoint_mb: int = DEFAULT_CHECKPOINT_MB

    @property
    def is_done(self) -> bool:
        """Whether the result is there."""
        return is_result(self.output, self.uid, os.environ)

    @property
    def folders(self) -> LocalFolders:
        """Where it is."""
        return LocalFolders(self.folder, self.source, self.output, self.follow_links, self.shards, self.checkpoint_mb)

    def job(self) -> AugmentationJob:
        """The job with its status."""
        return LocalJob(self.folder).read()


def prepared(
    spec: AugmentationJobSpec,
    source: Place,
    output: Place,
    shards: int,
    device: Device,
    follow_links: Path | None = None,
    checkpoint_mb: int = DEFAULT_CHECKPOINT_MB,
) -> LocalRun:
    """Submit the job to the folder that stands for the cluster; one that was stopped is found again.

    The folders are what the user named, so links in their own paths are followed, here and once.

    Raises:
        WorkerFailure: SOURCE_NOT_FOUND; SPEC_UNSUPPORTED for a number of shards, or megabytes, below 1.
    """
    if checkpoint_mb < 1:
        raise WorkerFailure(FailureReason.SPEC_UNSUPPORTED, f"--checkpoint-mb {checkpoint_mb}: at least 1 is needed")
    if shards < 1:
        raise WorkerFailure(FailureReason.SPEC_UNSUPPORTED, f"--shards {shards}: at least one is needed")
    source, output = resolved(source), resolved(output)
    follow_links = follow_links.resolve() if follow_links is not None else None
    # What becomes of episodes that cannot be used is decided at the end: a run that failed for them goes on from there.
    asked = {name: value for name, value in spec.to_wire().items() if name != "onBadEpisode"}
    with TemporaryDirectory() as scratch:
        revision = open_source(source, follow_links, Path(scratch), os.environ).revision
    uid = str(uuid5(NAMESPACE_URL, json.dumps([asked, name_of(output), revision], sort_keys=True)))
    folder = beside(output, folder_name(output, uid, shards, checkpoint_mb))
    run = LocalRun(uid, source, output, shards, device, folder, follow_links, checkpoint_mb)
    if not run.is_done:
        _make_own(run.folder)
        metadata = {"name": run_name(output), "namespace": "local", "uid": uid}
        body = {"apiVersion": API_VERSION, "kind": JOB_KIND, "metadata": metadata, "spec": spec.as_given()}
        (run.folder / "job.json").write_text(json.dumps(body))
    return run


def _make_own(folder: Path) -> None:
    """Make the folder of a run, or find it again. A folder of somebody else at its place is not used."""
    with HeldFolder.at(folder.parent, create=True) as parent:
        try:
            with parent.within([folder.name], create=True) as own:
                is_own = os.fstat(own.descriptor).st_uid == os.geteuid()
                if is_own:
                    os.fchmod(own.descriptor, 0o700)
        except (EntryRefused, NotADirectoryError):
            is_own = False
    if not is_own:
        raise WorkerFailure(
            FailureReason.OUTPUT_CONFLICT,
            f"{folder} would hold this run's own files, and is somebody else's: remove it",
        )


def execute(run: LocalRun, *, quiet: bool = False) -> None:
    """Run all phases, with a progress bar on stderr unless `quiet`.

    Raises:
        WorkerFailure: of the phase that failed; what is done stays, and the same job resumes from there.
        KeyboardInterrupt: the processes are stopped.
    """
    folders = run.folders
    with _progress_bar(run.job, quiet=quiet) as tick, locked(run.folder) as is_free:
        if not is_free:
            raise WorkerFailure(
                FailureReason.OUTPUT_CONFLICT, f"the same job is running: another process works in {run.folder}"
            )
        if (other := running_elsewhere(folders)) is not None:
            raise WorkerFailure(
                FailureReason.OUTPUT_CONFLICT,
                f"the same job is running with other --shards or --checkpoint-mb: another process works in {other}",
            )
        _wait(run, [Pod(run, PhaseName.RESOLVE)], tick)
        if (taken := take_over(folders)) and not quiet:
            print(f"{taken} units are taken over from an earlier run to {name_of(run.output)}", file=sys.stderr)
        waiting = [Pod(run, PhaseName.AUGMENT, shard) for shard in range(run.shards)]
        # More processes than cores would only hold more of the dataset in memory at a time.
        width = max(1, min(run.shards, os.cpu_count() or 1))
        _wait(run, waiting, tick, width)
        _wait(run, [Pod(run, PhaseName.PUBLISH)], tick)
    shutil.rmtree(run.folder, ignore_errors=True)
    remove_others(folders)


def forget(run: LocalRun) -> None:
    """Remove what is known of a job of which nothing is done."""
    if not (run.folder / "manifests").exists():
        shutil.rmtree(run.folder, ignore_errors=True)


@dataclass(frozen=True)
class Pod:
    """A process that does what a pod does in a cluster: a phase, or a shard of augment."""

    run: LocalRun
    phase: PhaseName
    shard: int | None = None

    @property
    def name(self) -> str:
        """Of its own among those of the run."""
        return str(self.phase) if self.shard is None else f"{self.phase}-{self.shard}"

    @property
    def _last_words(self) -> Path:
        return self.run.folder / f"{self.name}.failure"

    def start(self) -> "subprocess.Popen[bytes]":
        """Start it."""
        self._last_words.unlink(missing_ok=True)
        with (self.run.folder / f"{self.name}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "augmentation_worker", str(self.phase)],
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def failure(self, exit_code: int) -> WorkerFailure:
        """Why it ended with another exit code than 0."""
        log = self.run.folder / f"{self.name}.log"
        try:
            words = TerminationMessage.model_validate_json(self._last_words.read_text())
        except (OSError, ValidationError):
            return WorkerFailure(
                FailureReason.INTERNAL_ERROR, f"{self.name} ended with exit code {exit_code} and no word; see {log}"
            )
        return WorkerFailure(words.reason, words.message)

    def environment(self) -> Mapping[str, str]:
        """Its variables."""
        run = self.run
        values = {
            ENV_LOCAL_JOB: str(run.folder),
            ENV_DEVICE: run.device,
            ENV_TERMINATION_MESSAGE_PATH: str(self._last_words),
            worker_contract.ENV_JOB_NAMESPACE: "local",
            worker_contract.ENV_JOB_NAME: run_name(run.output),
            worker_contract.ENV_JOB_UID: run.uid,
            worker_contract.ENV_SHARD_COUNT: str(run.shards),
            worker_contract.ENV_SHARD_INDEX: "" if self.shard is None else str(self.shard),
            worker_contract.ENV_CHECKPOINT_MB: str(run.checkpoint_mb),
            ENV_FOLLOW_LINKS: str(run.follow_links or ""),
            **variables_of(run.source, run.output),
            worker_contract.ENV_SCRATCH: str(run.folder / f"scratch-{self.name}"),
        }
        return {**os.environ, **values}


def _wait(run: LocalRun, pods: list[Pod], tick: _Tick, width: int = 1) -> None:
    """Run the processes, `width` at a time. The first failure stops the others, which go on in the next run."""
    waiting = list(pods)
    with _stopped_at_the_end() as running:
        while waiting or running:
            while waiting and len(running) < width:
                pod = waiting.pop(0)
                running[pod] = pod.start()
            for pod, process in list(running.items()):
                exit_code = process.poll()
                if exit_code is None:
                    continue
                del running[pod]
                if exit_code != 0:
                    raise pod.failure(exit_code)
            tick()
            time.sleep(POLL_SECONDS)


@contextmanager
def _stopped_at_the_end() -> Iterator[dict[Pod, "subprocess.Popen[bytes]"]]:
    running: dict[Pod, subprocess.Popen[bytes]] = {}
    try:
        yield running
    finally:
        for process in running.values():
            process.send_signal(signal.SIGTERM)
        for process in running.values():
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def _progress_bar(read: Callable[[], AugmentationJob], *, quiet: bool) -> Iterator[_Tick]:
    """Show how far the job that `read` reads is, whenever the function that this gives is called.

    Where stderr is no terminal its events are shown, and no bar.
    """
    shown: set[tuple[str, str]] = set()
    with tqdm(unit=" frames", disable=quiet or not sys.stderr.isatty(), dynamic_ncols=True, leave=False) as bar:

        def tick() -> None:
            job = read()
            for phase in (PhaseName.RESOLVE, PhaseName.AUGMENT, PhaseName.PUBLISH):
                for event in job.status.phase(phase).events:
                    if (phase, event.id) not in shown and not quiet and event.status != "failed":
                        shown.add((phase, event.id))  # a failure is printed at the end, once
                        line = f"{phase}: {event.message}" + (f" ({event.error})" if event.error else "")
                        bar.write(line, file=sys.stderr)
            done = sum(shard.frames.done for shard in job.status.shards if shard.frames)
            source = job.status.source
            if source is not None and source.selected_frames and source.copies:
                bar.total = source.selected_frames * source.copies
            if done > bar.n:
                bar.update(done - bar.n)

        yield tick
        tick()
