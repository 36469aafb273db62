"""Image datasets as people have them: the `datasets` library gives the same of the result as of the source."""

from collections.abc import Callable, Collection, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pytest
from PIL import Image as Pillow
from torch.utils.data import DataLoader

from augmentation_api import FailureReason, PhaseName
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.local.reproduce import recorded_in
from tests.fixtures.field import images
from tests.integration.worker.jobs import LocalRun, local_run

Rows = Mapping[str, list[dict[str, Any]]]


def run_of(folder: Path, source: Path, *, in_place: bool = False, **augmentation: Any) -> LocalRun:
    spec = {
        "source": {"hub": {"repoID": "unused/unused"}},
        "output": {"mode": "inPlace" if in_place else "copy"},
        "augmentation": {"transforms": ["lighting"], "copies": 1, "seed": 7, **augmentation},
    }
    run = local_run(folder / "job", "http://127.0.0.1:9", None, spec)
    return run.with_settings(source_folder=source, output_folder=folder / "result")


def warnings_of(run: LocalRun, phase: PhaseName = PhaseName.RESOLVE) -> str:
    return "\n".join(event.message or "" for event in run.job.status.phase(phase).events if event.status == "warning")


def refusal(run: LocalRun) -> WorkerFailure:
    with pytest.raises(WorkerFailure) as caught:
        run.run(PhaseName.RESOLVE)
    return caught.value


def loaded(folder: Path, cache: Path) -> datasets.DatasetDict:
    return datasets.load_dataset(str(folder), cache_dir=str(cache / folder.name))


