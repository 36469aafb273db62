"""The planner: a pure function from spec, pinned dataset and number of shards to the plan of plan.py."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from glob import escape
from itertools import count, groupby
from math import ceil

from augmentation_api import AugmentationJobSpec
from augmentation_api.copies import transforms_of_copies
from augmentation_api.episode_ranges import common
from augmentation_api.vocabulary import OutputMode
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.formats.geometry import leader_of
from augmentation_worker.formats.images.dataset import ImageDataset, Layout, SourceFile
from augmentation_worker.formats.images.plan import Block, BlockPlan, Piece, PlannedShard, SplitFiles
from augmentation_worker.formats.shares import balanced_shares
from augmentation_worker.formats.splits import selected_ranges

BLOCK_ROWS = 100
"""Rows of a block at least: what a shard that is killed has to do again at most, while the dataset is small."""
MOST_BLOCKS = 1000
"""Of a large dataset the blocks are larger instead of more."""
_Group = tuple[str | None, list[Piece]]
"""Pieces, and how the names of their files begin; or the path of a file that stays, and no pieces."""


def make_plan(
    dataset: ImageDataset,
    spec: AugmentationJobSpec,
    shard_count: int,
    taken: Collection[str],
    *,
    carry_originals: bool = True,
) -> BlockPlan:
    """Lay out the result.

    Args:
        dataset: the source at its pinned revision.
        spec: what the job asks for.
        shard_count: 1 or more.
        taken: paths of all files of the source: what is new gets a folder of its own.
        carry_originals: whether the source's files have to be carried over, as the result is another dataset.
    """
    augmentation = spec.augmentation
    in_place = spec.output.mode is OutputMode.IN_PLACE
    copies = 1 if in_place else len(transforms_of_copies(augmentation))
    named = augmentation.cameras
    columns = tuple(name for name in dataset.columns if name in (named or dataset.photographs))
    wanted = selected_ranges(augmentation, dataset.rows, dataset.split_rows)
    selected = {file: _selected_rows(file, wanted) for file in dataset.files}
    blocks: list[Block] = []
    splits: list[SplitFiles] = []
    for split, groups in _grouped(dataset, selected, taken, None if in_place else copies).items():
        blocks_of_split, files = _split_files(split, dataset, groups, len(blocks))
        blocks += blocks_of_split
        splits.append(files)
    remaining = {path for files in splits for path in files.paths}
    kept = [path for path in dict.fromkeys(file.path for file in dataset.files) if path in remaining]
    return BlockPlan(
        in_place=in_place,
        columns=columns,
        keeps_labels=not named,
        copies=copies,
        selected_rows=sum(len(rows) for ranges in selected.values() for rows in ranges),
        blocks=tuple(blocks),
        shards=_shards(blocks, kept if carry_originals else [], shard_count, len(columns)),
        splits=tuple(splits),
        abandoned=tuple(sorted(dataset.data_paths - set(kept))),
        followers=leader_of(augmentation),
    )


def _grouped(
    dataset: ImageDataset,
    selected: Mapping[SourceFile, tuple[range, ...]],
    taken: Collection[str],
    added_copies: int | None,
) -> dict[str, list[_Group]]:
    """The files of each split, in order.

    `added_copies` versions are added of each selected row; None: one version replaces it.
    """
    versions_folder, rows_folder = _new_folder("augmented", taken), _new_folder("data", taken)
    size = max(BLOCK_ROWS, ceil(dataset.rows / MOST_BLOCKS))
    is_parquet, in_place = dataset.layout is Layout.PARQUET, added_copies is None
    grouped: dict[str, list[_Group]] = {}
    for split in dataset.splits:
        files = [file for file in dataset.files if file.split == split]
        groups = grouped[split] = []
        for number, file in enumerate(files):
            if in_place and (selected[file] or not is_parquet):
                groups.append((f"{versions_folder}/{split}-{number:03d}", list(_replaced(file, selected[file], size))))
            elif is_parquet:
                groups.append((file.path, []))
            else:
                groups.append((f"{rows_folder}/{split}", list(_replaced(file, (), size))))
        if added_copies is not None:
            added = [piece for file in files for piece in _versions(file, selected[file], size, added_copies)]
            groups.append((f"{versions_folder}/{split}", added))
    return grouped


def _selected_rows(file: SourceFile, selected: Sequence[range]) -> tuple[range, ...]:
    """Rows of a file that are selected, as rising ranges that do not touch."""
    of_file = common(selected, [range(file.first_row, file.first_row + file.rows)])
    return tuple(range(rows.start - file.first_row, rows.stop - file.first_row) for rows in of_file)


def _versions(file: SourceFile, selected: Sequence[range], size: int, copies: int) -> Iterator[Piece]:
    """Pieces of `size` selected rows; the last may have fewer."""
    groups: list[list[range]] = [[]]
    for rows in selected:
        left = rows
        while left:
            room = size - sum(map(len, groups[-1]))
            if not room:
                groups.append([])
                continue
            groups[-1].append(left[:room])
            left = left[room:]
    for group in filter(None, groups):
        yield Piece(file, group[0].start, group[-1].stop, tuple(group), keeps_others=False, copies=copies)


def _replaced(file: SourceFile, selected: Sequence[range], size: int) -> Iterator[Piece]:
    """Pieces of `size` rows, all rows of the file."""
    for start in range(0, file.rows, size):
        stop = min(start + size, file.rows)
        within = [range(max(rows.start, start), min(rows.stop, stop)) for rows in selected]
        yield Piece(file, start, stop, tuple(filter(None, within)), keeps_others=True, copies=1)


def _split_files(
    split: str, dataset: ImageDataset, groups: Iterable[_Group], first_index: int
) -> tuple[list[Block], SplitFiles]:
    """The blocks of a split, numbered from `first_index`, and all its files."""
    patterns: list[str] = []
    paths: list[DatasetPath] = []
    blocks: list[Block] = []
    own = [file for file in dataset.files if file.split == split]
    for name, pieces in groups:
        if pieces:
            patterns.append(f"{name}-*.parquet")
            for number, piece in enumerate(pieces):
                path = DatasetPath(f"{name}-{number:05d}-of-{len(pieces):05d}.parquet")
                blocks.append(piece.placed(first_index + len(blocks), path))
                paths.append(path)
        elif name is not None and any(file.path == name for file in own):
            patterns.append(escape(name))
            paths.append(DatasetPath(name))
    carried = sum(file.rows for file in own if file.path in paths)
    rows = carried + sum(block.rows for block in blocks)
    return blocks, SplitFiles(split, tuple(patterns), tuple(paths), rows)


def _shards(
    blocks: Sequence[Block], carried: Sequence[DatasetPath], shard_count: int, columns: int
) -> tuple[PlannedShard, ...]:
    """Consecutive blocks of about as many versions each; a file is carried where it is read anyway."""
    # A row that is only copied costs something too.
    weights = [10 * block.versions + block.rows for block in blocks]
    shares = balanced_shares(weights, shard_count)
    shard_of = {
        path: min(index for index, _ in group)
        for path, group in groupby(
            ((index, block) for index, share in enumerate(shares) for block in blocks[share.start : share.stop]),
            key=lambda numbered: numbered[1].file.path,
        )
    }
    carried_by_shard: list[list[DatasetPath]] = [[] for _ in shares]
    for number, path in enumerate(carried):
        carried_by_shard[shard_of.get(path, number % shard_count)].append(path)
    return tuple(
        PlannedShard(index, tuple(blocks[share.start : share.stop]), tuple(carried_by_shard[index]))
        for index, share in enumerate(shares)
    )


def _new_folder(name: str, taken: Collection[str]) -> str:
    """`name`, or `name-2` and so on: one that the source does not have."""
    folders = {path.split("/", 1)[0] for path in taken}
    names = (name if number == 1 else f"{name}-{number}" for number in count(1))
    return next(candidate for candidate in names if candidate not in folders)
