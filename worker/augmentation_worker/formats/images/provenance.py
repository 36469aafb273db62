"""meta/augmentation.json of an image dataset's result: enough to make its pixels again, and to compare them."""

import json
from collections.abc import Mapping, Sequence

from augmentation_api import AugmentationJobSpec
from augmentation_worker.formats.images.dataset import ImageDataset
from augmentation_worker.formats.images.plan import ImagePlan
from augmentation_worker.formats.images.records import ImageShardRecords
from augmentation_worker.formats.lerobot.provenance import DISTRIBUTION, package_versions, version

_PACKAGES = ("datasets", "pillow", "torch", "torchvision", "numpy", "pyarrow", "huggingface_hub")


def write_image_provenance(
    job_uid: str,
    spec: AugmentationJobSpec,
    origin: Mapping[str, str],
    dataset: ImageDataset,
    plan: ImagePlan,
    records: Sequence[ImageShardRecords],
) -> bytes:
    """The file's content. The same job gives the same bytes.

    What was drawn for each row is not in it, as that may be millions of rows: it follows from seed, column, row, copy
    and transform, and `preview --episode ROW` shows it.
    """
    made = {index: record for each in records for index, record in each.blocks.items()}
    document = {
        "jobID": job_uid,
        "generator": {"name": DISTRIBUTION, "version": version()},
        "packages": package_versions(_PACKAGES),
        "source": {**origin, "config": dataset.config},
        "seed": spec.augmentation.seed,
        "mode": spec.output.mode.value,
        "augmentation": spec.augmentation.to_wire(),
        "video": spec.output.video.to_wire(),
        "columns": list(plan.columns),
        "copies": plan.copies,
        "splits": {split.split: split.rows for split in plan.splits},
        "blocks": [
            {
                "path": block.path,
                "sourceRows": [
                    [block.file.first_row + each.start, block.file.first_row + each.stop] for each in block.selected
                ],
                "cameras": {name: {"pixelHash": digest} for name, digest in made[block.index].pixel_hash.items()},
            }
            for block in plan.blocks
            if block.selected_rows
        ],
    }
    return json.dumps(document, indent=1, ensure_ascii=False).encode()
