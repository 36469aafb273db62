"""publish: merge what the shards made, check it, and make it visible in one commit; the version tag comes last."""

import hashlib
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path

from augmentation_api import FailureReason
from augmentation_api.status import OutputStatus
from augmentation_worker import termination
from augmentation_worker.dataset import integrity
from augmentation_worker.dataset.data_table import SourceRows, write_episode_rows, write_shard_rows
from augmentation_worker.dataset.layout import carried_files
from augmentation_worker.dataset.metadata import DatasetMetadata
from augmentation_worker.dataset.plan import Plan, make_plan
from augmentation_worker.dataset.records import BlobRecord, RecordInvalid, ShardRecords
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.images.finding import is_image_dataset
from augmentation_worker.images.publish import publish_images
from augmentation_worker.phases.metadata_files import MetadataFiles
from augmentation_worker.phases.session import Session
from augmentation_worker.phases.video_check import check_written_video
from augmentation_worker.storage.output import OutputDataset, OutputMoved, StoredFile
from augmentation_worker.storage.source import SourceDataset, load_metadata

_log = logging.getLogger(__name__)


def publish(session: Session) -> None:
    """Run the phase. Raises WorkerFailure; then nothing has become visible."""
    output = session.open_output()
    session.reporter.event("started", f"Checking what goes to {output.name}")
    published = output.published()
    source = session.open_source()
    try:
        if is_image_dataset(source):
            publish_images(session, source, output, published)
            return
        metadata = load_metadata(source)
        plan = make_plan(metadata, session.job.spec, session.shard_count, carry_originals=not output.extends(source))
        if published is None:
            revision = _Publication(session, source, metadata, plan, output).commit()
        else:
            termination.finish_first()
            session.reporter.event("resumed", "An earlier try has published the result: little is left to do")
            revision = published
        output.announce(revision, metadata.info.codebase_version)
    finally:
        source.close()
    session.reporter.found(
        output=OutputStatus(
            dataset_id=output.name,
            revision=revision,
            episodes=plan.total_episodes,
            frames=plan.total_frames,
            url=output.page,
        )
    )
    session.reporter.event(
        "completed",
        f"{output.name} has {plan.total_episodes} episodes and {plan.total_frames} frames",
        data={"revision": revision},
    )


@dataclass(frozen=True)
class _Publication:
    """One try to publish."""

    session: Session
    source: SourceDataset
    metadata: DatasetMetadata
    plan: Plan
    output: OutputDataset

    def commit(self) -> str:
        """Merge, check, and make the one commit."""
        extends = self.output.extends(self.source)
        checked = self.output.check(self.source)
        records = self._records()
        integrity.check_complete(self.plan, records)
        integrity.check_records(self.metadata, self.plan, records)
        self._check_rows(records)
        stored = [_stored(blob) for blob in _blobs(records)]
        stored += self._carried() if not extends else []
        metadata_files = MetadataFiles(self.session, self.source, self.metadata, self.plan, self.output)
        written, episodes_files = metadata_files.write(records)
        stored += episodes_files
        missing = {file.path for file in self.output.missing(stored)}
        integrity.check_stored([blob for blob in _blobs(records) if blob.path in missing])
        self._check_videos(records)
        if extends:
            self.output.keep_previous(checked)
        files = len(stored) + len(written)
        self.session.reporter.event("publishing", f"The result is sound: committing {files} files")
        termination.finish_first()
        try:
            return self.output.commit(
                _commit_message(self.plan, self.session.settings.job_uid),
                checked=checked,
                stored=stored,
                written=written,
                deleted=self.plan.abandoned_videos if extends else (),
            )
        except OutputMoved as error:
            return self._commit_that_was_lost(error)

    def _commit_that_was_lost(self, error: OutputMoved) -> str:
        published = self.output.published()
        if published is not None:
            return published  # the commit was made, only its answer did not arrive
        raise WorkerFailure(
            FailureReason.OUTPUT_CONFLICT,
            f"somebody else wrote to {self.output.name} while the result was being checked: nothing was published; "
            "create the job again, or publish to another dataset (spec.output)",
        ) from error

    def _records(self) -> list[ShardRecords]:
        try:
            return [ShardRecords.read(self.session.manifests.read(shard.index)) for shard in self.plan.shards]
        except RecordInvalid as error:
            raise WorkerFailure(FailureReason.INTERNAL_ERROR, str(error)) from error

    def _carried(self) -> list[StoredFile]:
        """Bring the source's data files and remaining metadata over."""
        files = carried_files(self.metadata, self.plan, self.source.paths)
        uploaded = []
        for path in (*files.metadata, *files.data):
            uploaded.append(self.output.put(path, self.source.open(path)))
            if path in files.data:
                self.source.drop(path)
        return uploaded

    def _check_rows(self, records: list[ShardRecords]) -> None:
        """Write all rows again, from the source: the bytes have to be those that were uploaded."""
        rows = SourceRows(self.metadata, self.source.open)
        for shard, record in zip(self.plan.shards, records, strict=True):
            if record.data and record.data.file:
                self._check_again(record.data.file, partial(write_shard_rows, shard, rows))
            for episode in shard.episodes:
                files = record.episodes[episode.source.index].rows
                for number, file in zip(episode.data_files, files, strict=bool(files)):
                    self._check_again(file, partial(write_episode_rows, episode, number, rows))

    def _check_again(self, file: BlobRecord, write: Callable[[Path], int]) -> None:
        local = self.session.settings.scratch / "made" / "rows.parquet"
        local.parent.mkdir(parents=True, exist_ok=True)
        write(local)
        if _hash_and_size(local) != (file.sha256, file.size):
            raise integrity.broken(f"the rows in {file.path} are not those of the source")
        local.unlink()

    def _check_videos(self, records: list[ShardRecords]) -> None:
        """Fetch the first and the last augmented video back from the hub and look into them."""
        videos = [
            video
            for record in records
            for index in sorted(record.episodes)
            for files in record.episodes[index].videos.values()
            for video in files
        ]
        for video in {video.path: video for video in (videos[0], videos[-1])}.values():
            local = self.session.settings.scratch / "made" / "fetched.mp4"
            try:
                self.output.fetch(_stored(video), local)
            except FileNotFoundError as error:
                raise integrity.broken(f"{video.path} is not stored, although recorded") from error
            if _hash_and_size(local) != (video.sha256, video.size):
                raise integrity.broken(f"{video.path} came back with other content")
            check_written_video(local, video.path, self.metadata.info.fps, sum(copy.frames for copy in video.copies))
            local.unlink()


def _commit_message(plan: Plan, uid: str) -> str:
    if plan.in_place:
        return f"Replace {len(plan.episodes)} episodes by augmented ones (job {uid})"
    return f"Add {plan.added_episodes} augmented episodes (job {uid})"


def _blobs(records: Iterable[ShardRecords]) -> list[BlobRecord]:
    """Everything the shards have put on the hub."""
    return [
        blob
        for record in records
        for blob in chain(
            record.original_videos,
            (file for index in sorted(record.episodes) for file in record.episodes[index].files),
            [record.data.file] if record.data and record.data.file else [],
            [record.picture] if record.picture else [],
        )
    ]


def _stored(blob: BlobRecord) -> StoredFile:
    return StoredFile(blob.path, blob.sha256, blob.size)


def _hash_and_size(path: Path) -> tuple[str, int]:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest(), path.stat().st_size
