"""What an image dataset consists of, as the `datasets` library sees it.

The library is shown a folder in which every file of the source has its place but is empty, except for the few that say
something of the others: the card and metadata.csv and its like. Splits, configurations, class names and the rows of an
image folder are then what `load_dataset` would give, and no image was read. Of parquet files the footers are read.
"""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from augmentation_api import FailureReason
from augmentation_worker.bounded.unreadable import Unreadable, damaged, explained
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.images.card_configs import config_names, shown_card
from augmentation_worker.formats.images.dataset import ImageDataset, Layout
from augmentation_worker.formats.images.image_columns import image_columns, nested_images, with_looks
from augmentation_worker.formats.images.image_folder import folder_rows, one_file_per_split
from augmentation_worker.formats.images.local_only import local_only
from augmentation_worker.formats.images.metadata_file import METADATA_NAMES, check_metadata_file
from augmentation_worker.formats.images.parquet_files import parquet_files
from augmentation_worker.formats.images.unsupported import (
    archive_among,
    check_builder,
    check_layout,
    no_image_dataset,
    said_by,
)
from augmentation_worker.formats.result_files import CARD_PATH
from augmentation_worker.storage.disk import is_disk_full, scratch_full
from augmentation_worker.storage.port import SourceDataset

_SAID_ELSEWHERE = frozenset({"dataset_infos.json", ".huggingface.yaml"})
"""Files that older versions of `datasets` read besides the card. It is shown the card alone."""
_MOST_LISTED = 20


def find_image_dataset(source: SourceDataset, scratch: Path) -> ImageDataset:
    """Read what the dataset says of itself, and look at a few of its images.

    Raises WorkerFailure: SOURCE_FORMAT_UNSUPPORTED with what was looked for and what was found; SOURCE_INVALID.
    """
    check_layout(source)
    with _skeleton(source, scratch) as skeleton:
        builder = _builder(source, skeleton)
        paths = _own_files(source, skeleton, builder.config.data_files or {})
        layout = _layout(source, builder, paths)
        if layout is Layout.PARQUET:
            features, files = parquet_files(source, paths, builder.info.features)
            tables: Mapping[str, pa.Table] = {}
        else:
            features, tables = folder_rows(source, skeleton, builder)
            files = one_file_per_split(tables)
    columns = image_columns(source, features, layout)
    dataset = ImageDataset(
        name=source.name,
        revision=source.revision,
        config=builder.config.name,
        layout=layout,
        schema=features.arrow_schema,
        splits=tuple(paths),
        files=files,
        columns=columns,
        photographs=columns,
        data_paths=frozenset(path for paths_of_split in paths.values() for path in paths_of_split),
        tables=tables,
        omissions=tuple(_omissions(source, builder.config.name, features)),
    )
    if not dataset.rows:
        raise damaged(source.name, "it has no rows")
    return with_looks(dataset, source)


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
        archive = archive_among(source.paths)
        said = archive or f"the datasets library says: {said_by(error, skeleton)}"
        raise no_image_dataset(source, said) from error


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


def _layout(source: SourceDataset, builder: Any, paths: Mapping[str, Sequence[DatasetPath]]) -> Layout:
    check_builder(source, builder.name, [path for of_split in paths.values() for path in of_split])
    if builder.name not in tuple(Layout):
        raise no_image_dataset(source, f"the datasets library takes it for {builder.name}")
    if not builder.config.data_files:
        raise no_image_dataset(source, "it has no data files")
    return Layout(builder.name)


def _omissions(source: SourceDataset, config: str, features: Any) -> Iterator[str]:
    """What of the source is not augmented, or not in a result elsewhere, though nobody asked for that."""
    if nested := nested_images(features):
        yield (
            f"The images in the column {', '.join(nested[:_MOST_LISTED])} are left as they are: several images per row "
            "are not supported yet"
        )
    others = [name for name in config_names(source.read(CARD_PATH) or b"") if name != config]
    if others:
        yield (
            f"Only the configuration {config} is read; {', '.join(others[:_MOST_LISTED])} is left out. To augment "
            "another one, mark it with `default: true` under `configs` in README.md"
        )
