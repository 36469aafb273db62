"""publish: assemble what the shards made, check it, and make it visible in one commit; the version tag comes last."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from augmentation_api import FailureReason
from augmentation_api.counted import counted, do
from augmentation_api.status import OutputStatus
from augmentation_api.vocabulary import OnBadEpisode
from augmentation_worker import secrecy, termination
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.bad_episodes import BadEpisodes
from augmentation_worker.formats.documents import Documents
from augmentation_worker.formats.entries import PREVIEW_KEY, ShardEntries, check_complete
from augmentation_worker.formats.integrity import check_stored, lost
from augmentation_worker.formats.port import Outline, Plan, Shard
from augmentation_worker.formats.records import ShardRecords
from augmentation_worker.formats.registry import format_of
from augmentation_worker.formats.result_files import BAD_EPISODES_PATH
from augmentation_worker.formats.spooled_records import SpooledRecords
from augmentation_worker.phases.session import Session
from augmentation_worker.storage.port import OutputMoved, StoredFile
from augmentation_worker.work import Work

_MOST_SEARCHED_BYTES: Final = 1 << 20
"""Size of the largest file that is searched for secrets: a larger file is data."""


def publish(session: Session) -> None:
    """Run the phase. Raises WorkerFailure; then nothing has become visible."""
    output = session.storage.open_output()
    session.reporter.event("started", f"Checking what goes to {output.name}")
    published = output.published()
    source = session.storage.open_source()
    try:
        work = session.work_on(source, output)
        plan = format_of(source).plan(work, session.shard_count)
        shards = plan.outline.shards
        entries = [ShardEntries.read(shard, session.manifests.read(shard.index)) for shard in shards]
        bad = BadEpisodes.found_by(entries)
        if bad.count:
            session.reporter.set_bad_episodes(bad.to_status(plan, in_result=published is not None))
        if published is None:
            check_complete(shards, entries)
            if bad.count:
                _check_may_skip(session, plan, bad)
        plan = plan.leave_out(bad.ranges) if bad.count else plan
        outline = plan.outline
        if published is None:
            try:
                records = _read_back(work, shards, entries)
                revision = _publish(work, plan, records, bad)
            finally:
                output.end_check()
        else:
            termination.finish_first()
            session.reporter.event("resumed", "An earlier attempt has published the result: little is left to do")
            revision = published
        if outline.tag is not None:
            output.announce(revision, outline.tag)
    finally:
        source.close()
    if bad.count:
        session.reporter.set_bad_episodes(bad.to_status(plan, in_result=True))
    session.reporter.set_datasets(
        output=OutputStatus(
            dataset_id=output.name,
            revision=revision,
            episodes=outline.total_episodes,
            frames=outline.total_frames,
            files=[*outline.described_by, *([BAD_EPISODES_PATH] if bad.count else [])],
            url=output.page,
        )
    )
    session.reporter.event("completed", f"{output.name} has {outline.content}", data={"revision": revision})


def _check_may_skip(session: Session, plan: Plan, bad: BadEpisodes) -> None:
    """Fail a job that is to make all that it selects, or of which nothing is left. Raises WorkerFailure."""
    selected = sum(map(len, plan.outline.selected))
    if session.job.spec.on_bad_episode is OnBadEpisode.FAIL or bad.count == selected:
        raise bad.failure(plan, session.manifests.keep_bad_episodes(bad.document()))
    session.reporter.event(
        "skipping",
        f"{bad.count} of the {selected} selected {plan.outline.nouns} cannot be used and "
        f"{do(bad.count, 'get')} no augmented version",
    )


def _read_back(work: Work, shards: Sequence[Shard], entries: Sequence[ShardEntries]) -> Sequence[ShardRecords]:
    """The records that the shards stored, on local disk. Raises WorkerFailure: RECORDS_LOST, naming what is lost."""
    work.output.expect_fetch([document.stored for of_shard in entries for document in of_shard.documents])
    documents, records = Documents(work.output, work.scratch / "fetched"), SpooledRecords(work.scratch / "records")
    missing = []
    for shard, of_shard in zip(shards, entries, strict=True):
        read = documents.read(shard, of_shard)
        records.append(ShardRecords.of(read, of_shard.preview))
        missing += of_shard.only({*read, PREVIEW_KEY}).missing(shard)
    if missing:
        raise lost("what was recorded is not stored any more:", missing)
    return records


def _publish(work: Work, plan: Plan, records: Sequence[ShardRecords], bad: BadEpisodes) -> str:
    """Assemble, check, and make the one commit. Returns its revision."""
    outline = plan.outline
    checked = work.output.check(work.source)
    stored = _checked_files(work, records)
    if bad.count:
        records = plan.rearrange(records)
        stored = _checked_files(work, records)
    assembled, of_publish = plan.assemble(records)
    written = {**assembled, **({BAD_EPISODES_PATH: bad.document()} if bad.count else {})}
    carried = [] if work.extends_source else _carry(work, outline)
    plan.check_stored_result(records, written)
    return _commit(
        work,
        f"{outline.change} (job {work.job_uid})",
        checked=checked,
        stored=[*stored, *carried, *of_publish],
        written=written,
        abandoned=(*outline.abandoned, *_outdated(work, written)) if work.extends_source else (),
    )


def _checked_files(work: Work, records: Sequence[ShardRecords]) -> list[StoredFile]:
    """The files of the result that the shards stored, all of which are there. Raises WorkerFailure: RECORDS_LOST."""
    files = [blob.stored for of_shard in records for blob in of_shard.blobs]
    check_stored(work.output, files)
    work.output.expect_fetch(files)
    return files


def _outdated(work: Work, written: Mapping[DatasetPath, bytes]) -> list[DatasetPath]:
    """What an earlier job said of the source, which is not so of the result."""
    return [path for path in (BAD_EPISODES_PATH,) if path in work.source.paths and path not in written]


def _carry(work: Work, outline: Outline) -> list[StoredFile]:
    """Carry the source's other files over, such as a license, one at a time: there may be folders of them."""
    carried = []
    for path in outline.carried:
        local = work.source.open(path)
        _refuse_secrets(path, local)
        carried.append(work.output.put(path, local))
        work.source.drop(path)
    return carried


