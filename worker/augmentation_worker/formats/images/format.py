"""Image datasets as the `datasets` library reads them, behind the port of formats."""

from collections.abc import Collection, Mapping
from pathlib import Path

from typing_extensions import override

from augmentation_api import AugmentationJobSpec
from augmentation_api.augmentation_class import DEFAULT_CHECKPOINT_BYTES
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.formats.images.carried_files import is_data
from augmentation_worker.formats.images.detection import find_image_dataset
from augmentation_worker.formats.images.metadata_file import METADATA_NAMES
from augmentation_worker.formats.images.planner import make_plan
from augmentation_worker.formats.images.provenance import PATH_COLUMN, recorded_augmentation
from augmentation_worker.formats.images.resolve import resolve
from augmentation_worker.formats.images.result import ImagesPlan
from augmentation_worker.formats.images.unsupported import is_known_layout
from augmentation_worker.formats.port import Format, PixelHashes, Resolution
from augmentation_worker.formats.provenance import pixel_hashes
from augmentation_worker.formats.result_files import CARD_PATH
from augmentation_worker.storage.port import SourceDataset
from augmentation_worker.work import Work


class Images(Format):
    """Parquet files and folders of images."""

    name = "image dataset"
    marker = "parquet files with columns of type Image, or folders of images"
    metadata = (CARD_PATH, *METADATA_NAMES)
    version_tags = ()
    entrance = CARD_PATH

    @override
    def claims(self, paths: Collection[DatasetPath]) -> bool:
        return any(is_data(path) for path in paths) or is_known_layout(paths)

    @override
    def resolve(
        self,
        source: SourceDataset,
        spec: AugmentationJobSpec,
        scratch: Path,
        max_frames: int | None,
        checkpoint_bytes: int = DEFAULT_CHECKPOINT_BYTES,
    ) -> Resolution:
        return resolve(source, spec, scratch, max_frames)

    @override
    def plan(self, work: Work, shard_count: int) -> ImagesPlan:
        dataset = find_image_dataset(work.source, work.scratch)
        paths, carry = work.source.paths, not work.extends_source
        return ImagesPlan(work, dataset, make_plan(dataset, work.spec, shard_count, paths, carry_originals=carry))

    @override
    def preview(self, source: SourceDataset, spec: AugmentationJobSpec, scratch: Path) -> bytes:
        from augmentation_worker.formats.images.preview import preview  # noqa: PLC0415 (numba)

        return preview(source, spec, scratch)

    @override
    def recorded_augmentation(self, provenance: Mapping[str, object]) -> object:
        return recorded_augmentation(provenance)

    @override
    def pixel_hashes(self, provenance: Mapping[str, object]) -> PixelHashes | None:
        return pixel_hashes(provenance, "blocks", lambda entry: str(entry["path"]), PATH_COLUMN)
