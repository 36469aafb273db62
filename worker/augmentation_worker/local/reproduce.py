"""Making a published dataset again from its meta/augmentation.json, and comparing the two pixel by pixel."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from augmentation_api import AugmentationJobSpec, FailureReason
from augmentation_api.vocabulary import Calibration, OnBadEpisode
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.port import PixelHashes
from augmentation_worker.formats.registry import recorded_in as recorded_by_format
from augmentation_worker.local.job_file import folder_spec
from augmentation_worker.local.place import Place, name_of, read_record
from augmentation_worker.storage.folder.dataset_folder import DatasetFolder
from augmentation_worker.storage.folder.held_folder import EntryRefused
from augmentation_worker.storage.provenance import PROVENANCE_PATH
from augmentation_worker.transforms.key_version import FIRST_KEY_VERSION, effective_spec


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
    path = f"{name_of(dataset)}/{PROVENANCE_PATH}"
    try:
        if not isinstance(dataset, Path):
            content = read_record(dataset, os.environ)
        elif dataset.is_dir():
            content = DatasetFolder(dataset.resolve()).read(PROVENANCE_PATH)
        else:
            path, content = str(dataset), dataset.read_bytes()
        document = json.loads(content)
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


def differences(wanted: PixelHashes, reproduced: PixelHashes) -> list[str]:
    """The episodes and cameras whose pixels are not the same, in words."""
    return [
        f"{episode}, camera {camera}"
        for episode, camera in sorted(set(wanted) | set(reproduced))
        if wanted.get((episode, camera)) != reproduced.get((episode, camera))
    ]
