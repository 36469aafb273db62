"""What an image dataset consists of, as the `datasets` library sees it.

The library is shown a folder in which every file of the source has its place but is empty, except for the few that say
something of the others: the card and metadata.csv and its like. Splits, configurations, class names and the rows of an
image folder are then what `load_dataset` would give, and no image was read. Of parquet files the footers are read.
"""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from augmentation_api import FailureReason
from augmentation_worker.bounded.parquet_file import open_parquet
from augmentation_worker.bounded.unreadable import Unreadable, damaged, explained
from augmentation_worker.dataset_path import DatasetPath, kinds_of
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats import limits
from augmentation_worker.formats.images.card_configs import shown_card
from augmentation_worker.formats.images.columns import features_of
from augmentation_worker.formats.images.dataset import ImageDataset, Layout, SourceFile
from augmentation_worker.formats.images.local_only import local_only
from augmentation_worker.formats.images.metadata_file import METADATA_NAMES, check_metadata_file
from augmentation_worker.formats.images.rows import open_rows
from augmentation_worker.formats.result_files import CARD_PATH
from augmentation_worker.media.images.header import ImageInvalid, read_header
from augmentation_worker.storage.disk import is_disk_full, scratch_full
from augmentation_worker.storage.port import SourceDataset

_SAID_ELSEWHERE = frozenset({"dataset_infos.json", ".huggingface.yaml"})
"""Files that older versions of `datasets` read besides the card. It is shown the card alone."""
LOOKED_AT = 16
"""Images of a column that are looked at to know whether it has colours."""
_MOST_LISTED = 20
_FOOTERS_AT_ONCE = 8
"""Each waits for a hub, most of the time."""


def find_image_dataset(source: SourceDataset, scratch: Path) -> ImageDataset:
    """Read what the dataset says of itself, and look at a few of its images.

    Raises WorkerFailure: SOURCE_FORMAT_UNSUPPORTED with what was looked for and what was found; SOURCE_INVALID.
    """
    with _skeleton(source, scratch) as skeleton:
        builder = _builder(source, skeleton)
        layout = _layout(source, builder)
        paths = _own_files(source, skeleton, builder.config.data_files)
        if layout is Layout.PARQUET:
            features, files = _parquet_files(source, paths, builder.info.features)
            tables: Mapping[str, pa.Table] = {}
        else:
            features, tables = _folder_rows(source, skeleton, builder)
            files = _one_a_split(tables)
    columns = _image_columns(source, features, layout)
    dataset = ImageDataset(
        name=source.name,
        revision=source.revision,
        config=builder.config.name,
        layout=layout,
        schema=features.arrow_schema,
        splits=tuple(paths),
        files=files,
        columns=columns,
        colour=columns,
        data_paths=frozenset(path for paths_of_split in paths.values() for path in paths_of_split),
        tables=tables,
    )
    if not dataset.rows:
        raise damaged(source.name, "it has no rows")
    return _with_colour(dataset, source)


@contextmanager
def _skeleton(source: SourceDataset, scratch: Path) -> Iterator[Path]:
    folder = scratch / "skeleton"
    shutil.rmtree(folder, ignore_errors=True)
    dataset = folder / "dataset"
    dataset.mkdir(parents=True)
    try:
        for path in source.paths:
            local = dataset / path
            local.parent.mkdir(parents=True, exist_ok=True)
            if path == CARD_PATH:
                local.write_bytes(_shown_card(source))
            elif path.name in METADATA_NAMES:
                shutil.copyfile(source.open(path), local)
                with explained(source.name, path):
                    check_metadata_file(local, path.name)
            elif path not in _SAID_ELSEWHERE:
                local.touch()
        yield dataset
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _shown_card(source: SourceDataset) -> bytes:
    try:
        return shown_card(source.read(CARD_PATH) or b"")
    except Unreadable as error:
        raise damaged(source.name, f"its {CARD_PATH} {error.finding}") from error


def _own_files(
    source: SourceDataset, skeleton: Path, data_files: Mapping[Any, Sequence[str]]
) -> dict[str, list[DatasetPath]]:
    """By split the paths of its files: they are the dataset's own, whatever has chosen them."""
    own: dict[str, DatasetPath] = {path: path for path in source.paths}
    prefix = f"{skeleton.resolve()}/"
    paths: dict[str, list[DatasetPath]] = {}
    for split, files in data_files.items():
        named = [str(file).removeprefix(prefix) for file in files]
        if others := [path for path in named if path not in own]:
            raise damaged(source.name, f"its split {split} is made of {others[0]!r}, which is not one of its files")
        paths[str(split)] = [own[path] for path in named]
    return paths


def _builder(source: SourceDataset, skeleton: Path) -> Any:
    import datasets  # noqa: PLC0415 (seconds, and no other dataset needs it)

    datasets.disable_progress_bars()
    try:
        with local_only():
            # Without a name it takes the only configuration, or the default one.
            return datasets.load_dataset_builder(str(skeleton), cache_dir=str(skeleton.with_name("cache")))
    except Exception as error:  # whatever it raises, it is of these files
        if is_disk_full(error):
            raise scratch_full() from error
        names = _configurations(skeleton)
        if len(names) > 1:
            raise WorkerFailure(
                FailureReason.SOURCE_FORMAT_UNSUPPORTED,
                f"the dataset {source.name} has several configurations ({', '.join(names[:_MOST_LISTED])}) and none is "
                "its default: mark the one to augment with `default: true` under `configs` in its README.md",
            ) from error
        raise _no_image_dataset(source, f"the datasets library says: {_said(error, skeleton)}") from error


