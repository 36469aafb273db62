"""The formats that are known, and the choice among them."""

from collections.abc import Collection, Mapping, Sequence

from augmentation_api import FailureReason
from augmentation_worker.dataset_path import DatasetPath, kinds_of
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.images.format import Images
from augmentation_worker.formats.images.metadata_file import METADATA_NAMES
from augmentation_worker.formats.lerobot.format import LeRobot
from augmentation_worker.formats.port import Format, PixelHashes
from augmentation_worker.storage.port import FormatConventions, SourceDataset

FORMATS: Sequence[Format] = (LeRobot(), Images())
"""In the order in which they are asked: the first that claims a dataset reads it."""
CONVENTIONS = FormatConventions(
    metadata=frozenset(name for known in FORMATS for name in known.metadata),
    version_tags=tuple(tag for known in FORMATS for tag in known.version_tags),
    entrances=tuple(known.entrance for known in FORMATS if known.entrance is not None),
)
"""What storages have to know of all formats."""
_MOST_FOLDERS_LISTED = 5


def format_of(source: SourceDataset) -> Format:
    """The format of a dataset.

    Raises WorkerFailure(SOURCE_FORMAT_UNSUPPORTED): with the folders that are datasets, or what each format looks for
    and what the dataset holds.
    """
    for known in FORMATS:
        if known.claims(source.paths):
            return known
        folders = known.folders(source.paths)
        if folders and not _has_rows_outside(source.paths, folders):
            raise _in_folders(known, source, folders)
    markers = "; ".join(f"{known.name} ({known.marker})" for known in FORMATS)
    raise WorkerFailure(
        FailureReason.SOURCE_FORMAT_UNSUPPORTED,
        f"the dataset {source.name} at revision {source.revision} is in none of the supported formats: {markers}; it "
        f"holds {kinds_of(source.paths)}",
    )


def _has_rows_outside(paths: Collection[DatasetPath], folders: Sequence[str]) -> bool:
    """Whether another format may read something outside of these folders: more than what illustrates a card."""
    within = tuple(f"{folder}/" for folder in folders)
    return any(
        not path.startswith(within) and (path.endswith(".parquet") or path.name in METADATA_NAMES) for path in paths
    )


def _in_folders(known: Format, source: SourceDataset, folders: Sequence[str]) -> WorkerFailure:
    listed = ", ".join(folders[:_MOST_FOLDERS_LISTED])
    more = f" and {len(folders) - _MOST_FOLDERS_LISTED} more" if len(folders) > _MOST_FOLDERS_LISTED else ""
    found = f"a {known.name} lies in its folder {listed}"
    if len(folders) > 1:
        found = f"{len(folders)} datasets of the format {known.name} lie in its folders {listed}{more}, one for a job"
    return WorkerFailure(
        FailureReason.SOURCE_FORMAT_UNSUPPORTED,
        f"the dataset {source.name} at revision {source.revision} is not read as one: {found}; "
        f"{source.way_to(folders[0])}",
    )


def recorded_in(provenance: Mapping[str, object]) -> tuple[object, PixelHashes]:
    """What a result's meta/augmentation.json records, of whichever format it is: `augmentation`, and the pixel hashes.

    Raises:
        ValueError, LookupError, TypeError, AttributeError: it is not such a document.
    """
    for known in FORMATS:
        if (hashes := known.pixel_hashes(provenance)) is not None:
            return known.recorded_augmentation(provenance), hashes
    raise ValueError("it records neither " + " nor ".join(f"a result of {known.name}" for known in FORMATS))
