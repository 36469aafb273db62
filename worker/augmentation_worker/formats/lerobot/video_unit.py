"""The video files of a unit: joined of the copies of its episodes, checked and stored."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from augmentation_worker.formats.integrity import broken
from augmentation_worker.formats.lerobot.format_version import FileNumber
from augmentation_worker.formats.lerobot.info import DatasetInfo
from augmentation_worker.formats.lerobot.plan import PlannedEpisode, PlannedUnit
from augmentation_worker.formats.lerobot.records import (
    CopyRecord,
    EpisodeInFile,
    VideoCopyRecord,
    VideoRecord,
    VideosRecord,
)
from augmentation_worker.formats.lerobot.written_files import check_written_video
from augmentation_worker.media.stage_clock import Stage
from augmentation_worker.media.video.concatenation import JoinedVideo
from augmentation_worker.work import Work

EncodedCopies = Sequence[tuple[Path, CopyRecord]]
"""The copies of an episode, each encoded into a file of its own, and what is recorded of it but for its place."""


class VideoUnit:
    """Makes the files of a unit, while its episodes are added in order. A context manager that leaves no open file."""

    def __init__(self, work: Work, info: DatasetInfo, unit: PlannedUnit) -> None:
        if unit.stream is None:
            raise ValueError(f"{unit.key} has no videos")
        self._work, self._info, self._unit, self._stream = work, info, unit, unit.stream
        self._local = work.scratch / "made" / "video.mp4"
        self._opened = ExitStack()
        self._joined: JoinedVideo | None = None
        self._number = unit.number
        self._episodes: list[EpisodeInFile] = []
        self._files: list[VideoRecord] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._opened.close()

    def add(self, episode: PlannedEpisode, copies: EncodedCopies, display_matrix: bytes | None) -> None:
        """Append all copies of an episode: to the file, or each to one of its own. Raises WorkerFailure."""
        index = episode.source.index
        if self._unit.number is None:
            for planned, copy in zip(episode.copies, copies, strict=True):
                self._append(index, [copy], display_matrix)
                self._store(planned.videos[self._stream])
            return
        if self._joined is not None and not self._joined.takes(copies[0][0], display_matrix):
            self._store(self._number)
            self._number = self._unit.spare[index]
        self._append(index, copies, display_matrix)

    def finish(self) -> VideosRecord:
        """The record of what was added. Raises WorkerFailure."""
        if self._joined is not None:
            self._store(self._number)
        return VideosRecord(stream=self._stream, files=tuple(self._files))

    def _append(self, index: int, copies: EncodedCopies, display_matrix: bytes | None) -> None:
        if self._joined is None:
            self._joined = self._opened.enter_context(JoinedVideo(self._local, self._info.frame_rate, display_matrix))
        joined, placed = self._joined, []
        for path, copy in copies:
            with self._work.stages.measure(Stage.JOIN):
                first = joined.append(path, copy.frames)
            path.unlink()
            begin, end = joined.seconds(first), joined.seconds(first + copy.frames)
            placed.append(VideoCopyRecord(**dict(copy), from_timestamp=begin, to_timestamp=end))
        self._episodes.append(EpisodeInFile(episode=index, copies=tuple(placed)))

    def _store(self, number: FileNumber | None) -> None:
        if self._joined is None or number is None:
            raise ValueError(f"{self._unit.key} has no file to store")
        path = self._info.video_file(self._stream, number)
        with self._work.stages.measure(Stage.JOIN):
            sha256, size = self._joined.close()
            check_written_video(self._local, path, self._info.frame_rate, self._joined.frames)
        with self._work.stages.measure(Stage.UPLOAD):
            stored = self._work.output.put(path, self._local)
        if (stored.sha256, stored.size) != (sha256, size):
            raise broken(f"{path} changed between being encoded and being uploaded")
        self._local.unlink()
        self._files.append(
            VideoRecord(path=path, sha256=sha256, size=size, number=tuple(number), episodes=tuple(self._episodes))
        )
        self._joined, self._episodes = None, []
