"""The maker of a shard of an image dataset: block by block, each a parquet file with other images in some columns."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import pyarrow as pa
from typing_extensions import override

from augmentation_api import Augmentation
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.formats.background_images import SourceImages
from augmentation_worker.formats.images.block_check import RowVersions, WrittenBlock, check_written_block, digests_of
from augmentation_worker.formats.images.cells import is_empty, with_content
from augmentation_worker.formats.images.dataset import ImageDataset
from augmentation_worker.formats.images.plan import Block, BlockPlan, PlannedShard
from augmentation_worker.formats.images.preview import draw_first_row
from augmentation_worker.formats.images.records import BlockRecord, block_key
from augmentation_worker.formats.images.rows import Rows
from augmentation_worker.formats.images.versions import Version, mask_of, move_with, versions_of_cell
from augmentation_worker.formats.port import ShardMaker, Unit
from augmentation_worker.formats.records import BlobRecord, unusable_of
from augmentation_worker.formats.tables import ROW_GROUP_BYTES, RowGroups, with_column
from augmentation_worker.media.contact_sheet import empty_preview
from augmentation_worker.media.cores import usable_cores
from augmentation_worker.media.device import AugmentDevice
from augmentation_worker.media.images.header import ImageInvalid
from augmentation_worker.media.pixel_hash import PixelHash
from augmentation_worker.media.stage_clock import Stage, StageClock
from augmentation_worker.work import Work

_AHEAD = 2
"""Rows under way for each core."""
_Pending = dict[str, "Future[list[Version] | None] | None"]
"""By column, the versions of a row's image that are under way; None where it has no image."""


class BlockMaker(ShardMaker):
    """Makes the blocks of one shard."""

    def __init__(self, work: Work, dataset: ImageDataset, plan: BlockPlan, shard: PlannedShard, rows: Rows) -> None:
        self._work, self._dataset, self._plan, self._rows = work, dataset, plan, rows
        self._blocks = {block_key(block.index): block for block in shard.blocks}
        self._backgrounds = SourceImages.of_job(work.spec.augmentation, work.source)
        self._has_reported_kept = False

    @override
    def reads(self, unit: Unit) -> Collection[DatasetPath]:
        block = self._blocks[unit.key]
        return self._dataset.files_of(block.file, block.start, block.stop)

    @override
    def preview(self, unit: Unit | None) -> bytes:
        if unit is None:
            return empty_preview(f"{self._dataset.name}: no row of this shard can be used")
        blocks = [self._blocks[unit.key]]
        return draw_first_row(self._dataset, self._plan, self._work.spec.augmentation, self._work.source, blocks)

    @override
    def make(self, unit: Unit, on_frames: Callable[[int], None]) -> BlockRecord:
        work, block, columns = self._work, self._blocks[unit.key], self._plan.columns
        writer = BlockWriter(
            self._dataset,
            work.spec.augmentation,
            columns,
            self._plan.followers,
            work.device,
            keeps_labels=self._plan.keeps_labels,
            backgrounds=self._backgrounds,
            stages=work.stages,
            on_row=lambda versions: on_frames(versions * len(columns)),
        )
        with work.new_file("block.parquet") as local:
            written = writer.write(block, self._rows, local)
            unusable = unusable_of(written.unusable)
            made = block.leave_out([range(row, row + 1) for row in sorted(written.unusable)])
            check_written_block(local, made, written)
            with work.stages.measure(Stage.UPLOAD):
                stored = work.output.put(block.path, local)
        self._report_kept(written)
        return BlockRecord(
            file=BlobRecord.of(stored),
            rows=written.rows,
            pixel_hash=dict(written.pixel_hash),
            kept=tuple(written.kept.get(name, 0) for name in columns),
            unusable=unusable,
        )

    def _report_kept(self, written: WrittenBlock) -> None:
        """Say once per shard that images were left as they are; the result's card has the numbers."""
        kept = [name for name, count in written.kept.items() if count]
        if kept and not self._has_reported_kept:
            self._has_reported_kept = True
            self._work.events.event(
                "warning",
                f"Some images in the column {', '.join(kept)} hold labels, or have palettes like them, and are left as "
                "they are (README.md of the result has their number): name the column in spec.augmentation.cameras to "
                "augment them, too",
            )


