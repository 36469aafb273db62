"""The formats that are known, and the choice among them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from augmentation_api import FailureReason
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.images.format import Images
from augmentation_worker.formats.lerobot.format import LeRobot
from augmentation_worker.formats.port import Format, PixelHashes
from augmentation_worker.storage.port import FormatConventions, SourceDataset

FORMATS: Sequence[Format] = (LeRobot(), Images())
"""In the order in which they are asked: the first that claims a dataset reads it."""
CONVENTIONS = FormatConventions(
    metadata=frozenset(name for known in FORMATS for name in known.metadata),
    version_tags=tuple(tag for known in FORMATS for tag in known.version_tags),
)
"""What storages have to know of all formats."""
_MOST_KINDS_LISTED = 6


def format_of(source: SourceDataset) -> Format:
    """The format of a dataset.

    Raises:
        WorkerFailure: SOURCE_FORMAT_UNSUPPORTED, with what each format looks for and what the dataset holds.
    """
    for known in FORMATS:
        if known.claims(source.paths):
            return known
    kinds = Counter(PurePosixPath(path).suffix or PurePosixPath(path).name for path in source.paths)
    listed = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common(_MOST_KINDS_LISTED)) or "no files"
    markers = "; ".join(f"{known.name} ({known.marker})" for known in FORMATS)
    raise WorkerFailure(
        FailureReason.SOURCE_FORMAT_UNSUPPORTED,
        f"the dataset {source.name} at revision {source.revision} is in none of the supported formats: {markers}; it "
        f"holds {listed}",
    )


def recorded_pixel_hashes(provenance: Mapping[str, object]) -> PixelHashes:
    """The pixel hashes in a result's meta/augmentation.json, of whichever format it is.

    Raises:
        ValueError, LookupError, TypeError, AttributeError: it is not such a document.
    """
    for known in FORMATS:
        if (hashes := known.pixel_hashes(provenance)) is not None:
            return hashes
    raise ValueError("it records neither " + " nor ".join(f"a result of {known.name}" for known in FORMATS))
