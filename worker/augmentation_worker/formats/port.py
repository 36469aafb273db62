"""The port of dataset formats: all that the phases know of one.

A format recognizes its datasets (`claims`), checks a job before a GPU is taken (`resolve`), and lays out the result
(`plan`). The phases then make the units of the plan one by one, each recorded when it is stored, and put the result
together (`assemble`).
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol, Self

from augmentation_api import AugmentationJobSpec
from augmentation_api.augmentation_class import DEFAULT_CHECKPOINT_BYTES
from augmentation_api.episode_ranges import MAX_DATASET_FRAMES, disjoint
from augmentation_api.status import SourceStatus
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.formats.entries import ShardEntries
from augmentation_worker.formats.records import ShardRecords, UnitRecord
from augmentation_worker.storage.port import SourceDataset, StoredFile
from augmentation_worker.work import Work

PixelHashes = Mapping[tuple[str, str], str]
"""By episode (or file of rows) of the result and camera, the hash of the augmented pixels before they were encoded."""


@dataclass(frozen=True)
class Unit:
    """The smallest part of the work that is recorded: a file of some episodes as one camera sees them, or of rows.

    Attributes:
        key: under which it is recorded.
        title: what it is, for people.
        record: type of its record.
        episodes: source episodes (or rows) that it augments, rising and disjoint.
        frames: augmented frames of it, all copies together, and all of its cameras.
        stream: which of the things that are made of each episode it makes: an episode is done when all are.
        completes: whether it completes the shard, after the units that are counted.
    """

    key: str
    title: str
    record: type[UnitRecord]
    episodes: tuple[range, ...] = ()
    frames: int = 0
    stream: str = ""
    completes: bool = False

    @property
    def episode_count(self) -> int:
        """How many source episodes (or rows) it augments."""
        return sum(map(len, self.episodes))


@dataclass(frozen=True)
class Shard:
    """What one pod does.

    Attributes:
        index: number of the shard.
        units: its units, in the order in which they are made.
        carried: paths of the source's files that it carries over into the result.
        makes_preview: whether it stores the preview of the result.
        task: what there is to do, for people, e.g. "5 episodes".
        product: what it makes, for people, e.g. "10 augmented episodes".
    """

    index: int
    units: tuple[Unit, ...]
    carried: tuple[DatasetPath, ...]
    makes_preview: bool
    task: str
    product: str

    @cached_property
    def episodes(self) -> int:
        """Source episodes (or rows) that it augments."""
        return sum(map(len, of_any_stream(unit for unit in self.units)))

    @cached_property
    def frames(self) -> int:
        """Augmented frames of all cameras together."""
        return sum(unit.frames for unit in self.units)


def of_any_stream(units: Iterable[Unit]) -> list[range]:
    """The episodes (or rows) of some units, rising and disjoint."""
    parts = ((part.start, part.stop) for unit in units for part in unit.episodes)
    return disjoint(parts, MAX_DATASET_FRAMES)


@dataclass(frozen=True)
class Outline:
    """The result as the phases see it, before a pixel of it exists.

    Attributes:
        shards: by index; one may be made when it is asked for.
        selected: episodes (or rows) of the source that are augmented, rising and disjoint.
        cameras: number of augmented cameras (or columns).
        carried: paths of the source's files that publish carries over.
        abandoned: paths of the source's files that the result does not have.
        described_by: paths of the files that describe the result.
        total_episodes, total_frames: of the result.
        content: the totals, for people.
        change: what the job does to the dataset, for people: the subject of the commit.
        nouns: what the format calls them, for people: episodes, or rows.
        tag: version of the format by which its readers find a dataset on a hub; None if they look for none.
    """

    shards: Sequence[Shard]
    selected: Sequence[range]
    cameras: int
    carried: tuple[DatasetPath, ...]
    abandoned: tuple[DatasetPath, ...]
    described_by: tuple[DatasetPath, ...]
    total_episodes: int
    total_frames: int
    content: str
    change: str
    nouns: str = "episodes"
    tag: str | None = None


class ShardMaker(Protocol):
    """Makes the units of one shard. Every method raises WorkerFailure."""

    def reads(self, unit: Unit) -> Collection[DatasetPath]:
        """Paths of the source's large files that a unit is made from."""

    def preview(self, unit: Unit | None) -> bytes:
        """A PNG: before and after, of a unit that was made; None: nothing can be used, which the image says."""

    def make(self, unit: Unit, on_frames: Callable[[int], None]) -> UnitRecord:
        """Make a unit, check and store its files.

        What cannot be used of the source is left out, and is in the record (UnitRecord.unusable): the shard goes on.

        Args:
            unit: the unit.
            on_frames: called with the number of frames of one camera that were made since the last call; what it
                raises stops the work.
        """


