"""Layouts of the `datasets` library that are not read, each refused with the sentence that helps."""

from collections.abc import Collection, Iterable
from pathlib import Path, PurePosixPath

from augmentation_api import FailureReason
from augmentation_worker.dataset_path import DatasetPath, kinds_of
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.result_files import CARD_PATH
from augmentation_worker.storage.port import SourceDataset

_SAVED_STATE = "state.json"
"""What save_to_disk writes next to its .arrow files."""
_ARCHIVES = frozenset({".zip", ".gz", ".bz2", ".xz", ".zst", ".7z", ".rar", ".tgz"})
_AS_PARQUET = "store each split with its to_parquet (data/SPLIT-00000-of-00001.parquet), or all with push_to_hub"
_WAYS_OUT = {
    "arrow": f"Arrow files are not read: load them with datasets.load_dataset('arrow', data_files=…) and {_AS_PARQUET}",
    "webdataset": f"WebDataset (.tar) is not read: load it with datasets.load_dataset('webdataset', data_files=…) and "
    f"{_AS_PARQUET}",
    "lance": f"Lance is not read: load it with datasets.load_dataset and {_AS_PARQUET}",
}
_SUFFIXES = {".arrow": "arrow", ".tar": "webdataset", ".lance": "lance"}


def is_known_layout(paths: Iterable[str]) -> bool:
    """Whether one of these files is of a layout that `datasets` has and that is refused with a way out."""
    return any(PurePosixPath(path).suffix.lower() in {*_SUFFIXES, *_ARCHIVES} for path in paths)


def check_layout(source: SourceDataset) -> None:
    """Refuse what nothing but its files' names have to say. Raises WorkerFailure(SOURCE_FORMAT_UNSUPPORTED)."""
    paths = source.paths
    if any(path.name == _SAVED_STATE for path in paths) and any(path.endswith(".arrow") for path in paths):
        raise no_image_dataset(
            source,
            "it was written by save_to_disk, which load_dataset does not read either: load it with "
            f"datasets.load_from_disk and {_AS_PARQUET}",
        )


def archive_among(paths: Iterable[DatasetPath]) -> str | None:
    """What to say of images in an archive, if there is one among these files."""
    archived = next((path for path in paths if PurePosixPath(path).suffix.lower() in _ARCHIVES), None)
    if archived is None:
        return None
    return (
        f"images in an archive ({archived}) are not read: unpack it where it is and remove it, so that the names in "
        "the metadata are those of files"
    )


def check_builder(source: SourceDataset, name: str, paths: Collection[DatasetPath]) -> None:
    """Refuse what `datasets` reads with another builder than those for parquet and image folders, or from archives.

    Raises WorkerFailure(SOURCE_FORMAT_UNSUPPORTED).
    """
    if name in _WAYS_OUT:
        raise no_image_dataset(source, _WAYS_OUT[name])
    archive = archive_among(paths)
    if archive is not None:
        raise no_image_dataset(source, archive)


def no_image_dataset(source: SourceDataset, finding: str) -> WorkerFailure:
    """The failure of a job whose source is nothing that can be read as rows with images."""
    named = b"\nconfigs:" in (source.read(CARD_PATH) or b"")
    hint = f"; its {CARD_PATH} says under `configs` which files it is made of: check them" if named else ""
    return WorkerFailure(
        FailureReason.SOURCE_FORMAT_UNSUPPORTED,
        f"the dataset {source.name} at revision {source.revision} has the marker of no other format and is not an "
        f"image dataset (parquet files with columns of type Image, or folders of images): {finding}; it holds "
        f"{kinds_of(source.paths)}{hint}",
    )


def said_by(error: BaseException, skeleton: Path) -> str:
    """What an error says (its cause, if that says more), in one line and with the dataset's own paths."""
    if error.__cause__ is not None and str(error.__cause__):
        error = error.__cause__
    return " ".join(str(error).replace(f"{skeleton}/", "").replace(str(skeleton), ".").split())[:300]
