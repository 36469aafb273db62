"""An output that is ready to take a result: it exists, is free, and has no more readers than the job allows."""

from augmentation_worker.phases.session import Session
from augmentation_worker.storage.port import OutputDataset, SourceDataset


def prepare_output(session: Session, source: SourceDataset, output: OutputDataset) -> None:
    """Create the output if it is missing, and check it. Raises WorkerFailure."""
    output.prepare(source)
    output.check(source)
    opened = output.check_audience(source)
    if opened is not None:
        session.reporter.event("opened", opened)
