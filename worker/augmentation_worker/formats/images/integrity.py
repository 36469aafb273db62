"""Checks of an image dataset's result: its records against the plan, and whether the `datasets` library opens it."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.images.dataset import ImageDataset
from augmentation_worker.formats.images.plan import Block, BlockPlan
from augmentation_worker.formats.images.records import BlockRecord
from augmentation_worker.formats.integrity import broken, fetch_back
from augmentation_worker.formats.result_files import CARD_PATH
from augmentation_worker.storage.disk import is_disk_full, scratch_full
from augmentation_worker.storage.port import OutputDataset
from augmentation_worker.storage.provenance import COPIES_PATH, PROVENANCE_PATH


def check_records(plan: BlockPlan, records: Mapping[int, BlockRecord]) -> None:
    """Check that the shards recorded what was planned. Raises WorkerFailure(INTEGRITY_CHECK_FAILED)."""
    for block in plan.blocks:
        record = records[block.index]
        if (record.file.path, record.rows) != (block.path, block.rows):
            raise broken(
                f"{record.file.path} with {record.rows} rows was recorded, {block.path} with {block.rows} planned"
            )


def check_opens(
    dataset: ImageDataset,
    plan: BlockPlan,
    records: Mapping[int, BlockRecord],
    card: bytes,
    output: OutputDataset,
    folder: Path,
) -> None:
    """Check that `datasets` finds the planned files in every split, and that the first and the last block decode.

    Those are fetched back from where the result is stored. (Every block was compared with the source, row by row, by
    the shard that wrote it.) Raises WorkerFailure(INTEGRITY_CHECK_FAILED) with the first finding.
    """
    with _skeleton(plan, card, folder) as skeleton:
        _check_splits(dataset, plan, skeleton)
        for block in {block.index: block for block in (plan.blocks[0], plan.blocks[-1])}.values():
            local = folder / "fetched.parquet"
            fetch_back(output, records[block.index].file, local)
            _check_block(dataset, plan, block, local, folder / "cache")
            local.unlink()


@contextmanager
def _skeleton(plan: BlockPlan, card: bytes, folder: Path) -> Iterator[Path]:
    shutil.rmtree(folder, ignore_errors=True)
    dataset = folder / "dataset"
    try:
        for path in [CARD_PATH, PROVENANCE_PATH, COPIES_PATH, *(path for split in plan.splits for path in split.paths)]:
            (dataset / path).parent.mkdir(parents=True, exist_ok=True)
            (dataset / path).touch()
        (dataset / CARD_PATH).write_bytes(card)
        yield dataset
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _check_splits(dataset: ImageDataset, plan: BlockPlan, skeleton: Path) -> None:
    import datasets  # noqa: PLC0415 (seconds)

    try:
        builder: Any = datasets.load_dataset_builder(
            str(skeleton), dataset.config, cache_dir=str(skeleton.with_name("cache"))
        )
    except Exception as error:  # whatever it raises, it does not open
        if is_disk_full(error):
            raise scratch_full() from error
        raise broken(f"the datasets library does not open it: {error}") from error
    listed = {
        str(split): [os.path.relpath(path, skeleton) for path in files]
        for split, files in builder.config.data_files.items()
    }
    planned = {split.split: list(split.paths) for split in plan.splits if split.paths}
    if listed != planned:
        odd = next(split for split in [*planned, *listed] if listed.get(split) != planned.get(split))
        raise broken(f"the datasets library finds other files in the split {odd} than were planned")


def _check_block(dataset: ImageDataset, plan: BlockPlan, block: Block, local: Path, cache: Path) -> None:
    import datasets  # noqa: PLC0415

    features = datasets.Features.from_arrow_schema(dataset.schema)
    datasets.disable_progress_bars()
    try:
        # Not load_dataset("parquet"): that counts itself at its makers' over the internet.
        rows = datasets.Dataset.from_parquet(str(local), features=features, cache_dir=str(cache))
        if len(rows) != block.rows:
            raise broken(f"{block.path} has {len(rows)} rows, not {block.rows}")
        images = rows.select_columns(list(plan.columns))
        for number in block.version_rows:
            for name, image in images[number].items():
                if image is not None:
                    image.load()
                    if min(image.size) < 1:
                        raise broken(f"{block.path}, row {number}, column {name}: an empty image")
    except WorkerFailure:
        raise
    except Exception as error:  # whatever it raises, it does not open
        if is_disk_full(error):
            raise scratch_full() from error
        raise broken(f"the datasets library does not read {block.path}: {error}") from error
