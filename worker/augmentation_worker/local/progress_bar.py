"""A job's progress on the terminal."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm import tqdm

from augmentation_api import AugmentationJob, PhaseName

Tick = Callable[[], None]


@contextmanager
def progress_bar(read: Callable[[], AugmentationJob], *, quiet: bool) -> Iterator[Tick]:
    """Show how far the job is that `read` reads, whenever the function that is given is called.

    Where stderr is no terminal its events are shown, and no bar.
    """
    shown: set[tuple[str, str]] = set()
    with tqdm(unit=" frames", disable=quiet or not sys.stderr.isatty(), dynamic_ncols=True, leave=False) as bar:

        def tick() -> None:
            job = read()
            for phase in (PhaseName.RESOLVE, PhaseName.AUGMENT, PhaseName.PUBLISH):
                for event in job.status.phase(phase).events:
                    if (phase, event.id) not in shown and not quiet and event.status != "failed":
                        shown.add((phase, event.id))  # a failure is printed at the end, once
                        line = f"{phase}: {event.message}" + (f" ({event.error})" if event.error else "")
                        bar.write(line, file=sys.stderr)
            done = sum(shard.frames.done for shard in job.status.shards if shard.frames)
            source = job.status.source
            if source is not None and source.selected_frames and source.copies:
                bar.total = source.selected_frames * source.copies
            if done > bar.n:
                bar.update(done - bar.n)

        yield tick
        tick()
