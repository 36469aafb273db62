"""Runs to the same folder that were asked for something else and did not end: what they made is used, and they go.

A run that failed leaves two hidden folders next to its result: one of the run and one of the files that it stored. The
next run to the same folder takes over all units that its own plan has too, and leaves none of the folders.
"""

import fcntl
import logging
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from augmentation_api import AugmentationJob
from augmentation_api.augmentation_class import DEFAULT_CHECKPOINT_MB
from augmentation_api.episode_ranges import disjoint
from augmentation_worker.cluster.job import LocalJob
from augmentation_worker.cluster.manifest import LocalManifests
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.documents import Documents
from augmentation_worker.formats.entries import ShardEntries, originals_key
from augmentation_worker.formats.port import Plan
from augmentation_worker.formats.records import FilesRecord, ShardRecords
from augmentation_worker.formats.registry import CONVENTIONS, format_of
from augmentation_worker.formats.spooled_records import SpooledRecords
from augmentation_worker.local.place import Place, label_of, open_source, remove_staged, run_name, staged_at
from augmentation_worker.storage.folder.output import FolderOutput, staging_of
from augmentation_worker.work import Work

_LOCK = "lock"
_TAKING_OVER = "taking-over"
"""File of a run's folder with the name of the folder that it takes over from, while it does."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LocalFolders:
    """Where a run on this machine is.

    Attributes:
        folder: of the run itself.
        source, output: of the datasets; they may be buckets.
        follow_links: one more folder that links in the source may lead into.
        shards: processes that share the work.
        checkpoint_mb: most megabytes of a file of several episodes.
    """

    folder: Path
    source: Place
    output: Place
    follow_links: Path | None
    shards: int
    checkpoint_mb: int

    @property
    def manifests(self) -> LocalManifests:
        """The records of its shards."""
        return LocalManifests(self.folder / "manifests")


def folder_name(output: Place, job_uid: str, shards: int, checkpoint_mb: int) -> str:
    """Name of a run's folder. It says all that decides, beside the job, which files are made."""
    return f".{label_of(output)}.job-{job_uid[:8]}-{shards}-{checkpoint_mb}"


def running_elsewhere(run: LocalFolders) -> Path | None:
    """The folder of the same job with another number of shards or megabytes, if it is running: both store the same."""
    own = LocalJob(run.folder).read().metadata.uid
    for other in _others(run):
        job = _job(other.folder)
        with locked(other.folder) as is_free:
            if not is_free and job is not None and job.metadata.uid == own:
                return other.folder
    return None


@contextmanager
def locked(folder: Path) -> Iterator[bool]:
    """Hold the lock of a run's folder, if nobody holds it. Gives whether it is held: then the run is not running."""
    descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)


def take_over(run: LocalFolders) -> int:
    """Use what an earlier run to the same folder has made of the same source. May be repeated at any moment.

    Nothing of a run to a bucket: there nothing can be renamed.

    Returns how many units were taken over. A run that has records of its own goes on with these.
    """
    mark = run.folder / _TAKING_OVER
    if not isinstance(run.output, Path) or ((run.folder / "manifests").exists() and not mark.exists()):
        return 0
    taken = 0
    for earlier in _others(run):
        with locked(earlier.folder) as is_free:
            if not is_free or (mark.exists() and mark.read_text() != earlier.folder.name):
                continue
            mark.write_text(earlier.folder.name)
            try:
                taken = _take_over_from(run, earlier)
            except WorkerFailure as failure:
                _log.warning("what %s has made is not used: %s", earlier.folder.name, failure)
                shutil.rmtree(run.folder / "manifests", ignore_errors=True)
            mark.unlink()
            if taken:
                shutil.rmtree(earlier.folder, ignore_errors=True)
                return taken
    mark.unlink(missing_ok=True)
    return taken


def remove_others(run: LocalFolders) -> None:
    """Remove what earlier runs to the same folder have left behind."""
    for earlier in list(_others(run)):
        job = _job(earlier.folder)
        with locked(earlier.folder) as is_free:
            if is_free and job is not None:
                remove_staged(run.output, job.metadata.uid, os.environ)
                shutil.rmtree(earlier.folder, ignore_errors=True)


