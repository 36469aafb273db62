"""publish: assemble what the shards made, check it, and make it visible in one commit; the version tag comes last."""

from collections.abc import Sequence

from augmentation_api import FailureReason
from augmentation_api.status import OutputStatus
from augmentation_worker import termination
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.integrity import check_stored
from augmentation_worker.formats.port import Outline, Plan
from augmentation_worker.formats.records import RecordInvalid, ShardRecords, check_complete
from augmentation_worker.formats.registry import format_of
from augmentation_worker.phases.commit import commit_once, refuse_secrets
from augmentation_worker.phases.session import Session
from augmentation_worker.storage.port import StoredFile
from augmentation_worker.work import Work


def publish(session: Session) -> None:
    """Run the phase. Raises WorkerFailure; then nothing has become visible."""
    output = session.storage.open_output()
    session.reporter.event("started", f"Checking what goes to {output.name}")
    published = output.published()
    source = session.storage.open_source()
    try:
        work = session.work_on(source, output)
        plan = format_of(source).plan(work, session.shard_count)
        outline = plan.outline
        if published is None:
            revision = _publish(session, work, plan)
        else:
            termination.finish_first()
            session.reporter.event("resumed", "An earlier attempt has published the result: little is left to do")
            revision = published
        if outline.tag is not None:
            output.announce(revision, outline.tag)
    finally:
        source.close()
    session.reporter.set_datasets(
        output=OutputStatus(
            dataset_id=output.name,
            revision=revision,
            episodes=outline.total_episodes,
            frames=outline.total_frames,
            files=list(outline.described_by),
            url=output.page,
        )
    )
    session.reporter.event("completed", f"{output.name} has {outline.content}", data={"revision": revision})


def _publish(session: Session, work: Work, plan: Plan) -> str:
    """Assemble, check, and make the one commit. Returns its revision."""
    outline = plan.outline
    checked = work.output.check(work.source)
    records = _records(session, outline)
    check_complete(outline.shards, records)
    written, stored = plan.assemble(records)
    carried = [] if work.extends_source else _carry(work, outline)
    blobs = [blob for record in records for blob in record.blobs]
    check_stored(work.output, blobs)
    plan.check_stored_result(records, written)
    return commit_once(
        work,
        f"{outline.change} (job {work.job_uid})",
        checked=checked,
        stored=[*(blob.stored for blob in blobs), *carried, *stored],
        written=written,
        abandoned=outline.abandoned if work.extends_source else (),
    )


def _records(session: Session, outline: Outline) -> Sequence[ShardRecords]:
    try:
        return [ShardRecords.read(shard, session.manifests.read(shard.index)) for shard in outline.shards]
    except RecordInvalid as error:
        raise WorkerFailure(FailureReason.INTERNAL_ERROR, str(error)) from error


def _carry(work: Work, outline: Outline) -> list[StoredFile]:
    """Carry the source's other files over, such as a license."""
    for path in outline.carried:
        refuse_secrets(path, work.source.open(path))
    return [work.output.put(path, work.source.open(path)) for path in outline.carried]
