"""Showing how far a job is while it is waited for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from augmentation_client.models import JobSummary
from augmentation_client.terminal import printable

Watcher = Callable[[JobSummary], None]


@contextmanager
def watcher(wish: bool | Watcher) -> Iterator[Watcher]:
    """What to call with the job whenever it has changed: the given function, a bar on stderr, or nothing."""
    if callable(wish):
        yield wish
    elif not wish:
        yield lambda _: None
    else:
        columns = (
            # Not as markup: the name is the user's, the status the server's.
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
