"""The preview of one row, before and after: a line per column, the original first, then its versions."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pyarrow as pa

from augmentation_api import Augmentation, AugmentationJobSpec, FailureReason
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.images.dataset import ImageDataset
from augmentation_worker.formats.images.detection import find_image_dataset
from augmentation_worker.formats.images.plan import BlockPlan
from augmentation_worker.formats.images.resolve import checked_plan
from augmentation_worker.formats.images.rows import damaged, open_rows
from augmentation_worker.formats.images.versions import pipelines_of
from augmentation_worker.media.contact_sheet import (
    MOST_CAMERAS,
    MOST_COPIES,
    Cell,
    draw_contact_sheet,
    drawn_line,
    pixels_of,
)
from augmentation_worker.media.images.codec import decode_image
from augmentation_worker.media.images.header import ImageInvalid
from augmentation_worker.storage.port import SourceDataset


def preview(source: SourceDataset, spec: AugmentationJobSpec, scratch: Path, row: int | None) -> bytes:
    """Draw a row of a source; None: the first that the job selects.

    Raises:
        WorkerFailure: what the job itself would fail with before it starts.
    """
    dataset = find_image_dataset(source, scratch)
    plan = checked_plan(spec, dataset, source, None)
    if row is None:
        return draw_first_row(dataset, plan, spec.augmentation, source)
    if row >= dataset.rows or not spec.augmentation.selects_episode(row):
        raise WorkerFailure(
            FailureReason.SELECTION_EMPTY,
            f"--episode {row}: none of the {plan.selected_rows} rows that the job selects, of {dataset.rows}",
        )
    return _draw_row(dataset, plan, spec.augmentation, row, source)


def draw_first_row(dataset: ImageDataset, plan: BlockPlan, augmentation: Augmentation, source: SourceDataset) -> bytes:
    """Draw the first selected row that has an image, as it is and as the job makes it, before encoding.

    Returns:
        A PNG.

    Raises:
        WorkerFailure: SOURCE_INVALID if an image cannot be decoded.
    """
    block = next(block for block in plan.blocks if block.selected_rows)
    with open_rows(dataset, source, partly=True) as rows:
        for first, batch in rows.between(block.file, block.start, block.stop):
            for position in range(len(batch)):
                if block.selects(first + position):
                    lines = _lines(dataset, plan, augmentation, first + position, batch.slice(position, 1))
                    if lines:
                        return _sheet(dataset, plan, augmentation, first + position, lines)
    nothing = np.zeros((1, 1, 3), np.uint8)
    return _sheet(dataset, plan, augmentation, block.file.first_row + block.start, [[Cell("no picture", nothing)]])


def _draw_row(
    dataset: ImageDataset, plan: BlockPlan, augmentation: Augmentation, row: int, source: SourceDataset
) -> bytes:
    """Draw one row; columns that are empty in it are left out.

    Raises:
        WorkerFailure: SOURCE_INVALID if an image cannot be decoded, SELECTION_EMPTY if there is none.
    """
    file = next(file for file in dataset.files if file.first_row <= row < file.first_row + file.rows)
    with open_rows(dataset, source, partly=True) as rows:
        ((_, table),) = rows.between(file, row - file.first_row, row - file.first_row + 1)
    lines = _lines(dataset, plan, augmentation, row, table)
    if not lines:
        raise WorkerFailure(
            FailureReason.SELECTION_EMPTY, f"{dataset.place_of(row)} has no image in {', '.join(plan.columns)}"
        )
    return _sheet(dataset, plan, augmentation, row, lines)


def _lines(
    dataset: ImageDataset, plan: BlockPlan, augmentation: Augmentation, row: int, table: pa.Table
) -> list[list[Cell]]:
    lines = [
        list(_cells(dataset, plan, augmentation, name, row, table.column(name).to_pylist()[0]))
        for name in plan.columns[:MOST_CAMERAS]
    ]
    return [line for line in lines if line]


def _sheet(
    dataset: ImageDataset, plan: BlockPlan, augmentation: Augmentation, row: int, lines: list[list[Cell]]
) -> bytes:
    left_out = max(0, len(plan.columns) - MOST_CAMERAS), max(0, plan.copies - MOST_COPIES)
    more = f" ({left_out[0]} more columns, {left_out[1]} more versions)" if any(left_out) else ""
    content = BytesIO()
    heading = f"{dataset.name}, row {row}, seed {augmentation.seed}{more}"
    draw_contact_sheet(heading, lines).save(content, format="PNG", optimize=True)
    return content.getvalue()


def _cells(
    dataset: ImageDataset,
    plan: BlockPlan,
    augmentation: Augmentation,
    column: str,
    row: int,
    cell: dict[str, bytes | None] | None,
) -> Iterator[Cell]:
    content = cell["bytes"] if cell is not None else None
    if content is None:
        return
    try:
        image = decode_image(content)
    except ImageInvalid as error:
        raise damaged(dataset.name, f"{dataset.place_of(row)}, column {column}: the image {error.found}") from error
    frames = image.pixels[None]
    yield Cell(column, pixels_of(frames), ("original",))
    for number, pipeline in enumerate(pipelines_of(augmentation, column, row, plan.copies, image)[:MOST_COPIES]):
        caption = tuple(drawn_line(name, drawn) for name, drawn in pipeline.parameters.items())
        yield Cell(f"version {number}", pixels_of(pipeline(frames, 0)), caption)
