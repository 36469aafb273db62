"""publish of an image dataset: check what the shards made, and make it visible in one commit."""

from collections.abc import Sequence
from dataclasses import dataclass

from augmentation_api import FailureReason
from augmentation_api.status import OutputStatus
from augmentation_worker import termination
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.images.card import write_image_card
from augmentation_worker.formats.images.dataset import ImageDataset
from augmentation_worker.formats.images.detection import find_image_dataset
from augmentation_worker.formats.images.integrity import as_planned, check_complete, check_opens
from augmentation_worker.formats.images.plan import ImagePlan, make_image_plan
from augmentation_worker.formats.images.provenance import write_image_provenance
from augmentation_worker.formats.images.records import ImageShardRecords
from augmentation_worker.formats.lerobot.integrity import check_stored
from augmentation_worker.formats.lerobot.layout import CARD_PATH, PICTURE_PATH, WRITTEN_ANEW
from augmentation_worker.formats.lerobot.records import RecordInvalid, stored_of
from augmentation_worker.phases.carried_secrets import refuse_secrets
from augmentation_worker.phases.one_commit import commit_once
from augmentation_worker.phases.session import Session
from augmentation_worker.storage.git_attributes import ATTRIBUTES_PATH, changed_attributes
from augmentation_worker.storage.port import OutputDataset, SourceDataset, StoredFile
from augmentation_worker.storage.provenance import PROVENANCE_PATH


def publish_images(session: Session, source: SourceDataset, output: OutputDataset, published: str | None) -> None:
    """Run the phase. Raises WorkerFailure; then nothing has become visible.

    Args:
        session: of this pod.
        source: the source.
        output: where the result goes.
        published: revision of the result, if an earlier try has published it.
    """
    dataset = find_image_dataset(source, session.settings.scratch)
    plan = make_image_plan(
        dataset, session.job.spec, session.shard_count, source.paths, carry_originals=not output.extends(source)
    )
    if published is None:
        revision = _Publication(session, source, dataset, plan, output).commit()
    else:
        termination.finish_first()
        session.reporter.event("resumed", "An earlier try has published the result: little is left to do")
        revision = published
    session.reporter.found(
        output=OutputStatus(
            dataset_id=output.name,
            revision=revision,
            episodes=plan.total_rows,
            frames=plan.total_rows,
            files=[CARD_PATH, PROVENANCE_PATH, PICTURE_PATH],
            url=output.page,
        )
    )
    session.reporter.event("completed", f"{output.name} has {plan.total_rows} rows", data={"revision": revision})


@dataclass(frozen=True)
class _Publication:
    """One try to publish."""

    session: Session
    source: SourceDataset
    dataset: ImageDataset
    plan: ImagePlan
    output: OutputDataset

    def commit(self) -> str:
        """Check, and make the one commit."""
        extends = self.output.extends(self.source)
        checked = self.output.check(self.source)
        records = self._records()
        check_complete(self.plan, records)
        blobs = [blob for record in records for blob in record.blobs]
        stored = [stored_of(blob) for blob in blobs]
        stored += self._carried() if not extends else []
        missing = {file.path for file in self.output.missing(stored)}
        check_stored([blob for blob in blobs if blob.path in missing])
        written = self._written(records, extends=extends)
        check_opens(
            self.dataset, self.plan, records, written[CARD_PATH], self.output, self.session.settings.scratch / "result"
        )
        return commit_once(
            self.session,
            self.source,
            self.output,
            f"{'Replace' if self.plan.in_place else 'Add'} {self.plan.augmented_rows} augmented rows "
            f"(job {self.session.settings.job_uid})",
            checked=checked,
            extends=extends,
            stored=stored,
            written=written,
            abandoned=self.plan.abandoned,
        )

    def _records(self) -> list[ImageShardRecords]:
        try:
            return [
                as_planned(shard, ImageShardRecords.read(self.session.manifests.read(shard.index)))
                for shard in self.plan.shards
            ]
        except RecordInvalid as error:
            raise WorkerFailure(FailureReason.INTERNAL_ERROR, str(error)) from error

    def _carried(self) -> list[StoredFile]:
        """Bring files at the top over that are no data, such as a license."""
        kept = [
            path
            for path in sorted(self.source.paths)
            if "/" not in path and path not in WRITTEN_ANEW and path not in self.dataset.data_paths
        ]
        for path in kept:
            refuse_secrets(path, self.source.open(path))
        return [self.output.put(path, self.source.open(path)) for path in kept]

    def _written(self, records: Sequence[ImageShardRecords], *, extends: bool) -> dict[DatasetPath, bytes]:
        spec, dataset, plan = self.session.job.spec, self.dataset, self.plan
        card = self.source.read(CARD_PATH)
        text = None if card is None else card.decode("utf-8-sig", errors="replace")
        return {
            CARD_PATH: write_image_card(spec, dataset, plan, text, extends=extends),
            PROVENANCE_PATH: write_image_provenance(
                self.session.settings.job_uid, spec, self.source.origin, dataset, plan, records
            ),
            **changed_attributes(self.output.read(ATTRIBUTES_PATH)),
        }
