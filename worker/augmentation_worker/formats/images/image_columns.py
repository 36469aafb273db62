"""The columns of images: which there are, and what the first images of each are."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa

from augmentation_worker.bounded import lfs_pointer
from augmentation_worker.bounded.unreadable import damaged
from augmentation_worker.formats.images.cells import content_of, holds_images, is_empty
from augmentation_worker.formats.images.dataset import ImageDataset, Layout
from augmentation_worker.formats.images.labels import ImageLook, why_left
from augmentation_worker.formats.images.rows import open_rows
from augmentation_worker.formats.images.unsupported import no_image_dataset
from augmentation_worker.formats.result_files import CARD_PATH
from augmentation_worker.media.images.header import ImageHeader, ImageInvalid, read_header
from augmentation_worker.storage.port import SourceDataset

LOOKED_AT = 16
"""Rows whose images are looked at to know what a column shows."""


def image_columns(source: SourceDataset, features: Any, layout: Layout) -> tuple[str, ...]:
    """The columns of type Image. Raises WorkerFailure(SOURCE_FORMAT_UNSUPPORTED) if there is none that can be read."""
    import datasets  # noqa: PLC0415 (seconds, and only image datasets need it)

    columns = tuple(name for name, feature in features.items() if isinstance(feature, datasets.Image))
    nested = nested_images(features)
    if nested and layout is Layout.IMAGE_FOLDER:
        raise no_image_dataset(source, f"its column {nested[0]} has several images per row, which is not supported yet")
    if columns:
        return columns
    within = f" (but in lists: {', '.join(nested)}, which is not supported yet)" if nested else ""
    undeclared = [field.name for field in features.arrow_schema if holds_images(field.type)]
    hint = (
        f". If {undeclared[0]} holds images, declare all columns at the top of its {CARD_PATH}, between two lines of "
        f"---, as in dataset_info: {{features: [{{name: {undeclared[0]}, dtype: image}}, {{name: id, dtype: int64}}]}}"
        if undeclared
        else ""
    )
    raise no_image_dataset(source, f"none of its columns ({', '.join(features)}) is of type Image{within}{hint}")


def nested_images(features: Any) -> list[str]:
    """The columns that have images in lists or structs."""
    import datasets  # noqa: PLC0415

    others = {name: feature for name, feature in features.items() if not isinstance(feature, datasets.Image)}
    return [name for name, feature in others.items() if "Image(" in repr(feature)]


def with_looks(dataset: ImageDataset, source: SourceDataset) -> ImageDataset:
    """The dataset with what the first images of each column are, and which columns are photographs.

    Raises WorkerFailure(SOURCE_INVALID) if one of them is a pointer of Git LFS: so are all others, then.
    """
    looks: list[ImageLook] = []
    file = next(file for file in dataset.files if file.rows)
    with open_rows(dataset, source, partly=True) as rows:
        for first, batch in rows.between(file, 0, min(LOOKED_AT, file.rows)):
            looks += (look for name in dataset.columns for look in _looks_at(batch, first, name))
    pointer = next((look for look in looks if look.finding == lfs_pointer.FINDING), None)
    if pointer is not None:
        place = dataset.place_of(pointer.row)
        raise damaged(dataset.name, f"{place}, column {pointer.column}: the image {pointer.finding}")
    left = {name: why_left(name, [look for look in looks if look.column == name]) for name in dataset.columns}
    return replace(
        dataset,
        photographs=tuple(name for name, reason in left.items() if reason is None),
        left={name: reason for name, reason in left.items() if reason is not None},
        looks=tuple(looks),
    )


def _looks_at(batch: pa.Table, first: int, column: str) -> Sequence[ImageLook]:
    looks = []
    for number, cell in enumerate(batch.column(column).to_pylist(), first):
        if is_empty(cell):
            continue
        header: ImageHeader | None = None
        finding: str | None = None
        try:
            header = read_header(content_of(cell))
            header.check_decodable()
        except ImageInvalid as error:
            finding = error.finding
        looks.append(ImageLook(number, column, None if header is None else header.kind, finding, header))
    return looks
