"""The number of shards of the augment phase."""

from math import ceil

from augmentation_api.status import MAX_SHARDS, SourceStatus


def shard_count(source: SourceStatus, *, frames_per_shard: int, parallelism: int | None) -> int:
    """Number of shards for a job: what class and user ask for, within the limits that its worker reports.

    Args:
        source: what the resolve pod reported.
        frames_per_shard: augmented frames per shard that the class asks for; what a lost pod costs at most.
        parallelism: the user's wish; at least that many shards, as far as there is work for them.
    """
    frames = (source.selected_frames or 0) * (source.copies or 1)
    requested = max(ceil(frames / frames_per_shard), parallelism or 1)
    parts = (source.selected_episodes if source.blocks is None else source.blocks) or 0
    return max(1, min(max(requested, source.min_shards or 1), source.max_shards or parts, MAX_SHARDS))
