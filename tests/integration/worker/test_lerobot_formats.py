"""Every LeRobot format in every mode, read completely by LeRobot's own loaders."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.integration.worker.datasets import episodes, info, rows
from tests.integration.worker.lerobot_recorder import Kind, record
from tests.integration.worker.test_folders import run_of
from tests.lerobot_check import Expected, check_all_open_in_lerobot

LENGTHS = (6, 5)
CAMERAS: Mapping[str, Mapping[str, Kind]] = {
    "video": {"observation.images.side": Kind.VIDEO, "observation.images.top": Kind.VIDEO},
    "image": {"observation.images.top": Kind.PNG, "observation.images.wrist": Kind.JPEG, "observation.mask": Kind.MASK},
    "mixed": {"observation.images.top": Kind.PNG, "observation.images.side": Kind.VIDEO, "observation.mask": Kind.MASK},
}
AUGMENTATIONS: Mapping[str, dict[str, Any]] = {
    "stacked": {"transforms": ["lighting", "noise"], "copies": 2},
    "independent": {"transforms": ["blur", "occlusion"], "mode": "independent"},
}
COPIES = 2


@dataclass(frozen=True)
class Made:
    """A result and its source."""

    source: Path
    folder: Path
    in_place: bool


@pytest.fixture(scope="module")
def variants(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Made]:
    """Results by name, for each combination of format, storage, output mode and augmentation mode."""
    root = tmp_path_factory.mktemp("formats")
    results = {}
    for version, kind in product(("v3.0", "v2.1"), CAMERAS):
        source = record(root / f"{version}-{kind}", version, CAMERAS[kind], LENGTHS)
        for output, mode in product(("copy", "inPlace"), AUGMENTATIONS):
            name = f"{version}-{kind}-{output}-{mode}"
            augmentation = dict(AUGMENTATIONS[mode], seed=3)
            if output == "inPlace" and mode == "independent":
                augmentation["transforms"] = ["blur"]  # in place there is room for one
            spec = {"augmentation": augmentation, "output": {"mode": output}}
            run_of(root / "jobs" / name, source, root / name, **spec).run_all(1)
            results[name] = Made(source, root / name, output == "inPlace")
    return results


@pytest.fixture(scope="module")
def split_result(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A result whose replaced episodes lie within data files, which are split there."""
    root = tmp_path_factory.mktemp("cut")
    source = record(root / "source", "v3.0", CAMERAS["mixed"], (4, 3, 5, 4, 2), files=2)
    spec = {"augmentation": {"episodes": "1,3", "seed": 3}, "output": {"mode": "inPlace"}}
    run_of(root / "job", source, root / "result", **spec).run_all(2)
    return Made(source, root / "result", in_place=True)


def test_lerobot_reads_every_layout(variants: Mapping[str, Made], split_result: Made) -> None:
    assert len(variants) == 2 * 3 * 2 * 2
    expected = [Expected(str(split_result.folder), "lab/cut", 5, 18)]
    for name, result in variants.items():
        times = 1 if result.in_place else 1 + COPIES
        expected.append(Expected(str(result.folder), f"lab/{name}", len(LENGTHS) * times, sum(LENGTHS) * times))
    check_all_open_in_lerobot(expected)


def test_values_without_images_equal_source_bit_by_bit(variants: Mapping[str, Made]) -> None:
    for name, result in variants.items():
        before, after = rows(result.source), rows(result.folder)
        assert after.schema.equals(before.schema, check_metadata=True), name
        assert after.column("index").to_pylist() == list(range(after.num_rows)), name
        images = [key for key, feature in info(result.source)["features"].items() if feature["dtype"] == "image"]  # type: ignore[attr-defined]
        colour = [key for key in images if key != "observation.mask"]
        offset = before.num_rows if not result.in_place else 0
        assert after.slice(0, offset).equals(before.slice(0, offset)), name
        others = [column for column in before.column_names if column not in ("index", "episode_index", *colour)]
        position = offset
        for begin, length in ((0, LENGTHS[0]), (LENGTHS[0], LENGTHS[1])):
            for _ in range(1 if result.in_place else COPIES):
                part, source = after.slice(position, length), before.slice(begin, length)
                assert part.select(others).equals(source.select(others)), name
                for key in colour:
                    assert part.column(key).to_pylist() != source.column(key).to_pylist(), name
                    names = [[cell["path"] for cell in table.column(key).to_pylist()] for table in (part, source)]
                    assert names[0] == names[1], name
                position += length
        assert position == after.num_rows, name


def test_data_files_with_images_hold_the_episodes_of_a_shard(variants: Mapping[str, Made]) -> None:
    files = sorted((variants["v3.0-image-copy-stacked"].folder / "data").rglob("*.parquet"))
    assert [(path.name, pq.read_metadata(path).num_rows) for path in files] == [
        ("file-000.parquet", sum(LENGTHS)),
        ("file-001.parquet", sum(LENGTHS) * COPIES),
    ]


def test_data_file_is_split_at_replaced_episode(split_result: Made) -> None:
    before, after = rows(split_result.source), rows(split_result.folder)
    assert after.column("index").to_pylist() == list(range(18))
    key = "observation.images.top"
    changed = [index for index in range(18) if before.column(key)[index] != after.column(key)[index]]
    assert changed == [4, 5, 6, 12, 13, 14, 15]
    assert after.drop_columns([key]).equals(before.drop_columns([key]))
    files = sorted((split_result.folder / "data").rglob("*.parquet"))
    assert [(path.name, pq.read_metadata(path).num_rows) for path in files] == [
        ("file-000.parquet", 4),
        ("file-001.parquet", 3),
        ("file-002.parquet", 5),
        ("file-003.parquet", 4),
        ("file-004.parquet", 2),
    ]
    assert episodes(split_result.folder).column("data/file_index").to_pylist() == [0, 1, 2, 3, 4]
    others = [
        name
        for name in episodes(split_result.source).column_names
        if not name.startswith(("data/", "videos/", "stats/"))
    ]
    assert episodes(split_result.folder).select(others).equals(episodes(split_result.source).select(others))
