"""What the user of a job on an image dataset should see before it runs: what is left out, and what may not be meant.

resolve reports each as an event, and the result's card keeps them.
"""

from collections.abc import Iterator

from augmentation_api import AugmentationJobSpec
from augmentation_worker.formats.images.dataset import ImageDataset
from augmentation_worker.formats.images.plan import BlockPlan
from augmentation_worker.formats.splits import evaluation_warning, selected_ranges
from augmentation_worker.media.images.header import ImageKind

_MOST_ROWS_LISTED = 5


def warnings_of(spec: AugmentationJobSpec, dataset: ImageDataset) -> tuple[str, ...]:
    """Sentences, each with the way out."""
    selected = selected_ranges(spec.augmentation, dataset.rows, dataset.split_rows)
    evaluation = evaluation_warning(spec.augmentation, selected, dataset.split_rows, "rows")
    of_columns = _named_labels(spec, dataset) if spec.augmentation.cameras else _labels_left(dataset)
    return (*of_columns, *([] if evaluation is None else [evaluation]), *dataset.omissions)


def first_bad_images(spec: AugmentationJobSpec, dataset: ImageDataset, plan: BlockPlan) -> str | None:
    """What to say of images among the first ones that are to be augmented and cannot be; None if there are none.

    They do not stop the job here: augment finds all of them in one pass.
    """
    selected = selected_ranges(spec.augmentation, dataset.rows, dataset.split_rows)
    found = [
        f"{dataset.place_of(look.row)}, column {look.column}: the image {look.finding}"
        for look in dataset.looks
        if look.is_bad(keeps_labels=plan.keeps_labels)
        and look.column in plan.columns
        and any(look.row in rows for rows in selected)
    ]
    if not found:
        return None
    more = f"; and {len(found) - _MOST_ROWS_LISTED} more" if len(found) > _MOST_ROWS_LISTED else ""
    return (
        f"Some of the first images that the job selects cannot be augmented: {'; '.join(found[:_MOST_ROWS_LISTED])}"
        f"{more}. Leave these rows out (spec.augmentation.episodes), or repair the dataset"
    )


def _named_labels(spec: AugmentationJobSpec, dataset: ImageDataset) -> Iterator[str]:
    for name in spec.augmentation.cameras:
        if name in dataset.left:
            yield (
                f"spec.augmentation.cameras names the column {name}, though {dataset.left[name]}: its images are "
                "augmented like photographs, and those with palettes become RGB"
            )


def _labels_left(dataset: ImageDataset) -> Iterator[str]:
    way_out = "If they are photographs, name the column in spec.augmentation.cameras"
    for name, reason in dataset.left.items():
        yield f"The images in the column {name} are left as they are, as {reason}. {way_out}"
    palettes = {look.column: look.row for look in reversed(dataset.looks) if look.kind is ImageKind.PALETTE}
    for name in dataset.photographs:
        if name in palettes:
            yield (
                f"Images in the column {name} that have palettes, like that of row {palettes[name]}, are left as they "
                f"are, as they may be masks. {way_out}"
            )
