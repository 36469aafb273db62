"""The plan for an image dataset: which shard makes which rows, in which files. A pure function, computed by every pod.

The selected rows are cut into blocks, each of which becomes a parquet file and is recorded when it is stored. Blocks
depend on the dataset and the spec only, not on the number of shards.

copy: the source's files stay as they are; after them, split by split, come the versions of the selected rows, the
versions of a row behind each other. An image folder becomes parquet files: its rows as they are, then the versions.
inPlace: a file with a selected row is replaced by blocks that hold all of its rows, those selected as a version.
"""

import fnmatch
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

from augmentation_api.episode_ranges import without
from augmentation_api.status import MAX_SHARDS
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.formats.images.dataset import SourceFile
from augmentation_worker.formats.limits import fewest_shards


@dataclass(frozen=True)
class Piece:
    """Rows of the result that are made together.

    Attributes:
        file: where its rows come from.
        start, stop: the rows of that file that it reads (half open).
        selected: half-open ranges of rows of that file, within start and stop, that are augmented.
        keeps_others: whether the rows that are not selected are part of it, as they are.
        copies: versions of each selected row.
    """

    file: SourceFile
    start: int
    stop: int
    selected: tuple[range, ...]
    keeps_others: bool
    copies: int

    @property
    def selected_rows(self) -> int:
        """How many rows it augments."""
        return sum(map(len, self.selected))

    @property
    def versions(self) -> int:
        """How many augmented rows it holds."""
        return self.selected_rows * self.copies

    @property
    def rows(self) -> int:
        """How many rows it holds."""
        return self.versions + (self.stop - self.start - self.selected_rows if self.keeps_others else 0)

    @property
    def version_rows(self) -> Iterator[int]:
        """Which of the rows that it holds are augmented, by their number in it."""
        if not self.keeps_others:
            return iter(range(self.versions))
        return (row - self.start for rows in self.selected for row in rows)

    def selects(self, row: int) -> bool:
        """Whether a row, by its number in the dataset, is augmented."""
        return any(row - self.file.first_row in rows for rows in self.selected)

    @property
    def episodes(self) -> tuple[range, ...]:
        """The rows that it augments, by their numbers in the dataset."""
        first = self.file.first_row
        return tuple(range(first + rows.start, first + rows.stop) for rows in self.selected)

    @property
    def content(self) -> object:
        """What its rows are, given how versions are made: two pieces with the same have the same file."""
        others = (self.start, self.stop) if self.keeps_others else None
        return (self.file, self.selected, others, self.copies)

    def leave_out(self, rows: Sequence[range]) -> Self:
        """The same without the versions of some rows, by their numbers in the dataset, rising and disjoint."""
        first = self.file.first_row
        left = (range(part.start - first, part.stop - first) for part in without(self.episodes, rows))
        return replace(self, selected=tuple(left))

    def placed(self, index: int, path: DatasetPath) -> "Block":
        """The piece as a block of the result."""
        return Block(
            self.file, self.start, self.stop, self.selected, self.keeps_others, self.copies, index=index, path=path
        )


@dataclass(frozen=True)
class Block(Piece):
    """A piece with its place in the result.

    Attributes:
        index: number among all blocks.
        path: its file.
    """

    index: int
    path: DatasetPath


@dataclass(frozen=True)
class PlannedShard:
    """What one pod does.

    Attributes:
        index: number of the shard.
        blocks: consecutive blocks.
        carried: paths of the source's files that it carries over into the result.
    """

    index: int
    blocks: tuple[Block, ...]
    carried: tuple[DatasetPath, ...]

    @property
    def selected_rows(self) -> int:
        """Rows that it augments."""
        return sum(block.selected_rows for block in self.blocks)

    @property
    def versions(self) -> int:
        """Augmented rows that it makes."""
        return sum(block.versions for block in self.blocks)


@dataclass(frozen=True)
class SplitFiles:
    """The files of one split of the result, in order.

    Attributes:
        split: its name.
        patterns: as they stand in the card: `datasets` reads them in this order, and files of a pattern by name.
        paths: the files themselves.
        rows: of all of them.
    """

    split: str
    patterns: tuple[str, ...]
    paths: tuple[DatasetPath, ...]
    rows: int


@dataclass(frozen=True)
class BlockPlan:
    """The whole result.

    Attributes:
        in_place: whether versions replace their rows, or are added.
        columns: those that are augmented.
        keeps_labels: whether images in them that hold labels are left as they are: the job does not name the columns.
        copies: versions of a row.
        selected_rows: rows that are augmented.
        blocks: all, in order.
        shards: by index.
        splits: of the result.
        abandoned: paths of the source's files that the result does not have.
        left_out: selected rows that cannot be used, of which there are no versions.
        followers: by column of images that move with those of another one, that column.
    """

    in_place: bool
    columns: tuple[str, ...]
    keeps_labels: bool
    copies: int
    selected_rows: int
    blocks: tuple[Block, ...]
    shards: tuple[PlannedShard, ...]
    splits: tuple[SplitFiles, ...]
    abandoned: tuple[DatasetPath, ...]
    left_out: tuple[range, ...] = ()
    followers: Mapping[str, str] = field(default_factory=dict)

    def leave_out(self, rows: Sequence[range]) -> Self:
        """The plan without the versions of some rows, rising and disjoint.

        Files and shards stay, but for files without a row: `datasets` reads none of those.
        """
        left = {block.index: block.leave_out(rows) for block in self.blocks}
        made = {index: block for index, block in left.items() if block.rows}
        fewer = {block.path: block.rows - left[block.index].rows for block in self.blocks}
        empty = {block.path for block in self.blocks if block.index not in made}
        return replace(
            self,
            left_out=tuple(rows),
            selected_rows=sum(block.selected_rows for block in made.values()),
            blocks=tuple(made.values()),
            shards=tuple(
                replace(shard, blocks=tuple(made[block.index] for block in shard.blocks if block.index in made))
                for shard in self.shards
            ),
            splits=tuple(_without(files, fewer, empty) for files in self.splits),
        )

    @property
    def total_rows(self) -> int:
        """Of the result."""
        return sum(split.rows for split in self.splits)

    @property
    def augmented_rows(self) -> int:
        """Versions, all together."""
        return self.selected_rows * self.copies

    @property
    def min_shards(self) -> int:
        """Fewest shards that can record the work."""
        return fewest_shards(len(self.blocks))

    @property
    def max_shards(self) -> int:
        """Most shards that have a block each."""
        return min(len(self.blocks), MAX_SHARDS)


def _without(files: SplitFiles, fewer: Mapping[DatasetPath, int], empty: Collection[DatasetPath]) -> SplitFiles:
    """A split with so many rows fewer in its files, and without the empty ones and what names only these."""
    paths = tuple(path for path in files.paths if path not in empty)
    gone = [path for path in files.paths if path in empty]
    patterns = tuple(
        pattern for pattern in files.patterns if fnmatch.filter(paths, pattern) or not fnmatch.filter(gone, pattern)
    )
    return SplitFiles(files.split, patterns, paths, files.rows - sum(fewer.get(path, 0) for path in files.paths))