class Plan(Protocol):
    """The layout of a result: a pure function of spec, pinned source and number of shards, computed by every pod."""

    @property
    def outline(self) -> Outline:
        """The plan as the phases see it."""

    def place_of(self, episode: int) -> str:
        """Where an episode (or a row) of the source is, for people."""

    def maker(self, shard: Shard, entries: ShardEntries) -> AbstractContextManager[ShardMaker]:
        """What makes the units of a shard; `entries` are of what an earlier attempt has made."""

    def leave_out(self, episodes: Sequence[range]) -> Self:
        """The plan without some of the selected episodes (or rows), which cannot be used: rising and disjoint.

        Their originals stay as they are. Numbers in the result have no gaps, whatever was planned first.
        """

    def rearrange(self, records: Sequence[ShardRecords]) -> Sequence[ShardRecords]:
        """Store again what the shards made where this plan, which leaves some out, has it elsewhere or otherwise.

        May be repeated at any moment: what the shards stored stays.

        Args:
            records: of each shard, by index, as the shards wrote them. Like all records that a plan is given, those
                of one shard are in memory at a time: go through them in order.

        Returns:
            The records of what this plan has, spooled.
        """

    def take_over(self, made: "Plan", records: Sequence[ShardRecords]) -> Mapping[str, UnitRecord]:
        """The records of those units that the shards of another plan have made already, as this plan has them.

        Their files are stored again where this plan has them elsewhere. May be repeated at any moment.

        Args:
            made: another plan for the same source, with another spec.
            records: what its shards have recorded, by index, whether complete or not.

        Returns:
            By key. A unit that would have another content is not among them.
        """

    def assemble(self, records: Sequence[ShardRecords]) -> tuple[Mapping[DatasetPath, bytes], Sequence[StoredFile]]:
        """Check what the shards recorded against the plan, and put the rest of the result together.

        Args:
            records: of each shard, by index; complete.

        Returns:
            The new files that are not recorded: small ones as bytes by path, and those stored already.

        Raises:
            WorkerFailure: INTEGRITY_CHECK_FAILED if the result would not be sound.
        """

    def check_stored_result(self, records: Sequence[ShardRecords], written: Mapping[DatasetPath, bytes]) -> None:
        """Fetch some of the stored files back and open them as a reader would.

        Raises:
            WorkerFailure: INTEGRITY_CHECK_FAILED with the first finding.
        """


@dataclass(frozen=True)
class Resolution:
    """What resolve finds out.

    Attributes:
        source: for the status.
        summary: what the job will do, for people.
        overwrites: paths of the source that nothing uses and that the result would overwrite where it extends it.
        warnings: what its user should see before the job runs, each a sentence that names the field and the way out.
            They become events of the phase.
    """

    source: SourceStatus
    summary: str
    overwrites: tuple[DatasetPath, ...] = ()
    warnings: tuple[str, ...] = ()


class Format(Protocol):
    """A dataset format."""

    @property
    def name(self) -> str:
        """For people."""

    @property
    def marker(self) -> str:
        """What a dataset of this format has, for people."""

    @property
    def metadata(self) -> Collection[str]:
        """Names of files that describe others, and of folders of such files, these with a slash at their end."""

    @property
    def version_tags(self) -> Sequence[str]:
        """Tags by which readers look for a dataset of a version of the format on a hub, the newest first."""

    @property
    def entrance(self) -> DatasetPath | None:
        """The file that readers ask for first, without which they find no dataset; None: there is no such."""
        return None

    def claims(self, paths: Collection[DatasetPath]) -> bool:
        """Whether a dataset with these files is of this format."""

    def folders(self, paths: Collection[DatasetPath]) -> Sequence[str]:
        """The folders among these files that are a dataset of this format each, but for the root."""
        return ()

    def resolve(
        self,
        source: SourceDataset,
        spec: AugmentationJobSpec,
        scratch: Path,
        max_frames: int | None,
        checkpoint_bytes: int = DEFAULT_CHECKPOINT_BYTES,
    ) -> Resolution:
        """Find everything that can be wrong with a job, from metadata only.

        Args:
            source: the dataset at its pinned revision.
            spec: what the job asks for.
            scratch: writable folder.
            max_frames: augmented frames that the job's class allows; None: no limit.
            checkpoint_bytes: most bytes of a unit of the work, as in Work.

        Raises:
            WorkerFailure: naming the field, or what is wrong with the source.
        """

    def plan(self, work: Work, shard_count: int) -> Plan:
        """Lay out the result. Raises WorkerFailure."""

    def preview(self, source: SourceDataset, spec: AugmentationJobSpec, scratch: Path) -> bytes:
        """A PNG: the frame that `spec.preview` chooses, of each camera, before and after.

        Raises:
            WorkerFailure: what the job itself would fail with before it starts.
        """

    def recorded_augmentation(self, provenance: Mapping[str, object]) -> object:
        """`augmentation` of a job that makes a recorded result again, whatever its version took for granted.

        Raises:
            LookupError: it is malformed.
        """
        return provenance["augmentation"]

    def pixel_hashes(self, provenance: Mapping[str, object]) -> PixelHashes | None:
        """The hashes that a result's meta/augmentation.json records; None if it is of another format.

        Raises:
            ValueError, LookupError, TypeError, AttributeError: it is of this format, and malformed.
        """
