"""The newest observed state of each AugmentationJob, small enough for tens of thousands of them."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from augmentation_api import State
from augmentation_api.vocabulary import ShardState
from augmentation_operator.scale import pack, unpack


@dataclass(frozen=True, slots=True)
class StoredJob:
    """One AugmentationJob: the fields that are needed of all jobs at once, and the whole object in packed form.

    Attributes:
        version: its resourceVersion; they can be compared as integers (KEP-5504).
        begun: whether the operator has written a status.
        shards: states of its shards, until it has ended.
        packed: the whole object, as `scale.pack` makes it.
    """

    version: int
    namespace: str
    begun: bool
    state: State
    shards: tuple[str, ...]
    packed: bytes

    @property
    def is_under_way(self) -> bool:
        """Whether it has begun and not ended."""
        return self.begun and not self.state.is_final

    @property
    def body(self) -> dict[str, Any]:
        """The whole object."""
        return unpack(self.packed)


class JobStore:
    """AugmentationJobs by uid. Each method is O(1) in their number, except for the iterators."""

    def __init__(self) -> None:
        self._jobs: dict[str, StoredJob] = {}
        self.under_way = 0
        """How many have begun and not ended."""
        self.augmenting = 0
        """How many of these have a shard that is running."""

    def observe(self, body: Mapping[str, Any]) -> bool:
        """Store the state of a job, unless a newer one is stored. Returns whether it was stored."""
        metadata, status = body["metadata"], body.get("status", {})
        uid, version = metadata["uid"], int(metadata.get("resourceVersion") or 0)
        stored = self._jobs.get(uid)
        if stored is not None and version < stored.version:
            return False
        state = State(status.get("state") or State.QUEUED)
        shards = () if state.is_final else (shard["state"] for shard in status.get("shards", ()) if "state" in shard)
        job = StoredJob(version, metadata.get("namespace", ""), "state" in status, state, tuple(shards), pack(body))
        self.forget(uid)
        self._jobs[uid] = job
        self._count(job, 1)
        return True

    def forget(self, uid: str) -> None:
        """Remove a deleted job."""
        stored = self._jobs.pop(uid, None)
        if stored is not None:
            self._count(stored, -1)

    def body(self, uid: str) -> dict[str, Any] | None:
        """The whole object; None if there is none."""
        stored = self._jobs.get(uid)
        return None if stored is None else stored.body

    def all(self) -> Collection[StoredJob]:
        """All jobs."""
        return self._jobs.values()

    def is_under_way(self, uid: str) -> bool:
        """Whether a job has begun and not ended."""
        stored = self._jobs.get(uid)
        return stored is not None and stored.is_under_way

    def unfinished(self, namespace: str | None = None) -> list[str]:
        """Uids of the jobs that have not ended, in one namespace or in all."""
        return [
            uid
            for uid, stored in self._jobs.items()
            if not stored.state.is_final and namespace in (None, stored.namespace)
        ]

    def __contains__(self, uid: object) -> bool:
        """Whether there is a job of this uid."""
        return uid in self._jobs

    def __iter__(self) -> Iterator[str]:
        """The uids of all."""
        return iter(self._jobs)

    def _count(self, job: StoredJob, by: int) -> None:
        self.under_way += by * job.is_under_way
        self.augmenting += by * (ShardState.RUNNING in job.shards)
