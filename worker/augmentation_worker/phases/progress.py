"""Progress of one shard, as its entry in the status."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import reduce

from augmentation_api import status
from augmentation_api.episode_ranges import MAX_DATASET_FRAMES, common, disjoint, without
from augmentation_api.status import ShardTally
from augmentation_api.vocabulary import ShardState
from augmentation_worker.cluster.reporter import Reporter
from augmentation_worker.formats.entries import UnitEntry
from augmentation_worker.formats.port import Shard, Unit, of_any_stream
from augmentation_worker.formats.records import UnitRecord

RATE_WINDOW_SECONDS = 30.0
"""Over how long framesPerSecond is measured: long enough to be steady, short enough to show that a shard is stuck."""


@dataclass
class ShardProgress:
    """Counts what a shard has done, and reports it.

    An episode is done when all that is made of it is. Frames are counted as they stand in the result: one for all
    cameras together. Those of episodes that cannot be used
    count as done: nothing is left to do for them.

    Args:
        reporter: takes every change, and decides when to write.
        shard: what there is to do.
        cameras: augmented cameras, by which the frames of videos are divided.
        node, attempt: for the entry.
    """

    reporter: Reporter
    shard: Shard
    cameras: int
    node: str
    attempt: int
    state: ShardState = ShardState.RUNNING
    episodes_done: int = 0
    episodes_failed: int = 0
    bytes_done: int = 0
    _streams: dict[str, list[Unit]] = field(default_factory=dict)
    _bad: list[range] = field(default_factory=list)
    _video_frames: int = 0
    _recorded_video_frames: int = 0
    _samples: list[tuple[float, int]] = field(default_factory=list)

    def skip(self, units: Iterable[tuple[Unit, UnitRecord | UnitEntry]]) -> None:
        """Count what an earlier attempt has recorded."""
        for unit, entry in units:
            self._count(unit, entry)
        self._report()

    def on_frames(self, video_frames: int) -> None:
        """Count more frames of one camera that are encoded."""
        self._video_frames += video_frames
        now = time.monotonic()
        self._samples.append((now, self._video_frames))
        while now - self._samples[0][0] > RATE_WINDOW_SECONDS and len(self._samples) > 2:
            self._samples.pop(0)
        self._report()

    def finish_unit(self, unit: Unit, entry: UnitRecord | UnitEntry) -> None:
        """Count a unit that is recorded."""
        self._count(unit, entry)
        self._report()

    def _count(self, unit: Unit, entry: UnitRecord | UnitEntry) -> None:
        self._streams.setdefault(unit.stream, []).append(unit)
        self._bad += entry.bad_episodes
        every = {each.stream for each in self.shard.units if each.episodes}
        made = [of_any_stream(self._streams.get(stream, ())) for stream in every]
        bad = disjoint(((part.start, part.stop) for part in self._bad), MAX_DATASET_FRAMES)
        self.episodes_failed = sum(map(len, bad))
        self.episodes_done = sum(map(len, without(reduce(common, made), bad))) if made else 0
        self.bytes_done += entry.file_bytes
        self._recorded_video_frames += unit.frames
        self._video_frames = self._recorded_video_frames

    def end(self, state: ShardState) -> None:
        """Report how the shard ended."""
        self.state = state
        self._report()

    def _report(self) -> None:
        frames = self.shard.frames // max(self.cameras, 1)
        self.reporter.set_shard(
            status.Shard(
                index=self.shard.index,
                state=self.state,
                node=self.node or None,
                attempt=self.attempt,
                episodes=ShardTally(total=self.shard.episodes, done=self.episodes_done, failed=self.episodes_failed),
                frames=ShardTally(total=frames, done=min(self._video_frames // max(self.cameras, 1), frames)),
                bytes=ShardTally(total=0, done=self.bytes_done),
                frames_per_second=self._rate() if self.state is ShardState.RUNNING else None,
            )
        )

    def _rate(self) -> float | None:
        if len(self._samples) < 2:
            return None
        (begin, first), (end, last) = self._samples[0], self._samples[-1]
        return round((last - first) / max(self.cameras, 1) / (end - begin), 1) if end > begin else None
