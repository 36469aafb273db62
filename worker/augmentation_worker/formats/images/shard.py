"""The maker of a shard of an image dataset: block by block."""

from collections.abc import Callable, Collection, Sequence

from typing_extensions import override

from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.formats.images.block_check import check_written_block
from augmentation_worker.formats.images.block_file import BlockWriter
from augmentation_worker.formats.images.dataset import ImageDataset
from augmentation_worker.formats.images.plan import BlockPlan, PlannedShard
from augmentation_worker.formats.images.preview import draw_first_row
from augmentation_worker.formats.images.records import BlockRecord, block_key
from augmentation_worker.formats.images.rows import Rows
from augmentation_worker.formats.port import ShardMaker, Unit
from augmentation_worker.formats.records import BlobRecord
from augmentation_worker.work import Work


class BlockMaker(ShardMaker):
    """Makes the blocks of one shard.

    Args:
        work: the work.
        dataset: the source.
        plan: of the whole result.
        shard: what to make of it.
        rows: of the source.
    """

    def __init__(self, work: Work, dataset: ImageDataset, plan: BlockPlan, shard: PlannedShard, rows: Rows) -> None:
        self._work, self._dataset, self._plan, self._rows = work, dataset, plan, rows
        self._blocks = {block_key(block.index): block for block in shard.blocks}

    @override
    def check(self, units: Sequence[Unit]) -> None:
        """Whatever could be wrong with a row takes as long to find as to make it."""

    @override
    def reads(self, unit: Unit) -> Collection[DatasetPath]:
        block = self._blocks[unit.key]
        return self._dataset.files_of(block.file, block.start, block.stop)

    @override
    def preview(self) -> bytes:
        return draw_first_row(self._dataset, self._plan, self._work.spec.augmentation, self._work.source)

    @override
    def make(self, unit: Unit, on_frames: Callable[[int], None]) -> BlockRecord:
        work, block, columns = self._work, self._blocks[unit.key], self._plan.columns
        writer = BlockWriter(
            self._dataset,
            work.spec.augmentation,
            columns,
            work.device,
            on_row=lambda versions: on_frames(versions * len(columns)),
        )
        with work.new_file("block.parquet") as local:
            written = writer.write(block, self._rows, local)
            check_written_block(local, block, columns, written)
            stored = work.output.put(block.path, local)
        return BlockRecord(file=BlobRecord.of(stored), rows=written.rows, pixel_hash=dict(written.pixel_hash))
