"""Image datasets in parquet files and folders: results of each mode, checked with load_dataset."""

import subprocess
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from PIL import Image

from augmentation_api import AugmentationJobSpec, FailureReason, PhaseName
from augmentation_api.identifiers import backup_tag
from augmentation_api.spec import Preview
from augmentation_api.worker_contract import ENV_OUTPUT_FOLDER, ENV_SOURCE_FOLDER
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.images import planner
from augmentation_worker.local.commands import draw_preview
from tests.integration.worker.conftest import Hub
from tests.integration.worker.datasets import file_hashes
from tests.integration.worker.image_datasets import (
    COLUMNS,
    MAKERS,
    SPLIT_ROWS,
    check_result,
    image,
    image_folder,
    image_folder_with_metadata,
    loaded,
    parquet_dataset,
    record_of,
)
from tests.integration.worker.jobs import UID, LocalRun, local_run, spec_of

NO_HUB = "http://127.0.0.1:9"
ROWS = sum(SPLIT_ROWS.values())


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use small blocks, so that the few rows here are several blocks."""
    monkeypatch.setattr(planner, "BLOCK_ROWS", 2)


def run_of(folder: Path, source: Path, result: Path, **spec: Any) -> LocalRun:
    run = local_run(folder, NO_HUB, None, {**spec_of("unused/unused"), **spec})
    return run.with_settings(source_folder=source, output_folder=result)


def augmentation(**more: Any) -> dict[str, Any]:
    return {"augmentation": {"transforms": ["lighting", "noise"], "copies": 2, "seed": 7, **more}}


def refusal(run: LocalRun, phase: PhaseName = PhaseName.RESOLVE, **place: Any) -> WorkerFailure:
    with pytest.raises(WorkerFailure) as caught:
        run.run(phase, **place)
    return caught.value


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("mode", ["stacked", "independent", "inPlace"])
def test_every_layout_is_augmented_in_every_mode(kind: str, mode: str, tmp_path: Path) -> None:
    source, result = MAKERS[kind](tmp_path / "source"), tmp_path / "result"
    before = file_hashes(source)
    spec = (
        augmentation(mode="independent", copiesPerTransform={"noise": 2}) if mode == "independent" else augmentation()
    )
    if mode == "inPlace":
        spec |= {"output": {"mode": "inPlace"}}
    run = run_of(tmp_path / "job", source, result, **spec)
    run.run_all(2)
    copies = {"stacked": 2, "independent": 3, "inPlace": 1}[mode]
    check_result(result, source, tmp_path / "cache", copies=copies, columns=COLUMNS[kind], in_place=mode == "inPlace")
    assert file_hashes(source) == before
    status = run.job.status
    assert status.source is not None
    assert status.output is not None
    rows = 5 if kind == "metadata" else ROWS
    assert status.source.format == f"Hugging Face images ({'parquet' if kind == 'parquet' else 'image folder'})"
    assert (status.source.episodes, status.source.selected_frames) == (rows, rows)
    assert status.output.episodes == (rows if mode == "inPlace" else rows * (copies + 1))
    assert (status.source.min_shards, status.source.max_shards) == (1, status.source.blocks)
    assert status.output.files == ["README.md", "meta/augmentation.json", "meta/augmentation.png"]
    assert [shard.episodes and shard.episodes.done == shard.episodes.total for shard in status.shards] == [True, True]
    with Image.open(result / "meta/augmentation.png") as sheet:
        assert sheet.width > 2 * 256


@pytest.mark.parametrize("kind", ["parquet", "imagefolder"])
@pytest.mark.parametrize("in_place", [False, True])
def test_rows_and_columns_can_be_selected(kind: str, in_place: bool, tmp_path: Path) -> None:
    source, result = MAKERS[kind](tmp_path / "source"), tmp_path / "result"
    spec = augmentation(episodes="1,4:8", cameras=["image"])
    if in_place:
        spec |= {"output": {"mode": "inPlace"}}
    run_of(tmp_path / "job", source, result, **spec).run_all(2)
    check_result(
        result,
        source,
        tmp_path / "cache",
        copies=2,
        columns=["image"],
        selected={1, 4, 5, 6, 7},
        in_place=in_place,
    )


@pytest.mark.parametrize("kind", ["parquet", "imagefolder"])
def test_number_of_shards_and_killed_shard_do_not_change_bytes(kind: str, tmp_path: Path) -> None:
    source = MAKERS[kind](tmp_path / "source")
    results = []
    for shards in (1, 3):
        result = tmp_path / f"by-{shards}"
        run_of(tmp_path / f"job-{shards}", source, result, **augmentation()).run_all(shards)
        results.append(file_hashes(result))
    run = run_of(tmp_path / "job", source, tmp_path / "stopped", **augmentation())
    run.run(PhaseName.RESOLVE)
    _kill_after_a_block(run)
    done = {key: text for key, text in run.manifests.read(0).items() if key.startswith("block-")}
    run.run_shards(1)
    assert {key: text for key, text in run.manifests.read(0).items() if key in done} == done
    events = run.job.status.phase(PhaseName.AUGMENT).events
    assert [event.status for event in events][-2:] == ["resumed", "completed"]
    assert {"decode", "transform", "encode", "upload"} <= set(events[-1].data or {})
    run.run(PhaseName.PUBLISH, shards=1)
    results.append(file_hashes(tmp_path / "stopped"))
    assert results[0] == results[1] == results[2]


def _kill_after_a_block(run: LocalRun) -> None:
    """Run augment in a process that is killed as soon as two blocks are recorded."""
    code = f"""
