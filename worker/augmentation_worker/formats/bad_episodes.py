"""Episodes (or rows) that cannot be used: what shards recorded of them, as the status, messages and the result say it.

A shard that meets one records it and goes on with the rest, so that one pass finds all of them. What becomes of the job
is decided when all shards are done (spec.onBadEpisode).
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from augmentation_api import FailureReason
from augmentation_api.episode_ranges import MAX_DATASET_FRAMES, disjoint, page_of, parse_ranges, short_text_of, without
from augmentation_api.status import MOST_BAD_EPISODES_LISTED, BadEpisode
from augmentation_api.status import BadEpisodes as BadEpisodesStatus
from augmentation_api.stored_size import cut_to_stored_size
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.entries import ShardEntries
from augmentation_worker.formats.port import Plan
from augmentation_worker.formats.result_files import BAD_EPISODES_PATH

LEAVE_OUT = "repair the dataset, or leave the episode out (spec.augmentation.episodes)"
_MOST_NAMED = 3
"""Episodes that a message names with the cause; the status lists more."""
LONGEST_CAUSE = 192
"""Size of a cause in the status, bytes as stored; the file has it whole."""
_LONGEST_SELECTION = 400
"""Characters of the selection that a message offers; a longer one is not worth reading."""


@dataclass(frozen=True)
class BadEpisodes:
    """The episodes that cannot be used.

    Attributes:
        causes: ranges of episodes by what is wrong with them, in the order of their first episodes.
    """

    causes: tuple[tuple[str, tuple[range, ...]], ...] = ()

    @classmethod
    def found_by(cls, shards: Iterable[ShardEntries]) -> Self:
        """What the shards recorded."""
        by_cause: dict[str, list[tuple[int, int]]] = {}
        for shard in shards:
            for unit in shard.units.values():
                for cause, episodes in unit.unusable.items():
                    by_cause.setdefault(cause, []).extend(parse_ranges(episodes))
        causes = ((cause, tuple(disjoint(ranges, MAX_DATASET_FRAMES))) for cause, ranges in by_cause.items())
        return cls(tuple(sorted(causes, key=lambda item: item[1][0].start)))

    @property
    def ranges(self) -> tuple[range, ...]:
        """All of them, rising and disjoint."""
        every = ((part.start, part.stop) for _, ranges in self.causes for part in ranges)
        return tuple(disjoint(every, MAX_DATASET_FRAMES))

    @property
    def count(self) -> int:
        """How many."""
        return sum(map(len, self.ranges))

    def first(self, count: int) -> list[tuple[int, str]]:
        """The first of them, each with its cause."""
        found = {index: cause for cause, ranges in reversed(self.causes) for index in page_of(ranges, 0, count)}
        return sorted(found.items())[:count]

    def to_status(self, plan: Plan, *, in_result: bool) -> BadEpisodesStatus:
        """What the status says; `in_result`: a file of the result lists all of them."""
        items = [
            BadEpisode(index=index, cause=cut_to_stored_size(f"{plan.place_of(index)}: {cause}", LONGEST_CAUSE))
            for index, cause in self.first(MOST_BAD_EPISODES_LISTED)
        ]
        return BadEpisodesStatus(count=self.count, items=items, file=BAD_EPISODES_PATH if in_result else None)

    def document(self) -> bytes:
        """The file of the result that lists all of them, by cause."""
        entries = [{"cause": cause, "episodes": short_text_of(ranges)} for cause, ranges in self.causes]
        document = {"count": self.count, "episodes": short_text_of(self.ranges), "causes": entries}
        return json.dumps(document, indent=1, ensure_ascii=False).encode()

    def failure(self, plan: Plan, all_listed: str) -> WorkerFailure:
        """The failure of a job that is to make all that it selects, or of which nothing is left.

        Args:
            plan: what was to be made.
            all_listed: where all of them are listed, for people.
        """
        selected, nouns = plan.outline.selected, plan.outline.nouns
        total = sum(map(len, selected))
        listed = "; ".join(f"{plan.place_of(index)}: {cause}" for index, cause in self.first(_MOST_NAMED))
        if self.count > _MOST_NAMED:
            listed += f"; and {self.count - _MOST_NAMED} more ({all_listed})"
        remaining = short_text_of(without(selected, self.ranges))
        if not remaining:
            found = f"none of the {total} selected {nouns} can be used: {listed}; repair the dataset, or select others"
            return WorkerFailure(FailureReason.SOURCE_INVALID, f"{found} (spec.augmentation.episodes)")
        choice = f": {remaining!r}" if len(remaining) <= _LONGEST_SELECTION else ""
        return WorkerFailure(
            FailureReason.SOURCE_INVALID,
            f"{self.count} of the {total} selected {nouns} cannot be used: {listed}. All others are made and recorded. "
            "Set spec.onBadEpisode to skip to publish them without these (in a cluster, raise spec.attempt in the same "
            f"change); or repair the dataset; or select the others, spec.augmentation.episodes{choice}",
        )
