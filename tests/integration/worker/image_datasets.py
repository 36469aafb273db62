"""Image datasets created with the `datasets` library, and checks of results with its load_dataset."""

import math
from collections.abc import Collection
from io import BytesIO
from pathlib import Path
from typing import Any

import datasets
import numpy as np
from datasets import ClassLabel, Dataset, DatasetDict, Features, Image, List, Value
from PIL import Image as Pillow

from tests.recorded_copies import provenance_of

datasets.disable_progress_bars()
SPLIT_ROWS = {"train": 7, "test": 3}
EMPTY_ROW = 2
"""A row whose wrist has no image."""


def image(number: int, kind: str, size: tuple[int, int] = (36, 24), *, mode: str = "RGB") -> bytes:
    """A smooth image that depends on the number."""
    width, height = size
    x, y = np.meshgrid(np.linspace(0, 200, width), np.linspace(0, 150, height))
    pixels = np.stack([x + number, y + 2 * number, np.full_like(x, 90 + number)], -1).clip(0, 255).astype(np.uint8)
    content = BytesIO()
    Pillow.fromarray(pixels).convert(mode).save(content, format=kind)
    return content.getvalue()


def parquet_dataset(folder: Path) -> Path:
    """Two splits (train in two files), two color columns of mixed sizes and formats, a depth column, and NaN."""
    features = Features(
        {
            "id": Value("int64"),
            "image": Image(),
            "wrist": Image(),
            "depth": Image(),
            "label": ClassLabel(names=["left", "right"]),
            "state": List(Value("float32")),
        }
    )
    numbers = iter(range(sum(SPLIT_ROWS.values())))
    splits = {
        split: Dataset.from_list([_row(next(numbers)) for _ in range(rows)], features=features)
        for split, rows in SPLIT_ROWS.items()
    }
    (folder / "data").mkdir(parents=True)
    half = SPLIT_ROWS["train"] // 2
    splits["train"].select(range(half)).to_parquet(str(folder / "data/train-00000-of-00002.parquet"))
    splits["train"].select(range(half, SPLIT_ROWS["train"])).to_parquet(
        str(folder / "data/train-00001-of-00002.parquet")
    )
    splits["test"].to_parquet(str(folder / "data/test-00000-of-00001.parquet"))
    (folder / "LICENSE").write_text("do what you like")
    return folder


def _row(number: int) -> dict[str, Any]:
    kind = "PNG" if number % 2 else "JPEG"
    wrist = None if number == EMPTY_ROW else {"bytes": image(number, "JPEG"), "path": f"{number}.jpg"}
    return {
        "id": number,
        "image": {"bytes": image(number, kind, (30 + number, 20 + number)), "path": f"{number}.{kind.lower()}"},
        "wrist": wrist,
        "depth": {"bytes": image(number, "PNG", mode="L"), "path": None},
        "label": number % 2,
        "state": [number / 3, math.nan],
    }


def image_folder(folder: Path) -> Path:
    """Two splits of two classes, each a folder of images."""
    number = 0
    for split, rows in SPLIT_ROWS.items():
        for row in range(rows):
            place = folder / split / ("cat" if row % 2 else "dog")
            place.mkdir(parents=True, exist_ok=True)
            kind = "png" if number % 3 else "jpg"
            (place / f"{row}.{kind}").write_bytes(image(number, "PNG" if kind == "png" else "JPEG"))
            number += 1
    return folder


def image_folder_with_metadata(folder: Path) -> Path:
    """One split of images, with captions in a metadata.csv."""
    (folder / "frames").mkdir(parents=True)
    lines = ["file_name,caption,grip"]
    for number in range(5):
        (folder / "frames" / f"{number}.png").write_bytes(image(number, "PNG"))
        lines.append(f"frames/{number}.png,frame {number},{number / 8}")
    (folder / "metadata.csv").write_text("\n".join(lines) + "\n")
    return folder


MAKERS = {"parquet": parquet_dataset, "imagefolder": image_folder, "metadata": image_folder_with_metadata}
COLUMNS = {"parquet": ["image", "wrist"], "imagefolder": ["image"], "metadata": ["image"]}


def loaded(folder: Path, cache: Path, config: str | None = None) -> DatasetDict:
    """The dataset as load_dataset reads it."""
    return datasets.load_dataset(str(folder), config, cache_dir=str(cache))


def raw_rows(dataset: DatasetDict, folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Rows by split, with the bytes and names of their images, and floats as text (NaN equals NaN)."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for split, part in dataset.items():
        raw = part
        for name, feature in part.features.items():
            if isinstance(feature, Image):
                raw = raw.cast_column(name, Image(decode=False))
        rows[split] = [{name: _raw(value, folder) for name, value in row.items()} for row in raw]
    return rows


def _raw(value: Any, folder: Path) -> Any:
    if isinstance(value, dict) and value["bytes"] is None:
        path = Path(value["path"])
        return {"bytes": path.read_bytes(), "path": str(path.relative_to(folder))}
    return value if isinstance(value, dict) or value is None else repr(value)


def check_result(
    result: Path,
    source: Path,
    cache: Path,
    *,
    copies: int,
    columns: Collection[str],
    selected: Collection[int] | None = None,
    in_place: bool = False,
) -> None:
    """Check with load_dataset that the result is what the mode promises."""
    before, after = loaded(source, cache / "source"), loaded(result, cache / "result")
    assert list(after) == list(before)
    raw_before, raw_after = raw_rows(before, source), raw_rows(after, result)
    first = 0
    for split in before:
        assert after[split].features == before[split].features
        originals, actual = raw_before[split], raw_after[split]
        chosen = [row for row in range(len(originals)) if selected is None or first + row in selected]
        if in_place:
            expected = [(originals[row], row in chosen) for row in range(len(originals))]
        else:
            expected = [(row, False) for row in originals]
            expected += [(originals[row], True) for row in chosen for _ in range(copies)]
        assert len(actual) == len(expected)
        for (expected_row, changed), row in zip(expected, actual, strict=True):
            _check_row(row, expected_row, columns if changed else ())
        for row in after[split]:
            assert all(value is None or value.size for name, value in row.items() if name in columns)
        first += len(originals)


def _check_row(row: dict[str, Any], expected: dict[str, Any], columns: Collection[str]) -> None:
    for name, value in expected.items():
        if name not in columns or value is None:
            assert row[name] == value, name
            continue
        assert row[name]["path"] == value["path"]
        assert row[name]["bytes"] != value["bytes"]
        actual, source = (Pillow.open(BytesIO(cell["bytes"])) for cell in (row[name], value))
        assert (actual.format, actual.size) == (source.format, source.size)


def record_of(result: Path) -> dict[str, Any]:
    document: dict[str, Any] = provenance_of(result)
    return document
