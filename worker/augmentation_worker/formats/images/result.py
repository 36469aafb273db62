"""The result of a job on an image dataset: laid out, assembled from the shards' records, and checked."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

from typing_extensions import override

from augmentation_api.counted import counted
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.formats.entries import ShardEntries
from augmentation_worker.formats.images.card import write_card
from augmentation_worker.formats.images.carried_files import carried_files
from augmentation_worker.formats.images.dataset import ImageDataset
from augmentation_worker.formats.images.integrity import check_opens, check_records
from augmentation_worker.formats.images.plan import BlockPlan, PlannedShard
from augmentation_worker.formats.images.provenance import store_blocks, write_provenance
from augmentation_worker.formats.images.records import BlockRecord, block_key
from augmentation_worker.formats.images.rows import open_rows
from augmentation_worker.formats.moved_files import makes_the_same, stored_as, stored_preview
from augmentation_worker.formats.port import Outline, Plan, Shard, ShardMaker, Unit, of_any_stream
from augmentation_worker.formats.records import ShardRecords, UnitRecord
from augmentation_worker.formats.result_files import CARD_PATH, PREVIEW_PATH
from augmentation_worker.formats.spooled_records import spooled
from augmentation_worker.storage.git_attributes import ATTRIBUTES_PATH, changed_attributes
from augmentation_worker.storage.port import StoredFile
from augmentation_worker.storage.provenance import PROVENANCE_PATH
from augmentation_worker.work import Work


@dataclass(frozen=True)
class ImagesPlan(Plan):
    """A plan, with what it was made from."""

    work: Work
    dataset: ImageDataset
    plan: BlockPlan

    @cached_property
    @override
    def outline(self) -> Outline:
        plan = self.plan
        # Of an image folder, the first blocks hold the rows as they are.
        first = next((shard.index for shard in plan.shards if shard.selected_rows), 0)
        shards = tuple(_shard(shard, len(plan.columns), makes_preview=shard.index == first) for shard in plan.shards)
        return Outline(
            shards=shards,
            selected=of_any_stream(unit for shard in shards for unit in shard.units),
            cameras=len(plan.columns),
            carried=carried_files(self.dataset, self.work.source.paths),
            abandoned=plan.abandoned,
            described_by=(CARD_PATH, PROVENANCE_PATH, PREVIEW_PATH),
            total_episodes=plan.total_rows,
            total_frames=plan.total_rows,
            content=counted(plan.total_rows, "row"),
            change=f"{'Replace' if plan.in_place else 'Add'} {counted(plan.augmented_rows, 'augmented row')}",
            nouns="rows",
        )

    @override
    def place_of(self, episode: int) -> str:
        return self.dataset.place_of(episode)

    @override
    def leave_out(self, episodes: Sequence[range]) -> Self:
        return replace(self, plan=self.plan.leave_out(episodes))

    @override
    def rearrange(self, records: Sequence[ShardRecords]) -> Sequence[ShardRecords]:
        # Rows have no numbers, and blocks were written without what cannot be used.
        made = {block_key(block.index) for block in self.plan.blocks}
        kept = (
            replace(of_shard, units={key: record for key, record in of_shard.units.items() if key in made})
            for of_shard in records
        )
        rearranged = spooled(self.work.scratch / "rearranged", kept)
        drawn_by = next((index for index, of_shard in enumerate(rearranged) if of_shard.preview), None)
        blocks = [block for block in self.plan.blocks if block.selected_rows]
        if drawn_by is None or self.plan.shards[drawn_by].selected_rows or not blocks:
            return rearranged
        from augmentation_worker.formats.images.preview import draw_first_row  # noqa: PLC0415 (numba)

        # The shard that was to draw the first usable row had none.
        drawn = draw_first_row(self.dataset, self.plan, self.work.spec.augmentation, self.work.source, blocks)
        preview = stored_preview(self.work, drawn)
        with_preview = (
            replace(of_shard, preview=preview) if index == drawn_by else of_shard
            for index, of_shard in enumerate(rearranged)
        )
        return spooled(self.work.scratch / "drawn-again", with_preview)

    @override
    def take_over(self, made: Plan, records: Sequence[ShardRecords]) -> Mapping[str, UnitRecord]:
        if not isinstance(made, ImagesPlan) or not makes_the_same(self.work.spec, made.work.spec):
            return {}
        if (self.plan.columns, self.plan.keeps_labels) != (made.plan.columns, made.plan.keeps_labels):
            return {}
        stored = {key: record for of_shard in records for key, record in of_shard.units.items()}
        found: dict[object, BlockRecord] = {}
        for block in made.plan.blocks:
            record = stored.get(block_key(block.index))
            if isinstance(record, BlockRecord):
                found[block.content] = record
                found.setdefault(
                    block.leave_out(record.bad_episodes).content, record.model_copy(update={"unusable": {}})
                )
        taken = ((block, found[block.content]) for block in self.plan.blocks if block.content in found)
        return {
            block_key(block.index): record.model_copy(update={"file": stored_as(self.work, record.file, block.path)})
            for block, record in taken
        }

    @contextmanager
    @override
    def maker(self, shard: Shard, entries: ShardEntries) -> Iterator[ShardMaker]:
        from augmentation_worker.formats.images.shard import BlockMaker  # noqa: PLC0415 (numba)

        with open_rows(self.dataset, self.work.source) as rows:
            yield BlockMaker(self.work, self.dataset, self.plan, self.plan.shards[shard.index], rows)

    @override
    def assemble(self, records: Sequence[ShardRecords]) -> tuple[Mapping[DatasetPath, bytes], Sequence[StoredFile]]:
        work, blocks = self.work, self._blocks(records)
        check_records(self.plan, blocks)
        card = work.source.read(CARD_PATH)
        return {
            CARD_PATH: write_card(
                work.spec, self.dataset, self.plan, card, self._kept(blocks.values()), extends=work.extends_source
            ),
            PROVENANCE_PATH: write_provenance(work.job_uid, work.spec, work.source.origin, self.dataset, self.plan),
            **changed_attributes(work.output.read(ATTRIBUTES_PATH)),
        }, [store_blocks(work, ((block, blocks[block.index]) for block in self.plan.blocks))]

    def _kept(self, blocks: Iterable[BlockRecord]) -> Mapping[str, int]:
        """By augmented column, how many images were left as they are."""
        kept = Counter[str]()
        for block in blocks:
            kept.update(dict(zip(self.plan.columns, block.kept, strict=False)))
        return kept

    @override
    def check_stored_result(self, records: Sequence[ShardRecords], written: Mapping[DatasetPath, bytes]) -> None:
        folder, card = self.work.scratch / "result", written[CARD_PATH]
        check_opens(self.dataset, self.plan, self._blocks(records), card, self.work.output, folder)

    def _blocks(self, records: Sequence[ShardRecords]) -> Mapping[int, BlockRecord]:
        units = {key: record for of_shard in records for key, record in of_shard.units.items()}
        recorded = ((block.index, units[block_key(block.index)]) for block in self.plan.blocks)
        return {index: record for index, record in recorded if isinstance(record, BlockRecord)}


def _shard(shard: PlannedShard, columns: int, *, makes_preview: bool) -> Shard:
    units = [
        Unit(
            key=block_key(block.index),
            title=block.path,
            record=BlockRecord,
            episodes=block.episodes,
            frames=block.versions * columns,
        )
        for block in shard.blocks
    ]
    return Shard(
        index=shard.index,
        units=tuple(units),
        carried=shard.carried,
        makes_preview=makes_preview,
        task=f"{counted(shard.selected_rows, 'row')} in {counted(len(shard.blocks), 'block')}",
        product=counted(shard.versions, "augmented row"),
    )
