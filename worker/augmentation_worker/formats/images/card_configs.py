"""What an image dataset's card says of its files: `datasets` is shown that alone, and nothing that names other ones.

The library follows what stands in a card: a URL among `data_files` is fetched, an absolute path is read. So it never
sees the card itself, only a new one, with the fields that it needs of what was read and checked here: there is no
second parser that could understand the same text in another way.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from augmentation_worker.bounded.documents import front_matter_of
from augmentation_worker.bounded.unreadable import Unreadable

_CONFIG_FIELDS = (
    "config_name",
    "data_files",
    "data_dir",
    "default",
    "description",
    "drop_labels",
    "drop_metadata",
    "features",
    "version",
)
_CONFIG_FIELDS_THAT_SELECT = ("columns", "filters", "metadata_filenames")
"""With these `datasets` reads other rows or columns than the files have, which a plan of the files does not know."""
_INFO_FIELDS = ("config_name", "features", "splits", "download_size", "dataset_size")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_LONGEST_PATTERN = 4096
_LONGEST_QUOTE = 120


def shown_card(content: bytes) -> bytes:
    """The card for `datasets`: the configurations and what is said of columns, checked.

    Raises:
        Unreadable: says what was found, which field and what to write there.
    """
    front = front_matter_of(content)
    shown: dict[str, Any] = {}
    configs = front.get("configs")
    if configs:
        if not isinstance(configs, list) or not all(isinstance(config, dict) for config in configs):
            raise Unreadable("has `configs` that are not a list of mappings")
        shown["configs"] = [_checked_config(number, config) for number, config in enumerate(configs)]
    infos = front.get("dataset_info")
    if infos:
        listed = infos if isinstance(infos, list) else [infos]
        if not all(isinstance(info, dict) for info in listed):
            raise Unreadable("has a `dataset_info` that is neither a mapping nor a list of mappings")
        kept = [{field: info[field] for field in _INFO_FIELDS if field in info} for info in listed]
        shown["dataset_info"] = kept if isinstance(infos, list) else kept[0]
    if not shown:
        return b""
    return f"---\n{yaml.safe_dump(shown, sort_keys=False, allow_unicode=True)}---\n".encode()


def config_names(content: bytes) -> list[str]:
    """The names of the configurations in a card that `shown_card` accepts."""
    configs = front_matter_of(content).get("configs") or []
    return [str(config.get("config_name", "default")) for config in configs]


def _checked_config(number: int, config: Mapping[str, Any]) -> dict[str, Any]:
    for field in _CONFIG_FIELDS_THAT_SELECT:
        if config.get(field):
            raise Unreadable(f"has `configs[{number}].{field}`, which is not supported: remove it")
    for field in ("data_files", "data_dir"):
        for pattern in _texts(config.get(field)):
            if (problem := outside(pattern)) is not None:
                quoted = pattern if len(pattern) <= _LONGEST_QUOTE else f"{pattern[:_LONGEST_QUOTE]}…"
                raise Unreadable(
                    f"names {quoted!r} in `configs[{number}].{field}`, {problem}: name files of the dataset, by paths "
                    "relative to its README.md"
                )
    shown = {field: config[field] for field in _CONFIG_FIELDS if field in config}
    if "data_files" in shown:
        shown["data_files"] = _plain(shown["data_files"])
    if "data_dir" in shown:
        shown["data_dir"] = _plain(shown["data_dir"]) or None
    return shown


def _plain(value: Any) -> Any:
    """Patterns without `.` and empty parts, which `datasets` would leave in the paths of the files that it finds."""
    if isinstance(value, str):
        return "/".join(part for part in value.split("/") if part not in ("", "."))
    if isinstance(value, dict):
        return {key: _plain(item) if key == "path" else item for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def outside(pattern: str) -> str | None:
    """What makes a pattern of `data_files` name something else than files of the dataset, as a clause; else None."""
    if "://" in pattern or _SCHEME.match(pattern):
        return "which is a URL"
    if "::" in pattern:
        return "which opens one file by another one (`::`)"
    if pattern.startswith(("/", "~", "\\")):
        return "which is an absolute path"
    if ".." in re.split(r"[/\\]", pattern):
        return "which leads out of the dataset's folder"
    if not pattern.isprintable():
        return "which holds control characters"
    return "which is too long" if len(pattern) > _LONGEST_PATTERN else None


def _texts(value: object) -> Iterator[str]:
    """Every text in a value, however it is nested: what is odd is refused by `datasets`, but not before it is read."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
