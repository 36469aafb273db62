"""The parquet files of an image dataset: their footers, read in parallel, are all that is read of them here."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import pyarrow as pa

from augmentation_worker.bounded.parquet_file import open_parquet
from augmentation_worker.bounded.unreadable import Unreadable, damaged, explained
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.formats import limits
from augmentation_worker.formats.images.cells import holds_images
from augmentation_worker.formats.images.columns import features_of
from augmentation_worker.formats.images.dataset import SourceFile
from augmentation_worker.formats.images.unsupported import no_image_dataset
from augmentation_worker.storage.port import SourceDataset

_FOOTERS_AT_ONCE = 8
"""Each waits for a hub, most of the time."""
_MOST_LISTED = 5


def parquet_files(
    source: SourceDataset, paths: Mapping[str, Sequence[DatasetPath]], declared: Any
) -> tuple[Any, tuple[SourceFile, ...]]:
    """The features of all files, and the files in the order of their splits.

    Args:
        source: the dataset.
        paths: of the files, by split.
        declared: the features that the dataset's card gives; None: those of the first file.

    Raises:
        WorkerFailure: SOURCE_INVALID, SOURCE_FORMAT_UNSUPPORTED.
    """
    features, files, first_row = declared, [], 0
    with ThreadPoolExecutor(_FOOTERS_AT_ONCE) as threads:
        every = dict.fromkeys(path for of_split in paths.values() for path in of_split)
        footers = dict(zip(every, threads.map(lambda path: _footer(source, path), every), strict=True))
    for split, of_split in paths.items():
        for path in of_split:
            footer = footers[path]
            if features is None:
                with explained(source.name, path):
                    features = features_of(footer.schema)
            if set(footer.schema.names) != set(features):
                names = sorted(set(footer.schema.names) ^ set(features))
                more = len(names) - _MOST_LISTED
                odd = ", ".join(names[:_MOST_LISTED]) + (f" and {more} more" if more > 0 else "")
                raise damaged(source.name, f"{path} has other columns than the dataset ({odd})")
            _check_storage(source, path, footer.schema, features)
            files.append(
                SourceFile(split, path, first_row, footer.rows, footer.size // footer.rows if footer.rows else 0)
            )
            first_row += footer.rows
    if first_row > limits.MOST_FRAMES:
        raise damaged(source.name, f"its files count {first_row} rows, more than {limits.MOST_FRAMES}")
    return features, tuple(files)


class _Footer(NamedTuple):
    """What is kept of a parquet file's footer: `size` is the bytes of all row groups."""

    schema: pa.Schema
    rows: int
    size: int


def _footer(source: SourceDataset, path: DatasetPath) -> _Footer:
    with explained(source.name, path), source.open_partly(path) as file, open_parquet(file) as parquet:
        metadata, schema = parquet.metadata, parquet.schema_arrow
        if len(set(schema.names)) != len(schema.names):
            raise Unreadable("has two columns of one name")
        size = sum(metadata.row_group(group).total_byte_size for group in range(metadata.num_row_groups))
        return _Footer(schema, metadata.num_rows, size)


def _check_storage(source: SourceDataset, path: str, schema: pa.Schema, features: Any) -> None:
    """Whether the columns that are declared images hold them. A column of texts only names files."""
    import datasets  # noqa: PLC0415

    for name, feature in features.items():
        kind = schema.field(name).type
        if isinstance(feature, datasets.Image) and not holds_images(kind):
            raise no_image_dataset(
                source, f"{path} stores the images of the column {name} as {kind}, not as bytes, or as bytes and path"
            )
