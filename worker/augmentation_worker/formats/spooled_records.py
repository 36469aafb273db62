"""Records of shards on local disk, of which those of one shard are in memory at a time.

A job's records may be larger than memory: those of a hundred thousand episodes with three cameras and three copies take
about a gigabyte.
"""

import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import overload

from typing_extensions import override

from augmentation_worker.formats.records import BlobRecord, FilesRecord, ShardRecords, UnitRecord


def spooled(folder: Path, records: Iterable[ShardRecords]) -> "SpooledRecords":
    """The records of shards, by index, which are taken one after the other."""
    spool = SpooledRecords(folder)
    for of_shard in records:
        spool.append(of_shard)
    return spool


class SpooledRecords(Sequence[ShardRecords]):
    """Records of shards, by index. Whoever goes through them in order reads each once.

    Args:
        folder: that holds them alone; what is in it is removed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0
        self._types: list[type[UnitRecord]] = []
        self._last: tuple[int, ShardRecords] | None = None
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)

    def append(self, records: ShardRecords) -> None:
        """Add the records of the next shard."""
        with self._path(self._count).open("w") as file:
            file.write(f"{FilesRecord(files=records.originals).encode()}\n")
            file.write(f"{records.preview.encode() if records.preview else ''}\n")
            for key, record in records.units.items():
                file.write(f"{key} {self._number_of(type(record))} {record.encode()}\n")
        self._count += 1

    @override
    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> ShardRecords: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[ShardRecords]: ...

    @override
    def __getitem__(self, index: int | slice) -> ShardRecords | Sequence[ShardRecords]:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(self._count))]
        place = range(self._count)[index]
        if self._last is None or self._last[0] != place:
            self._last = None  # not both in memory
            self._last = place, self._read(place)
        return self._last[1]

    def _read(self, index: int) -> ShardRecords:
        units: dict[str, UnitRecord] = {}
        with self._path(index).open() as file:
            originals = FilesRecord.decode(next(file), "originals").files
            preview = next(file).strip()
            for line in file:
                key, number, text = line.split(" ", 2)
                units[key] = self._types[int(number)].decode(text, key)
        return ShardRecords(units, originals, BlobRecord.decode(preview, "preview") if preview else None)

    def _number_of(self, kind: type[UnitRecord]) -> int:
        if kind not in self._types:
            self._types.append(kind)
        return self._types.index(kind)

    def _path(self, index: int) -> Path:
        return self._folder / f"shard-{index}.jsonl"
