"""Single fields of a job's status without parsing it: lists need them of thousands of jobs.

A status is written by the job's pods: what has another type than it should is taken for absent.
"""

import math
from collections.abc import Mapping
from typing import Final

from augmentation_api.vocabulary import State
from augmentation_gateway.cache.records import JobRecord
from augmentation_gateway.views.dataset_id import is_dataset_id

_TIMES: Final = ("queuedAt", "startedAt", "completedAt", "cancelledAt")
_FORMATS: Final = {"LeRobot v3.0": "lerobot_v3", "LeRobot v2.1": "lerobot_v2_1"}


def updated(record: JobRecord) -> str:
    """The latest time at which the job changed its state, as Kubernetes writes it: such texts sort like the times."""
    times = (_field(record, name) for name in _TIMES)
    return max(
        [record.created, *(time for time in times if isinstance(time, str) and _same_form(time, record.created))]
    )


def price(record: JobRecord) -> float:
    """What the job has cost; 0 if its class has no price."""
    value = _field(record, "usage", "price")
    return value if isinstance(value, int | float) and 0 <= value < math.inf else 0.0


def published(record: JobRecord) -> str | None:
    """The dataset on a hub or in a store that the job has published."""
    dataset = _field(record, "output", "datasetID")
    if record.state is not State.COMPLETED or not _field(record, "output", "revision"):
        return None
    return dataset if isinstance(dataset, str) and is_dataset_id(dataset) else None


def subtype(record: JobRecord) -> str:
    """The format of the job's dataset, in this API's words; unknown until the job has read it."""
    text = _field(record, "source", "format")
    if not isinstance(text, str):
        return "unknown"
    return _FORMATS.get(text) or ("images" if text.startswith("Hugging Face images") else "unknown")


def _same_form(time: str, other: str) -> bool:
    return len(time) == len(other) and time[-1] == other[-1] and time[:4].isdecimal()


def _field(record: JobRecord, *path: str) -> object:
    value: object = record.raw.get("status")
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value
