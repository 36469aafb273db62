"""The preview of a job: what it will do, in one image, before anything is run."""

from pathlib import Path
from tempfile import TemporaryDirectory

from augmentation_api import AugmentationJobSpec
from augmentation_worker.formats.registry import format_of
from augmentation_worker.phases.resolve import check_type
from augmentation_worker.storage.folder.source import FolderSource


def draw_preview(
    spec: AugmentationJobSpec, source: Path, episode: int | None, follow_links: Path | None = None
) -> bytes:
    """A PNG: the middle frame of an episode as each camera recorded it, and as the job augments it.

    Args:
        spec: the job.
        source: folder of the dataset.
        episode: which of the selected ones; None: the first.
        follow_links: one more folder that links in the dataset may lead into.

    Raises:
        WorkerFailure: what the job itself would fail with before it starts.
    """
    check_type(spec)
    source = source.resolve()
    folder = FolderSource(source, str(source), follow_links.resolve() if follow_links is not None else None)
    with TemporaryDirectory() as scratch:
        return format_of(folder).preview(folder, spec, Path(scratch), episode)
