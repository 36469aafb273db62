"""resolve: pin the source, read its metadata, and find everything that can be wrong before a GPU is taken."""

from base64 import b64encode
from itertools import accumulate

from augmentation_api import AugmentationJobSpec, AugmentationType, FailureReason
from augmentation_api.counted import are, counted
from augmentation_api.status import MAX_PREVIEW_BYTES, OutputStatus, PreviewStatus
from augmentation_api.stored_size import stored_size
from augmentation_worker.cluster.report import SHARE_OF_PHASE
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.port import Resolution
from augmentation_worker.formats.registry import format_of
from augmentation_worker.media.preview_size import fitted_preview
from augmentation_worker.phases.session import Session
from augmentation_worker.storage.port import OutputDataset, SourceDataset
from augmentation_worker.transforms.key_version import KEY_VERSION

_MOST_WARNINGS = SHARE_OF_PHASE.events - 4
_MOST_WARNINGS_BYTES = SHARE_OF_PHASE.event_bytes * 3 // 4
"""What they may take of the status as events: the rest is for the beginning and the end of the phase."""


def resolve(session: Session) -> None:
    """Run the phase. Raises WorkerFailure."""
    spec, settings, reporter = session.job.spec, session.settings, session.reporter
    check_type(spec)
    reporter.event("started", "Reading the dataset's metadata")
    source = session.storage.find_source()
    try:
        resolution = format_of(source).resolve(
            source, spec, settings.scratch, settings.max_frames, settings.checkpoint_mb * 2**20
        )
        for warning in _warnings_of(resolution):
            reporter.event("warning", warning)
        if spec.preview is not None:
            return _preview(session, source, resolution)
        output = _prepared_output(session, source, resolution)
    finally:
        source.close()
    found = resolution.source.model_copy(update={"key_version": KEY_VERSION})
    reporter.set_datasets(source=found, output=OutputStatus(dataset_id=output.name, url=output.page))
    reporter.event("completed", f"{resolution.summary}; the result goes to {output.name}")


def _warnings_of(resolution: Resolution) -> tuple[str, ...]:
    """What the status can hold of them; that there are more is the last."""
    warnings = resolution.warnings
    fitting = sum(size <= _MOST_WARNINGS_BYTES for size in accumulate(map(stored_size, warnings)))
    if len(warnings) == fitting <= _MOST_WARNINGS:
        return warnings
    kept = warnings[: max(1, min(fitting, _MOST_WARNINGS) - 1)]
    more = len(warnings) - len(kept)
    are_said = f"{'it is' if more == 1 else 'they are'} said once these are settled"
    return (*kept, f"There {are(more)} {counted(more, 'more warning')}: {are_said}")


def _preview(session: Session, source: SourceDataset, resolution: Resolution) -> None:
    """Draw what the job would do. Its output is neither created nor checked: nothing will be published."""
    session.reporter.set_datasets(source=resolution.source)
    session.reporter.event("drawing", f"{resolution.summary}; drawing the preview")
    drawn = format_of(source).preview(source, session.job.spec, session.settings.scratch)
    media_type, image = fitted_preview(drawn, MAX_PREVIEW_BYTES)
    session.reporter.set_preview(PreviewStatus(media_type=media_type, image=b64encode(image).decode("ascii")))
    session.reporter.event("completed", "The preview is drawn; nothing was published")


def check_type(spec: AugmentationJobSpec) -> None:
    """Refuse a kind of augmentation that is not implemented.

    Raises WorkerFailure(SPEC_UNSUPPORTED), naming field, value and what is supported now.
    """
    if spec.type is not AugmentationType.DETERMINISTIC:
        raise WorkerFailure(
            FailureReason.SPEC_UNSUPPORTED,
            f"spec.type: {spec.type} is not supported yet; supported now: {AugmentationType.DETERMINISTIC}",
        )


def _prepared_output(session: Session, source: SourceDataset, resolution: Resolution) -> OutputDataset:
    """The output, ready to take the result: it exists, is free, and has no more readers than the job allows."""
    output = session.storage.new_output(source)
    if output.extends(source) and resolution.overwrites:
        raise WorkerFailure(
            FailureReason.OUTPUT_CONFLICT,
            f"the dataset {output.name} has the file {resolution.overwrites[0]}, which no episode uses and the result "
            "would overwrite: delete it, or publish to another dataset (spec.output.hub.repoID)",
        )
    output.prepare(source)
    output.check(source)
    opened = output.check_audience(source)
    if opened is not None:
        session.reporter.event("opened", opened)
    return output