import os
from dataclasses import replace
from pathlib import Path
from augmentation_api import PhaseName
from augmentation_worker.cluster.manifest import LocalManifests
from augmentation_worker.formats.images import planner
from tests.integration.worker.jobs import reopened
planner.BLOCK_ROWS = 2
record = LocalManifests.record
def dying(self, shard, records):
    record(self, shard, records)
    if "block-000001" in records:
        os._exit(9)
LocalManifests.record = dying
run = reopened(Path({str(run.folder)!r}), {NO_HUB!r}, None).with_settings(
    source_folder={run.environment[ENV_SOURCE_FOLDER]!r}, output_folder={run.environment[ENV_OUTPUT_FOLDER]!r})
run.run(PhaseName.AUGMENT, shard=0, shards=1)
"""
    root = Path(__file__).parents[3]
    ended = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert ended.returncode == 9, ended.stderr


@pytest.mark.parametrize("kind", ["parquet", "imagefolder"])
def test_dataset_is_augmented_from_hub_to_hub(
    kind: str, hub: Hub, submit: Callable[..., LocalRun], tmp_path: Path
) -> None:
    source = MAKERS[kind](tmp_path / "source")
    hub.publish(f"lab/{kind}", source, tag=None)
    run = submit(spec_of(f"lab/{kind}") | augmentation() | {"output": {"hub": {"repoID": f"lab/{kind}-more"}}})
    run.run_all(2)
    result = hub.download(f"lab/{kind}-more", tmp_path / "result", "main")
    check_result(result, source, tmp_path / "cache", copies=2, columns=COLUMNS[kind])
    commits = hub.api.list_repo_commits(f"lab/{kind}-more", repo_type="dataset")
    assert len(commits) == 2
    assert not hub.api.list_repo_refs(f"lab/{kind}-more", repo_type="dataset").tags
    assert not list(run.settings.scratch.rglob("*.parquet"))


@pytest.mark.parametrize("kind", ["parquet", "imagefolder"])
def test_in_place_result_replaces_source_on_hub(
    kind: str, hub: Hub, submit: Callable[..., LocalRun], tmp_path: Path
) -> None:
    source = MAKERS[kind](tmp_path / "source")
    name = f"lab/{kind}-itself"
    before = hub.publish(name, source, tag=None)
    submit(spec_of(name) | augmentation() | {"output": {"mode": "inPlace", "hub": {"repoID": name}}}).run_all(1)
    result = hub.download(name, tmp_path / "result", "main")
    check_result(result, source, tmp_path / "cache", copies=1, columns=COLUMNS[kind], in_place=True)
    assert hub.head(name, backup_tag(UID)) == before
    assert not set(file_hashes(result)) & {path for path in file_hashes(source) if path.endswith((".parquet", ".png"))}


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_card_keeps_license_and_drops_counts(mark: str, tmp_path: Path) -> None:
    source = parquet_dataset(tmp_path / "source")
    (source / "README.md").write_text(
        f"{mark}---\nlicense: mit\ndataset_info:\n  config_name: default\n  splits:\n"
        "  - {name: train, num_bytes: 1, num_examples: 7}\n  - {name: test, num_bytes: 1, num_examples: 3}\n"
        "  dataset_size: 2\n---\n# Mine\n"
    )
    result = tmp_path / "result"
    run_of(tmp_path / "job", source, result, **augmentation()).run_all(1)
    check_result(result, source, tmp_path / "cache", copies=2, columns=COLUMNS["parquet"])
    card = (result / "README.md").read_text()
    assert "license: mit" in card
    assert "# Mine" in card
    assert "num_examples" not in card
    assert (result / "LICENSE").read_text() == "do what you like"


def test_features_can_be_declared_in_card_only(tmp_path: Path) -> None:
    """As in parquet files that another program wrote: nothing in them says that a column has images."""
    source, result = parquet_dataset(tmp_path / "source"), tmp_path / "result"
    for path in (source / "data").iterdir():
        table = pq.read_table(path).select(["id", "image", "label"])
        pq.write_table(table.replace_schema_metadata(None), path)
    failure = refusal(run_of(tmp_path / "job", source, result, **augmentation()))
    assert "none of its columns (id, image, label) is of type Image" in failure.message
    (source / "README.md").write_text(
        "---\ndataset_info:\n  features:\n  - {name: id, dtype: int64}\n  - {name: image, dtype: image}\n"
        "  - name: label\n    dtype: {class_label: {names: {'0': left, '1': right}}}\n---\n"
    )
    run_of(tmp_path / "job-2", source, result, **augmentation()).run_all(1)
    check_result(result, source, tmp_path / "cache", copies=2, columns=["image"])
    assert loaded(result, tmp_path / "cache-2")["train"].features["label"].names == ["left", "right"]


def test_result_can_be_augmented_again(tmp_path: Path) -> None:
    source = image_folder(tmp_path / "source")
    once, twice = tmp_path / "once", tmp_path / "twice"
    run_of(tmp_path / "job", source, once, **augmentation(copies=1)).run_all(1)
    run_of(tmp_path / "job-2", once, twice, **augmentation(copies=1)).run_all(1)
    check_result(twice, once, tmp_path / "cache", copies=1, columns=["image"])


def test_several_configurations_require_default(tmp_path: Path) -> None:
    source = parquet_dataset(tmp_path / "source")
    card = (
        "---\nconfigs:\n"
        "- config_name: small\n  data_files: [{split: test, path: data/test-*}]\n"
        "- config_name: large\n  data_files: [{split: train, path: data/train-*}]\n"
    )
    (source / "README.md").write_text(card + "---\n")
    failure = refusal(run_of(tmp_path / "job", source, tmp_path / "result", **augmentation()))
    assert failure.reason is FailureReason.SOURCE_FORMAT_UNSUPPORTED
    assert all(word in failure.message for word in ("small, large", "default: true", "README.md"))
    (source / "README.md").write_text(card + "  default: true\n---\n")
    run_of(tmp_path / "job-2", source, tmp_path / "result", **augmentation()).run_all(1)
    assert {split: len(rows) for split, rows in loaded(tmp_path / "result", tmp_path / "cache").items()} == {
        "train": 21
    }


def test_unknown_format_is_rejected_with_what_was_found(tmp_path: Path) -> None:
    for name, content in {"notes.txt": "hello", "table.csv": "a,b\n1,2\n"}.items():
        source = tmp_path / name
        source.mkdir()
        (source / name).write_text(content)
        failure = refusal(run_of(tmp_path / f"job-{name}", source, tmp_path / "result", **augmentation()))
        assert failure.reason is FailureReason.SOURCE_FORMAT_UNSUPPORTED
        assert all(word in failure.message for word in ("meta/info.json", "parquet", "folders of images", "1 ."))


@pytest.mark.parametrize(
    ("changes", "reason", "words"),
    [
        ({"cameras": ["top"]}, FailureReason.SELECTION_EMPTY, ["'top'", "image, wrist"]),
        ({"splits": ["dev"]}, FailureReason.SELECTION_EMPTY, ["spec.augmentation.splits", "'dev'", "train, test"]),
        ({"splits": ["test"], "episodes": "0:7"}, FailureReason.SELECTION_EMPTY, ["'0:7' with", "['test']"]),
        ({"episodes": "10:20"}, FailureReason.SELECTION_EMPTY, ["'10:20'", "rows, 0 to 9"]),
        ({"copies": 20}, FailureReason.LIMIT_EXCEEDED, ["200 augmented rows", "limits.maxFrames"]),
    ],
)
def test_unsupported_spec_is_rejected(
    changes: dict[str, Any], reason: FailureReason, words: list[str], tmp_path: Path
) -> None:
    source = parquet_dataset(tmp_path / "source")
    run = run_of(tmp_path / "job", source, tmp_path / "result", **augmentation(**changes)).with_settings(max_frames=100)
    failure = refusal(run)
    assert failure.reason is reason
    assert all(word in failure.message for word in words), failure.message
    assert not (tmp_path / "result").exists()


def test_damaged_image_is_named_by_row_and_column(tmp_path: Path) -> None:
    source = image_folder(tmp_path / "source")
    bad = source / "train" / "dog" / "6.jpg"
    bad.write_bytes(bad.read_bytes()[:-60])
    run = run_of(tmp_path / "job", source, tmp_path / "result", **augmentation())
    run.run(PhaseName.RESOLVE)
    run.run_shards(1)
    failure = refusal(run, PhaseName.PUBLISH, shards=1)
    assert failure.reason is FailureReason.SOURCE_INVALID
    assert all(word in failure.message for word in ("column image", "split train", "is damaged")), failure.message
    assert not (tmp_path / "result").exists()


def test_metadata_with_file_outside_dataset_is_rejected(tmp_path: Path) -> None:
    source = image_folder_with_metadata(tmp_path / "source")
    (tmp_path / "secret.png").write_bytes(image(0, "PNG"))
    with (source / "metadata.csv").open("a") as file:
        file.write("../secret.png,leaked,0\n")
    failure = refusal(run_of(tmp_path / "job", source, tmp_path / "result", **augmentation()))
    assert failure.reason is FailureReason.SOURCE_INVALID
    assert "secret.png" in failure.message


def test_damaged_and_missing_parquet_files_are_named(tmp_path: Path) -> None:
    source = parquet_dataset(tmp_path / "source")
    bad = source / "data/train-00001-of-00002.parquet"
    bad.write_bytes(bad.read_bytes()[:500])
    failure = refusal(run_of(tmp_path / "job", source, tmp_path / "result", **augmentation()))
    assert failure.reason is FailureReason.SOURCE_INVALID
    assert "data/train-00001-of-00002.parquet" in failure.message
    bad.unlink()
    (source / "README.md").write_text(
        "---\nconfigs: [{config_name: a, data_files: [{split: train, path: gone-*}]}]\n---\n"
    )
    failure = refusal(run_of(tmp_path / "job-2", source, tmp_path / "result", **augmentation()))
    assert failure.reason is FailureReason.SOURCE_FORMAT_UNSUPPORTED
    assert all(word in failure.message for word in ("`configs`", "README.md", "2 .parquet"))


def test_missing_or_changed_block_is_not_published(tmp_path: Path) -> None:
    source, result = parquet_dataset(tmp_path / "source"), tmp_path / "result"
    run = run_of(tmp_path / "job", source, result, **augmentation())
    run.run(PhaseName.RESOLVE)
    run.run_shards(1)
    stored = result.with_name(f".result.augmenting-{UID[:8]}") / "augmented"
    first = stored / "train-00000-of-00004.parquet"
    content = first.read_bytes()
    first.write_bytes(content[:-1] + b"x")
    failure = refusal(run, PhaseName.PUBLISH, shards=1)
    assert failure.reason is FailureReason.INTEGRITY_CHECK_FAILED
    first.unlink()
    assert refusal(run, PhaseName.PUBLISH, shards=1).reason is FailureReason.RECORDS_LOST
    assert not result.exists()
    first.write_bytes(content)
    run.run(PhaseName.PUBLISH, shards=1)
    run.run(PhaseName.PUBLISH, shards=1)
    assert [event.status for event in run.job.status.phase(PhaseName.PUBLISH).events][-2:] == ["resumed", "completed"]


def test_folder_of_depth_images_has_nothing_to_augment(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "0.png").write_bytes(image(0, "PNG", mode="L"))
    failure = refusal(run_of(tmp_path / "job", tmp_path / "source", tmp_path / "result", **augmentation()))
    assert failure.reason is FailureReason.SELECTION_EMPTY
    assert "one channel" in failure.message


def test_preview_shows_row_before_job_runs(tmp_path: Path) -> None:
    spec = AugmentationJobSpec.model_validate(spec_of("unused/unused") | augmentation(episodes="2,8"))
    source = parquet_dataset(tmp_path / "source")
    for row in (None, 8):
        shown = spec.model_copy(update={"preview": Preview(episode=row)})
        with Image.open(BytesIO(draw_preview(shown, source))) as sheet:
            assert sheet.width > 3 * 256
    for row in (3, 10):
        shown = spec.model_copy(update={"preview": Preview(episode=row)})
        with pytest.raises(WorkerFailure, match=f"spec.preview.episode: {row}"):
            draw_preview(shown, source)
    with pytest.raises(WorkerFailure, match=r"spec.preview.frame: 1, but a row of an image dataset has one frame"):
        draw_preview(spec.model_copy(update={"preview": Preview(episode=8, frame=1)}), source)


def test_preview_of_a_folder_of_images_does_not_depend_on_shards(tmp_path: Path) -> None:
    """Its first block holds the rows as they are, and may be all that the first shard has."""
    source = image_folder_with_metadata(tmp_path / "source")
    previews = []
    for shards in (1, 6):
        result = tmp_path / f"by-{shards}"
        run_of(tmp_path / f"job-{shards}", source, result, augmentation={"copies": 1}).run_all(shards)
        previews.append((result / "meta/augmentation.png").read_bytes())
    assert previews[0] == previews[1]


def test_result_can_be_reproduced_from_its_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the program, which runs a whole job on one machine for it."""
    monkeypatch.undo()
    source, result, reproduced = image_folder(tmp_path / "source"), tmp_path / "result", tmp_path / "again"
    run_of(tmp_path / "job", source, result, **augmentation(episodes="0:4")).run_all(1)
    program = [
        sys.executable,
        "-m",
        "augmentation_worker",
        "reproduce",
        str(result),
        "--source",
        str(source),
        "--output",
        str(reproduced),
    ]
    process = subprocess.run(program, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
    assert "those that were recorded" in process.stdout
    check_result(reproduced, source, tmp_path / "cache", copies=2, columns=["image"], selected={0, 1, 2, 3})
    assert record_of(reproduced)["blocks"] == record_of(result)["blocks"]
