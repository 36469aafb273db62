""".gitattributes: which files of a dataset in a git repository are large files."""

from collections.abc import Sequence

from augmentation_worker.dataset_path import DatasetPath

ATTRIBUTES_PATH = DatasetPath(".gitattributes")
LARGE_FILE_PATTERNS = ("*.mp4", "*.parquet", "*.png")
"""What has to be tracked by LFS, as the blobs that the shards upload go there."""
_RULE = "filter=lfs diff=lfs merge=lfs -text"


def changed_attributes(before: bytes | None, paths: Sequence[DatasetPath] = ()) -> dict[DatasetPath, bytes]:
    """The result's .gitattributes by its path, where it has to be another than the output has now.

    `paths` are files that are large, too, though others of their kind are not.
    """
    text = (before or b"").decode(errors="replace")
    after = with_large_file_rules(text, paths)
    return {} if after == text else {ATTRIBUTES_PATH: after.encode()}


def with_large_file_rules(attributes: str, paths: Sequence[DatasetPath] = ()) -> str:
    """.gitattributes in which videos and parquet files are tracked by LFS; the same text where they are already."""
    tracked = {line.split()[0] for line in attributes.splitlines() if line.split() and "filter=lfs" in line.split()[1:]}
    missing = [pattern for pattern in (*LARGE_FILE_PATTERNS, *paths) if pattern not in tracked]
    if not missing:
        return attributes
    start = attributes if not attributes or attributes.endswith("\n") else attributes + "\n"
    return start + "".join(f"{pattern} {_RULE}\n" for pattern in missing)
