"""meta/augmentation.json and .parquet of an image dataset's result: to make its pixels again and to compare them."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

import pyarrow as pa

from augmentation_api import AugmentationJobSpec
from augmentation_worker.formats.images.dataset import ImageDataset
from augmentation_worker.formats.images.plan import Block, BlockPlan
from augmentation_worker.formats.images.records import BlockRecord
from augmentation_worker.formats.provenance import COPIES_ENTRY, CopiesTable, job_entries
from augmentation_worker.storage.port import StoredFile
from augmentation_worker.storage.provenance import COPIES_PATH
from augmentation_worker.work import Work

_PACKAGES = ("datasets", "pillow", "torch", "torchvision", "numpy", "pyarrow", "huggingface_hub")
PATH_COLUMN: Final = "path"
_SCHEMA = pa.schema(
    [
        (PATH_COLUMN, pa.string()),
        ("source_rows", pa.list_(pa.list_(pa.int64()))),
        ("camera", pa.string()),
        ("pixel_hash", pa.string()),
    ]
)
"""`source_rows` are half-open ranges, by their numbers in the dataset; `camera` is the column with the images."""


def write_provenance(
    job_uid: str,
    spec: AugmentationJobSpec,
    origin: Mapping[str, str],
    dataset: ImageDataset,
    plan: BlockPlan,
) -> bytes:
    """The document's content. The same job gives the same bytes.

    What was sampled for each row is not in it, as that may be millions of rows: it follows from seed, column, row, copy
    and transform, and `preview --episode ROW` shows it.
    """
    document = {
        **job_entries(job_uid, spec, {**origin, "config": dataset.config}, _PACKAGES),
        "columns": list(plan.columns),
        "labels": "kept" if plan.keeps_labels else "augmented",
        "copies": plan.copies,
        "splits": {split.split: split.rows for split in plan.splits},
        COPIES_ENTRY: COPIES_PATH,
    }
    return json.dumps(document, indent=1, ensure_ascii=False).encode()


def store_blocks(work: Work, blocks: Iterable[tuple[Block, BlockRecord]]) -> StoredFile:
    """Write and store the table: of each block with augmented rows, what of the source it has and its pixel hashes."""
    with CopiesTable(work, _SCHEMA) as table:
        for block, record in blocks:
            for column, digest in record.pixel_hash.items() if block.selected_rows else ():
                table.append(
                    {
                        PATH_COLUMN: block.path,
                        "source_rows": [[rows.start, rows.stop] for rows in block.episodes],
                        "camera": column,
                        "pixel_hash": digest,
                    }
                )
        return table.store()


def recorded_augmentation(provenance: Mapping[str, Any]) -> object:
    """`augmentation` of a job that makes a recorded result again.

    Records without `labels` are of versions that augmented whatever an augmented column had, as is done now where the
    job names the column. Raises LookupError.
    """
    augmentation = provenance["augmentation"]
    return augmentation if "labels" in provenance else {**augmentation, "cameras": provenance["columns"]}
