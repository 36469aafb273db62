"""Making a published dataset again from its meta/augmentation.json, and comparing the two pixel by pixel."""

import json
import os
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Final

import pyarrow as pa

from augmentation_api import AugmentationJobSpec, FailureReason
from augmentation_api.vocabulary import Calibration, OnBadEpisode
from augmentation_worker.bounded.parquet_file import open_parquet, read_columns
from augmentation_worker.bounded.unreadable import explained
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.port import PixelHashes
from augmentation_worker.formats.provenance import COPIES_ENTRY
from augmentation_worker.formats.registry import recorded_in as recorded_by_format
from augmentation_worker.local.job_file import folder_spec
from augmentation_worker.local.place import Place, name_of, read_record, without_record
from augmentation_worker.storage.folder.dataset_folder import DatasetFolder
from augmentation_worker.storage.folder.held_folder import EntryRefused
from augmentation_worker.storage.provenance import COPIES_PATH, PROVENANCE_PATH
from augmentation_worker.transforms.key_version import FIRST_KEY_VERSION, effective_spec

_MOST_COPIES: Final = 100_000_000
_MOST_COPIES_BYTES: Final = 16 * 2**30
"""Limits on the table of copies, which may be anybody's."""


@dataclass(frozen=True)
class Recorded:
    """What meta/augmentation.json says of how a dataset was made.

    Attributes:
        spec: of the job, with everything said that it left out, as the release meant it that made the dataset.
        hashes: of its pixels.
    """

    spec: AugmentationJobSpec
    hashes: PixelHashes


def recorded_in(dataset: Place) -> Recorded:
    """Read the record of a dataset in a folder or a bucket, or of the file itself.

    Raises WorkerFailure(SOURCE_INVALID) if there is none or it is not one of ours.
    """
    dataset = without_record(dataset)
    is_file = isinstance(dataset, Path) and not dataset.is_dir()
    path = str(dataset) if is_file else f"{name_of(dataset)}/{PROVENANCE_PATH}"
    try:
        document = json.loads(_read(dataset, PROVENANCE_PATH))
        if COPIES_ENTRY in document:
            document[COPIES_ENTRY] = _copies(dataset, path)
        augmentation, hashes = recorded_by_format(document)
        key_version = document.get("keyVersion", FIRST_KEY_VERSION)
        spec = {
            "augmentation": augmentation,
            "output": {"mode": document["mode"], "video": document["video"]},
            "onBadEpisode": document.get("onBadEpisode", OnBadEpisode.FAIL),
        }
    except (EntryRefused, OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise WorkerFailure(
            FailureReason.SOURCE_INVALID, f"{path} does not say how a dataset was made: {type(error).__name__} {error}"
        ) from error
    if not isinstance(key_version, int):
        raise WorkerFailure(FailureReason.SOURCE_INVALID, f"keyVersion of {path} is {key_version!r}, not a number")
    asked = effective_spec(folder_spec(spec, path), key_version)
    # What a result was made with was allowed when it was made.
    augmentation = asked.augmentation.model_copy(update={"calibration": Calibration.KEEP})
    return Recorded(asked.model_copy(update={"augmentation": augmentation}), hashes)


def _read(dataset: Place, path: DatasetPath) -> bytes:
    """One of the two files of a record: of a dataset, or beside the first where the user names that."""
    if not isinstance(dataset, Path):
        return read_record(dataset, path, os.environ)
    if dataset.is_dir():
        return DatasetFolder(dataset.resolve()).read(path)
    return (dataset if path == PROVENANCE_PATH else dataset.with_name(PurePosixPath(path).name)).read_bytes()


def _copies(dataset: Place, record: str) -> pa.Table:
    """The table of copies. Raises WorkerFailure(SOURCE_INVALID) where it is missing or damaged."""
    try:
        content = _read(dataset, COPIES_PATH)
    except FileNotFoundError as error:
        raise WorkerFailure(
            FailureReason.SOURCE_INVALID,
            f"{record} lists its copies in {PurePosixPath(COPIES_PATH).name}, which is not beside it",
        ) from error
    with explained(name_of(dataset), COPIES_PATH), open_parquet(BytesIO(content)) as file:
        return read_columns(file, file.schema_arrow.names, most_rows=_MOST_COPIES, most_bytes=_MOST_COPIES_BYTES)


def differences(wanted: PixelHashes, reproduced: PixelHashes) -> list[str]:
    """The episodes and cameras whose pixels are not the same, in words."""
    return [
        f"{episode}, camera {camera}"
        for episode, camera in sorted(set(wanted) | set(reproduced))
        if wanted.get((episode, camera)) != reproduced.get((episode, camera))
    ]