def _commit(
    work: Work,
    message: str,
    *,
    checked: str,
    stored: Sequence[StoredFile],
    written: Mapping[DatasetPath, bytes],
    abandoned: Sequence[DatasetPath],
) -> str:
    """Make a result that was found sound visible, and find it where only the answer was lost. Returns its revision."""
    output = work.output
    for path, content in written.items():
        _refuse_secrets(path, content)
    opened = output.check_audience(work.source)
    if opened is not None:
        work.events.event("opened", opened)
    if work.extends_source:
        output.keep_previous(checked)
    files = len(stored) + len(written)
    work.events.event("publishing", f"The result is sound: committing {counted(files, 'file')}")
    termination.finish_first()
    try:
        return output.commit(message, checked=checked, stored=stored, written=written, deleted=abandoned)
    except OutputMoved as error:
        published = output.published()
        if published is not None:
            return published  # the commit was made, only its answer did not arrive
        raise WorkerFailure(
            FailureReason.OUTPUT_CONFLICT,
            f"somebody else wrote to {output.name} while the result was being checked: nothing was published; "
            "create the job again, or publish to another dataset (spec.output)",
        ) from error


def _refuse_secrets(path: str, content: bytes | Path) -> None:
    """Refuse a file, by its content or local path, with the hub token or the pod's identity: it may become public."""
    if isinstance(content, Path):
        if content.stat().st_size > _MOST_SEARCHED_BYTES:
            return
        content = content.read_bytes()
    if secrecy.holds_secret(content):
        raise WorkerFailure(
            FailureReason.SOURCE_INVALID,
            f"{path} of the result would hold the hub token or the pod's identity, which the source has in one of its "
            "files: remove it there, and have a new token made",
        )
