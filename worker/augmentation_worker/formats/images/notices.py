"""What the user of a job on an image dataset should see before it runs: what is left out, and what may not be meant.

resolve reports each as an event, and the result's card keeps them.
"""

from collections.abc import Iterator

import pyarrow as pa

from augmentation_api import Augmentation, AugmentationJobSpec
from augmentation_api.vocabulary import OnBadEpisode
from augmentation_worker.formats.calibration import stale_calibrations
from augmentation_worker.formats.geometry import geometry_warnings, leader_of
from augmentation_worker.formats.images.dataset import ImageDataset
from augmentation_worker.formats.images.labels import ImageLook
from augmentation_worker.formats.images.plan import BlockPlan
from augmentation_worker.formats.splits import evaluation_warning, selected_ranges
from augmentation_worker.media.images.header import ImageKind

_MOST_ROWS_LISTED = 5


def warnings_of(spec: AugmentationJobSpec, dataset: ImageDataset) -> tuple[str, ...]:
    """Sentences, each with the way out."""
    selected = selected_ranges(spec.augmentation, dataset.rows, dataset.split_rows)
    evaluation = evaluation_warning(spec.augmentation, selected, dataset.split_rows, "rows")
    of_columns = _named_labels(spec, dataset) if spec.augmentation.cameras else _labels_left(spec, dataset)
    return (*of_columns, *([] if evaluation is None else [evaluation]), *dataset.omissions)


def selected_looks(spec: AugmentationJobSpec, dataset: ImageDataset) -> list[ImageLook]:
    """What is known of the first images, as far as the job selects their rows."""
    selected = selected_ranges(spec.augmentation, dataset.rows, dataset.split_rows)
    return [look for look in dataset.looks if any(look.row in rows for rows in selected)]


def first_bad_images(spec: AugmentationJobSpec, dataset: ImageDataset, plan: BlockPlan) -> str | None:
    """What to say of images among the first ones that are to be augmented and cannot be; None if there are none.

    They do not stop the job here: augment finds all of them in one pass.
    """
    found = [
        f"{dataset.place_of(look.row)}, column {look.column}: the image {look.finding}"
        for look in selected_looks(spec, dataset)
        if look.is_bad(keeps_labels=plan.keeps_labels) and look.column in plan.columns
    ]
    if not found:
        return None
    more = f"; and {len(found) - _MOST_ROWS_LISTED} more" if len(found) > _MOST_ROWS_LISTED else ""
    end = (
        "As spec.onBadEpisode is skip, such rows get no augmented version"
        if spec.on_bad_episode is OnBadEpisode.SKIP
        else "The job will list all such rows and fail: set spec.onBadEpisode to skip to leave them out"
    )
    listed = "; ".join(found[:_MOST_ROWS_LISTED])
    return f"Some of the first images that the job selects cannot be augmented: {listed}{more}. {end}"


def _named_labels(spec: AugmentationJobSpec, dataset: ImageDataset) -> Iterator[str]:
    for name in spec.augmentation.cameras:
        if name in dataset.left:
            yield (
                f"spec.augmentation.cameras names the column {name}, though {dataset.left[name]}: its images are "
                "augmented like photographs, and those with palettes become RGB"
            )


def _labels_left(spec: AugmentationJobSpec, dataset: ImageDataset) -> Iterator[str]:
    way_out = "If they are photographs, name the column in spec.augmentation.cameras"
    moved = leader_of(spec.augmentation)
    for name, reason in dataset.left.items():
        if name not in moved:
            yield f"The images in the column {name} are left as they are, as {reason}. {way_out}"
    palettes = {look.column: look.row for look in reversed(dataset.looks) if look.kind is ImageKind.PALETTE}
    for name in dataset.photographs:
        if name in palettes:
            yield (
                f"Images in the column {name} that have palettes, like that of row {palettes[name]}, are left as they "
                f"are, as they may be masks. {way_out}"
            )


def moving_warnings(augmentation: Augmentation, dataset: ImageDataset, plan: BlockPlan) -> Iterator[str]:
    """What the user should know before pixels are moved: images and places in the frame that stay the source's."""
    left = [name for name in dataset.columns if name not in plan.columns and name not in plan.followers]
    names = column_names(dataset)
    calibrations = stale_calibrations(augmentation, plan.columns, dataset.columns, names)
    return geometry_warnings(augmentation, plan.columns, left, names, calibrations)


def column_names(dataset: ImageDataset) -> list[str]:
    """The names of all columns and of what is in them, with dots."""
    return [name for field in dataset.schema for name in _names_in(field)]


def _names_in(field: pa.Field, parent: str = "") -> Iterator[str]:
    """The names of a column and of what is in it, with dots."""
    name = f"{parent}{field.name}"
    kind = field.type
    while pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        kind = kind.value_type
    if not pa.types.is_struct(kind):
        yield name
    else:
        for inner in kind:
            yield from _names_in(inner, f"{name}.")
