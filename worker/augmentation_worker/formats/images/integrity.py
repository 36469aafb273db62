"""Is the result sound? Asked of the `datasets` library, before anybody can see it."""

import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from augmentation_api import FailureReason
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.images.dataset import ImageDataset
from augmentation_worker.formats.images.plan import Block, ImagePlan, ImageShard
from augmentation_worker.formats.images.records import ImageShardRecords
from augmentation_worker.formats.lerobot.integrity import broken
from augmentation_worker.formats.lerobot.layout import CARD_PATH, PICTURE_PATH
from augmentation_worker.formats.lerobot.records import stored_of
from augmentation_worker.storage.disk import is_disk_full, scratch_full
from augmentation_worker.storage.port import OutputDataset


def as_planned(shard: ImageShard, found: ImageShardRecords) -> ImageShardRecords:
    """What a shard has recorded of what it was to do; nothing else is published, whatever a worker has added."""
    wanted = {block.index for block in shard.blocks}
    carried = {file.path: file for file in found.originals}
    draws = shard.index == 0 and found.picture is not None and found.picture.path == PICTURE_PATH
    return found.model_copy(
        update={
            "blocks": {index: record for index, record in found.blocks.items() if index in wanted},
            "originals": tuple(carried[path] for path in shard.carried if path in carried),
            "picture": found.picture if draws else None,
        }
    )


def check_complete(plan: ImagePlan, records: Sequence[ImageShardRecords]) -> None:
    """Every shard has recorded everything it was to do, as it was planned.

    Raises:
        WorkerFailure: INTERNAL_ERROR, naming what is missing; INTEGRITY_CHECK_FAILED for what is not as planned.
    """
    missing: list[str] = []
    for shard, found in zip(plan.shards, records, strict=True):
        missing += [f"{block.path} (shard {shard.index})" for block in shard.blocks if block.index not in found.blocks]
        carried = {file.path for file in found.originals}
        missing += [f"{path} (shard {shard.index})" for path in shard.carried if path not in carried]
        if shard.index == 0 and found.picture is None:
            missing.append("the picture of the first row")
        for block in shard.blocks:
            record = found.blocks.get(block.index)
            if record is not None and (record.file.path, record.rows) != (block.path, block.rows):
                raise broken(
                    f"{record.file.path} with {record.rows} rows was recorded, {block.path} with {block.rows} planned"
                )
    if missing:
        listed = ", ".join(missing[:10]) + (f" and {len(missing) - 10} more" if len(missing) > 10 else "")
        raise WorkerFailure(
            FailureReason.INTERNAL_ERROR, f"the augment phase has not recorded {listed}; retry the job (spec.attempt)"
        )


def check_opens(
    dataset: ImageDataset,
    plan: ImagePlan,
    records: Sequence[ImageShardRecords],
    card: bytes,
    output: OutputDataset,
    folder: Path,
) -> None:
    """`datasets` finds the files that were planned in every split; the first and the last block open and decode.

    Those are fetched back from where the result is stored. (Every block was compared with the source, row by row, by
    the shard that wrote it.)

    Args:
        dataset: the source.
        plan: the plan.
        records: of each shard, by index; complete.
        card: README.md of the result.
        output: where the files are stored.
        folder: for files under way; removed again.

    Raises:
        WorkerFailure: INTEGRITY_CHECK_FAILED with the first finding.
    """
    made = {index: record for each in records for index, record in each.blocks.items()}
    with _skeleton(plan, card, folder) as skeleton:
        _check_splits(dataset, plan, skeleton)
        for block in {block.index: block for block in (plan.blocks[0], plan.blocks[-1])}.values():
            blob = made[block.index].file
            local = folder / "fetched.parquet"
            try:
                output.fetch(stored_of(blob), local)
            except FileNotFoundError as error:
                raise broken(f"{blob.path} is not stored, although recorded") from error
            with local.open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != blob.sha256:
                    raise broken(f"{blob.path} came back with other content")
            _check_block(dataset, plan, block, local, folder / "cache")
            local.unlink()


@contextmanager
def _skeleton(plan: ImagePlan, card: bytes, folder: Path) -> Iterator[Path]:
    shutil.rmtree(folder, ignore_errors=True)
    dataset = folder / "dataset"
    try:
        for path in [CARD_PATH, *(path for split in plan.splits for path in split.paths)]:
            (dataset / path).parent.mkdir(parents=True, exist_ok=True)
            (dataset / path).touch()
        (dataset / CARD_PATH).write_bytes(card)
        yield dataset
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _check_splits(dataset: ImageDataset, plan: ImagePlan, skeleton: Path) -> None:
    import datasets  # noqa: PLC0415 (seconds)

    try:
        builder: Any = datasets.load_dataset_builder(
            str(skeleton), dataset.config, cache_dir=str(skeleton.with_name("cache"))
        )
    except Exception as error:  # whatever it raises, it does not open
        if is_disk_full(error):
            raise scratch_full() from error
        raise broken(f"the datasets library does not open it: {error}") from error
    found = {
        str(split): [os.path.relpath(path, skeleton) for path in files]
        for split, files in builder.config.data_files.items()
    }
    planned = {split.split: list(split.paths) for split in plan.splits if split.paths}
    if found != planned:
        odd = next(split for split in [*planned, *found] if found.get(split) != planned.get(split))
        raise broken(f"the datasets library finds other files in the split {odd} than were planned")


def _check_block(dataset: ImageDataset, plan: ImagePlan, block: Block, local: Path, cache: Path) -> None:
    import datasets  # noqa: PLC0415

    features = datasets.Features.from_arrow_schema(dataset.schema)
    datasets.disable_progress_bars()
    try:
        # Not load_dataset("parquet"): that counts itself at its makers' over the internet.
        rows = datasets.Dataset.from_parquet(str(local), features=features, cache_dir=str(cache))
        if len(rows) != block.rows:
            raise broken(f"{block.path} has {len(rows)} rows, not {block.rows}")
        pictures = rows.select_columns(list(plan.columns))
        for number in range(len(pictures)):
            for name, picture in pictures[number].items():
                if picture is not None:
                    picture.load()
                    if min(picture.size) < 1:
                        raise broken(f"{block.path}, row {number}, column {name}: an empty picture")
    except WorkerFailure:
        raise
    except Exception as error:  # whatever it raises, it does not open
        if is_disk_full(error):
            raise scratch_full() from error
        raise broken(f"the datasets library does not read {block.path}: {error}") from error
