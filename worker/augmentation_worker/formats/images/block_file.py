"""The parquet file of a block: its rows as the source has them, but for the images of the augmented columns."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pyarrow as pa
import torch

from augmentation_api import Augmentation
from augmentation_worker.formats.images.block_check import Made, WrittenBlock, digests_of
from augmentation_worker.formats.images.dataset import ImageDataset
from augmentation_worker.formats.images.plan import Block
from augmentation_worker.formats.images.rows import Rows, damaged
from augmentation_worker.formats.images.versions import Version, make_versions
from augmentation_worker.formats.row_groups import ROW_GROUP_BYTES, ROW_GROUP_ROWS, RowGroups
from augmentation_worker.media.cores import usable_cores
from augmentation_worker.media.images.header import ImageInvalid
from augmentation_worker.media.pixel_hash import PixelHash

_AHEAD = 2
"""Rows under way for each core."""


@dataclass(frozen=True)
class BlockWriter:
    """Makes the blocks of one shard.

    Attributes:
        dataset: the source.
        augmentation: what the job asks for.
        columns: those to augment.
        device: where.
        on_row: called with the number of versions of each row that is written; what it raises stops the work.
    """

    dataset: ImageDataset
    augmentation: Augmentation
    columns: tuple[str, ...]
    device: torch.device
    on_row: Callable[[int], None]

    def write(self, block: Block, source: Rows, local: Path) -> WrittenBlock:
        """Write a block's file. Memory is bounded by a batch of rows and a row group, whatever the block's size.

        Raises:
            WorkerFailure: SOURCE_INVALID, naming row and column of an image that cannot be used.
        """
        local.parent.mkdir(parents=True, exist_ok=True)
        hashes = {name: PixelHash() for name in self.columns}
        # Images are compressed and different: a dictionary of them would hold each in memory once more.
        options = {"use_dictionary": [name for name in self.dataset.schema.names if name not in self.dataset.columns]}
        written, digests, schema = (
            RowGroups(local, options, ROW_GROUP_BYTES, ROW_GROUP_ROWS),
            list[bytes](),
            self.dataset.schema,
        )
        with closing(written), ThreadPoolExecutor(usable_cores(), "row") as threads:
            for row, made in self._in_order(self._rows(block, source, threads)):
                for name, versions in made.items():
                    for version in versions or ():
                        hashes[name].update(version.pixel_hash)
                written.add(self._as_table(row, made, block.copies))
                schema = row.schema
                digests += digests_of(row, made, block.copies)
                self.on_row(block.copies if made else 0)
        pixel_hash = {name: each.hexdigest() for name, each in hashes.items()}
        return WrittenBlock(written.rows, pixel_hash, schema, tuple(digests))

    def _rows(
        self, block: Block, source: Rows, threads: ThreadPoolExecutor
    ) -> "Iterator[tuple[int, pa.Table, dict[str, Future[list[Version]] | None]]]":
        """The block's rows, one by one; of those that are selected the versions are under way."""
        for first, batch in source.between(block.file, block.start, block.stop):
            for position in range(len(batch)):
                number, row = first + position, batch.slice(position, 1)
                if block.selects(number):
                    yield number, row, self._under_way(number, row, block.copies, threads)
                elif block.keeps_others:
                    yield number, row, {}

    def _under_way(
        self, number: int, row: pa.Table, copies: int, threads: ThreadPoolExecutor
    ) -> "dict[str, Future[list[Version]] | None]":
        under_way: dict[str, Future[list[Version]] | None] = {}
        for name in self.columns:
            content = self._image(number, row, name)
            versions = make_versions(self.augmentation, name, number, copies, self.device)
            under_way[name] = None if content is None else threads.submit(versions, content)
        return under_way

    def _in_order(
        self, rows: "Iterator[tuple[int, pa.Table, dict[str, Future[list[Version]] | None]]]"
    ) -> Iterator[tuple[pa.Table, Made]]:
        """The rows with their versions, a few ahead of the one that is waited for."""
        ahead = list(islice(rows, _AHEAD * usable_cores()))
        while ahead:
            number, row, under_way = ahead.pop(0)
            made: dict[str, list[Version] | None] = {}
            for name, future in under_way.items():
                try:
                    made[name] = None if future is None else future.result()
                except ImageInvalid as error:
                    raise self._unusable(number, name, f"the image {error.found}") from error
            yield row, made
            ahead += islice(rows, 1)

    def _image(self, number: int, row: pa.Table, column: str) -> bytes | None:
        (cell,) = row.column(column).to_pylist()
        if cell is None or (cell["bytes"] is None and cell["path"] is None):
            return None
        if cell["bytes"] is None:
            raise self._unusable(number, column, f"the image is not in the file, which only names {cell['path']}")
        content: bytes = cell["bytes"]
        return content

    def _unusable(self, number: int, column: str, finding: str) -> Exception:
        return damaged(
            self.dataset.name,
            f"{self.dataset.place_of(number)}, column {column}: {finding} (spec.augmentation.episodes can leave the "
            "row out)",
        )

    def _as_table(self, row: pa.Table, made: Made, copies: int) -> pa.Table:
        """The row's versions; the row itself where none are made. What stays as it was is not copied."""
        if not made:
            return row
        table = pa.concat_tables([row] * copies)
        for name, versions in made.items():
            if versions is None:
                continue
            position = table.schema.get_field_index(name)
            kind = table.schema.field(position)
            (cell,) = row.column(name).to_pylist()
            cells = [{**cell, "bytes": version.content} for version in versions]
            table = table.set_column(position, kind, pa.array(cells, type=kind.type))
        return table
