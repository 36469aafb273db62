"""Which files of a source are rows, and which describe them or belong to them and are carried into the result."""

from collections.abc import Collection
from functools import cache
from pathlib import PurePosixPath

from PIL import Image

from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.formats.images.dataset import ImageDataset
from augmentation_worker.formats.images.metadata_file import METADATA_NAMES
from augmentation_worker.formats.result_files import OWN_PATHS


def is_data(path: str) -> bool:
    """Whether a file is one of parquet, or an image by the list that `datasets` uses: those that Pillow can open."""
    suffix = PurePosixPath(path).suffix.lower()
    return suffix == ".parquet" or suffix in _openable()


def carried_files(dataset: ImageDataset, paths: Collection[DatasetPath]) -> tuple[DatasetPath, ...]:
    """Files that are no rows: a license, annotations in COCO's form, calibration, wherever they lie.

    Images and parquet files that are no rows of the configuration that is read are left behind, except at the top,
    where they illustrate the card. So are the metadata files of an image folder: their columns are in the rows.
    """
    return tuple(
        path
        for path in sorted(paths)
        if path not in OWN_PATHS
        and path not in dataset.data_paths
        and ("/" not in path or not (is_data(path) or path.name in METADATA_NAMES))
    )


@cache
def _openable() -> frozenset[str]:
    return frozenset(suffix for suffix, kind in Image.registered_extensions().items() if kind in Image.OPEN)
