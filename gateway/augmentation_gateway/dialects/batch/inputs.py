"""Inputs of a job, as the batch dialect shows them: the episodes that it augments, and how far each is."""

from collections.abc import Iterator, Sequence
from typing import Any, Literal

from pydantic import BaseModel, Field

from augmentation_api.episode_ranges import disjoint, page_of, parse_ranges
from augmentation_api.spec import Augmentation
from augmentation_api.status import Shard, Tally
from augmentation_api.vocabulary import State
from augmentation_gateway.cache.records import ClassRecord, JobRecord
from augmentation_gateway.dialects.batch.pages import PageQuery
from augmentation_gateway.dialects.batch.views import is_working
from augmentation_gateway.jobs.outputs import dataset_url
from augmentation_gateway.views.dataset_id import is_url
from augmentation_gateway.views.job import Moment
from augmentation_gateway.views.job_id import batch_id

InputStatus = Literal["pending", "processing", "completed", "failed"]
PORT = "worker.dataset"
"""The one port of this pipeline's inputs."""


class InputData(BaseModel):
    """Where an input is. An episode is no file of its own: these are the dataset's."""

    ref: str | None = Field(
        description="The dataset's page on its hub, or its URL in a store; null if it is on a volume"
    )
    filename: str = Field(description="The dataset, `owner/name` or the URL of a store")
    file_type: str | None = None
    file_extension: str | None = None
    num_bytes: int | None = None
    metadata: dict[str, Any] = Field(description="episode: its number in the dataset")


class BatchInput(BaseModel):
    """A source episode."""

    id: str
    job_id: str
    port_name: str
    file_id: str | None = Field(description="The dataset, `owner/name` or a URL; null if it is on a volume")
    episode: int
    data: InputData
    status: InputStatus
    error_message: str | None = None
    created_at: Moment
    completed_at: Moment | None = Field(None, description="Null until the job has completed")


class InputList(BaseModel):
    """The episodes of a job."""

    job_id: str
    total: int
    offset: int
    limit: int
    inputs: list[BatchInput]


class InputQuery(PageQuery):
    """Which inputs to list."""

    port_name: str | None = Field(None, max_length=255, description=f"Only inputs of this port; all are of {PORT}")
    status: InputStatus | None = Field(None, description="Only inputs in this status")


def inputs_view(record: JobRecord, runs_as: ClassRecord | None, query: InputQuery) -> InputList:
    """A page of the episodes that the job augments; none until its source was resolved.

    O(ranges · shards + limit): the dataset claims the number of episodes, and no list has all of them.
    """
    total, shown = 0, []
    if query.port_name in (None, PORT):
        selected = _selected(record)
        runs = list(_runs(record, sum(part.stop - part.start for part in selected)))
        wanted = [(status, run) for status, run in runs if query.status in (None, status)]
        total = sum(run.stop - run.start for _, run in wanted)
        shown = [
            _input(record, runs_as, episode, status)
            for status, run in _page(wanted, query.offset, query.limit)
            for episode in page_of(selected, run.start, run.stop - run.start)
        ]
    return InputList(job_id=batch_id(record.uid), total=total, offset=query.offset, limit=query.limit, inputs=shown)


def _input(record: JobRecord, runs_as: ClassRecord | None, episode: int, status: InputStatus) -> BatchInput:
    dataset = record.dataset_id
    return BatchInput(
        id=f"episode-{episode}",
        job_id=batch_id(record.uid),
        port_name=PORT,
        file_id=dataset,
        episode=episode,
        data=InputData(
            ref=dataset if dataset is not None and is_url(dataset) else dataset_url(dataset, runs_as),
            filename=dataset or f"episode-{episode}",
            metadata={"episode": episode},
        ),
        status=status,
        created_at=record.created_at,
        completed_at=record.finished_at if status == "completed" else None,
    )


def _selected(record: JobRecord) -> Sequence[range]:
    """The episodes that the job augments, in order; none until its source was resolved."""
    source = record.status.source
    if source is None or not source.episodes:
        return []
    asked = record.raw["spec"].get("augmentation", {})
    if asked.get("where") is not None:
        # Which episodes fulfil it, only the job's pod knows.
        return disjoint(parse_ranges(source.selected or ""), source.episodes)
    augmentation = Augmentation(episodes=asked.get("episodes", ""), splits=asked.get("splits", []))
    splits = {split.name: parse_ranges(split.episodes) for split in source.splits or ()}
    return augmentation.selected_ranges(source.episodes, splits)


def _page(runs: Sequence[tuple[InputStatus, range]], offset: int, limit: int) -> Iterator[tuple[InputStatus, range]]:
    """The part of these runs that is on a page."""
    for status, run in runs:
        size = run.stop - run.start
        part = run[min(offset, size) : min(offset + limit, size)]
        offset = max(0, offset - size)
        if part:
            limit -= part.stop - part.start
            yield status, part


def _runs(record: JobRecord, total: int) -> Iterator[tuple[InputStatus, range]]:
    """Consecutive runs of the positions 0 … total - 1 among the selected episodes, each with its status.

    Shards have consecutive runs of the selected episodes, in order, and process them one after the other. So their
    counts give the status of each episode, once all shards before it (or all after it) have reported their totals.
    """
    if record.state is State.COMPLETED:
        yield "completed", range(total)
        return
    shards = {shard.index: shard for shard in record.status.shards if shard.episodes is not None}
    # The loops end at the first shard that has not reported, whatever the count claims.
    count = record.status.shard_count or 0
    first = known = 0
    while known < count and known in shards:
        end = min(first + _tally(shards[known]).total, total)
        yield from _of_shard(shards[known], record, range(first, end))
        first, known = end, known + 1
    last, index, behind = total, count - 1, []
    while index > known and index in shards:
        start = max(first, last - _tally(shards[index]).total)
        behind.append(list(_of_shard(shards[index], record, range(start, last))))
        last, index = start, index - 1
    yield "pending", range(first, last)
    for runs in reversed(behind):
        yield from runs


def _of_shard(shard: Shard, record: JobRecord, episodes: range) -> Iterator[tuple[InputStatus, range]]:
    """The runs of a shard's episodes."""
    tally, first = _tally(shard), episodes.start
    lengths: list[tuple[InputStatus, int]] = [("completed", tally.done), ("failed", tally.failed)]
    if is_working(shard, record):
        lengths.append(("processing", 1))
    for status, length in lengths:
        end = min(first + length, episodes.stop)
        yield status, range(first, end)
        first = end
    yield "pending", range(first, episodes.stop)


def _tally(shard: Shard) -> Tally:
    return shard.episodes or Tally()
