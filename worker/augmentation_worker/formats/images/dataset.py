"""An image dataset at its pinned revision: splits, files, rows and columns, without any image. Plain data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import pyarrow as pa

from augmentation_api import FailureReason
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.images.labels import ImageLook
from augmentation_worker.formats.splits import Splits


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
        photographs: those of them that are augmented unless the job names others.
        data_paths: every file that the splits are made of.
        tables: of an image folder, by split: its rows, with paths in place of images.
        left: by each other column of images, why it is left as it is, as a clause.
        looks: what the first images of each column are.
        omissions: what of the source the result would not have, each a sentence.
    """

    name: str
    revision: str
    config: str
    layout: Layout
    schema: pa.Schema
    splits: tuple[str, ...]
    files: tuple[SourceFile, ...]
    columns: tuple[str, ...]
    photographs: tuple[str, ...]
    data_paths: frozenset[DatasetPath]
    tables: Mapping[str, pa.Table]
    left: Mapping[str, str] = field(default_factory=dict)
    looks: tuple[ImageLook, ...] = ()
    omissions: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        """All of them."""
        return sum(file.rows for file in self.files)

    @property
    def split_rows(self) -> Splits:
        """By split, the rows that it has, in one range."""
        parts = {split: [file for file in self.files if file.split == split] for split in self.splits}
        return {
            split: [range(files[0].first_row, files[-1].first_row + files[-1].rows)] if files else []
            for split, files in parts.items()
        }

    def files_of(self, file: SourceFile, start: int, stop: int) -> list[DatasetPath]:
        """Paths of the files that rows start to stop of a file need."""
        if file.path is not None:
            return [file.path]
        table = self.tables[file.split].slice(start, stop - start)
        cells = (cell for name in self.columns for cell in table.column(name).to_pylist())
        return [DatasetPath(cell["path"]) for cell in cells if cell is not None]

    def unusable(self, row: int, column: str, finding: str) -> WorkerFailure:
        """The failure of a job that augments a row whose image cannot be used."""
        return WorkerFailure(
            FailureReason.SOURCE_INVALID,
            f"the dataset {self.name}, {self.place_of(row)}, column {column}: the image {finding} (leave the row out "
            "by spec.augmentation.episodes, or repair the dataset)",
        )

    def place_of(self, row: int) -> str:
        """Where a row is, for people: its number in the dataset, in its split and in its file."""
        file = next(file for file in self.files if file.first_row <= row < file.first_row + file.rows)
        first_of_split = next(other.first_row for other in self.files if other.split == file.split)
        where = f", {file.path} row {row - file.first_row}" if file.path else ""
        return f"row {row} (split {file.split} row {row - first_of_split}{where})"
