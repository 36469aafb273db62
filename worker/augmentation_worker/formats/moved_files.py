"""Files that were made for one plan of a result and are used by another."""

from augmentation_api import AugmentationJobSpec, Output, Source
from augmentation_api.spec import HubSource
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.formats.integrity import fetch_back
from augmentation_worker.formats.records import BlobRecord
from augmentation_worker.formats.result_files import PREVIEW_PATH
from augmentation_worker.work import Work

_ANY_SOURCE = Source(hub=HubSource(repo_id="any/source"))


def makes_the_same(spec: AugmentationJobSpec, other: AugmentationJobSpec) -> bool:
    """Whether both jobs make the same of an episode (or row) that both select."""
    return _making(spec) == _making(other)


def _making(spec: AugmentationJobSpec) -> AugmentationJobSpec:
    """The spec without what says which episodes are augmented, where they are from and how the job runs."""
    augmentation = spec.augmentation.model_copy(update={"episodes": "", "splits": [], "where": None})
    output = Output(mode=spec.output.mode, video=spec.output.video)
    return AugmentationJobSpec(
        type=spec.type, source=_ANY_SOURCE, output=output, augmentation=augmentation, generative=spec.generative
    )


def stored_preview(work: Work, image: bytes) -> BlobRecord:
    """A preview of the result, stored in the place of the one that a shard made."""
    with work.new_file("preview.png") as local:
        local.write_bytes(image)
        return BlobRecord.of(work.output.put(PREVIEW_PATH, local))


def stored_as(work: Work, file: BlobRecord, path: DatasetPath) -> BlobRecord:
    """A stored file under another path; the first stays. Raises WorkerFailure if it is not as it was recorded."""
    if path != file.path and not work.output.stores_by_content:
        with work.new_file("moved") as local:
            fetch_back(work.output, file, local)
            work.output.put(path, local)
    return BlobRecord(path=path, sha256=file.sha256, size=file.size)