def rows_of(dataset: datasets.DatasetDict) -> Rows:
    """By split the rows, their images as bytes, everything else as text (NaN equals NaN)."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for split, part in dataset.items():
        columns = [name for name, feature in part.features.items() if isinstance(feature, datasets.Image)]
        raw = part
        for name in columns:
            raw = raw.cast_column(name, datasets.Image(decode=False))
        rows[split] = [
            {name: _content(value) if name in columns else repr(value) for name, value in row.items()} for row in raw
        ]
    return rows


def _content(cell: dict[str, Any] | None) -> bytes | None:
    if cell is None:
        return None
    content: bytes = cell["bytes"] if cell["bytes"] is not None else Path(cell["path"]).read_bytes()
    return content


def mode_of(content: bytes | None) -> str | None:
    return None if content is None else Pillow.open(BytesIO(content)).mode


def check_copies(source: Rows, result: Rows, changed: Collection[str]) -> None:
    """Each split has its rows as they were, then one version of each, of other pixels in `changed` alone."""
    assert list(result) == list(source)
    for split, rows in source.items():
        assert result[split][: len(rows)] == rows
        for before, after in zip(rows, result[split][len(rows) :], strict=True):
            for name, value in before.items():
                assert (after[name] == value) is (name not in changed), name
                if name in changed:
                    assert mode_of(after[name]) == mode_of(value)


@pytest.mark.parametrize(
    "make",
    [
        images.lists_in_metadata,
        images.every_kind_of_column,
        images.columns_of_other_writers,
        lambda folder: images.plain_bytes(folder, pa.binary()),
        lambda folder: images.plain_bytes(folder, pa.struct([("bytes", pa.large_binary())])),
    ],
    ids=["metadata.jsonl", "datasets", "other writers", "binary", "bytes alone"],
)
def test_columns_of_every_kind_keep_their_values(make: Callable[[Path], Path], tmp_path: Path) -> None:
    source = make(tmp_path / "source")
    run_of(tmp_path, source).run_all()
    before, after = loaded(source, tmp_path / "cache"), loaded(tmp_path / "result", tmp_path / "cache")
    assert after["train"].features == before["train"].features
    check_copies(rows_of(before), rows_of(after), {"image"})


def test_labels_are_left_as_they_are_and_results_are_batched(tmp_path: Path) -> None:
    source = images.palette_masks(tmp_path / "source")
    run = run_of(tmp_path, source)
    run.run_all()
    before, after = loaded(source, tmp_path / "cache"), loaded(tmp_path / "result", tmp_path / "cache")
    check_copies(rows_of(before), rows_of(after), {"image"})
    shapes = [
        {name: values.shape[1:] for name, values in next(iter(DataLoader(part, batch_size=len(part)))).items()}
        for part in (before["train"].with_format("torch"), after["train"].with_format("torch"))
    ]
    assert shapes[0] == shapes[1]
    said = warnings_of(run).splitlines()
    assert [line.split(" are left")[0].rsplit(" ", 1)[1] for line in said] == [
        "classes",
        "instances",
        "foreground",
        "depth",
        "grey",
    ]
    assert "palettes" in said[0]
    assert "1 or 16 bits" in said[2]
    card = (tmp_path / "result/README.md").read_text()
    assert "column classes are left as they are" in card


def test_labels_that_are_named_are_augmented(tmp_path: Path) -> None:
    source = images.palette_masks(tmp_path / "source")
    run = run_of(tmp_path, source, cameras=["classes", "grey", "depth"])
    run.run_all()
    before, after = (rows_of(loaded(folder, tmp_path / "cache"))["train"] for folder in (source, tmp_path / "result"))
    for name, mode in {"classes": "RGB", "grey": "L", "depth": "RGB"}.items():
        assert after[4][name] != before[0][name]
        assert mode_of(after[4][name]) == mode
    assert after[4]["image"] == before[0]["image"]
    assert "names the column classes, though its first images have palettes" in warnings_of(run)
    for name in ("instances", "foreground"):
        failure = refusal(run_of(tmp_path / name, source, cameras=[name]))
        assert failure.reason is FailureReason.SPEC_UNSUPPORTED
        assert f"the images in the column {name} cannot be augmented" in failure.message


def test_palettes_among_photographs_are_kept_and_counted_unless_named(tmp_path: Path) -> None:
    source = images.photographs_of_all_modes(tmp_path / "source")
    before = rows_of(loaded(source, tmp_path / "cache"))["train"]
    run = run_of(tmp_path / "default", source)
    run.run_all()
    after = rows_of(loaded(tmp_path / "default/result", tmp_path / "cache/default"))["train"]
    assert [mode_of(row["image"]) for row in after] == 2 * [mode_of(row["image"]) for row in before]
    assert [after[6 + number]["image"] == row["image"] for number, row in enumerate(before)] == [
        mode_of(row["image"]) == "P" for row in before
    ]
    assert "like that of row 2, are left as they are" in warnings_of(run)
    assert "left as they are" in warnings_of(run, PhaseName.AUGMENT)
    assert (
        "| Images left as they are (labels, palettes) | image: 1 |"
        in (tmp_path / "default/result/README.md").read_text()
    )
    run_of(tmp_path / "named", source, cameras=["image"]).run_all()
    after = rows_of(loaded(tmp_path / "named/result", tmp_path / "cache/named"))["train"]
    assert [mode_of(row["image"]) for row in after[6:]] == ["RGB", "L", "RGB", "LA", "RGBA", "RGB"]
    for result, cameras in {"default": [], "named": ["image"]}.items():
        assert recorded_in(tmp_path / result / "result").spec.augmentation.cameras == cameras


def test_masks_in_folders_next_to_images_are_kept(tmp_path: Path) -> None:
    source = images.folder_of_images_and_masks(tmp_path / "source")
    run_of(tmp_path, source, in_place=True).run_all()
    before, after = (rows_of(loaded(folder, tmp_path / "cache"))["train"] for folder in (source, tmp_path / "result"))
    is_changed = [row["image"] != other["image"] for row, other in zip(before, after, strict=True)]
    assert is_changed == [row["label"] == "0" for row in before]
    assert sum(is_changed) == 3


def test_copies_are_in_the_split_of_their_row_and_annotations_are_carried(tmp_path: Path) -> None:
    source = images.coco(tmp_path / "source")
    default = run_of(tmp_path / "all", source)
    default.run(PhaseName.RESOLVE)
    assert "for evaluation, too: validation (2:4)" in warnings_of(default)
    run = run_of(tmp_path, source, splits=["train"])
    run.run_all()
    assert not warnings_of(run)
    before, after = (rows_of(loaded(folder, tmp_path / "cache")) for folder in (source, tmp_path / "result"))
    assert after["validation"] == before["validation"]
    check_copies({"train": before["train"]}, {"train": after["train"]}, {"image"})
    for split in ("train", "valid"):
        name = f"{split}/_annotations.coco.json"
        assert (tmp_path / "result" / name).read_bytes() == (source / name).read_bytes()
    failure = refusal(run_of(tmp_path / "unknown", source, splits=["val"]))
    assert failure.reason is FailureReason.SELECTION_EMPTY
    assert "no split 'val'; it has: train, validation" in failure.message


@pytest.mark.parametrize("in_place", [False, True])
def test_images_that_cannot_be_augmented_are_reported_and_can_be_left_out(in_place: bool, tmp_path: Path) -> None:
    source = images.bad_images(tmp_path / "source")
    run = run_of(tmp_path / "all", source)
    run.run(PhaseName.RESOLVE)
    assert "row 1 (split train row 1" in warnings_of(run)
    assert "set spec.onBadEpisode to skip" in warnings_of(run)
    chosen = run_of(tmp_path, source, in_place=in_place, episodes="0,7:9")
    chosen.run_all()
    assert not warnings_of(chosen)
    before, after = (rows_of(loaded(folder, tmp_path / "cache"))["train"] for folder in (source, tmp_path / "result"))
    made = {0: 0, 8: 8} if in_place else {9: 0, 11: 8}
    assert len(after) == (9 if in_place else 12)
    assert all(after[row]["image"] != before[original]["image"] for row, original in made.items())
    assert [row["image"] for row in after[1:8]] == [row["image"] for row in before[1:8]]


def test_what_is_left_out_is_said(tmp_path: Path) -> None:
    source = images.with_nested_images(tmp_path / "source")
    run = run_of(tmp_path, source)
    run.run(PhaseName.RESOLVE)
    assert "The images in the column views are left as they are: several images per row" in warnings_of(run)
    failure = refusal(run_of(tmp_path / "named", source, cameras=["views"]))
    assert "no column of images 'views'" in failure.message
    (source / "README.md").write_text(
        "---\nconfigs:\n- {config_name: a, data_files: data/train.parquet, default: true}\n"
        "- {config_name: b, data_files: data/train.parquet}\n---\n"
    )
    run = run_of(tmp_path / "configured", source)
    run.run(PhaseName.RESOLVE)
    assert "Only the configuration a is read; b is left out" in warnings_of(run)


def _file(name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_bytes(b"x" * 600)
        return folder

    return make


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda folder: images.saved_to_disk(folder, several=False), ["save_to_disk", "load_from_disk", "push_to_hub"]),
        (lambda folder: images.saved_to_disk(folder, several=True), ["save_to_disk", "load_from_disk", "to_parquet"]),
        (images.zipped, ["images.zip", "unpack it"]),
        (_file("a.tar"), ["WebDataset (.tar) is not read", "to_parquet"]),
        (_file("a.lance/data/0.lance"), ["Lance is not read", "to_parquet"]),
        (
            lambda folder: images.plain_bytes(folder, images.CELLS.field(0).type, declared=False),
            ["If image holds images"],
        ),
        (lambda folder: images.plain_bytes(folder, pa.string(), declared=True), ["image as string"]),
    ],
    ids=["saved", "saved dict", "zip", "tar", "lance", "undeclared", "paths"],
)
def test_what_is_not_read_is_refused_with_the_way_out(
    make: Callable[[Path], Path], words: list[str], tmp_path: Path
) -> None:
    failure = refusal(run_of(tmp_path, make(tmp_path / "source")))
    assert failure.reason is FailureReason.SOURCE_FORMAT_UNSUPPORTED
    assert all(word in failure.message for word in words), failure.message


def test_an_image_that_a_row_only_names_is_reported(tmp_path: Path) -> None:
    run = run_of(tmp_path, images.paths_without_bytes(tmp_path / "source"))
    run.run(PhaseName.RESOLVE)
    assert "the image is not in the dataset, which only names 'photos/1.png'" in warnings_of(run)
