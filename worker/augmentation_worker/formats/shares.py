"""Division of work among shards: consecutive shares of about equal weight."""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate, pairwise


def balanced_shares(lengths: Sequence[int], shard_count: int) -> list[range]:
    """Cut positions 0..len into `shard_count` consecutive ranges of about equal sums.

    An episode goes to the shard in whose equal part of the frames its middle lies; then episodes move so that no
    shard is empty. With fewer episodes than shards the last shards are empty.
    """
    episodes = len(lengths)
    if episodes <= shard_count:
        return [range(min(index, episodes), min(index + 1, episodes)) for index in range(shard_count)]
    total = sum(lengths)
    middles = [2 * end - length for end, length in zip(accumulate(lengths), lengths, strict=True)]
    cuts = [0]
    for index in range(1, shard_count):
        following = shard_count - index
        cut = bisect_left(middles, 2 * total * index / shard_count)
        cuts.append(min(max(cut, cuts[-1] + 1), episodes - following))
    cuts.append(episodes)
    return [range(start, stop) for start, stop in pairwise(cuts)]