def _configurations(skeleton: Path) -> list[str]:
    """Their names; none if they cannot be found out."""
    import datasets  # noqa: PLC0415

    try:
        with local_only():
            if datasets.get_dataset_default_config_name(str(skeleton)) is not None:
                return []  # whatever is wrong, it is not the choice
            return list(datasets.get_dataset_config_names(str(skeleton)))
    except Exception:  # the error that led here says what is wrong
        return []


def _said(error: BaseException, skeleton: Path) -> str:
    """What an error says (its cause, if that says more), in one line and with the dataset's own paths."""
    if error.__cause__ is not None and str(error.__cause__):
        error = error.__cause__
    return " ".join(str(error).replace(f"{skeleton}/", "").replace(str(skeleton), ".").split())[:300]


def _layout(source: SourceDataset, builder: Any) -> Layout:
    if builder.name not in tuple(Layout):
        raise _no_image_dataset(source, f"the datasets library takes it for {builder.name}")
    if not builder.config.data_files:
        raise _no_image_dataset(source, "it has no data files")
    return Layout(builder.name)


def _no_image_dataset(source: SourceDataset, finding: str) -> WorkerFailure:
    named = b"\nconfigs:" in (source.read(CARD_PATH) or b"")
    hint = f"; its {CARD_PATH} says under `configs` which files it is made of: check them" if named else ""
    return WorkerFailure(
        FailureReason.SOURCE_FORMAT_UNSUPPORTED,
        f"the dataset {source.name} at revision {source.revision} has the marker of no other format and is not an "
        f"image dataset (parquet files with columns of type Image, or folders of images): {finding}; it holds "
        f"{kinds_of(source.paths)}{hint}",
    )


def _parquet_files(
    source: SourceDataset, paths: Mapping[str, Sequence[DatasetPath]], declared: Any
) -> tuple[Any, tuple[SourceFile, ...]]:
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
                odd = ", ".join(sorted(set(footer.schema.names) ^ set(features)))
                raise damaged(source.name, f"{path} has other columns than the dataset ({odd})")
            _check_stored_as_struct(source, path, footer.schema, features)
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


def _check_stored_as_struct(source: SourceDataset, path: str, schema: pa.Schema, features: Any) -> None:
    import datasets  # noqa: PLC0415

    for name, feature in features.items():
        kind = schema.field(name).type
        if isinstance(feature, datasets.Image) and not (
            pa.types.is_struct(kind) and {"bytes", "path"} == {part.name for part in kind.fields}
        ):
            raise _no_image_dataset(
                source, f"{path} stores the images of the column {name} as {kind}, not as bytes and path"
            )


def _folder_rows(source: SourceDataset, skeleton: Path, builder: Any) -> tuple[Any, dict[str, pa.Table]]:
    """The rows of an image folder, the paths of its images relative to the dataset."""
    import datasets  # noqa: PLC0415

    try:
        with local_only():
            builder.download_and_prepare()
            splits = builder.as_dataset()
    except Exception as error:  # whatever it raises, it is of these files
        if is_disk_full(error):
            raise scratch_full() from error
        said = _said(error, skeleton)
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


def _one_a_split(tables: Mapping[str, pa.Table]) -> tuple[SourceFile, ...]:
    files, first_row = [], 0
    for split, table in tables.items():
        files.append(SourceFile(split, None, first_row, len(table)))
        first_row += len(table)
    return tuple(files)


def _image_columns(source: SourceDataset, features: Any, layout: Layout) -> tuple[str, ...]:
    import datasets  # noqa: PLC0415

    columns = tuple(name for name, feature in features.items() if isinstance(feature, datasets.Image))
    nested = [name for name, feature in features.items() if name not in columns and "Image(" in repr(feature)]
    if nested and layout is Layout.IMAGE_FOLDER:
        raise _no_image_dataset(
            source, f"its column {nested[0]} has several images per row, which is not supported yet"
        )
    if not columns:
        within = f" (but in lists: {', '.join(nested)}, which is not supported yet)" if nested else ""
        raise _no_image_dataset(source, f"none of its columns ({', '.join(features)}) is of type Image{within}")
    return columns


def _with_colour(dataset: ImageDataset, source: SourceDataset) -> ImageDataset:
    """What the first images of each column say of it."""
    coloured: set[str] = set()
    file = next(file for file in dataset.files if file.rows)
    with open_rows(dataset, source, partly=True) as rows:
        looked_at = min(LOOKED_AT, file.rows)
        for row, batch in rows.between(file, 0, looked_at):
            for name in dataset.columns:
                for number, image in enumerate(batch.column(name).to_pylist()):
                    if image is not None and _is_colour(dataset, row + number, name, image["bytes"]):
                        coloured.add(name)
    colour = tuple(name for name in dataset.columns if name in coloured)
    return replace(dataset, colour=colour)


def _is_colour(dataset: ImageDataset, row: int, column: str, content: bytes | None) -> bool:
    try:
        return read_header(content or b"").is_colour
    except ImageInvalid as error:
        raise damaged(dataset.name, f"{dataset.place_of(row)}, column {column}: the image {error.finding}") from error
