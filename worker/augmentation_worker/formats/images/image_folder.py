"""The rows of an image folder, as the `datasets` library makes them of names and metadata files."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from augmentation_worker.bounded.unreadable import damaged
from augmentation_worker.formats.images.dataset import SourceFile
from augmentation_worker.formats.images.local_only import local_only
from augmentation_worker.formats.images.unsupported import said_by
from augmentation_worker.storage.disk import is_disk_full, scratch_full
from augmentation_worker.storage.port import SourceDataset


def folder_rows(source: SourceDataset, skeleton: Path, builder: Any) -> tuple[Any, dict[str, pa.Table]]:
    """Features and, by split, the rows of an image folder, the paths of its images relative to the dataset.

    Raises WorkerFailure(SOURCE_INVALID) with what the library says.
    """
    import datasets  # noqa: PLC0415

    try:
        with local_only():
            builder.download_and_prepare()
            splits = builder.as_dataset()
    except Exception as error:  # whatever it raises, it is of these files
        if is_disk_full(error):
            raise scratch_full() from error
        said = said_by(error, skeleton)
        raise damaged(source.name, f"the datasets library cannot read it as an image folder: {said}") from error
    features = next(iter(splits.values())).features
    images = [name for name, feature in features.items() if isinstance(feature, datasets.Image)]
    tables = {str(split): _relative(source, rows.data.table, images, skeleton) for split, rows in splits.items()}
    return features, tables


def _relative(source: SourceDataset, table: pa.Table, images: Sequence[str], skeleton: Path) -> pa.Table:
    """A copy in memory, as the library's lies in a file that is about to be removed, with paths in the dataset.

    Raises WorkerFailure(SOURCE_INVALID): a metadata.csv may name anything, also what is not part of the dataset.
    """
    own, prefix = frozenset(source.paths), f"{skeleton.resolve()}/"
    for name in images:
        position = table.schema.get_field_index(name)
        kind = table.schema.field(position).type
        # As a column, not cell by cell: each of those would take ten times as much.
        paths = pc.struct_field(table.column(name), "path").combine_chunks()
        inside = pc.utf8_replace_slice(paths, 0, len(prefix), "")
        named = [path for path in pc.unique(paths).to_pylist() if path is not None]
        if unknown := [path for path in named if path.removeprefix(prefix) not in own]:
            unknown_path = min(unknown).removeprefix(prefix)
            raise damaged(source.name, f"its metadata names the file {unknown_path}, which it does not have")
        empty = pa.nulls(len(inside), kind.field("bytes").type)
        parts = {"bytes": empty, "path": inside.cast(kind.field("path").type)}
        cells = pa.StructArray.from_arrays(
            [parts[field.name] for field in kind],
            fields=list(kind),
            mask=pc.is_null(table.column(name)).combine_chunks(),
        )
        table = table.set_column(position, table.schema.field(position), cells)
    kept: pa.Table = table.take(pa.array(range(len(table)), pa.int64()))
    return kept


def one_file_per_split(tables: Mapping[str, pa.Table]) -> tuple[SourceFile, ...]:
    """What stands for the files of an image folder: the rows of each split."""
    files, first_row = [], 0
    for split, table in tables.items():
        files.append(SourceFile(split, None, first_row, len(table)))
        first_row += len(table)
    return tuple(files)
