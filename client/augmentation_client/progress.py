"""The progress bar of a job that is waited for."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from augmentation_client.models import JobSummary
from augmentation_client.terminal import printable

Watcher = Callable[[JobSummary], None]


@contextmanager
def watcher(wish: bool | Watcher) -> Iterator[Watcher]:
    """The function to call whenever the job changes: the given one, one that updates a bar on stderr, or a no-op."""
    if callable(wish):
        yield wish
    elif not wish:
        yield lambda _: None
    else:
        columns = (
            # No markup: names come from users, statuses from the server.
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[phase]}", markup=False),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task("waiting", total=100, phase="")
            yield lambda job: bar.update(
                task,
                description=printable(job.name),
                completed=job.percent,
                phase=printable(f"{job.status}, {job.current_phase}"),
            )
