"""Which files go through LFS: the rules of a repository's `.gitattributes`, and size."""

import re
from collections.abc import Iterable
from functools import lru_cache

LARGE_FILE_BYTES = 10_000_000
"""A file above this size goes through LFS whatever its name."""

# Archives, arrays and models; then audio, images and video.
_TRACKED = """
*.7z *.arrow *.avro *.bin *.bz2 *.ckpt *.ftz *.gz *.h5 *.joblib *.lz4 *.mds *.mlmodel *.model *.msgpack *.npy *.npz
*.onnx *.ot *.parquet *.pb *.pickle *.pkl *.pt *.pth *.rar *.safetensors *.tar *.tar.* *.tflite *.tgz *.wasm *.xz *.zip
*.zst *.lfs.* *tfevents* saved_model/**/*
"""
_TRACKED_MEDIA = """
*.pcm *.sam *.raw *.aac *.flac *.mp3 *.ogg *.wav *.bmp *.gif *.png *.tiff *.jpg *.jpeg *.webp *.mp4 *.webm
"""


def _rules_for(patterns: str) -> str:
    return "".join(f"{pattern} filter=lfs diff=lfs merge=lfs -text\n" for pattern in patterns.split())


DEFAULT_GITATTRIBUTES = _rules_for(_TRACKED + _TRACKED_MEDIA)
"""What the first commit of a dataset holds, as on the public hub."""
GITATTRIBUTES_WITHOUT_MEDIA = _rules_for(_TRACKED)
"""The same on a hub that takes videos and images for regular files."""


def is_large_file(path: str, size: int, gitattributes: str) -> bool:
    """Whether a file of `size` bytes at `path` is uploaded through LFS (else inside the commit)."""
    return size > LARGE_FILE_BYTES or _tracked_by_lfs(path, gitattributes)


def _tracked_by_lfs(path: str, gitattributes: str) -> bool:
    tracked = False
    for pattern, filters in _rules(gitattributes):
        if pattern.fullmatch(path):
            tracked = filters  # as in git, the last matching line wins
    return tracked


@lru_cache(maxsize=64)
def _rules(gitattributes: str) -> tuple[tuple[re.Pattern[str], bool], ...]:
    rules = []
    for line in gitattributes.splitlines():
        pattern, *attributes = line.split() or ["#"]
        if pattern.startswith("#"):
            continue
        setting = _filter_setting(attributes)
        if setting is not None:
            rules.append((_compile(pattern), setting))
    return tuple(rules)


def _filter_setting(attributes: Iterable[str]) -> bool | None:
    """True for `filter=lfs`, False where a line takes the filter away, None where it says nothing about it."""
    for attribute in attributes:
        if attribute.removeprefix("-").removeprefix("!").split("=")[0] == "filter":
            return attribute == "filter=lfs"
    return None


def _compile(pattern: str) -> re.Pattern[str]:
    # Without a slash a pattern matches the file's name in any folder, with one the whole path.
    expression = "" if "/" in pattern else "(?:.*/)?"
    for part in re.split(r"(\*\*/|\*\*|\*|\?|\[[^\]]+\])", pattern.removeprefix("/")):
        match part:
            case "**/":
                expression += "(?:.*/)?"
            case "**":
                expression += ".*"
            case "*":
                expression += "[^/]*"
            case "?":
                expression += "[^/]"
            case _ if part.startswith("[") and part.endswith("]"):
                expression += part.replace("[!", "[^", 1)
            case _:
                expression += re.escape(part)
    return re.compile(expression)
