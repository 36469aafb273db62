"""augment: make the units of one shard, store them, and record each as it is finished."""

import logging
from dataclasses import dataclass

from augmentation_api import FailureReason
from augmentation_api.vocabulary import ShardState
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.port import Shard, ShardMaker, Unit
from augmentation_worker.formats.records import ORIGINALS_KEY, PREVIEW_KEY, BlobRecord, FilesRecord, ShardRecords
from augmentation_worker.formats.registry import format_of
from augmentation_worker.formats.result_files import PREVIEW_PATH
from augmentation_worker.phases.progress import ShardProgress
from augmentation_worker.phases.session import Session
from augmentation_worker.work import Work

_log = logging.getLogger(__name__)


def augment(session: Session) -> None:
    """Run one shard. Raises WorkerFailure."""
    index = session.settings.shard_index
    if index is None or index >= session.shard_count:
        raise WorkerFailure(FailureReason.INTERNAL_ERROR, f"there is no shard {index} among {session.shard_count}")
    source = session.storage.open_source()
    dataset_format = format_of(source)
    work = session.work_on(source, session.storage.open_output())
    plan = dataset_format.plan(work, session.shard_count)
    shard = plan.outline.shards[index]
    records = ShardRecords.read(shard, session.manifests.read(index))
    settings, cameras = session.settings, plan.outline.cameras
    progress = ShardProgress(session.reporter, shard, cameras, settings.node_name, settings.shard_attempt)
    run = _ShardRun(session, work, shard, records, progress)
    with plan.maker(shard) as maker:
        run.make(maker)
    session.reporter.event("completed", f"Shard {index} has made {shard.product}")
    source.close()


@dataclass(frozen=True)
class _ShardRun:
    """One attempt at one shard."""

    session: Session
    work: Work
    shard: Shard
    records: ShardRecords
    progress: ShardProgress

    def make(self, maker: ShardMaker) -> None:
        """Make what is not recorded yet."""
        done = [unit for unit in self.shard.units if unit.key in self.records.units]
        self.progress.skip(
            sum(unit.episodes for unit in done),
            sum(unit.frames for unit in done),
            sum(record.size for record in self.records.units.values()),
        )
        self._report_start(len([unit for unit in done if not unit.completes]))
        try:
            maker.check([unit for unit in self.shard.units if unit.key not in self.records.units])
            self._carry_originals(maker)
            self._store_preview(maker)
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
            f"Shard {self.shard.index}{where} ({self.work.device.type}): {self.shard.task}"
            + (f", {done} of them done before" if done else ""),
            retry_attempt=settings.shard_attempt,
        )

    def _carry_originals(self, maker: ShardMaker) -> None:
        carried = {file.path: file for file in self.records.originals}
        missing = [path for path in self.shard.carried if path not in carried]
        needed = {path for unit in self.shard.units for path in maker.reads(unit)} if missing else set()
        for path in missing:
            carried[path] = BlobRecord.of(self.work.output.put(path, self.work.source.open(path)))
            self._record(ORIGINALS_KEY, FilesRecord(files=tuple(carried.values())).encode())
            if path not in needed:
                self.work.source.drop(path)
            self.session.reporter.check()

    def _store_preview(self, maker: ShardMaker) -> None:
        if not self.shard.makes_preview or self.records.preview is not None:
            return
        with self.work.new_file("preview.png") as local:
            local.write_bytes(maker.preview())
            self._record(PREVIEW_KEY, BlobRecord.of(self.work.output.put(PREVIEW_PATH, local)).encode())

    def _make_units(self, maker: ShardMaker) -> None:
        units = self.shard.units
        for unit, following in zip(units, [*units[1:], None], strict=True):
            if unit.key not in self.records.units:
                self._make_unit(maker, unit)
            needed = set() if following is None else set(maker.reads(following))
            for path in maker.reads(unit):
                if path not in needed:
                    self.work.source.drop(path)
            self.session.reporter.check()

    def _make_unit(self, maker: ShardMaker, unit: Unit) -> None:
        record = maker.make(unit, self._on_frames)
        self._record(unit.key, record.encode())
        self.progress.finish_unit(unit, record.size)
        _log.info("%s is done", unit.title)

    def _on_frames(self, frames: int) -> None:
        self.progress.on_frames(frames)
        self.session.reporter.check()

    def _record(self, key: str, text: str) -> None:
        self.session.manifests.record(self.shard.index, key, text)
