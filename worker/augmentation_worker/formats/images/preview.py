"""The preview of one row, before and after: a line per column, the original first, then its versions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from augmentation_api import Augmentation, AugmentationJobSpec, FailureReason
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.background_images import SourceImages
from augmentation_worker.formats.images.cells import content_of, is_empty, path_of
from augmentation_worker.formats.images.dataset import ImageDataset
from augmentation_worker.formats.images.detection import find_image_dataset
from augmentation_worker.formats.images.labels import holds_labels
from augmentation_worker.formats.images.plan import Block, BlockPlan
from augmentation_worker.formats.images.resolve import checked_plan
from augmentation_worker.formats.images.rows import Rows, open_rows
from augmentation_worker.formats.images.versions import mask_of, pipelines_of
from augmentation_worker.formats.splits import selected_ranges
from augmentation_worker.media.contact_sheet import MOST_CAMERAS, Cell, before_and_after, preview_png
from augmentation_worker.media.images.codec import decode_image
from augmentation_worker.media.images.header import ImageInvalid, read_header
from augmentation_worker.storage.port import SourceDataset


def preview(source: SourceDataset, spec: AugmentationJobSpec, scratch: Path) -> bytes:
    """Draw the row of a source that `spec.preview` chooses.

    Raises WorkerFailure: what the job itself would fail with before it starts.
    """
    row, frame = (spec.preview.episode, spec.preview.frame) if spec.preview is not None else (None, None)
    if frame:
        raise WorkerFailure(
            FailureReason.SELECTION_EMPTY,
            f"spec.preview.frame: {frame}, but a row of an image dataset has one frame: leave the field out",
        )
    dataset = find_image_dataset(source, scratch)
    plan = checked_plan(spec, dataset, source, None)
    if row is None:
        blocks = [block for block in plan.blocks if block.selected_rows]
        return draw_first_row(dataset, plan, spec.augmentation, source, blocks)
    if not any(row in rows for rows in selected_ranges(spec.augmentation, dataset.rows, dataset.split_rows)):
        raise WorkerFailure(
            FailureReason.SELECTION_EMPTY,
            f"spec.preview.episode: {row} is none of the {plan.selected_rows} rows that the job selects, of "
            f"{dataset.rows}",
        )
    return _draw_row(dataset, plan, spec.augmentation, row, source)


def draw_first_row(
    dataset: ImageDataset,
    plan: BlockPlan,
    augmentation: Augmentation,
    source: SourceDataset,
    blocks: Sequence[Block],
) -> bytes:
    """A PNG of the first selected row of some blocks that has an image, as it is and as the job augments it.

    Rows that cannot be used are skipped. Raises WorkerFailure(SOURCE_INVALID) if there are no others.
    """
    drawing = _Drawing(dataset, plan, augmentation, SourceImages.of_job(augmentation, source))
    with open_rows(dataset, source, partly=True) as rows:
        for block in blocks:
            bad: WorkerFailure | None = None
            for row, table in _selected(block, rows):
                try:
                    if cells := drawing.cells(row, table):
                        return drawing.png(row, cells)
                except WorkerFailure as failure:
                    bad = bad or failure
            if bad is None:
                nothing = np.zeros((1, 1, 3), np.uint8)
                return drawing.png(block.file.first_row + block.start, [[Cell("no picture", nothing)]])
    assert bad is not None  # noqa: S101 (there is a block, and nothing in it can be used)
    raise bad


def _selected(block: Block, rows: Rows) -> Iterator[tuple[int, pa.Table]]:
    for first, batch in rows.between(block.file, block.start, block.stop):
        for position in range(len(batch)):
            if block.selects(first + position):
                yield first + position, batch.slice(position, 1)


def _draw_row(
    dataset: ImageDataset, plan: BlockPlan, augmentation: Augmentation, row: int, source: SourceDataset
) -> bytes:
    """Draw one row; columns that are empty in it are left out."""
    drawing = _Drawing(dataset, plan, augmentation, SourceImages.of_job(augmentation, source))
    file = next(file for file in dataset.files if file.first_row <= row < file.first_row + file.rows)
    with open_rows(dataset, source, partly=True) as rows:
        ((_, table),) = rows.between(file, row - file.first_row, row - file.first_row + 1)
    cells = drawing.cells(row, table)
    if not cells:
        raise WorkerFailure(
            FailureReason.SELECTION_EMPTY,
            f"{dataset.place_of(row)} has no image to augment in {', '.join(plan.columns)}",
        )
    return drawing.png(row, cells)


@dataclass(frozen=True)
class _Drawing:
    dataset: ImageDataset
    plan: BlockPlan
    augmentation: Augmentation
    backgrounds: SourceImages | None

    def png(self, row: int, cells: list[list[Cell]]) -> bytes:
        heading = f"{self.dataset.name}, row {row}, seed {self.augmentation.seed}"
        return preview_png(heading, cells, (len(self.plan.columns), "columns"), self.plan.copies)

    def cells(self, row: int, table: pa.Table) -> list[list[Cell]]:
        """One row of the sheet per column that has an image to augment."""
        rows = []
        for column in self.plan.columns[:MOST_CAMERAS]:
            (cell,) = table.column(column).to_pylist()
            if is_empty(cell):
                continue
            try:
                content = content_of(cell)
                if self.plan.keeps_labels and holds_labels(read_header(content), path_of(cell)):
                    continue
                image = decode_image(content)
                mask = mask_of(self.augmentation, column, table)
                pipelines = pipelines_of(
                    self.augmentation, column, row, self.plan.copies, image, mask, self.backgrounds
                )
            except ImageInvalid as error:
                raise self.dataset.unusable(row, column, error.finding) from error
            versions = ((f"version {number}", pipeline) for number, pipeline in enumerate(pipelines))
            rows.append(before_and_after(column, image.pixels[None], versions))
        return rows
