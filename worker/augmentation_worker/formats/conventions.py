"""What a storage has to know of all formats."""

from augmentation_worker.formats.lerobot.format_version import FORMATS
from augmentation_worker.storage.port import FormatConventions

CONVENTIONS = FormatConventions(
    metadata=frozenset({"meta/", "README.md", "metadata.csv", "metadata.jsonl", "metadata.parquet"}),
    version_tags=tuple(FORMATS),
)
