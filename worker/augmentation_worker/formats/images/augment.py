"""augment of an image dataset: make the blocks of one shard, store them, and record each as it is finished."""

import logging
from dataclasses import dataclass

import torch

from augmentation_api import FailureReason
from augmentation_api.vocabulary import ShardState
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.images.before_and_after import draw_first_row
from augmentation_worker.formats.images.block_check import check_written_block
from augmentation_worker.formats.images.block_file import BlockWriter
from augmentation_worker.formats.images.dataset import ImageDataset
from augmentation_worker.formats.images.detection import find_image_dataset
from augmentation_worker.formats.images.plan import Block, ImagePlan, ImageShard, make_image_plan
from augmentation_worker.formats.images.records import ORIGINALS_KEY, BlockRecord, ImageShardRecords, block_key
from augmentation_worker.formats.images.rows import Rows, open_rows
from augmentation_worker.formats.lerobot.layout import PICTURE_PATH
from augmentation_worker.formats.lerobot.records import PICTURE_KEY, OriginalVideosRecord, RecordInvalid, record_of
from augmentation_worker.phases.progress import ShardProgress
from augmentation_worker.phases.session import Session
from augmentation_worker.storage.port import OutputDataset, SourceDataset

_log = logging.getLogger(__name__)


def augment_images(session: Session, source: SourceDataset, index: int, device: torch.device) -> None:
    """Run one shard. Raises WorkerFailure."""
    dataset = find_image_dataset(source, session.settings.scratch)
    output = session.storage.open_output()
    plan = make_image_plan(
        dataset, session.job.spec, session.shard_count, source.paths, carry_originals=not output.extends(source)
    )
    try:
        records = ImageShardRecords.read(session.manifests.read(index))
    except RecordInvalid as error:
        raise WorkerFailure(FailureReason.INTERNAL_ERROR, str(error)) from error
    _ShardRun(session, source, dataset, plan, plan.shards[index], records, output, device).run()


@dataclass
class _ShardRun:
    """One try of one shard."""

    session: Session
    source: SourceDataset
    dataset: ImageDataset
    plan: ImagePlan
    shard: ImageShard
    records: ImageShardRecords
    output: OutputDataset
    device: torch.device

    def run(self) -> None:
        """Do what is not recorded yet."""
        settings, shard, reporter = self.session.settings, self.shard, self.session.reporter
        done = [block for block in shard.blocks if block.index in self.records.blocks]
        progress = ShardProgress(
            reporter,
            index=shard.index,
            node=settings.node_name,
            attempt=settings.shard_attempt,
            episodes=shard.selected_rows,
            frames=shard.versions,
            cameras=len(self.plan.columns),
        )
        progress.skip(
            sum(block.selected_rows for block in done),
            sum(block.versions for block in done),
            sum(self.records.blocks[block.index].file.size for block in done),
        )
        self._tell_start(len(done))
        try:
            self._carry_originals()
            self._draw_picture()
            self._make_blocks(progress)
        except WorkerFailure:
            progress.end(ShardState.FAILED)
            raise
        progress.end(ShardState.COMPLETED)
        reporter.event("completed", f"Shard {shard.index} has made {shard.versions} augmented rows")
        self.source.close()

    def _tell_start(self, done: int) -> None:
        settings, shard = self.session.settings, self.shard
        where = f" on {settings.node_name}" if settings.node_name else ""
        what = f"{shard.selected_rows} rows in {len(shard.blocks)} blocks" + (f", {done} done before" if done else "")
        self.session.reporter.event(
            "resumed" if done else "started",
            f"Shard {shard.index}{where} ({self.device.type}): {what}",
            retry_attempt=settings.shard_attempt,
        )

    def _carry_originals(self) -> None:
        carried = {file.path: file for file in self.records.originals}
        needed = {block.file.path for block in self.shard.blocks}
        for path in self.shard.carried:
            if path not in carried:
                carried[path] = record_of(self.output.put(path, self.source.open(path)))
                self._record(ORIGINALS_KEY, OriginalVideosRecord(files=tuple(carried.values())).encode())
                if path not in needed:
                    self.source.drop(path)
                self.session.reporter.check()

    def _draw_picture(self) -> None:
        """The first shard shows the first selected row before and after."""
        if self.shard.index != 0 or self.records.picture is not None:
            return
        local = self.session.settings.scratch / "made" / "picture.png"
        local.parent.mkdir(parents=True, exist_ok=True)
        augmentation = self.session.job.spec.augmentation
        local.write_bytes(draw_first_row(self.dataset, self.plan, augmentation, self.source))
        self._record(PICTURE_KEY, record_of(self.output.put(PICTURE_PATH, local)).encode())
        local.unlink()

    def _make_blocks(self, progress: ShardProgress) -> None:
        augmentation = self.session.job.spec.augmentation
        missing = [block for block in self.shard.blocks if block.index not in self.records.blocks]

        def on_row(versions: int) -> None:
            progress.on_frames(versions * len(self.plan.columns))
            self.session.reporter.check()

        writer = BlockWriter(self.dataset, augmentation, self.plan.columns, self.device, on_row)
        with open_rows(self.dataset, self.source) as rows:
            for position, block in enumerate(missing):
                self._make(block, writer, rows, progress)
                following = missing[position + 1].file if position + 1 < len(missing) else None
                if block.file.path is None or block.file != following:
                    for path in self.dataset.files_of(block.file, block.start, block.stop):
                        self.source.drop(path)

    def _make(self, block: Block, writer: BlockWriter, rows: Rows, progress: ShardProgress) -> None:
        local = self.session.settings.scratch / "made" / "block.parquet"
        made = writer.write(block, rows, local)
        check_written_block(local, block, self.plan.columns, made)
        stored = self.output.put(block.path, local)
        local.unlink()
        record = BlockRecord(file=record_of(stored), rows=made.rows, pixel_hash=dict(made.pixel_hash))
        self._record(block_key(block.index), record.encode())
        progress.finish_episode(block.versions, stored.size, episodes=block.selected_rows)
        _log.info("block %d of %d is done", block.index, len(self.plan.blocks))

    def _record(self, key: str, text: str) -> None:
        self.session.manifests.record(self.shard.index, key, text)
