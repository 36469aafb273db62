"""publish: merge what the shards made, check it, and make it visible in one commit; the version tag comes last."""

import hashlib
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from augmentation_api import FailureReason
from augmentation_api.status import OutputStatus
from augmentation_worker import termination
from augmentation_worker.dataset import integrity
from augmentation_worker.dataset.card import write_card
from augmentation_worker.dataset.data_table import SourceRows, write_shard_rows
from augmentation_worker.dataset.episodes import FileNumber, episodes_path
from augmentation_worker.dataset.info import INFO_PATH, NEWEST_VERSION
from augmentation_worker.dataset.layout import (
    ATTRIBUTES_PATH,
    CARD_PATH,
    PROVENANCE_PATH,
    carried_files,
    with_large_file_rules,
)
from augmentation_worker.dataset.merge import episodes_of_result
from augmentation_worker.dataset.metadata import STATS_PATH, DatasetMetadata
from augmentation_worker.dataset.plan import LARGEST_SORTABLE_CHUNK, Plan, PlannedShard, make_plan, next_number
from augmentation_worker.dataset.provenance import write_provenance
from augmentation_worker.dataset.records import BlobRecord, DataRecord, RecordInvalid, ShardRecords, VideoRecord
from augmentation_worker.dataset.statistics import stats_json
from augmentation_worker.dataset.supported import normal_codec
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.images.finding import is_image_dataset
from augmentation_worker.images.publish import publish_images
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
        output.announce(revision, NEWEST_VERSION)
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
        written, episodes_files = self._written(records)
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

    def _written(self, records: list[ShardRecords]) -> tuple[dict[str, bytes], list[StoredFile]]:
        """The files that are new: small ones as bytes, and the episodes files, uploaded."""
        spec, metadata, plan = self.session.job.spec, self.metadata, self.plan
        number = self._episodes_number()
        table = episodes_of_result(metadata, plan, records, number)
        info = metadata.info.grown(plan.total_episodes, plan.total_frames, self._changed_encodings(records))
        stats = stats_json(table, metadata.stats_json)
        integrity.check_result(metadata, plan, info, table, stats)
        card = self.source.read(CARD_PATH)
        written = {
            INFO_PATH: info,
            STATS_PATH: stats,
            PROVENANCE_PATH: write_provenance(self.session.settings.job_uid, spec, self.source.origin, plan, records),
            CARD_PATH: write_card(spec, metadata, plan, None if card is None else card.decode(errors="replace")),
            **self._attributes(),
        }
        return written, self._episodes_files(table, number)

    def _episodes_files(self, table: pa.Table, number: FileNumber) -> list[StoredFile]:
        """One file of added rows; in place, the source's files with other rows."""
        originals = len(self.metadata.episodes)
        sizes = self.metadata.episode_files if self.plan.in_place else {episodes_path(number): len(table) - originals}
        begin = 0 if self.plan.in_place else originals
        local = self.session.settings.scratch / "made" / "episodes.parquet"
        local.parent.mkdir(parents=True, exist_ok=True)
        uploaded = []
        for path, size in sizes.items():
            pq.write_table(table.slice(begin, size), local, compression="snappy", use_dictionary=True)
            uploaded.append(self.output.put(path, local))
            begin += size
        return uploaded

    def _episodes_number(self) -> FileNumber:
        taken = [_number_of(path) for path in self.metadata.episode_files]
        return next_number(taken, min(self.metadata.info.chunks_size, LARGEST_SORTABLE_CHUNK))

    def _attributes(self) -> dict[str, bytes]:
        before = (self.output.read(ATTRIBUTES_PATH) or b"").decode(errors="replace")
        after = with_large_file_rules(before)
        return {} if after == before else {ATTRIBUTES_PATH: after.encode()}

    def _changed_encodings(self, records: list[ShardRecords]) -> dict[str, dict[str, object]]:
        """What info.json has to say of cameras whose codec is another now."""
        changed: dict[str, dict[str, object]] = {}
        for record in records:
            for camera, facts in (record.data or DataRecord()).encodings.items():
                source = self.metadata.info.features[camera].fact("video.codec")
                if source is None or normal_codec(str(source)) != facts.get("video.codec"):
                    changed[camera] = facts
        return changed

    def _check_rows(self, records: list[ShardRecords]) -> None:
        """Write every shard's rows again, from the source: the bytes have to be those that were uploaded."""
        rows = SourceRows(self.metadata, self.source.open)
        for shard, record in zip(self.plan.shards, records, strict=True):
            blob = record.data.file if record.data else None
            if blob is not None and self._rows_again(shard, rows) != (blob.sha256, blob.size):
                raise integrity.broken(f"the rows in {blob.path} are not those of the source")

    def _rows_again(self, shard: PlannedShard, rows: SourceRows) -> tuple[str, int]:
        local = self.session.settings.scratch / "made" / "rows.parquet"
        local.parent.mkdir(parents=True, exist_ok=True)
        write_shard_rows(shard, rows, local)
        content = _hash_and_size(local)
        local.unlink()
        return content

    def _check_videos(self, records: list[ShardRecords]) -> None:
        """Fetch the first and the last augmented video back from the hub and look into them."""
        videos = [video for record in records for index in sorted(record.episodes) for video in _videos(record, index)]
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


def _videos(record: ShardRecords, episode: int) -> Iterable[VideoRecord]:
    return record.episodes[episode].videos.values()


def _blobs(records: Iterable[ShardRecords]) -> list[BlobRecord]:
    """Everything the shards have put on the hub."""
    return [
        blob
        for record in records
        for blob in chain(
            record.original_videos,
            (video for index in sorted(record.episodes) for video in _videos(record, index)),
            [record.data.file] if record.data and record.data.file else [],
            [record.picture] if record.picture else [],
        )
    ]


def _stored(blob: BlobRecord) -> StoredFile:
    return StoredFile(blob.path, blob.sha256, blob.size)


def _number_of(path: str) -> FileNumber:
    chunk, file = path.removesuffix(".parquet").split("/")[-2:]
    return FileNumber(int(chunk.rsplit("-", 1)[-1]), int(file.rsplit("-", 1)[-1]))


def _hash_and_size(path: Path) -> tuple[str, int]:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest(), path.stat().st_size
