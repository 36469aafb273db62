"""meta/augmentation.json and .parquet, as far as formats write the same: for people, reproduction, a restarted publish.

The first says how the result was made. The second has a row of each copy and camera: of 100,000 episodes, three copies
and three cameras these are 900,000, far too many for a document.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from importlib import metadata as installed
from types import TracebackType
from typing import Any, Final, Self

import pyarrow as pa

from augmentation_api import AugmentationJobSpec
from augmentation_api.vocabulary import OnBadEpisode
from augmentation_worker.formats.port import PixelHashes
from augmentation_worker.formats.tables import RowGroups
from augmentation_worker.storage.port import StoredFile
from augmentation_worker.storage.provenance import COPIES_PATH
from augmentation_worker.transforms.key_version import KEY_VERSION
from augmentation_worker.work import Work

_DISTRIBUTION = "augmentation-operator"
UNKNOWN_VERSION = "unknown"
COPIES_ENTRY: Final = "copies"
"""Key under which meta/augmentation.json names the table; results of earlier versions have lists under other keys."""
_ROWS_AT_ONCE, _ROWS_OF_GROUP = 5000, 50_000


def version() -> str:
    """Version of this project; unknown where it runs without being installed."""
    return _version_of(_DISTRIBUTION)


def job_entries(
    job_uid: str, spec: AugmentationJobSpec, source: Mapping[str, str], packages: Sequence[str]
) -> dict[str, object]:
    """The entries that come first in every format: the job, what made it, and from what.

    `source` is where it lies and the revision that was read; `packages` are libraries that pixels and files depend on.
    """
    return {
        "jobID": job_uid,
        "generator": {"name": _DISTRIBUTION, "version": version()},
        "packages": {name: _version_of(name) for name in packages},
        "source": dict(source),
        "seed": spec.augmentation.seed,
        "keyVersion": KEY_VERSION,
        "mode": spec.output.mode.value,
        **({"preset": preset.value} if (preset := spec.augmentation.preset) is not None else {}),
        # With everything said, and no preset: what a release takes for granted may change, pixels must not.
        "augmentation": spec.augmentation.effective.model_copy(update={"preset": None}).to_wire(),
        "video": spec.output.video.to_wire(),
        **({"onBadEpisode": spec.on_bad_episode} if spec.on_bad_episode is not OnBadEpisode.FAIL else {}),
    }


class CopiesTable:
    """meta/augmentation.parquet, while it is written: memory holds a row group. Used as a context manager.

    Args:
        work: where it goes.
        schema: columns `camera` and `pixel_hash`, those that `title_column` names, and more.
    """

    def __init__(self, work: Work, schema: pa.Schema) -> None:
        self._work, self._schema = work, schema
        self._rows: list[Mapping[str, object]] = []
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._local = self._stack.enter_context(self._work.new_file("augmentation.parquet"))
        options = {"compression": "zstd", "use_dictionary": ["camera"]}
        self._groups = RowGroups(self._local, options, most_rows=_ROWS_OF_GROUP)
        self._groups.add(self._schema.empty_table())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def append(self, row: Mapping[str, object]) -> None:
        """Add a copy as a camera sees it, by column."""
        self._rows.append(row)
        if len(self._rows) >= _ROWS_AT_ONCE:
            self._flush()

    def _flush(self) -> None:
        self._groups.add(pa.Table.from_pylist(self._rows, self._schema))
        self._rows = []

    def store(self) -> StoredFile:
        """Complete and store it."""
        self._flush()
        self._groups.close()
        return self._work.output.put(COPIES_PATH, self._local)


def pixel_hashes(
    provenance: Mapping[str, object], entries: str, title: Callable[[Mapping[str, object]], str], column: str
) -> PixelHashes | None:
    """The hashes of a result, if it is of this format; else None.

    Args:
        provenance: meta/augmentation.json, in which the table of copies stands under COPIES_ENTRY.
        entries: key of the list that earlier versions wrote instead, of what has `cameras`.
        title: what is shown of an entry, or of a row.
        column: that only this format has in its table.
    """
    copies = provenance.get(COPIES_ENTRY)
    if isinstance(copies, pa.Table):
        if column not in copies.column_names:
            return None
        rows = (row for batch in copies.to_batches(_ROWS_AT_ONCE) for row in batch.to_pylist())
        return {(title(row), row["camera"]): row["pixel_hash"] for row in rows}
    listed: Any = provenance.get(entries)
    if listed is None:
        return None
    return {
        (title(entry), camera): version["pixelHash"] for entry in listed for camera, version in entry["cameras"].items()
    }


def _version_of(distribution: str) -> str:
    try:
        return installed.version(distribution)
    except installed.PackageNotFoundError:
        return UNKNOWN_VERSION
