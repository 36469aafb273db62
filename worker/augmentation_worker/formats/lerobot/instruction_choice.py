"""Which instructions copies carry: paraphrases of the job's spec, or those that the dataset holds."""

from collections.abc import Sequence

from augmentation_api import AugmentationJobSpec, FailureReason
from augmentation_api.tasks import TaskParaphrases
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.lerobot.episodes import Episode
from augmentation_worker.formats.lerobot.instructions import Changes, Instructions
from augmentation_worker.formats.lerobot.metadata import DatasetMetadata
from augmentation_worker.formats.lerobot.planner import copies_of, selected_episodes
from augmentation_worker.formats.lerobot.task_paraphrases import LANGUAGE_COLUMN, read_paraphrases
from augmentation_worker.formats.lerobot.tasks import TaskTable, read_tasks
from augmentation_worker.storage.port import SourceDataset

_MOST_TASKS_LISTED, _LONGEST_QUOTE = 10, 80


def instructions_of(metadata: DatasetMetadata, spec: AugmentationJobSpec, source: SourceDataset) -> Instructions | None:
    """The instructions that a job asks for; None if its copies keep the tasks of their episodes.

    Raises:
        WorkerFailure: SELECTION_EMPTY for a task that the dataset does not have, and for a dataset without paraphrases
            where its own are asked for; SOURCE_INVALID.
    """
    tasks = spec.augmentation.tasks
    if tasks is None:
        return None
    table = read_tasks(source, metadata.info)
    if tasks.paraphrases is not None:
        return _of_spec(table, tasks.paraphrases, copies_of(spec))
    selected = selected_episodes(metadata, spec.augmentation)
    return _of_dataset(table, metadata, selected, copies_of(spec), source)


class _Numbers:
    """The indices of texts: those that the source has keep theirs, others get the next."""

    def __init__(self, table: TaskTable) -> None:
        self._indices: dict[str, int] = {}
        for index, text in table.texts.items():
            self._indices.setdefault(text, index)
        self._next = table.next_index
        self.added: list[str] = []

    def of(self, text: str) -> int:
        if text not in self._indices:
            self._indices[text] = self._next + len(self.added)
            self.added.append(text)
        return self._indices[text]


def _of_spec(table: TaskTable, paraphrases: Sequence[TaskParaphrases], copies: int) -> Instructions:
    known = set(table.texts.values())
    for place, entry in enumerate(paraphrases):
        if entry.task not in known:
            raise WorkerFailure(
                FailureReason.SELECTION_EMPTY,
                f"spec.augmentation.tasks.paraphrases[{place}].task: the dataset has no task {_quoted(entry.task)}; it "
                f"has: {_listed(list(table.texts.values()))}",
            )
    numbers = _Numbers(table)
    new = {
        entry.task: [numbers.of(entry.as_[copy % len(entry.as_)]) for copy in range(copies)] for entry in paraphrases
    }
    changes = [{index: new[text][copy] for index, text in table.texts.items() if text in new} for copy in range(copies)]
    return Instructions(table, tuple(numbers.added), everywhere=changes)


def _of_dataset(
    table: TaskTable, metadata: DatasetMetadata, selected: Sequence[Episode], copies: int, source: SourceDataset
) -> Instructions:
    read = read_paraphrases(metadata, selected, source)
    numbers = _Numbers(table)
    by_episode: dict[int, Sequence[Changes]] = {}
    without, several = [], []
    for episode in selected:
        found = read[episode.index]
        texts = [text for text in found.texts if text != table.texts.get(found.task_index)]
        if not texts or found.task_index not in table.texts:
            without.append(episode.index)
        elif len(_tasks_of(metadata, episode)) > 1:
            several.append(episode.index)
        else:
            new = [numbers.of(texts[copy % len(texts)]) for copy in range(copies)]
            by_episode[episode.index] = [{found.task_index: index} for index in new]
    if not by_episode:
        raise WorkerFailure(
            FailureReason.SELECTION_EMPTY,
            f"spec.augmentation.tasks.from: dataset: no selected episode with one task has paraphrases, which are rows "
            f"of the style task_aug in the column {LANGUAGE_COLUMN}; name them in spec.augmentation.tasks.paraphrases",
        )
    reasons = {"no paraphrases": without, "several tasks, and paraphrases do not say of which they are": several}
    warnings = tuple(
        f"{len(episodes)} of {len(selected)} selected episodes {'has' if len(episodes) == 1 else 'have'} {reason}: "
        f"{'its' if len(episodes) == 1 else 'their'} copies keep their tasks (the first is episode {episodes[0]})"
        for reason, episodes in reasons.items()
        if episodes
    )
    return Instructions(table, tuple(numbers.added), by_episode, warnings=warnings)


def _tasks_of(metadata: DatasetMetadata, episode: Episode) -> Sequence[str]:
    if "tasks" not in metadata.table.column_names:
        return ()
    return metadata.table.column("tasks")[episode.index].as_py() or ()


def _listed(texts: Sequence[str]) -> str:
    listed = ", ".join(map(_quoted, texts[:_MOST_TASKS_LISTED])) or "none"
    return listed + (f" and {len(texts) - _MOST_TASKS_LISTED} more" if len(texts) > _MOST_TASKS_LISTED else "")


def _quoted(text: str) -> str:
    return repr(text if len(text) <= _LONGEST_QUOTE else f"{text[:_LONGEST_QUOTE]}…")
