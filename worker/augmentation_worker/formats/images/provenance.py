"""meta/augmentation.json of an image dataset's result: enough to make its pixels again, and to compare them."""

import json
from collections.abc import Mapping
from typing import Any

from augmentation_api import AugmentationJobSpec
from augmentation_worker.formats.images.dataset import ImageDataset
from augmentation_worker.formats.images.plan import BlockPlan
from augmentation_worker.formats.images.records import BlockRecord
from augmentation_worker.formats.provenance import job_entries

_PACKAGES = ("datasets", "pillow", "torch", "torchvision", "numpy", "pyarrow", "huggingface_hub")


def write_provenance(
    job_uid: str,
    spec: AugmentationJobSpec,
    origin: Mapping[str, str],
    dataset: ImageDataset,
    plan: BlockPlan,
    records: Mapping[int, BlockRecord],
) -> bytes:
    """The file's content. The same job gives the same bytes.

    What was sampled for each row is not in it, as that may be millions of rows: it follows from seed, column, row, copy
    and transform, and `preview --episode ROW` shows it.
    """
    document = {
        **job_entries(job_uid, spec, {**origin, "config": dataset.config}, _PACKAGES),
        "columns": list(plan.columns),
        "labels": "kept" if plan.keeps_labels else "augmented",
        "copies": plan.copies,
        "splits": {split.split: split.rows for split in plan.splits},
        "blocks": [
            {
                "path": block.path,
                "sourceRows": [
                    [block.file.first_row + rows.start, block.file.first_row + rows.stop] for rows in block.selected
                ],
                "cameras": {name: {"pixelHash": digest} for name, digest in records[block.index].pixel_hash.items()},
            }
            for block in plan.blocks
            if block.selected_rows
        ],
    }
    return json.dumps(document, indent=1, ensure_ascii=False).encode()


def recorded_augmentation(provenance: Mapping[str, Any]) -> object:
    """`augmentation` of a job that makes a recorded result again.

    Records without `labels` are of versions that augmented whatever an augmented column had, as is done now where the
    job names the column. Raises LookupError.
    """
    augmentation = provenance["augmentation"]
    return augmentation if "labels" in provenance else {**augmentation, "cameras": provenance["columns"]}
