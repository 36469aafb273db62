"""LeRobot datasets of versions v3.0 and v2.1, behind the port of formats."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from typing_extensions import override

from augmentation_api import AugmentationJobSpec
from augmentation_api.augmentation_class import DEFAULT_CHECKPOINT_BYTES
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.formats.lerobot.format_version import VERSIONS
from augmentation_worker.formats.lerobot.info import INFO_PATH
from augmentation_worker.formats.lerobot.instruction_choice import instructions_of
from augmentation_worker.formats.lerobot.metadata import load_metadata
from augmentation_worker.formats.lerobot.planner import check_order_of_data_files, make_plan
from augmentation_worker.formats.lerobot.provenance import EPISODE_COLUMN
from augmentation_worker.formats.lerobot.resolve import resolve
from augmentation_worker.formats.lerobot.result import LeRobotPlan
from augmentation_worker.formats.port import Format, PixelHashes, Resolution
from augmentation_worker.formats.provenance import pixel_hashes
from augmentation_worker.storage.port import SourceDataset
from augmentation_worker.work import Work


class LeRobot(Format):
    """Datasets that LeRobot records and reads."""

    name = "LeRobot dataset"
    marker = f"has {INFO_PATH}"
    metadata = ("meta/",)
    version_tags = tuple(VERSIONS)
    entrance = INFO_PATH

    @override
    def claims(self, paths: Collection[DatasetPath]) -> bool:
        return INFO_PATH in paths

    @override
    def folders(self, paths: Collection[DatasetPath]) -> Sequence[str]:
        end = f"/{INFO_PATH}"
        return sorted(path.removesuffix(end) for path in paths if path.endswith(end) and not path.startswith("."))

    @override
    def resolve(
        self,
        source: SourceDataset,
        spec: AugmentationJobSpec,
        scratch: Path,
        max_frames: int | None,
        checkpoint_bytes: int = DEFAULT_CHECKPOINT_BYTES,
    ) -> Resolution:
        return resolve(source, spec, max_frames, checkpoint_bytes)

    @override
    def plan(self, work: Work, shard_count: int) -> LeRobotPlan:
        metadata = load_metadata(work.source, where=work.spec.augmentation.where)
        instructions = instructions_of(metadata, work.spec, work.source)
        carry = not work.extends_source
        plan = make_plan(
            metadata,
            work.spec,
            shard_count,
            size_of=work.source.size,
            checkpoint_bytes=work.checkpoint_bytes,
            carry_originals=carry,
            instructions=instructions,
        )
        check_order_of_data_files(metadata, plan)
        return LeRobotPlan(work, metadata, plan)

    @override
    def preview(self, source: SourceDataset, spec: AugmentationJobSpec, scratch: Path) -> bytes:
        from augmentation_worker.formats.lerobot.preview import preview  # noqa: PLC0415 (numba)

        return preview(source, spec)

    @override
    def pixel_hashes(self, provenance: Mapping[str, object]) -> PixelHashes | None:
        return pixel_hashes(provenance, "episodes", _title, EPISODE_COLUMN)


def _title(entry: Mapping[str, object]) -> str:
    return f"episode {entry[EPISODE_COLUMN] if EPISODE_COLUMN in entry else entry['episodeIndex']}"