def left_behind(run: LocalFolders) -> list[str]:
    """The hidden folders of a run that has not ended."""
    job = _job(run.folder)
    if job is None:
        return [str(run.folder)] if run.folder.exists() else []
    staged = staged_at(run.output, job.metadata.uid)
    is_there = Path(staged).exists() if isinstance(run.output, Path) else True
    return [str(run.folder), *([staged] if is_there else [])]


def _others(run: LocalFolders) -> Iterator[LocalFolders]:
    """Other runs to the same folder, the newest first."""
    prefix = f".{label_of(run.output)}.job-"
    form = re.compile(re.escape(prefix) + "[0-9a-f]{8}-([0-9]{1,9})(?:-([0-9]{1,9}))?")
    parent = run.folder.parent
    folders = [path for path in parent.iterdir() if path.name.startswith(prefix) and path != run.folder]
    own = [path for path in folders if path.is_dir() and not path.is_symlink() and path.stat().st_uid == os.geteuid()]
    for folder in sorted(own, key=lambda path: path.stat().st_mtime, reverse=True):
        named, job = form.fullmatch(folder.name), _job(folder)
        if named is not None and job is not None and job.metadata.name == run_name(run.output):
            checkpoint_mb = int(named[2] or DEFAULT_CHECKPOINT_MB)
            yield LocalFolders(folder, run.source, run.output, run.follow_links, int(named[1]), checkpoint_mb)


def _job(folder: Path) -> AugmentationJob | None:
    try:
        return LocalJob(folder).read()
    except (OSError, ValueError, ValidationError):
        return None  # written by another version, or not to its end


def _take_over_from(run: LocalFolders, earlier: LocalFolders) -> int:
    job, before = LocalJob(run.folder).read(), LocalJob(earlier.folder).read()
    if job.status.source is None or before.status.source is None:
        return 0
    if job.status.source.revision != before.status.source.revision or not (earlier.folder / "manifests").exists():
        return 0
    assert isinstance(run.output, Path)  # noqa: S101
    staging, others = staging_of(run.output, job.metadata.uid), staging_of(run.output, before.metadata.uid)
    if others.exists() and not staging.exists():
        others.rename(staging)
    plan, made = _plan(run, job), _plan(earlier, before)
    scratch = run.folder / "scratch-taking-over"
    documents, recorded = Documents(_output(run), scratch / "documents"), SpooledRecords(scratch / "records")
    for shard in made.outline.shards:
        entries = ShardEntries.read(shard, earlier.manifests.read(shard.index))
        recorded.append(ShardRecords.of(documents.read(shard, entries), entries.preview))
    units = plan.take_over(made, recorded)
    originals = {file.path: file for records in recorded for file in records.originals}
    for shard in plan.outline.shards:
        texts = {unit.key: units[unit.key].encode() for unit in shard.units if unit.key in units}
        places = ((number, number + 1) for number, path in enumerate(shard.carried) if path in originals)
        for part in disjoint(places, len(shard.carried)):
            files = tuple(originals[path] for path in shard.carried[part.start : part.stop])
            texts[originals_key(part.start)] = FilesRecord(files=files).encode()
        run.manifests.record(shard.index, texts)
    shutil.rmtree(scratch, ignore_errors=True)
    return len(units)


def _plan(run: LocalFolders, job: AugmentationJob) -> Plan:
    scratch = run.folder / "scratch-taking-over"
    source = open_source(run.source, run.follow_links, scratch, os.environ)
    own = LocalJob(run.folder).read().metadata.uid
    checkpoint = run.checkpoint_mb * 2**20
    work = Work(own, job.spec, source, _output(run), scratch, _NoEvents(), "cpu", checkpoint_bytes=checkpoint)
    return format_of(source).plan(work, run.shards)


def _output(run: LocalFolders) -> FolderOutput:
    assert isinstance(run.output, Path)  # noqa: S101
    own = LocalJob(run.folder).read().metadata.uid
    return FolderOutput(run.output, str(run.output), own, run.follow_links, CONVENTIONS)


class _NoEvents:
    def event(self, status: str, message: str, *, data: object = None) -> None:
        """Nobody reads them."""
