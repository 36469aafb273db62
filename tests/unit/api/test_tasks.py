from typing import Any

import pytest
from pydantic import ValidationError

from augmentation_api import Augmentation


@pytest.mark.parametrize(
    ("tasks", "finding"),
    [
        ({}, "set exactly one of tasks.from and tasks.paraphrases"),
        ({"from": "dataset", "paraphrases": [{"task": "a", "as": ["b"]}]}, "set exactly one"),
        ({"from": "elsewhere"}, "'dataset'"),
        ({"paraphrases": []}, "at least 1 item"),
        ({"paraphrases": [{"task": "a", "as": []}]}, "at least 1 item"),
        ({"paraphrases": [{"task": "a", "as": [""]}]}, "at least 1 character"),
        ({"paraphrases": [{"task": "a", "as": ["b"]}, {"task": "a", "as": ["c"]}]}, "lists the task 'a' twice"),
    ],
)
def test_tasks_that_say_nothing_or_two_things_are_refused(tasks: dict[str, Any], finding: str) -> None:
    with pytest.raises(ValidationError, match=finding):
        Augmentation.model_validate({"tasks": tasks})


def test_tasks_keep_their_words_on_the_wire() -> None:
    for tasks in ({"from": "dataset"}, {"paraphrases": [{"task": "a", "as": ["b", "c"]}]}):
        assert Augmentation.model_validate({"tasks": tasks}).to_wire()["tasks"] == tasks