@dataclass(frozen=True)
class BlockWriter:
    """Writes the files of blocks.

    Attributes:
        dataset: the source.
        augmentation: what the job asks for.
        columns: those to augment.
        followers: by column that moves with one of them, that one.
        device: where.
        keeps_labels: whether images that hold labels are left as they are.
        backgrounds: images to put behind what masks keep; None if the job names none.
        stages: counts the seconds of each stage.
        on_row: called with the number of versions of each row that is written; what it raises stops the work.
    """

    dataset: ImageDataset
    augmentation: Augmentation
    columns: tuple[str, ...]
    followers: Mapping[str, str]
    device: AugmentDevice
    on_row: Callable[[int], None]
    keeps_labels: bool = True
    backgrounds: SourceImages | None = None
    stages: StageClock = field(default_factory=StageClock)

    def write(self, block: Block, source: Rows, local: Path) -> WrittenBlock:
        """Write a block's file. Memory is bounded by a batch of rows and a row group, whatever the block's size.

        A row that is to be augmented and has an image that cannot be used is left out; in place, it stays as it is.
        """
        local.parent.mkdir(parents=True, exist_ok=True)
        hashes = {name: PixelHash() for name in self.columns}
        kept = Counter[str]()
        # Images are compressed and different: a dictionary of them would hold each in memory twice.
        options = {"use_dictionary": [name for name in self.dataset.schema.names if name not in self.dataset.columns]}
        written = RowGroups(local, options, ROW_GROUP_BYTES)
        digests, schema = list[bytes](), self.dataset.schema
        unusable: dict[int, str] = {}
        with closing(written), ThreadPoolExecutor(usable_cores(), "row") as threads:
            for number, row, made in self._in_order(self._rows(block, source, threads), kept):
                schema = row.schema
                if isinstance(made, _UnusableRow):
                    unusable[number] = made.cause
                    if not block.keeps_others:
                        continue
                versions = {} if isinstance(made, _UnusableRow) else made
                for name, digest in hashes.items():
                    for version in versions.get(name) or ():
                        digest.update(version.pixel_hash)
                written.add(_version_rows(row, versions, block.copies))
                digests += digests_of(row, versions, block.copies)
                self.on_row(block.copies if versions else 0)
            if not digests:
                written.add(schema.empty_table())
        pixel_hash = {name: digest.hexdigest() for name, digest in hashes.items()}
        return WrittenBlock(written.rows, pixel_hash, schema, tuple(digests), dict(kept), unusable)

    def _rows(
        self, block: Block, source: Rows, threads: ThreadPoolExecutor
    ) -> Iterator[tuple[int, pa.Table, _Pending]]:
        """The block's rows, one by one; of those that are selected the versions are under way."""
        for first, batch in source.between(block.file, block.start, block.stop):
            for position in range(len(batch)):
                number, row = first + position, batch.slice(position, 1)
                if block.selects(number):
                    yield number, row, self._under_way(number, row, block.copies, threads)
                elif block.keeps_others:
                    yield number, row, {}

    def _under_way(self, number: int, row: pa.Table, copies: int, threads: ThreadPoolExecutor) -> _Pending:
        pending: _Pending = {}
        for name in self.columns:
            (cell,) = row.column(name).to_pylist()
            if is_empty(cell):
                pending[name] = None
                continue
            mask = mask_of(self.augmentation, name, row)
            job = (cell, self.augmentation, name, number, copies, self.device, mask, self.backgrounds)
            pending[name] = threads.submit(versions_of_cell, *job, keeps_labels=self.keeps_labels, stages=self.stages)
        for name, picture in self.followers.items():
            (labels,), (cell,) = row.column(name).to_pylist(), row.column(picture).to_pylist()
            if is_empty(labels) or is_empty(cell):
                continue
            moving = (labels, cell, self.augmentation, picture, number, copies, self.backgrounds)
            pending[name] = threads.submit(move_with, *moving, keeps_labels=self.keeps_labels)
        return pending

    def _in_order(
        self, rows: Iterator[tuple[int, pa.Table, _Pending]], kept: Counter[str]
    ) -> Iterator[tuple[int, pa.Table, "RowVersions | _UnusableRow"]]:
        """The rows with their versions, a few ahead of the one that is waited for. Counts the images that are kept."""
        ahead = list(islice(rows, _AHEAD * usable_cores()))
        while ahead:
            number, row, pending = ahead.pop(0)
            versions = _versions_of(pending)
            if not isinstance(versions, _UnusableRow):
                for name, future in pending.items():
                    kept[name] += future is not None and versions[name] is None
            yield number, row, versions
            ahead += islice(rows, 1)


@dataclass(frozen=True)
class _UnusableRow:
    cause: str


def _versions_of(pending: _Pending) -> "RowVersions | _UnusableRow":
    versions: dict[str, list[Version] | None] = {}
    for name, future in pending.items():
        try:
            versions[name] = None if future is None else future.result()
        except ImageInvalid as error:
            return _UnusableRow(f"column {name}: the image {error.finding}")
    return versions


def _version_rows(row: pa.Table, versions: RowVersions, copies: int) -> pa.Table:
    """The row's versions; the row itself where there are none. What stays as it was is not copied."""
    if not versions:
        return row
    table = pa.concat_tables([row] * copies)
    for name, of_column in versions.items():
        if of_column is not None:
            (cell,) = row.column(name).to_pylist()
            table = with_column(table, name, [with_content(cell, version.content) for version in of_column])
    return table
