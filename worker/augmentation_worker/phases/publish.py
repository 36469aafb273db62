"""publish: merge what the shards made, check it, and make it visible in one commit; the version tag comes last."""

import hashlib
import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import chain, zip_longest
from pathlib import Path

from augmentation_api import FailureReason
from augmentation_api.status import OutputStatus
from augmentation_worker import termination
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.images.detection import is_image_dataset
from augmentation_worker.formats.images.publish import publish_images
from augmentation_worker.formats.lerobot import integrity
from augmentation_worker.formats.lerobot.data_table import SourceRows, write_shard_rows
from augmentation_worker.formats.lerobot.layout import DESCRIPTION_PATHS, carried_metadata
from augmentation_worker.formats.lerobot.metadata import DatasetMetadata, load_metadata
from augmentation_worker.formats.lerobot.metadata_files import MetadataFiles
from augmentation_worker.formats.lerobot.picture_check import check_written_pictures
from augmentation_worker.formats.lerobot.plan import Plan, PlannedEpisode, RowsMade, make_plan
from augmentation_worker.formats.lerobot.records import BlobRecord, RecordInvalid, ShardRecords, stored_of
from augmentation_worker.formats.lerobot.rows_files import write_episode_rows, write_kept_rows
from augmentation_worker.formats.lerobot.video_check import check_written_video
from augmentation_worker.phases.carried_secrets import refuse_secrets
from augmentation_worker.phases.one_commit import commit_once
from augmentation_worker.phases.session import Session
from augmentation_worker.storage.port import OutputDataset, SourceDataset, StoredFile

_log = logging.getLogger(__name__)


def publish(session: Session) -> None:
    """Run the phase. Raises WorkerFailure; then nothing has become visible."""
    output = session.storage.open_output()
    session.reporter.event("started", f"Checking what goes to {output.name}")
    published = output.published()
    source = session.storage.open_source()
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
            files=list(DESCRIPTION_PATHS),
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
        stored = [stored_of(blob) for blob in _blobs(records)]
        stored += self._kept_rows(extends=extends)
        stored += [] if extends else self._carried_metadata()
        metadata_files = MetadataFiles(self.session, self.source, self.metadata, self.plan, self.output)
        written, episodes_files = metadata_files.write(records)
        stored += episodes_files
        missing = {file.path for file in self.output.missing(stored)}
        integrity.check_stored([blob for blob in _blobs(records) if blob.path in missing])
        self._check_videos(records)
        self._check_pictures(records)
        return commit_once(
            self.session,
            self.source,
            self.output,
            _commit_message(self.plan, self.session.settings.job_uid),
            checked=checked,
            extends=extends,
            stored=stored,
            written=written,
            abandoned=self.plan.abandoned,
        )

    def _records(self) -> list[ShardRecords]:
        try:
            return [
                integrity.as_planned(shard, ShardRecords.read(self.session.manifests.read(shard.index)))
                for shard in self.plan.shards
            ]
        except RecordInvalid as error:
            raise WorkerFailure(FailureReason.INTERNAL_ERROR, str(error)) from error

    def _carried_metadata(self) -> list[StoredFile]:
        """Bring over what remains of the source's metadata."""
        paths = carried_metadata(self.metadata, self.plan, self.source.paths)
        for path in paths:
            refuse_secrets(path, self.source.open(path))
        return [self.output.put(path, self.source.open(path)) for path in paths]

    def _kept_rows(self, *, extends: bool) -> list[StoredFile]:
        """Bring over the source's data files, those as well that move or are cut."""
        rows, info = SourceRows(self.metadata, self.source.open), self.metadata.info
        stored = []
        for kept, following in zip_longest(self.plan.kept_rows, self.plan.kept_rows[1:]):
            if extends and kept.is_where_it_was:
                continue
            source = info.data_file(kept.source)
            if kept.is_whole:
                stored.append(self.output.put(info.data_file(kept.number), self.source.open(source)))
            else:
                with self._made() as local:
                    write_kept_rows(kept, rows, info, local)
                    stored.append(self.output.put(info.data_file(kept.number), local))
            if following is None or following.source != kept.source:
                self.source.drop(source)
        return stored

    def _check_rows(self, records: list[ShardRecords]) -> None:
        """Write rows again, from the source: the bytes have to be those that were uploaded.

        Augmented pictures cannot be made here; of their files the augment phase has checked each.
        """
        rows = SourceRows(self.metadata, self.source.open)
        for shard, record in zip(self.plan.shards, records, strict=True):
            if record.data and record.data.file:
                with self._made() as local:
                    write_shard_rows(shard, rows, local)
                    _check_same(local, record.data.file)
            if self.plan.rows_made is RowsMade.WITH_EPISODE and not self.plan.picture_cameras:
                for episode in shard.episodes:
                    self._check_episode_rows(episode, record.episodes[episode.source.index].rows, rows)

    def _check_episode_rows(self, episode: PlannedEpisode, files: Sequence[BlobRecord], rows: SourceRows) -> None:
        with ExitStack() as opened:
            locals_ = [opened.enter_context(self._made(f"rows-{place}.parquet")) for place in range(len(files))]
            write_episode_rows(episode, rows, self.metadata.info, locals_)
            for local, file in zip(locals_, files, strict=True):
                _check_same(local, file)

    @contextmanager
    def _made(self, name: str = "rows.parquet") -> Iterator[Path]:
        """A local file to write, gone afterwards."""
        local = self.session.settings.scratch / "made" / name
        local.parent.mkdir(parents=True, exist_ok=True)
        yield local
        local.unlink()

    def _check_pictures(self, records: list[ShardRecords]) -> None:
        """Fetch the first and the last data file with augmented pictures back and look into them."""
        if not self.plan.picture_cameras:
            return
        rows, info = SourceRows(self.metadata, self.source.open), self.metadata.info
        files = [
            (file, number, episode)
            for shard, record in zip(self.plan.shards, records, strict=True)
            for episode in shard.episodes
            for number, file in zip(episode.data_files, record.episodes[episode.source.index].rows, strict=True)
        ]
        for file, number, episode in files[:1] + files[1:][-1:]:
            with self._made("fetched.parquet") as local:
                self._fetch(file, local)
                copies = episode.copies_in(number)
                check_written_pictures(local, file.path, episode, copies, rows, info, self.plan.picture_cameras)

    def _fetch(self, file: BlobRecord, local: Path) -> None:
        try:
            self.output.fetch(stored_of(file), local)
        except FileNotFoundError as error:
            raise integrity.broken(f"{file.path} is not stored, although recorded") from error
        if _hash_and_size(local) != (file.sha256, file.size):
            raise integrity.broken(f"{file.path} came back with other content")

    def _check_videos(self, records: list[ShardRecords]) -> None:
        """Fetch the first and the last augmented video back from the hub and look into them."""
        videos = [
            video
            for record in records
            for index in sorted(record.episodes)
            for files in record.episodes[index].videos.values()
            for video in files
        ]
        for video in {video.path: video for video in (*videos[:1], *videos[-1:])}.values():
            with self._made("fetched.mp4") as local:
                self._fetch(video, local)
                frames = sum(copy.frames for copy in video.copies)
                check_written_video(local, video.path, self.metadata.info.fps, frames)


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


def _check_same(local: Path, file: BlobRecord) -> None:
    if _hash_and_size(local) != (file.sha256, file.size):
        raise integrity.broken(f"the rows in {file.path} are not those of the source")


def _hash_and_size(path: Path) -> tuple[str, int]:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest(), path.stat().st_size
