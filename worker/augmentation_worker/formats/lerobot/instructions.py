"""The instructions of copies: which task each carries instead of its episode's (spec.augmentation.tasks)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from augmentation_worker.formats.lerobot.tasks import TaskTable

Changes = Mapping[int, int]
"""By task_index of a row of the source, that of the row of a copy."""


@dataclass(frozen=True)
class Instructions:
    """The tasks of all copies.

    Attributes:
        table: the tasks of the source.
        added: texts that the source does not have; the first gets the index table.next_index.
        by_episode: by index of an episode, the changes of its copies, by the number of a copy modulo their number.
        everywhere: the same for all other episodes; nothing if they keep their tasks.
        warnings: what its user should know before the job runs.
    """

    table: TaskTable
    added: tuple[str, ...]
    by_episode: Mapping[int, Sequence[Changes]] = field(default_factory=dict)
    everywhere: Sequence[Changes] = ()
    warnings: tuple[str, ...] = ()

    def changes(self, episode: int, copy: int) -> Changes:
        """What tasks become in a copy of an episode; tasks that are not in it stay."""
        by_copy = self.by_episode.get(episode, self.everywhere)
        return by_copy[copy % len(by_copy)] if by_copy else {}

    def text(self, task_index: int) -> str:
        """The text of a task of the result."""
        first_added = self.table.next_index
        return self.added[task_index - first_added] if task_index >= first_added else self.table.texts[task_index]

    def texts(self, changes: Changes) -> Mapping[str, str]:
        """Changes as texts: what the source says, and what a copy says instead."""
        return {self.table.texts[old]: self.text(new) for old, new in changes.items()}

    def tasks_file(self) -> bytes:
        """The file of tasks of the result."""
        return self.table.with_added(self.added)
