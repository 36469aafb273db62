"""What is known of a dataset before a job runs on it: what another job, or a preview, has found there.

The gateway reads no dataset, and has no credentials for any. What a job's resolve pod has read with the credentials of
that job stands in its status, for whoever may see the job.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError

from augmentation_api.spec import Augmentation, AugmentationJobSpec, Source
from augmentation_api.status import MOST_SPLITS, SourceStatus, StreamStatus
from augmentation_gateway.cache.records import JobRecord
from augmentation_gateway.credentials.job_access import visible
from augmentation_gateway.credentials.keys import ApiKey, Right
from augmentation_gateway.gateway import Gateway
from augmentation_gateway.jobs.entries import legible, slices

MOST_LOOKED_AT: Final = 100
"""Jobs on a dataset, the newest, that are parsed for one estimate."""


@dataclass(frozen=True)
class KnownSource:
    """The source of a job that does not exist yet.

    Attributes:
        source: as resolve would report it.
        uid: of the job that has read it; None for what the request says of it.
        assumes_equal_episodes: whether the selected frames were computed from the number of selected episodes.
        unknown_split: the first split of the new job that the other has not found; what is selected is then unknown.
    """

    source: SourceStatus
    uid: str | None
    assumes_equal_episodes: bool = False
    unknown_split: str | None = None


async def known_source(gateway: Gateway, key: ApiKey, spec: AugmentationJobSpec) -> KnownSource | None:
    """What the newest job that the key may see has found in this source, for what `spec` selects.

    None if none has read it, or none says enough of what this job selects.
    """
    if Right.READ not in key.rights:
        return None
    jobs = gateway.view.jobs_in(key.namespace)
    dataset = JobRecord({"spec": {"source": spec.source.to_wire()}}).dataset_id
    readers: list[JobRecord] = []
    async for some in slices(jobs.records() if jobs is not None else ()):
        readers += [job for job in visible(key, some) if job.dataset_id == dataset and _has_streams(job)]
    newest = sorted(readers, key=lambda job: job.created, reverse=True)[:MOST_LOOKED_AT]
    near: KnownSource | None = None
    async for some in slices(newest):
        for _, known in legible(some, lambda job: _known(job, spec)):
            if known is not None and not known.assumes_equal_episodes and known.unknown_split is None:
                return known
            near = near or known
    return near


def _has_streams(record: JobRecord) -> bool:
    """Whether a job has read how its cameras are stored. Without parsing its status: thousands are looked through."""
    source = (record.raw.get("status") or {}).get("source")
    return isinstance(source, dict) and bool(source.get("streams"))


def _known(record: JobRecord, spec: AugmentationJobSpec) -> KnownSource | None:
    raw = record.raw["spec"]
    try:
        source = Source.model_validate(raw["source"])
        selection = Augmentation.model_validate(raw.get("augmentation", {}))
    except ValidationError:
        return None  # of another release
    status = record.status.source
    if source != spec.source or status is None or not status.streams or status.selected_frames is None:
        return None
    wanted = spec.augmentation
    streams = _streams(status, selection.cameras, wanted.cameras)
    if streams is None:
        return None
    status = status.model_copy(update={"streams": streams})
    if _selection(selection) == _selection(wanted):
        return KnownSource(status, record.uid)
    return _of_other_selection(status, wanted, record.uid)


def _of_other_selection(status: SourceStatus, wanted: Augmentation, uid: str) -> KnownSource | None:
    if (unknown := _unknown_split(status, wanted)) is not None:
        return KnownSource(status, uid, unknown_split=unknown)
    count = _selected_episodes(status, wanted)
    if count is None or not status.episodes or status.frames is None:
        return None
    changed = {
        "selected_episodes": count,
        "selected_frames": round(status.frames * count / status.episodes),
        "max_shards": None,
    }
    return KnownSource(status.model_copy(update=changed), uid, assumes_equal_episodes=True)


def _selection(augmentation: Augmentation) -> tuple[object, ...]:
    return augmentation.episodes, sorted(augmentation.splits), augmentation.where


def _streams(status: SourceStatus, had: Iterable[str], wants: Iterable[str]) -> list[StreamStatus] | None:
    """Of the cameras that are wanted, where another job had its own; None if that is not known."""
    before, after, streams = set(had), set(wants), status.streams or []
    if before == after:
        return list(streams)
    if len(streams) == 1 and after and after <= {*status.cameras}:
        # All that are augmented are stored alike, and cameras that are named are taken to be as they are.
        return [streams[0].model_copy(update={"cameras": len(after)})]
    return None


def _unknown_split(status: SourceStatus, wanted: Augmentation) -> str | None:
    """The first split that is not in a list of all splits; None if there is none, or no such list."""
    if status.splits is None or len(status.splits) >= MOST_SPLITS:
        return None
    found = {split.name for split in status.splits}
    return next((name for name in wanted.splits if name not in found), None)


def _selected_episodes(status: SourceStatus, wanted: Augmentation) -> int | None:
    """How many episodes are selected; None if only the dataset says it."""
    splits = {split.name: list(_ranges(split.episodes)) for split in status.splits or ()}
    if wanted.where is not None or status.episodes is None or not splits.keys() >= {*wanted.splits}:
        return None
    return sum(map(len, wanted.selected_ranges(status.episodes, splits)))


def _ranges(episodes: str) -> Iterator[tuple[int, int]]:
    yield from Augmentation(episodes=episodes).episode_ranges
