"""augment: make the units of one shard, store them, and record each as it is finished."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from augmentation_api import FailureReason
from augmentation_api.counted import counted
from augmentation_api.vocabulary import ShardState
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.documents import Documents
from augmentation_worker.formats.entries import PREVIEW_KEY, AnyRecord, ShardEntries, originals_key
from augmentation_worker.formats.port import Shard, ShardMaker, Unit
from augmentation_worker.formats.records import BlobRecord, FilesRecord, UnitRecord
from augmentation_worker.formats.registry import format_of
from augmentation_worker.formats.result_files import PREVIEW_PATH
from augmentation_worker.media.stage_clock import Stage
from augmentation_worker.phases.progress import ShardProgress
from augmentation_worker.phases.session import Session
from augmentation_worker.work import Work

_MOST_FILES_AT_ONCE: Final = 100
_MOST_BYTES_AT_ONCE: Final = 256 * 2**20
"""Files of the source that are carried over between two records."""
_MOST_SHARDS_WITH_FIRST_FRAME: Final = 12
"""Of a job of more shards, each has room in the status for only three events or fewer."""
_log = logging.getLogger(__name__)


def augment(session: Session) -> None:
    """Run one shard. Raises WorkerFailure."""
    index = session.settings.shard_index
    if index is None or index >= session.shard_count:
        raise WorkerFailure(FailureReason.INTERNAL_ERROR, f"there is no shard {index} among {session.shard_count}")
    with session.stages.measure(Stage.METADATA):
        source = session.storage.open_source()
        dataset_format = format_of(source)
        work = session.work_on(source, session.storage.open_output())
        plan = dataset_format.plan(work, session.shard_count)
        shard = plan.outline.shards[index]
        documents = Documents(work.output, work.scratch / "records")
        entries = _still_stored(session, shard, documents)
    settings, cameras = session.settings, plan.outline.cameras
    progress = ShardProgress(session.reporter, shard, cameras, settings.node_name, settings.shard_attempt)
    run = _ShardRun(session, work, shard, entries, documents, progress, plan.outline.nouns)
    with plan.maker(shard, entries) as maker:
        run.make(maker)
    failed = progress.episodes_failed
    unusable = counted(failed, plan.outline.nouns.removesuffix("s"))
    session.reporter.event(
        "completed",
        f"Shard {index} has made what it can of {shard.product}: {unusable} cannot be used"
        if failed
        else f"Shard {index} has made {shard.product}",
        data=session.stages.details(),
    )
    source.close()


def _still_stored(session: Session, shard: Shard, documents: Documents) -> ShardEntries:
    """What the shard has recorded before, as far as it is still there."""
    recorded = ShardEntries.read(shard, session.manifests.read(shard.index))
    try:
        entries = documents.still_stored(shard, recorded)
    finally:
        documents.output.end_check()
    before = set(recorded.missing(shard))
    lost = [name for name in entries.missing(shard) if name not in before]
    if lost:
        session.reporter.event(
            "lost", f"{len(lost)} of what was recorded before is not stored any more, and made again: {lost[0]}"
        )
    return entries


@dataclass
class _ShardRun:
    """One attempt at one shard.

    Attributes:
        entries: of what is done.
        has_frames: whether it, or the attempt that it goes on from, has made a frame.
    """

    session: Session
    work: Work
    shard: Shard
    entries: ShardEntries
    documents: Documents
    progress: ShardProgress
    nouns: str
    has_frames: bool = False

    def make(self, maker: ShardMaker) -> None:
        """Make what is not recorded yet."""
        done = [unit for unit in self.shard.units if unit.key in self.entries.units]
        self.has_frames = bool(done)
        self.progress.skip((unit, self.entries.units[unit.key]) for unit in done)
        self._report_start(len([unit for unit in done if not unit.completes]))
        try:
            self._carry_originals(maker)
            self._make_units(maker)
        except WorkerFailure:
            self.progress.end(ShardState.FAILED)
            raise
        self.progress.end(ShardState.COMPLETED)

    def _report_start(self, done: int) -> None:
        settings = self.session.settings
        where = f" on {settings.node_name}" if settings.node_name else ""
        self.session.reporter.event(
            "resumed" if done else "started",
            f"Shard {self.shard.index}{where} ({self.work.device}): {self.shard.task}"
            + (f", {done} of them done before" if done else ""),
            retry_attempt=settings.shard_attempt,
        )

    def _report_first_frame(self) -> None:
        if self.session.shard_count <= _MOST_SHARDS_WITH_FIRST_FRAME:
            self.session.reporter.event("first_frame", f"Shard {self.shard.index} has made its first frames")

    def _carry_originals(self, maker: ShardMaker) -> None:
        carried = self.entries.carried(self.shard)
        missing = [number for number, path in enumerate(self.shard.carried) if path not in carried]
        needed = {path for unit in self.shard.units for path in maker.reads(unit)} if missing else set()
        for batch in _batches(missing, [self.work.source.size(path) for path in self.shard.carried]):
            files = []
            for path in self.shard.carried[batch.start : batch.stop]:
                with self.work.stages.measure(Stage.DOWNLOAD):
                    local = self.work.source.open(path)
                with self.work.stages.measure(Stage.UPLOAD):
                    files.append(BlobRecord.of(self.work.output.put(path, local)))
                if path not in needed:
                    self.work.source.drop(path)
                self.session.reporter.check()
            self._record(originals_key(batch.start), FilesRecord(files=tuple(files)))

    def _make_units(self, maker: ShardMaker) -> None:
        units = self.shard.units
        last_use = {path: place for place, unit in enumerate(units) for path in maker.reads(unit)}
        needs_preview = self.shard.makes_preview and self.entries.preview is None
        for place, unit in enumerate(units):
            entry = self.entries.units.get(unit.key) or self._make_unit(maker, unit)
            is_usable = unit.episode_count > sum(map(len, entry.bad_episodes))
            if needs_preview and is_usable and self.progress.episodes_done:
                self._store_preview(maker, unit)
                needs_preview = False
            for path in maker.reads(unit):
                if last_use[path] == place:
                    self.work.source.drop(path)
            self.session.reporter.check()
        if needs_preview:
            self._store_preview(maker, None)

    def _store_preview(self, maker: ShardMaker, unit: Unit | None) -> None:
        with self.work.new_file("preview.png") as local:
            local.write_bytes(maker.preview(unit))
            record = BlobRecord.of(self.work.output.put(PREVIEW_PATH, local))
            self.session.manifests.record(self.shard.index, {PREVIEW_KEY: record.encode()})

    def _make_unit(self, maker: ShardMaker, unit: Unit) -> UnitRecord:
        record = maker.make(unit, self._on_frames)
        self._record(unit.key, record)
        self.progress.finish_unit(unit, record)
        _log.info("%s is done", unit.title)
        for cause, episodes in record.unusable.items():
            self.session.reporter.event("unusable", f"Cannot be used: {self.nouns} {episodes}", error=cause)
        return record

    def _on_frames(self, frames: int) -> None:
        if not self.has_frames:
            self.has_frames = True
            self._report_first_frame()
        self.progress.on_frames(frames)
        self.session.reporter.check()

    def _record(self, key: str, record: AnyRecord) -> None:
        entries = self.documents.add(self.entries, key, record)
        self.session.manifests.record(self.shard.index, {key: entry.encode() for key, entry in entries.items()})
        self.entries = self.entries.updated(entries)


def _batches(places: Iterable[int], sizes: Sequence[int]) -> Iterator[range]:
    """The files at these places, rising, in consecutive runs: what is lost with a pod is at most one of them."""
    start = stop = carried = 0
    for place in places:
        if start < stop and (
            place != stop or stop - start == _MOST_FILES_AT_ONCE or carried + sizes[place] > _MOST_BYTES_AT_ONCE
        ):
            yield range(start, stop)
            start = stop
        if start == stop:
            start, carried = place, 0
        stop, carried = place + 1, carried + sizes[place]
    if start < stop:
        yield range(start, stop)
