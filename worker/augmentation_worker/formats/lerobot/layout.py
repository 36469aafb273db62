"""Which episodes share a file: computed for all shards at once, from estimates of bytes.

A file holds consecutive selected episodes of one shard, with all their copies, as one stream sees them. It ends before
it would pass its limit, and holds at least one. What a copy will take is not known before it is made, and every pod has
to find the same files: so it is taken to be what its source takes per frame, which the source's list of files says.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from augmentation_worker.formats.lerobot.format_version import FileNumber

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class FileCuts:
    """The files of one stream.

    Attributes:
        begins: int64 [files + 1]: among the selected episodes, the place of the first of each file; at the end, of the
            episode after the last.
        of_shards: int64 [shards + 1]: among the files, the place of the first of each shard; at the end, their number.
    """

    begins: Integers
    of_shards: Integers

    def __len__(self) -> int:
        return len(self.begins) - 1

    def of_shard(self, shard: int) -> range:
        """The files of a shard."""
        return range(int(self.of_shards[shard]), int(self.of_shards[shard + 1]))

    def places(self, file: int) -> range:
        """Among the selected episodes, those of a file."""
        return range(int(self.begins[file]), int(self.begins[file + 1]))

    def file_of(self, place: int) -> int:
        """The file of a selected episode."""
        return int(np.searchsorted(self.begins, place, side="right")) - 1


def cut_files(weights: Integers, shards: Sequence[range], limit: int) -> FileCuts:
    """Cut the episodes of each shard into files.

    Takes time linear in the number of files, and logarithmic in that of episodes.

    Args:
        weights: int64 [episodes], 1 or more each: estimated bytes of all copies of each selected episode.
        shards: consecutive places of the selected episodes, from the first to the last.
        limit: most bytes of a file; 0 or less: every episode has its own.
    """
    ends = np.concatenate(([0], np.cumsum(weights, dtype=np.int64)))
    # Of each episode, where the file that begins with it ends if nothing but the limit ends it.
    following = np.maximum(np.searchsorted(ends, ends[:-1] + limit, side="right") - 1, np.arange(1, len(ends)))
    begins: list[int] = []
    of_shards = [0]
    next_begins = following.tolist()
    for shard in shards:
        place = shard.start
        while place < shard.stop:
            begins.append(place)
            place = next_begins[place]
        of_shards.append(len(begins))
    return FileCuts(np.array([*begins, len(weights)], np.int64), np.array(of_shards, np.int64))


def estimated_bytes(lengths: Integers, copies: int, sizes: Integers, frames: Integers) -> Integers:
    """What the copies of episodes will take, int64 [episodes], each 1 or more.

    Args:
        lengths: int64 [episodes]: frames of each.
        copies: of each episode.
        sizes, frames: int64 [episodes]: of the source's file that each lies in, its bytes and all its frames.
    """
    bytes_per_frame = sizes / np.maximum(frames, 1)
    return np.clip(np.ceil(bytes_per_frame * lengths * copies), 1, 2**40).astype(np.int64)


@dataclass(frozen=True)
class NewNumbers:
    """The numbers of new files, from the first free one on.

    Attributes:
        last_taken: the highest number that the source uses.
        chunks_size: files per chunk at most.
    """

    last_taken: FileNumber
    chunks_size: int

    def __getitem__(self, place: int) -> FileNumber:
        """The number of the new file with this place, from 0 on."""
        room = max(self.chunks_size - self.last_taken.file - 1, 0)
        if place < room:
            return FileNumber(self.last_taken.chunk, self.last_taken.file + 1 + place)
        chunks, file = divmod(place - room, self.chunks_size)
        return FileNumber(self.last_taken.chunk + 1 + chunks, file)

    def place_of(self, number: FileNumber) -> int | None:
        """The place of the new file with this number; None if no new file has it."""
        room = max(self.chunks_size - self.last_taken.file - 1, 0)
        if number.chunk == self.last_taken.chunk:
            place = number.file - self.last_taken.file - 1
            return place if 0 <= place < room else None
        chunks = number.chunk - self.last_taken.chunk - 1
        return (
            room + chunks * self.chunks_size + number.file if chunks >= 0 and number.file < self.chunks_size else None
        )
