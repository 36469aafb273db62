"""The number of shards of the augment phase."""

from math import ceil
from typing import Final

from augmentation_api.status import MAX_SHARDS, SourceStatus

_RECORDS_PER_SHARD: Final = 1000
"""Records that are assumed to fit into a shard's ConfigMap, of a KiB each, where the worker reports no minShards."""


def shard_count(source: SourceStatus, *, frames_per_shard: int, parallelism: int | None) -> int:
    """Number of shards for a job: what class and user ask for, within the limits that its worker reports.

    Args:
        source: what the resolve pod reported.
        frames_per_shard: augmented frames per shard that the class asks for; what a lost pod costs at most.
        parallelism: the user's wish; at least that many shards, as far as there is work for them.
    """
    frames = (source.selected_frames or 0) * (source.copies or 1)
    requested = max(ceil(frames / frames_per_shard), parallelism or 1)
    least, most = _limits(source)
    return max(1, min(max(requested, least), most, MAX_SHARDS))


def _limits(source: SourceStatus) -> tuple[int, int]:
    """Fewest and most shards. Workers before minShards and maxShards record each augmented version per camera."""
    parts = (source.selected_episodes if source.blocks is None else source.blocks) or 0
    versions = (source.copies or 1) * max(1, len(source.cameras))
    least = ceil(parts * (1 + versions) / _RECORDS_PER_SHARD)
    return source.min_shards or least, source.max_shards or parts
