"""How many shards the augment phase is cut into, and how many of them run at once."""

from math import ceil
from typing import Final

from augmentation_api.status import MAX_SHARDS
from augmentation_api.worker_contract import MAX_EPISODES_PER_SHARD

RECORDS_BYTES: Final = 1_000_000
"""What the records of one shard may take of its ConfigMap, which stops at 1 MiB."""
EPISODE_RECORD_BYTES: Final = 250
VIDEO_RECORD_BYTES: Final = 810
"""Most that a worker records of an episode, and of each augmented version of it as one camera sees it."""


def shard_count(
    *,
    episodes: int,
    augmented_frames: int,
    frames_per_shard: int,
    parallelism: int | None,
    videos_per_episode: int = 3,
) -> int:
    """Number of shards for a job, at least 1 and never more than there are episodes.

    Args:
        episodes: source episodes to augment; an episode is never split.
        augmented_frames: frames to write, all copies together.
        frames_per_shard: the class's wish; what a lost pod costs at most.
        parallelism: the user's wish; at least so many shards, where there are episodes enough.
        videos_per_episode: augmented versions of an episode times augmented cameras: what a shard records of it.
    """
    wanted = max(
        ceil(augmented_frames / frames_per_shard),
        ceil(episodes / most_episodes_per_shard(videos_per_episode)),
        parallelism or 1,
        1,
    )
    return max(1, min(wanted, episodes, MAX_SHARDS))


def most_episodes_per_shard(videos_per_episode: int) -> int:
    """Episodes whose records fit into one ConfigMap, at least 1."""
    fitting = RECORDS_BYTES // (EPISODE_RECORD_BYTES + VIDEO_RECORD_BYTES * videos_per_episode)
    return max(1, min(MAX_EPISODES_PER_SHARD, fitting))
