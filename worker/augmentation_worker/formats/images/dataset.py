"""An image dataset at its pinned revision: splits, files, rows and columns, without any image. Plain data."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import pyarrow as pa

from augmentation_worker.dataset_path import DatasetPath


class Layout(StrEnum):
    """How the source keeps its images."""

    PARQUET = "parquet"
    IMAGE_FOLDER = "imagefolder"


@dataclass(frozen=True)
class SourceFile:
    """Rows that lie together.

    Attributes:
        split: name of their split.
        path: the parquet file; None for an image folder, where a split's rows are a list of files.
        first_row: number of the first of them in the whole dataset: splits one after the other, files in order.
        rows: how many.
        row_bytes: how large a row is on average; 0 where that is not known.
    """

    split: str
    path: DatasetPath | None
    first_row: int
    rows: int
    row_bytes: int = 0


@dataclass(frozen=True)
class ImageDataset:
    """What `datasets` makes of the source.

    Attributes:
        name: of the dataset, for people.
        revision: what it is pinned to.
        config: name of its configuration.
        layout: how it keeps its images.
        schema: of its rows, with the features in its metadata.
        splits: names, in order.
        files: in the order of the splits, then of the files.
        columns: those of images (features of type Image).
        colour: those of them that show colours, and can be augmented.
        data_paths: every file that the splits are made of.
        tables: of an image folder, by split: its rows, with paths in place of images.
    """

    name: str
    revision: str
    config: str
    layout: Layout
    schema: pa.Schema
    splits: tuple[str, ...]
    files: tuple[SourceFile, ...]
    columns: tuple[str, ...]
    colour: tuple[str, ...]
    data_paths: frozenset[DatasetPath]
    tables: Mapping[str, pa.Table]

    @property
    def rows(self) -> int:
        """All of them."""
        return sum(file.rows for file in self.files)

    def files_of(self, file: SourceFile, start: int, stop: int) -> list[DatasetPath]:
        """Paths of the files that rows start to stop of a file need."""
        if file.path is not None:
            return [file.path]
        table = self.tables[file.split].slice(start, stop - start)
        cells = (cell for name in self.columns for cell in table.column(name).to_pylist())
        return [DatasetPath(cell["path"]) for cell in cells if cell is not None]

    def place_of(self, row: int) -> str:
        """Where a row is, for people: its number in the dataset, in its split and in its file."""
        file = next(file for file in self.files if file.first_row <= row < file.first_row + file.rows)
        first_of_split = next(other.first_row for other in self.files if other.split == file.split)
        where = f", {file.path} row {row - file.first_row}" if file.path else ""
        return f"row {row} (split {file.split} row {row - first_of_split}{where})"
