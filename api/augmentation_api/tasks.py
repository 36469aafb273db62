"""Instructions: the other words in which copies of an episode say its task."""

from typing import Annotated, Self

from pydantic import ConfigDict, Field, StringConstraints, field_validator, model_validator

from augmentation_api.model import Model, kubernetes_rule
from augmentation_api.vocabulary import TaskSource

MOST_PARAPHRASED_TASKS, MOST_PARAPHRASES, LONGEST_TASK = 500, 20, 1000

TaskText = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_TASK)]
_ONE_ORIGIN = "tasks takes its texts from one place: set exactly one of tasks.from and tasks.paraphrases"


class TaskParaphrases(Model):
    """Other words for one task."""

    task: TaskText = Field(description="A task of the dataset, exactly as it stands there.")
    as_: Annotated[list[TaskText], Field(min_length=1, max_length=MOST_PARAPHRASES)] = Field(
        alias="as",
        description="What copies say instead: copy number k, counted from 0, carries text number k. After the last "
        "text comes the first again.",
    )


Paraphrases = Annotated[list[TaskParaphrases], Field(min_length=1, max_length=MOST_PARAPHRASED_TASKS)]


class Tasks(Model):
    """The instructions of copies: exactly one of `from` and `paraphrases`. Originals keep theirs."""

    model_config = ConfigDict(
        json_schema_extra={
            "x-kubernetes-validations": [kubernetes_rule("has(self.from) != has(self.paraphrases)", _ONE_ORIGIN)]
        }
    )

    from_: TaskSource | None = Field(
        None,
        alias="from",
        description="dataset: the paraphrases that the dataset holds of each episode's task, as `task_aug` rows of "
        "its column language_persistent, which LeRobot's annotation pipeline writes. An episode without any keeps its "
        "task.",
    )
    paraphrases: Paraphrases | None = Field(
        None, description="Paraphrases by task. A task that is not listed stays as it is."
    )

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if (self.from_ is None) == (self.paraphrases is None):
            raise ValueError(_ONE_ORIGIN)
        return self

    @field_validator("paraphrases")
    @classmethod
    def _each_task_once(cls, paraphrases: list[TaskParaphrases] | None) -> list[TaskParaphrases] | None:
        tasks = [entry.task for entry in paraphrases or ()]
        twice = next((task for place, task in enumerate(tasks) if task in tasks[:place]), None)
        if twice is not None:
            raise ValueError(f"paraphrases lists the task {twice!r} twice: put all its texts into one entry")
        return paraphrases
